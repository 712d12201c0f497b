//! What ends a count.

use std::io;

/// A loop could not be counted, or the baseline not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or a process.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The baseline is not the JSON that `UPDATE=1` writes.
    #[error("the baseline is damaged: {0}")]
    Baseline(#[from] serde_json::Error),
    /// The loop ended with an error under callgrind: it says so on stderr.
    #[error("{figure}: valgrind ended with {status}\n{stderr}")]
    Failed {
        /// The loop.
        figure: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// A baseline of some figures would lose the others.
    #[error("a new baseline is of all figures: leave out the filter")]
    Part,
    /// Callgrind counted nothing: it did not find the function whose instructions it should collect.
    #[error("{0}: callgrind counted no instruction")]
    Nothing(String),
}

impl Error {
    /// For `map_err` behind a call of the system.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
