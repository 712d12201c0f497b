//! `backup`: a consistent dump of the database, and a barrier that keeps the log from there on.
//!
//! The barrier is raised before the dump's snapshot is taken, so it stands at or below the positions in the dump: whatever
//! a consumer trims meanwhile, the log can be counted on from the dump. It is called what the backup is called, with the
//! directory, and is released with the backup, or when the backup is found to be gone.

mod directory;
mod sent;

use std::path::PathBuf;

use tally_store::Store;

use crate::config::Config;
use crate::connect::ready_store;
use crate::error::Error;
use crate::shutdown::Shutdown;

pub(crate) use directory::newest_in;

/// Where backups go, and how many of them stay.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Where to.
    pub to: Destination,
    /// How many are kept, at least 1; older ones go, with their barriers.
    pub keep: usize,
}

/// Where a backup goes.
#[derive(Debug, Clone)]
pub enum Destination {
    /// A directory of files.
    Directory(PathBuf),
    /// The standard input of a command; `{name}` in an argument is the name of the backup. What it keeps is its own
    /// affair, only the barriers are counted here.
    Command(Vec<String>),
}

/// Makes a backup, then lets go of those that are too many.
///
/// # Errors
/// [`Error::Waited`] while PostgreSQL is away; whatever the dump or its destination says. Nothing is left behind then.
pub async fn backup(config: &Config, backup: &Backup, shutdown: Shutdown) -> Result<(), Error> {
    let store = ready_store(config, Some(config.wait()), &shutdown).await?;
    match &backup.to {
        Destination::Directory(path) => {
            let directory = directory::Directory::open(path)?;
            directory.back_up(&store, backup.keep, &shutdown).await
        }
        Destination::Command(command) => sent::Sent::new(command)?.back_up(&store, backup.keep, &shutdown).await,
    }
}

/// Prints the backups of a directory, the newest first, a line each: name, bytes, and whether the log is still there from
/// it on (`replayable`, `not replayable`, or `unknown` where PostgreSQL does not say).
///
/// # Errors
/// [`Error::Path`] where the directory cannot be read.
pub async fn list_backups(config: &Config, path: &std::path::Path, shutdown: Shutdown) -> Result<(), Error> {
    directory::list(config, path, &shutdown).await
}

/// The name of a backup made now; names sort by time.
fn name_of_now() -> String {
    let now = jiff::Timestamp::now();
    format!("tally-{}.{:03}Z.dump", now.strftime("%Y%m%dT%H%M%S"), now.subsec_millisecond())
}

/// Does the work under a barrier; where it fails, or is told to stop, the barrier does not stay behind.
async fn under_barrier<T>(
    store: &Store,
    label: &str,
    shutdown: &Shutdown,
    work: impl AsyncFnOnce() -> Result<T, Error>,
) -> Result<T, Error> {
    store.raise_barrier(label).await?;
    let outcome = tokio::select! {
        outcome = work() => outcome,
        () = shutdown.asked() => Err(Error::Interrupted),
    };
    if outcome.is_err()
        && let Err(error) = store.release_barrier(label).await
    {
        tracing::warn!(label, %error, "the barrier stays until the next backup");
    }
    outcome
}
