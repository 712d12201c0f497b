//! One look at both servers: what each shard accepted, what of it is counted, and by whom.

use std::time::Duration;

use tally_model::Shard;
use tally_store::{Class, Lease, Owners, ShardPosition};
use tally_stream::ShardStatus;
use tokio::time::{Instant, timeout};

use crate::front::{Front, now_ms};
use crate::reads::accounting::{self, Books};

/// How long each server may take to answer a look.
const ASKED_FOR: Duration = Duration::from_secs(3);

/// Why a server told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It was never found.
    NotFound,
    /// It does not answer.
    Away,
    /// It answers, but does not have this program's schema.
    Schema,
}

/// What was seen last of everything: what a server did not tell at this look is as it was told before.
#[derive(Debug)]
pub(crate) struct Sight {
    pub(super) taken: Instant,
    pub(super) at_ms: i64,
    /// Which change was the last one heard of before the look.
    pub(super) version: u64,
    pub(super) statuses: Vec<ShardStatus>,
    pub(super) positions: Vec<ShardPosition>,
    pub(super) owners: Owners,
    /// For each of `positions`, up to when everything accepted is counted, in milliseconds since the Unix epoch.
    pub(super) through_ms: Vec<i64>,
    pub(super) redis: Option<Trouble>,
    pub(super) postgres: Option<Trouble>,
}

impl Sight {
    /// Redis first, then PostgreSQL: what is counted meanwhile shows as counted, never as missing.
    pub(super) async fn take(front: &Front, last: Option<&Self>) -> Self {
        let version = front.changes.version();
        let (statuses, redis) = told(of_redis(front).await, last.map(|last| last.statuses.clone()));
        let rows = last.map(|last| (last.positions.clone(), last.owners.clone()));
        let ((positions, owners), postgres) = told(of_postgres(front).await, rows);
        let through_ms = match (front.redis(), redis, postgres) {
            (Ok(redis), None, None) => front.counted_through.of_shards(&redis.log, &statuses, &positions).await,
            _ => match last.filter(|last| postgres.is_some() && !last.through_ms.is_empty()) {
                Some(last) => last.through_ms.clone(),
                None => front.counted_through.without_redis(&positions),
            },
        };
        let (taken, at_ms) = (Instant::now(), now_ms());
        Self { taken, at_ms, version, statuses, positions, owners, through_ms, redis, postgres }
    }

    /// Whether something was counted since `last` that nobody heard of.
    pub(super) fn is_missed_by(&self, last: &Self, version: u64) -> bool {
        let counted = |sight: &Self| -> Vec<_> {
            sight.positions.iter().map(|row| (row.position(), row.counted, row.dead_lettered)).collect()
        };
        version == last.version && counted(self) != counted(last)
    }

    /// Up to when every shard is counted, in milliseconds since the Unix epoch.
    pub(super) fn counted_through_ms(&self) -> Option<i64> {
        self.through_ms.iter().min().copied().filter(|ms| *ms > 0)
    }

    /// The books of all shards; `None` before PostgreSQL told them once.
    pub(super) fn books(&self) -> Option<Books> {
        (!self.positions.is_empty()).then(|| accounting::books(&self.positions, &self.statuses))
    }

    pub(super) fn status(&self, shard: Shard) -> Option<&ShardStatus> {
        self.statuses.iter().find(|status| status.shard == shard)
    }

    pub(super) fn lease(&self, shard: Shard) -> Option<&Lease> {
        self.owners.leases.iter().find(|lease| lease.shard == shard)
    }

    /// How long the oldest event that is not counted waits, in milliseconds, shard by shard; 0 where none waits.
    pub(super) fn behind_ms(&self) -> Vec<i64> {
        let each = self.positions.iter().zip(&self.through_ms);
        each.map(|(row, through_ms)| match self.status(row.shard) {
            // The entry is stamped one millisecond after what is counted. A header alone is nothing that waits.
            Some(status) if status.totals.events > row.anchor.totals.events => (status.time_ms - through_ms - 1).max(0),
            _ => 0,
        })
        .collect()
    }

    /// Bytes accepted and not counted.
    pub(super) fn backlog_bytes(&self) -> u64 {
        let of_row = |row: &ShardPosition| {
            let bytes = self.status(row.shard).map_or(0, |status| status.totals.bytes);
            bytes.saturating_sub(row.anchor.totals.bytes)
        };
        self.positions.iter().map(of_row).sum()
    }
}

/// What a server told now, or had told before, and why it told nothing.
fn told<T: Default>(now: Result<T, Trouble>, last: Option<T>) -> (T, Option<Trouble>) {
    match now {
        Ok(now) => (now, None),
        Err(trouble) => (last.unwrap_or_default(), Some(trouble)),
    }
}

async fn of_redis(front: &Front) -> Result<Vec<ShardStatus>, Trouble> {
    let redis = front.redis().map_err(|_| Trouble::NotFound)?;
    match timeout(ASKED_FOR, redis.log.statuses()).await {
        Ok(Ok(statuses)) => Ok(statuses),
        Ok(Err(_)) | Err(_) => Err(Trouble::Away),
    }
}

async fn of_postgres(front: &Front) -> Result<(Vec<ShardPosition>, Owners), Trouble> {
    let store = front.store().map_err(|_| Trouble::NotFound)?;
    let both = async { Ok::<_, tally_store::Error>((store.positions().await?, store.owners().await?)) };
    match timeout(ASKED_FOR, both).await {
        Ok(Ok(both)) => Ok(both),
        Ok(Err(error)) if error.class() == Class::Schema => Err(Trouble::Schema),
        Ok(Err(_)) | Err(_) => Err(Trouble::Away),
    }
}
