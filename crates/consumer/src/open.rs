//! `open`: make the shards that are missing in Redis, each under its lease.

use std::time::Duration;

use tally_model::Shard;
use tally_stream::Opened;
use tokio::time::Instant;

use crate::config::Config;
use crate::connect::{Links, Waiting};
use crate::error::Error;
use crate::run::consumer_name;
use crate::shard::open_shard;
use crate::shutdown::Shutdown;

/// Pause between two looks at shards whose lease another holds.
const LOOK: Duration = Duration::from_millis(200);

/// Opens what is missing and returns when every shard is open. Where a running consumer holds the lease of a shard, that
/// consumer is waited for.
///
/// # Errors
/// [`Error::Waited`] when something it needs does not come; [`Error::Interrupted`].
pub async fn open(config: &Config, shutdown: Shutdown) -> Result<(), Error> {
    let patience = Some(config.wait());
    let links = Links::connect(config, patience, &shutdown).await?;
    let consumer = consumer_name();
    let waiting = Waiting { what: "Redis and PostgreSQL", patience, shutdown: &shutdown };
    let until = Instant::now() + config.wait();
    let opened = loop {
        match waiting.until(async || open_missing(&links, &consumer, config.lease()).await).await {
            Ok(missing) if missing.is_empty() => break Ok(()),
            Ok(missing) if Instant::now() > until => {
                let reason =
                    format!("another consumer holds the lease of {} shards, such as {}", missing.len(), missing[0]);
                break Err(Error::Waited { what: "the shards to be opened", waited: config.wait(), reason });
            }
            Ok(_) => {}
            Err(error) => break Err(error),
        }
        if shutdown.sleep(LOOK).await {
            break Err(Error::Interrupted);
        }
    };
    // What is left expires with its lease.
    if let Err(error) = links.store.leave(&consumer).await {
        tracing::warn!(%error, "could not release the shards; their leases expire");
    }
    opened?;
    tracing::info!("all {} shards are open", config.shards);
    Ok(())
}

/// Opens those missing shards whose lease can be had; the ones that are still missing.
async fn open_missing(links: &Links, consumer: &str, lease: Duration) -> Result<Vec<Shard>, Error> {
    let statuses = links.log.statuses().await?;
    let mut missing: Vec<Shard> = statuses.iter().filter(|seen| !seen.open).map(|seen| seen.shard).collect();
    if missing.is_empty() {
        return Ok(missing);
    }
    links.store.heartbeat(consumer, lease).await?;
    links.store.claim(consumer, u32::try_from(statuses.len()).unwrap_or(u32::MAX), lease).await?;
    let ours = links.store.renew(consumer, lease).await?;
    for shard in ours.iter().filter(|shard| missing.contains(shard)) {
        let row = links.store.position(*shard).await?;
        if let Opened::Created { header } = open_shard(links, &row).await? {
            tracing::info!(%shard, %header, position = %row.position(), "opened the shard");
        }
    }
    links.store.release(consumer, &ours).await?;
    missing.retain(|shard| !ours.contains(shard));
    Ok(missing)
}
