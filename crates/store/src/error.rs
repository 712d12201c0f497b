//! What can go wrong between us and PostgreSQL, and what a caller should do about it.

use std::time::Duration;

use tally_model::SketchError;

/// A call of the store failed. No text of it ever shows the URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be read. Its parts are not repeated here: one of them is a password.
    #[error("the database URL is not of the form postgres://user:password@host:port/database")]
    Url,
    /// TLS cannot be set up as the URL and the file of authorities say.
    #[error("TLS to PostgreSQL cannot be set up: {0}")]
    Tls(String),
    /// No connection within the time allowed.
    #[error("no connection to PostgreSQL within {waited:?}")]
    NoConnection {
        /// How long was waited.
        waited: Duration,
    },
    /// The connection could not be opened.
    #[error("cannot connect to PostgreSQL: {}", cause(.0))]
    Connect(#[source] tokio_postgres::Error),
    /// The server refused the statement, or the connection broke while it ran (then its outcome is unknown).
    #[error("{statement}: {}", cause(.source))]
    Database {
        /// Name of the statement.
        statement: &'static str,
        /// What PostgreSQL, or the connection, said.
        source: tokio_postgres::Error,
    },
    /// No answer in time. The statement may still run: its outcome is unknown.
    #[error("{statement}: no answer within {waited:?}")]
    Deadline {
        /// Name of the statement.
        statement: &'static str,
        /// How long was waited.
        waited: Duration,
    },
    /// The schema is not there, or older than this program needs.
    #[error("the database has schema {found}, this program needs {needed}: run tally-consumer migrate")]
    NotMigrated {
        /// Version found; 0 for none.
        found: i32,
        /// Version needed.
        needed: i32,
    },
    /// The database was made for another layout; shards and hashes are fixed when it is made.
    #[error("this database was made with {what} {theirs}, but {ours} is configured; it cannot be changed afterwards")]
    Layout {
        /// What differs: `shards` or `hash names`.
        what: &'static str,
        /// As configured here.
        ours: String,
        /// As recorded in the database.
        theirs: String,
    },
    /// A migration failed.
    #[error("migration failed: {0}")]
    Migration(String),
    /// A program of PostgreSQL's could not be started, or a pipe to it broke.
    #[error("{program}: {source}; PostgreSQL's client programs must be in PATH, and not older than the server")]
    Program {
        /// Its name.
        program: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program of PostgreSQL's ended without having done its work.
    #[error("{program} failed: {said}")]
    ProgramFailed {
        /// Its name.
        program: &'static str,
        /// The end of what it said, in one line.
        said: String,
    },
    /// What a dump was written to took no more.
    #[error("the backup could not be written: {0}")]
    Copy(#[source] std::io::Error),
    /// A REGRESS must open its batch: apply what was folded before it, then cross it in a batch of its own.
    #[error("a regress inside a batch: what came before it must be applied first")]
    RegressInside,
    /// A stored sketch cannot be read.
    #[error("{level} row of {whose}: {source}")]
    Sketch {
        /// Name of the level.
        level: &'static str,
        /// Whose row it is: an endpoint, a service, all services.
        whose: String,
        /// What is wrong with it.
        source: SketchError,
    },
    /// There is no row for this shard: it lies outside the layout.
    #[error("no shard {0} in this database")]
    NoShard(u16),
    /// Retention times that contradict each other.
    #[error("minutes must not be kept longer than hours, nor hours longer than days")]
    KeepOrder,
    /// The database answered with something this program does not know.
    #[error("{statement}: unexpected answer {answer}")]
    Answer {
        /// Name of the statement.
        statement: &'static str,
        /// What it said.
        answer: String,
    },
}

/// What to do about an error of apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Something in the batch can never be stored (SQLSTATE 21, 22, 23, 54): find it and set it aside.
    Poison,
    /// Schema or server are not what the program expects (42, 0A, XX): reconnect, prepare again, back off, halt.
    Schema,
    /// The statement took too long (57014): once more, then with half the batch.
    Timeout,
    /// Everything else: back off, same batch.
    Transient,
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub fn class(&self) -> Class {
        let code = match self {
            Self::Database { source, .. } => source.code(),
            Self::RegressInside => return Class::Poison,
            Self::NotMigrated { .. } | Self::Layout { .. } | Self::Answer { .. } => return Class::Schema,
            _ => None,
        };
        match code.map(tokio_postgres::error::SqlState::code) {
            Some("57014") => Class::Timeout,
            Some(code) => match &code[..2] {
                "21" | "22" | "23" | "54" => Class::Poison,
                "42" | "0A" | "XX" => Class::Schema,
                _ => Class::Transient,
            },
            None => Class::Transient,
        }
    }

    /// Whether the server certainly rolled the statement back; else only reading again can tell. A server that is shut
    /// down (57P) may have committed before it says so.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        match self {
            Self::Database { source, .. } => source.as_db_error().is_some_and(|error| {
                let code = error.code().code();
                !code.starts_with("08") && !code.starts_with("57P")
            }),
            Self::Deadline { .. } => false,
            _ => true,
        }
    }

    /// The five characters of the SQLSTATE, if the server gave one.
    #[must_use]
    pub fn sql_state(&self) -> Option<&str> {
        match self {
            Self::Database { source, .. } | Self::Connect(source) => source.code().map(|code| code.code()),
            _ => None,
        }
    }
}

/// The whole chain in one line: `tokio_postgres` says only "db error" at the top.
fn cause(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} (SQLSTATE {})", db.message(), db.code().code());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
