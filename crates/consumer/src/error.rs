//! Why a command ended without having done its work.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A command could not do what it was asked to. Each text is a sentence for the person who reads the log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is missing, unknown, or has a value that cannot be used.
    #[error("{0}")]
    Setting(String),
    /// The runtime could not be started.
    #[error("the async runtime could not be started: {0}")]
    Runtime(#[source] std::io::Error),
    /// The address for health and metrics is taken, or is not ours.
    #[error("cannot listen on {address} (TALLY_CONSUMER_LISTEN): {source}")]
    Listen {
        /// Address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something that must be there did not appear in time.
    #[error("waited {} s for {what} in vain: {reason}", waited.as_secs())]
    Waited {
        /// What did not come, such as `Redis`.
        what: &'static str,
        /// How long was waited.
        waited: Duration,
        /// What was said last.
        reason: String,
    },
    /// Redis and PostgreSQL do not belong together, or were made for another layout.
    #[error(
        "shard {shard}: the log in Redis has another {what}: it says {theirs:?}, PostgreSQL says {ours:?}; check TALLY_REDIS_URL and TALLY_DATABASE_URL"
    )]
    Stranger {
        /// Shard where it was found.
        shard: u16,
        /// What differs.
        what: &'static str,
        /// As in PostgreSQL.
        ours: String,
        /// As in Redis.
        theirs: String,
    },
    /// A shard is halted, so its backlog cannot be applied.
    #[error("shard {shard} is halted: {reason}")]
    Halted {
        /// Shard.
        shard: u16,
        /// Why.
        reason: String,
    },
    /// The command was told to stop before it was done.
    #[error("stopped by a signal before it was done")]
    Interrupted,
    /// Something cannot be done with a file or directory.
    #[error("cannot {action} {}: {source}", path.display())]
    Path {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another backup is being made there.
    #[error("another backup is being made in {}", .0.display())]
    BackupRuns(PathBuf),
    /// A directory without backups.
    #[error("there is no backup in {}", .0.display())]
    NoBackup(PathBuf),
    /// What a backup was sent to did not take it.
    #[error("{program} did not take the backup: {reason}")]
    Command {
        /// The program.
        program: String,
        /// What came of it.
        reason: String,
    },
    /// Consumers count, so the database must not go back.
    #[error(
        "consumers are counting ({consumers}): stop them first (one that was killed is forgotten after {lease_seconds} s), or use --force"
    )]
    Alive {
        /// How many.
        consumers: u32,
        /// Life of a consumer that is not heard of, in seconds.
        lease_seconds: u64,
    },
    /// PostgreSQL, or what it was asked.
    #[error(transparent)]
    Store(#[from] tally_store::Error),
    /// Redis, or what it was asked.
    #[error(transparent)]
    Log(#[from] tally_stream::Error),
}

impl Error {
    /// Makes the error for something that was tried with `path`.
    pub(crate) fn path(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Path { action, path, source }
    }

    /// Whether it is a setting that must be changed first.
    #[must_use]
    pub fn is_setting(&self) -> bool {
        matches!(
            self,
            Self::Setting(_)
                | Self::Listen { .. }
                | Self::Store(
                    tally_store::Error::Url | tally_store::Error::Layout { .. } | tally_store::Error::KeepOrder
                )
                | Self::Log(tally_stream::Error::Settings(_))
        )
    }
}
