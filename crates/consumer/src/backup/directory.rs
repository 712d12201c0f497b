//! Backups as files of a directory.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tally_store::Store;

use super::{name_of_now, under_barrier};
use crate::config::Config;
use crate::connect::ready_store;
use crate::error::Error;
use crate::shutdown::Shutdown;

/// Held while a backup is made; the file stays.
const LOCK: &str = ".tally-backup.lock";
/// What a backup is called while it is written.
const PARTIAL: &str = ".partial";
/// How long a list of backups waits for PostgreSQL, which may be what is broken.
const LIST_PATIENCE: Duration = Duration::from_secs(3);

/// A directory of backups, which nobody else writes to.
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

/// A file of it.
struct Kept {
    path: PathBuf,
    name: String,
    bytes: u64,
}

impl Directory {
    /// Makes it where it is missing, and takes its lock.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(Error::path("make", path))?;
        let path = fs::canonicalize(path).map_err(Error::path("find", path))?;
        let lock = File::create(path.join(LOCK)).map_err(Error::path("write to", &path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::BackupRuns(path)),
            // Some shared file systems know no locks; there it is left to whoever schedules backups.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(Self { path, _lock: lock }),
            Err(TryLockError::Error(error)) => Err(Error::path("lock", &path)(error)),
        }
    }

    pub(super) async fn back_up(&self, store: &Store, keep: usize, shutdown: &Shutdown) -> Result<(), Error> {
        self.sweep_partial()?;
        let path = self.path.join(name_of_now());
        let label = path.to_string_lossy().into_owned();
        let written = under_barrier(store, &label, shutdown, async || self.write(store, &path).await).await;
        if written.is_err() {
            // Best effort: the next backup sweeps what is left.
            let _ = self.sweep_partial();
        }
        tracing::info!(backup = label, bytes = written?, "backed up");
        self.prune(store, keep, &path).await
    }

    /// Dumps under another name, and gives the backup its own once all of it is on the disk.
    async fn write(&self, store: &Store, path: &Path) -> Result<u64, Error> {
        let partial = PathBuf::from(format!("{}{PARTIAL}", path.display()));
        let failed = |action| Error::path(action, &partial);
        let mut file = tokio::fs::File::create_new(&partial).await.map_err(failed("make"))?;
        let bytes = store.dump(&mut file).await?;
        file.sync_all().await.map_err(failed("write"))?;
        fs::rename(&partial, path).map_err(failed("rename"))?;
        let directory = File::open(&self.path).and_then(|directory| directory.sync_all());
        directory.map_err(Error::path("write to", &self.path))?;
        Ok(bytes)
    }

    /// Removes what a backup that was killed left.
    fn sweep_partial(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.path).map_err(Error::path("read", &self.path))?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("tally-") && name.ends_with(PARTIAL) {
                fs::remove_file(entry.path()).map_err(Error::path("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    /// Removes the backups beyond `keep`, never the one just made, and releases the barriers whose backup is not there.
    async fn prune(&self, store: &Store, keep: usize, made: &Path) -> Result<(), Error> {
        let older = kept_in(&self.path)?.into_iter().filter(|kept| kept.path != made);
        for kept in older.skip(keep.saturating_sub(1)) {
            fs::remove_file(&kept.path).map_err(Error::path("remove", &kept.path))?;
            tracing::info!(backup = %kept.path.display(), "removed: {keep} newer ones are kept");
        }
        let ours = format!("{}/tally-", self.path.display());
        for barrier in store.barriers().await? {
            if barrier.holds && barrier.label.starts_with(&ours) && !Path::new(&barrier.label).exists() {
                store.release_barrier(&barrier.label).await?;
            }
        }
        Ok(())
    }
}

/// The newest backup of a directory.
pub(crate) fn newest_in(path: &Path) -> Result<PathBuf, Error> {
    let newest = kept_in(path)?.into_iter().next();
    newest.map(|kept| kept.path).ok_or_else(|| Error::NoBackup(path.to_owned()))
}

pub(super) async fn list(config: &Config, path: &Path, shutdown: &Shutdown) -> Result<(), Error> {
    let path = fs::canonicalize(path).map_err(Error::path("find", path))?;
    let barriers =
        async { ready_store(config, Some(LIST_PATIENCE), shutdown).await?.barriers().await.map_err(Error::Store) };
    let barriers = barriers.await;
    let mut out = std::io::stdout().lock();
    for kept in kept_in(&path)? {
        let label = kept.path.to_string_lossy();
        let state = match &barriers {
            Ok(barriers) if barriers.iter().any(|b| b.holds && b.label == label) => "replayable",
            Ok(_) => "not replayable",
            Err(_) => "unknown",
        };
        writeln!(out, "{}\t{}\t{state}", kept.name, kept.bytes)
            .map_err(Error::path("write to", Path::new("stdout")))?;
    }
    Ok(())
}

/// The backups of a directory, the newest first.
fn kept_in(path: &Path) -> Result<Vec<Kept>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(Error::path("read", path))? {
        let entry = entry.map_err(Error::path("read", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("tally-") && name.ends_with(".dump") {
            let bytes = entry.metadata().map_err(Error::path("read", &entry.path()))?.len();
            found.push(Kept { path: entry.path(), name, bytes });
        }
    }
    found.sort_by(|a, b| b.name.cmp(&a.name));
    Ok(found)
}
