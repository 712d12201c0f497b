//! What any consumer may do at any time: roll up, seal, maintain, sweep, redrive, and look how large the backlog is.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tally_store::{Keep, SealPlace};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::error::Error;
use crate::metrics::Backlog;
use crate::redrive::redrive_some;
use crate::shard::Desk;
use crate::shutdown::Shutdown;

/// How often minutes that are over are rolled up, and the backlog is measured.
const ROLL_UP_INTERVAL: Duration = Duration::from_secs(5);
/// While a shard is so far behind, in seconds, minutes that are over still get events, and one that is rolled up must then be
/// written in all levels. So roll-up waits, at most for so many of its turns: a minute.
const BEHIND_SECONDS: i64 = 10;
const ROLL_UP_POSTPONED_MAX: u32 = 12;
/// How often minutes and days that are over are sealed, and most calls of one time: 190,000 rows a minute.
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

/// What one chore leaves to the next.
#[derive(Default)]
struct Left {
    place: SealPlace,
    /// Turns of roll-up that were passed over in a row.
    postponed: u32,
}

impl Left {
    /// Whether roll-up leaves this turn out.
    fn postpones(&mut self, behind_seconds: i64) -> bool {
        let postpones = behind_seconds >= BEHIND_SECONDS && self.postponed < ROLL_UP_POSTPONED_MAX;
        self.postponed = if postpones { self.postponed + 1 } else { 0 };
        postpones
    }
}

enum Chore {
    RollUp,
    Seal,
    Maintain,
    Sweep,
    Redrive,
}

impl Chore {
    fn name(&self) -> &'static str {
        match self {
            Self::RollUp => "roll-up",
            Self::Seal => "sealing",
            Self::Maintain => "maintenance",
            Self::Sweep => "sweep",
            Self::Redrive => "redrive",
        }
    }
}

/// Does one chore after the other until asked to stop. One that fails is logged and comes again in its time.
pub(crate) async fn keep_house(desk: Desk, keep: Keep, stop: Shutdown) {
    let later = |every: Duration| {
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    };
    // Not at once: what waits in the log is not seen before shards are owned.
    let mut roll_up = later(ROLL_UP_INTERVAL);
    let (mut maintain, mut sweep) = (later(MAINTAIN_INTERVAL), later(SWEEP_INTERVAL));
    let (mut seal, mut redrive) = (later(SEAL_INTERVAL), later(REDRIVE_INTERVAL));
    let mut left = Left::default();
    loop {
        let chore = tokio::select! {
            () = stop.asked() => return,
            _ = roll_up.tick() => Chore::RollUp,
            _ = seal.tick() => Chore::Seal,
            _ = maintain.tick() => Chore::Maintain,
            _ = sweep.tick() => Chore::Sweep,
            _ = redrive.tick() => Chore::Redrive,
        };
        let name = chore.name();
        let done = tokio::select! {
            // A chore that is cut off is done again by whoever comes next.
            () = stop.asked() => return,
            done = AssertUnwindSafe(carry_out(&desk, &keep, &mut left, chore)).catch_unwind() => done,
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

async fn carry_out(desk: &Desk, keep: &Keep, left: &mut Left, chore: Chore) -> Result<(), Error> {
    match chore {
        Chore::RollUp => {
            let behind_seconds = measure_backlog(desk).await.inspect_err(|_| desk.metrics.forget_backlog())?;
            if left.postpones(behind_seconds) { Ok(()) } else { roll_up(desk).await }
        }
        Chore::Seal => seal(desk, &mut left.place).await,
        Chore::Maintain => {
            let done = desk.store.maintain(keep).await?;
            tracing::debug!(?done, "maintained");
            Ok(())
        }
        Chore::Sweep => {
            let rows = desk.store.sweep_grown(SWEEP_ROWS).await?;
            desk.compact(&rows).await
        }
        Chore::Redrive => redrive(desk).await,
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
        desk.compact(&rolled.grown).await?;
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

/// The backlog of the shards owned here, and the age of the oldest in seconds: PostgreSQL is read first, so that it never
/// comes out below zero by the order.
async fn measure_backlog(desk: &Desk) -> Result<i64, Error> {
    let rows = desk.store.positions().await?;
    let mut oldest_seconds = 0;
    for seen in desk.log.statuses().await? {
        let Some(row) = rows.iter().find(|row| row.shard == seen.shard) else { continue };
        if desk.metrics.is_owned(seen.shard) {
            let age_ms = if seen.last > row.position() { seen.time_ms - row.anchor.stamp_ms } else { 0 };
            let backlog = Backlog {
                events: seen.totals.events.saturating_sub(row.anchor.totals.events),
                bytes: seen.totals.bytes.saturating_sub(row.anchor.totals.bytes),
                age_seconds: age_ms / 1_000,
            };
            oldest_seconds = oldest_seconds.max(backlog.age_seconds);
            desk.metrics.set_backlog(seen.shard, backlog);
        }
    }
    Ok(oldest_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roll_up_waits_for_who_is_behind_but_not_for_ever() {
        let mut left = Left::default();
        assert!(!left.postpones(BEHIND_SECONDS - 1));
        for _ in 0..2 {
            assert!((0..ROLL_UP_POSTPONED_MAX).all(|_| left.postpones(BEHIND_SECONDS)));
            assert!(!left.postpones(BEHIND_SECONDS), "once a minute all the same");
        }
        assert!(left.postpones(BEHIND_SECONDS) && !left.postpones(0));
    }
}
