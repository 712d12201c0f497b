//! `run`: count until told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::bell::{Bell, announce_rings};
use crate::config::Config;
use crate::connect::{Links, Waiting};
use crate::error::Error;
use crate::health;
use crate::housekeeping::keep_house;
use crate::metrics::Metrics;
use crate::owner::Owner;
use crate::shard::{Desk, Tuning, WRITERS_MAX};
use crate::shutdown::Shutdown;

/// Part of the grace that is kept for giving the leases back.
const LEAVE: Duration = Duration::from_secs(2);

/// Counts until `shutdown`, and ends in order within the grace.
///
/// # Errors
/// A setting, an address that is taken, or servers that do not belong together. It waits for ever for those that are away.
pub async fn run(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let metrics = Arc::new(Metrics::new());
    let health = health::serve(config.consumer_listen, Arc::clone(&metrics))?;
    let counted = count(&config, &metrics, &shutdown).await;
    health.stop(true).await;
    match counted {
        Err(Error::Interrupted) => Ok(()),
        other => other,
    }
}

async fn count(config: &Config, metrics: &Arc<Metrics>, shutdown: &Shutdown) -> Result<(), Error> {
    let links = Links::connect(config, None, shutdown).await?;
    let house = House::open(config, links, (Arc::clone(metrics), None), shutdown).await?;
    shutdown.asked().await;
    house.close().await;
    tracing::info!(counted = metrics.counted(), "stopped in order");
    Ok(())
}

/// The tasks of a process that counts.
pub(crate) struct House {
    stop: Shutdown,
    grace: Duration,
    owner: JoinHandle<()>,
    housekeeper: JoinHandle<()>,
}

impl House {
    /// Tends the database, then starts to own shards.
    pub(crate) async fn open(
        config: &Config,
        links: Links,
        told: (Arc<Metrics>, Option<Duration>),
        shutdown: &Shutdown,
    ) -> Result<Self, Error> {
        let (metrics, patience) = told;
        say_what_is_weak(config, &links).await;
        let waiting = Waiting { what: "maintenance of the database", patience, shutdown };
        let (store, keep) = (links.store.clone(), config.keep());
        waiting.until(async || Ok(store.maintain(&keep).await?)).await?;
        let desk = Desk {
            log: links.log,
            store: links.store,
            cluster: links.cluster,
            consumer: consumer_name(),
            tuning: tuning(config),
            metrics,
            writers: Arc::new(Semaphore::new(WRITERS_MAX)),
            bell: Bell::default(),
        };
        desk.metrics.set_shards(config.shards);
        let stop = Shutdown::new();
        let owner = Owner::connect(config, desk.clone(), patience, shutdown).await?;
        tracing::info!(consumer = desk.consumer, shards = config.shards, "counting");
        // It ends with the others, and has nothing to finish.
        tokio::spawn(announce_rings(desk.bell.clone(), desk.store.clone(), stop.clone()));
        let housekeeper = tokio::spawn(keep_house(desk, keep, stop.clone()));
        let owner = tokio::spawn(owner.own_shards(stop.clone(), config.grace().saturating_sub(LEAVE)));
        Ok(Self { stop, grace: config.grace(), owner, housekeeper })
    }

    /// Finishes the batches, releases the shards, ends. What is not done within the grace is cut off: a kill would be as
    /// correct.
    pub(crate) async fn close(self) {
        self.stop.ask();
        let (owner, housekeeper) = (self.owner.abort_handle(), self.housekeeper.abort_handle());
        let ended = async { tokio::join!(self.owner, self.housekeeper) };
        if timeout(self.grace, ended).await.is_err() {
            tracing::warn!("not done within {} s; the rest is left to the next owner", self.grace.as_secs());
            owner.abort();
            housekeeper.abort();
        }
    }
}

/// Host and process for people, and a random part because both come again.
pub(crate) fn consumer_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.trim().is_empty() { "consumer" } else { host.trim() };
    let random = uuid::Uuid::new_v4().simple().to_string();
    format!("{host}-{}-{}", std::process::id(), &random[..8])
}

fn tuning(config: &Config) -> Tuning {
    Tuning {
        flush: Duration::from_millis(config.flush_ms),
        dedupe_window: Duration::from_secs(config.dedupe_seconds),
        retention: Duration::from_secs(config.retention_seconds),
        retention_bytes: config.retention_bytes.div_ceil(u64::from(config.shards.max(1))),
        ..Tuning::default()
    }
}

async fn say_what_is_weak(config: &Config, links: &Links) {
    match links.log.durability(config.held_bytes()).await {
        Ok(sentences) => sentences.iter().for_each(|sentence| tracing::warn!("Redis: {sentence}")),
        Err(error) => tracing::warn!(%error, "could not check how durable Redis is"),
    }
}
