//! What ends a bench.

use std::io;

/// A measurement could not be made, or what was counted is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A server or a program.
    #[error(transparent)]
    Servers(#[from] tally_servers::Error),
    /// A file or a process.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The API did not answer.
    #[error("the API does not answer: {0}")]
    Http(#[from] reqwest::Error),
    /// PostgreSQL refused a statement.
    #[error("PostgreSQL: {0}")]
    Sql(#[from] tokio_postgres::Error),
    /// The store refused a call.
    #[error("the store: {0}")]
    Store(#[from] tally_store::Error),
    /// An answer or a file is not the JSON that was expected.
    #[error("not the JSON that was expected: {0}")]
    Json(#[from] serde_json::Error),
    /// A fast wrong answer, or something that makes a figure worthless.
    #[error("{0}")]
    Wrong(String),
}

impl Error {
    /// For `map_err` behind a call of the system.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    /// An [`Error::Wrong`].
    pub(crate) fn wrong<T>(what: impl Into<String>) -> Result<T, Self> {
        Err(Self::Wrong(what.into()))
    }
}
