//! `drain`: count what is in the log now, then exit.

use std::sync::Arc;
use std::time::Duration;

use tally_model::Position;
use tally_store::ShardPosition;
use tokio::time::Instant;

use crate::config::Config;
use crate::connect::{Links, Waiting};
use crate::error::Error;
use crate::metrics::Metrics;
use crate::run::House;
use crate::shutdown::Shutdown;

/// Pause between two looks at the positions.
const LOOK: Duration = Duration::from_millis(200);
/// How often progress is said.
const SAY: Duration = Duration::from_secs(2);
/// How much longer than a lease a shard may be shown as halted: its next owner may find it mended.
const HALT_PATIENCE: Duration = Duration::from_secs(5);

/// Applies the backlog seen at start, alone or with the consumers that run, opening shards where they are missing.
///
/// # Errors
/// [`Error::Halted`] for a shard that cannot go on; [`Error::Waited`] when what it needs does not come, or nothing moves;
/// [`Error::Interrupted`].
pub async fn drain(config: Config, shutdown: Shutdown) -> Result<(), Error> {
    let patience = Some(config.wait());
    let links = Links::connect(&config, patience, &shutdown).await?;
    let waiting = Waiting { what: "Redis", patience, shutdown: &shutdown };
    let goals = waiting.until(async || goals(&links).await).await?;
    let house = House::open(&config, links.clone(), (Arc::new(Metrics::new()), patience), &shutdown).await?;
    let drained = Drain::new(&config, links, goals).reach(&shutdown).await;
    house.close().await;
    drained
}

/// The last id of each shard, by shard.
async fn goals(links: &Links) -> Result<Vec<Position>, Error> {
    Ok(links.log.statuses().await?.iter().map(|seen| seen.last).collect())
}

/// What the shards are like at one look.
struct Look {
    rows: Vec<ShardPosition>,
    are_open: bool,
}

struct Drain {
    links: Links,
    goals: Vec<Position>,
    /// Longest time without any movement, and with a halted shard.
    patience: Duration,
    halt_patience: Duration,
    moved_at: Instant,
    halted_at: Option<Instant>,
    said_at: Instant,
    before: Vec<Position>,
}

impl Drain {
    fn new(config: &Config, links: Links, goals: Vec<Position>) -> Self {
        let now = Instant::now();
        Self {
            links,
            goals,
            patience: config.wait().max(config.lease() * 2),
            halt_patience: config.lease() + HALT_PATIENCE,
            moved_at: now,
            halted_at: None,
            said_at: now,
            before: Vec::new(),
        }
    }

    async fn reach(&mut self, shutdown: &Shutdown) -> Result<(), Error> {
        let mut trouble = "nothing was applied".to_owned();
        loop {
            match self.look().await {
                Ok(look) if self.is_reached(&look) => {
                    tracing::info!("drained: the backlog seen at start is applied");
                    return Ok(());
                }
                Ok(look) => self.judge(&look)?,
                Err(error) => trouble = error.to_string(),
            }
            if self.moved_at.elapsed() > self.patience {
                let waited = self.moved_at.elapsed();
                return Err(Error::Waited { what: "the backlog to shrink", waited, reason: trouble });
            }
            if shutdown.sleep(LOOK).await {
                return Err(Error::Interrupted);
            }
        }
    }

    async fn look(&self) -> Result<Look, Error> {
        let rows = self.links.store.positions().await?;
        let are_open = self.links.log.statuses().await?.iter().all(|seen| seen.open);
        Ok(Look { rows, are_open })
    }

    fn is_reached(&self, look: &Look) -> bool {
        look.are_open && look.rows.iter().zip(&self.goals).all(|(row, goal)| row.position() >= *goal)
    }

    /// Notes movement, says progress, and gives up on a shard that stays halted.
    fn judge(&mut self, look: &Look) -> Result<(), Error> {
        let now: Vec<Position> = look.rows.iter().map(ShardPosition::position).collect();
        if now != self.before {
            self.moved_at = Instant::now();
            self.before = now;
        }
        let open = look.rows.iter().zip(&self.goals).filter(|(row, goal)| row.position() < **goal);
        let halted = open.clone().find_map(|(row, _)| row.halted.as_ref().map(|reason| (row.shard, reason)));
        if self.said_at.elapsed() > SAY {
            let counted: u64 = look.rows.iter().map(|row| row.counted).sum();
            tracing::info!("draining: {} of {} shards to go, {counted} events counted", open.count(), self.goals.len());
            self.said_at = Instant::now();
        }
        let Some((shard, reason)) = halted else {
            self.halted_at = None;
            return Ok(());
        };
        let since = *self.halted_at.get_or_insert_with(Instant::now);
        if since.elapsed() > self.halt_patience {
            return Err(Error::Halted { shard: shard.index(), reason: reason.clone() });
        }
        Ok(())
    }
}
