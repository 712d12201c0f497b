//! What can go wrong while servers are started and stopped.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// A server or process could not be started, stopped or asked. Every message is a sentence for the person at the terminal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not installed, or not built.
    #[error("{program} was not found: {hint}")]
    NotFound {
        /// The program's name, such as `redis-server`.
        program: String,
        /// What to do about it.
        hint: String,
    },
    /// The operating system refused something about a path.
    #[error("cannot {action} {path}: {source}")]
    Path {
        /// What was tried, such as `create`.
        action: &'static str,
        /// The path it was tried on.
        path: PathBuf,
        /// Why it was refused.
        source: io::Error,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[source] rcgen::Error),
    /// A process could not be started, signalled or waited for.
    #[error("cannot {action} {program}: {source}")]
    Process {
        /// What was tried, such as `start`.
        action: &'static str,
        /// The program it was tried on.
        program: String,
        /// Why it failed.
        source: io::Error,
    },
    /// A program ended although it should be running, or ended with an error.
    #[error("{program} failed ({status}); its last lines:\n{tail}")]
    Failed {
        /// The program's name.
        program: String,
        /// Its exit status in words.
        status: String,
        /// The last lines of its log or of its error output.
        tail: String,
    },
    /// Something did not happen before its deadline.
    #[error("{program} did not {action} within {} s; its last lines:\n{tail}", deadline.as_secs_f32())]
    Deadline {
        /// The program's name.
        program: String,
        /// What it did not do, such as `become ready`.
        action: &'static str,
        /// How long was waited.
        deadline: Duration,
        /// The last lines of its log.
        tail: String,
    },
    /// A server of an earlier run does not end.
    #[error(
        "{program} (process {pid}) was left by an earlier run and cannot be ended: end it by hand, then start again"
    )]
    Orphan {
        /// The names that it may have.
        program: String,
        /// Its process id.
        pid: i32,
    },
    /// No port could be found, or the one asked for is taken.
    #[error("{0}")]
    Port(String),
    /// PostgreSQL refuses to run as root and there is no account to run it as.
    #[error(
        "PostgreSQL does not run as root, and this system has no account `postgres`: install the package `postgresql`, or run as an ordinary user"
    )]
    NoPostgresAccount,
    /// A data directory belongs to another account, such as one of an earlier run as root.
    #[error("{path} belongs to another account (uid {owner}): run as that account, or choose another data directory")]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
        /// The user id of its owner.
        owner: u32,
    },
    /// The function that fills a template database failed.
    #[error("the template database `{template}` could not be filled: {source}")]
    Template {
        /// The template's name.
        template: String,
        /// What its function answered.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn path(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        move |source| Error::Path { action, path, source }
    }

    pub(crate) fn process(action: &'static str, program: &str) -> impl FnOnce(io::Error) -> Error {
        let program = program.to_owned();
        move |source| Error::Process { action, program, source }
    }
}
