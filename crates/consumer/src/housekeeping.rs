//! What any consumer may do at any time: roll up, seal, maintain, compact, redrive, and look how large the backlog is.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tally_store::{GrownSketch, Keep, SealPlace};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use crate::error::Error;
use crate::metrics::Backlog;
use crate::redrive::redrive_some;
use crate::shard::Desk;
use crate::shutdown::Shutdown;

/// How often minutes that are over are rolled up, and the backlog is measured.
const ROLL_UP_INTERVAL: Duration = Duration::from_secs(5);
/// How often minutes of hours that are over are sealed, and most calls of one time: 190,000 endpoint-minutes a minute.
const SEAL_INTERVAL: Duration = Duration::from_secs(10);
const SEAL_CALLS_MAX: u32 = 8;
/// How often partitions are made ahead and dropped, and old rows expire.
const MAINTAIN_INTERVAL: Duration = Duration::from_secs(300);
/// How often grown rows that a crash left are looked for, and how many at once.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);
const SWEEP_ROWS: u32 = 1_000;
/// How often it is looked whether somebody asked that dead letters be counted.
const REDRIVE_INTERVAL: Duration = Duration::from_secs(2);
/// Most calls of one roll-up; the rest waits for the next.
const ROLL_UP_CALLS_MAX: u32 = 1_000;

enum Chore {
    RollUp,
    Seal,
    Maintain,
    Sweep,
    Redrive,
    Compact(Vec<GrownSketch>),
}

impl Chore {
    fn name(&self) -> &'static str {
        match self {
            Self::RollUp => "roll-up",
            Self::Seal => "sealing",
            Self::Maintain => "maintenance",
            Self::Sweep => "sweep",
            Self::Redrive => "redrive",
            Self::Compact(_) => "compaction",
        }
    }
}

/// Does one chore after the other until asked to stop. One that fails is logged and comes again in its time.
pub(crate) async fn keep_house(desk: Desk, keep: Keep, mut grown: mpsc::Receiver<Vec<GrownSketch>>, stop: Shutdown) {
    let later = |every: Duration| {
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    let mut roll_up = interval(ROLL_UP_INTERVAL);
    roll_up.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut maintain, mut sweep) = (later(MAINTAIN_INTERVAL), later(SWEEP_INTERVAL));
    let (mut seal, mut redrive) = (later(SEAL_INTERVAL), later(REDRIVE_INTERVAL));
    let mut place = SealPlace::default();
    loop {
        let chore = tokio::select! {
            () = stop.asked() => return,
            _ = roll_up.tick() => Chore::RollUp,
            _ = seal.tick() => Chore::Seal,
            _ = maintain.tick() => Chore::Maintain,
            _ = sweep.tick() => Chore::Sweep,
            _ = redrive.tick() => Chore::Redrive,
            Some(rows) = grown.recv() => Chore::Compact(rows),
        };
        let name = chore.name();
        let done = tokio::select! {
            // A chore that is cut off is done again by whoever comes next.
            () = stop.asked() => return,
            done = AssertUnwindSafe(carry_out(&desk, &keep, &mut place, chore)).catch_unwind() => done,
        };
        let failure = match done {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "a panic".to_owned(),
        };
        desk.metrics.housekeeping_failures.inc();
        tracing::warn!(chore = name, failure, "housekeeping failed; it is done again later");
    }
}

async fn carry_out(desk: &Desk, keep: &Keep, place: &mut SealPlace, chore: Chore) -> Result<(), Error> {
    match chore {
        Chore::RollUp => {
            measure_backlog(desk).await.inspect_err(|_| desk.metrics.forget_backlog())?;
            roll_up(desk).await
        }
        Chore::Seal => seal(desk, place).await,
        Chore::Maintain => {
            let done = desk.store.maintain(keep).await?;
            tracing::debug!(?done, "maintained");
            Ok(())
        }
        Chore::Sweep => {
            let rows = desk.store.sweep_grown(SWEEP_ROWS).await?;
            compact(desk, &rows).await
        }
        Chore::Redrive => redrive(desk).await,
        Chore::Compact(rows) => compact(desk, &rows).await,
    }
}

async fn redrive(desk: &Desk) -> Result<(), Error> {
    let turn = redrive_some(&desk.store, &desk.consumer).await?;
    if turn.redriven > 0 || turn.refused > 0 {
        tracing::info!(counted = turn.redriven, refused = turn.refused, "looked at dead letters again");
        desk.metrics.redriven.inc_by(turn.redriven);
        desk.bell.ring();
    }
    Ok(())
}

async fn roll_up(desk: &Desk) -> Result<(), Error> {
    for _ in 0..ROLL_UP_CALLS_MAX {
        let rolled = desk.store.roll_up().await?;
        desk.metrics.rolled_up.inc_by(rolled.rows);
        compact(desk, &rolled.grown).await?;
        if !rolled.more {
            break;
        }
    }
    Ok(())
}

async fn seal(desk: &Desk, place: &mut SealPlace) -> Result<(), Error> {
    for _ in 0..SEAL_CALLS_MAX {
        if !desk.store.seal(place).await?.more {
            break;
        }
    }
    Ok(())
}

async fn compact(desk: &Desk, rows: &[GrownSketch]) -> Result<(), Error> {
    if !rows.is_empty() {
        desk.store.compact(rows).await?;
        desk.metrics.compacted.inc_by(rows.len() as u64);
    }
    Ok(())
}

/// The backlog of the shards owned here: PostgreSQL is read first, so that it never comes out below zero by the order.
async fn measure_backlog(desk: &Desk) -> Result<(), Error> {
    let rows = desk.store.positions().await?;
    for seen in desk.log.statuses().await? {
        let Some(row) = rows.iter().find(|row| row.shard == seen.shard) else { continue };
        if desk.metrics.is_owned(seen.shard) {
            let age_ms = if seen.last > row.position() { seen.time_ms - row.anchor.stamp_ms } else { 0 };
            let backlog = Backlog {
                events: seen.totals.events.saturating_sub(row.anchor.totals.events),
                bytes: seen.totals.bytes.saturating_sub(row.anchor.totals.bytes),
                age_seconds: age_ms / 1_000,
            };
            desk.metrics.set_backlog(seen.shard, backlog);
        }
    }
    Ok(())
}
