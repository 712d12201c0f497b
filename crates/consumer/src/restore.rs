//! `restore`: go back to a backup. The consumers then count on from the log, to the same figures.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tally_model::HASH_NAMES;
use tally_store::{MigrateSettings, SchemaState, Store};

use crate::backup::newest_in;
use crate::config::Config;
use crate::connect::connect_store;
use crate::error::Error;
use crate::shutdown::Shutdown;

/// What to restore.
#[derive(Debug, Clone)]
pub struct Restore {
    /// A backup, a directory (its newest is taken), or `-` for standard input.
    pub from: PathBuf,
    /// Also while consumers count. They notice and count again, but until then what they show is neither.
    pub force: bool,
}

/// Replaces what is in the database by the backup, all at once or not at all, and migrates it where it is older than this
/// program.
///
/// # Errors
/// [`Error::Alive`] while consumers count; [`Error::Path`], [`Error::NoBackup`]; whatever PostgreSQL's programs say.
pub async fn restore(config: &Config, restore: &Restore, shutdown: Shutdown) -> Result<(), Error> {
    let archive = open(&restore.from)?;
    let store = connect_store(config, Some(config.wait()), &shutdown).await?;
    if !restore.force {
        refuse_while_counted(&store, config).await?;
    }
    tokio::select! {
        restored = store.restore(archive) => restored?,
        () = shutdown.asked() => return Err(Error::Interrupted),
    }
    let settings = MigrateSettings { shards: config.shards, hash_names: HASH_NAMES.to_owned() };
    store.migrate(&settings).await?;
    let counted: u64 = store.positions().await?.iter().map(|row| row.counted).sum();
    tracing::info!(counted, "restored; consumers count on from the log");
    Ok(())
}

fn open(from: &Path) -> Result<Stdio, Error> {
    if from == Path::new("-") {
        return Ok(Stdio::inherit());
    }
    let is_directory = fs::metadata(from).map_err(Error::path("open", from))?.is_dir();
    let path = if is_directory { newest_in(from)? } else { from.to_owned() };
    let file = File::open(&path).map_err(Error::path("open", &path))?;
    tracing::info!(backup = %path.display(), "restoring");
    Ok(file.into())
}

async fn refuse_while_counted(store: &Store, config: &Config) -> Result<(), Error> {
    if store.schema_ready().await? == SchemaState::Missing {
        return Ok(());
    }
    match store.live_consumers().await? {
        0 => Ok(()),
        consumers => Err(Error::Alive { consumers, lease_seconds: config.lease_seconds }),
    }
}
