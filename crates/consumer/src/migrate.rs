//! `migrate`: bring the schema up to this program's version.

use tally_model::HASH_NAMES;
use tally_store::{MigrateSettings, Migrated};

use crate::config::Config;
use crate::connect::{Waiting, connect_store};
use crate::error::Error;
use crate::shutdown::Shutdown;

/// Migrates and returns. Several at once take turns; a schema newer than this program is left as it is.
///
/// # Errors
/// [`Error::Waited`] while PostgreSQL is away; the errors of the migration itself; [`Error::Interrupted`].
pub async fn migrate(config: &Config, shutdown: Shutdown) -> Result<(), Error> {
    let patience = Some(config.wait());
    let store = connect_store(config, patience, &shutdown).await?;
    let settings = MigrateSettings { shards: config.shards, hash_names: HASH_NAMES.to_owned() };
    let waiting = Waiting { what: "the migration", patience, shutdown: &shutdown };
    let Migrated { from, to } = waiting.until(async || Ok(store.migrate(&settings).await?)).await?;
    if from == to {
        tracing::info!("the schema is at version {to}; functions renewed");
    } else {
        tracing::info!("the schema went from version {from} to {to}");
    }
    Ok(())
}
