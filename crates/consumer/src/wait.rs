//! `wait`: return as soon as the schema is what this program needs. For whatever must not start before.

use crate::config::Config;
use crate::connect::ready_store;
use crate::error::Error;
use crate::shutdown::Shutdown;

/// Waits for PostgreSQL and its schema; a newer schema will do.
///
/// # Errors
/// [`Error::Waited`] says what did not come in time; [`Error::Interrupted`].
pub async fn wait(config: &Config, shutdown: Shutdown) -> Result<(), Error> {
    ready_store(config, Some(config.wait()), &shutdown).await?;
    tracing::info!("the schema is ready");
    Ok(())
}
