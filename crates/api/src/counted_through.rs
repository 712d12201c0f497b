//! Up to when everything accepted is counted: the promise that every read carries.

use std::collections::BTreeMap;
use std::sync::{Mutex as Kept, PoisonError};
use std::time::Duration;

use tally_model::{Position, Shard};
use tally_store::ShardPosition;
use tally_stream::{Log, ShardStatus};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::front::Front;
use crate::problem::{Kind, Problem};
use crate::reads::unavailable;

/// How long one look is shared. An old look promises less than a new one, never more: the data is read after it.
const SHARED_FOR: Duration = Duration::from_millis(200);

/// The last look, held while looking so that a thousand readers cost one.
#[derive(Debug)]
pub(crate) struct CountedThrough {
    last: Mutex<Option<Look>>,
    promised: Kept<BTreeMap<u16, Promise>>,
}

/// What was said of a shard. It stays true until the shard's position goes back or its database is another one, so a later
/// look, which may know less (Redis is away, a shard was idle), does not take it back.
#[derive(Debug, Clone, Copy)]
struct Promise {
    position: Position,
    generation: u64,
    through_ms: i64,
}

/// What a look found, and when.
#[derive(Debug)]
struct Look {
    over: Instant,
    found: Result<Option<i64>, String>,
}

impl CountedThrough {
    pub(crate) fn new() -> Self {
        Self { last: Mutex::new(None), promised: Kept::default() }
    }

    /// Milliseconds since the Unix epoch up to which all shards are counted; `None` while nothing says so. To be called
    /// before the data is read.
    ///
    /// # Errors
    /// 503 without PostgreSQL.
    pub(crate) async fn ms(&self, front: &Front) -> Result<Option<i64>, Problem> {
        let mut last = self.last.lock().await;
        if let Some(shared) = last.as_ref().filter(|look| look.over.elapsed() < SHARED_FOR) {
            return shared.found.clone().map_err(|detail| Problem::new(Kind::DatabaseUnavailable, detail));
        }
        let found = self.look(front).await;
        *last = Some(Look { over: Instant::now(), found: found.as_ref().map_err(Problem::to_string).copied() });
        found
    }

    /// Redis first (TIME, then the last ids), then PostgreSQL.
    async fn look(&self, front: &Front) -> Result<Option<i64>, Problem> {
        let store = front.store()?;
        let log = front.redis().ok().map(|redis| &redis.log);
        let statuses = match log {
            Some(log) => log.statuses().await.ok(),
            None => None,
        };
        let positions = store.positions().await.map_err(unavailable)?;
        let through_ms = match log.zip(statuses) {
            Some((log, statuses)) => self.of_shards(log, &statuses, &positions).await,
            None => self.without_redis(&positions),
        };
        Ok(through_ms.into_iter().min().filter(|ms| *ms > 0))
    }

    /// The same for each of `positions`, in milliseconds since the Unix epoch.
    pub(crate) async fn of_shards(&self, log: &Log, statuses: &[ShardStatus], positions: &[ShardPosition]) -> Vec<i64> {
        let each = positions.iter().map(|position| of_shard(log, status_of(statuses, position.shard), position));
        let found = futures_util::future::join_all(each).await;
        positions.iter().zip(found).map(|(position, through_ms)| self.promise(position, through_ms)).collect()
    }

    /// The same while nobody knows what Redis holds: the stamp at P, or what was known before.
    pub(crate) fn without_redis(&self, positions: &[ShardPosition]) -> Vec<i64> {
        positions.iter().map(|position| self.promise(position, position.anchor.stamp_ms)).collect()
    }

    fn promise(&self, counted: &ShardPosition, found_ms: i64) -> i64 {
        let (position, generation) = (counted.position(), counted.lineage.generation);
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        let before = promised.get(&counted.shard.index());
        let holds = before.filter(|before| before.generation == generation && before.position <= position);
        let through_ms = holds.map_or(found_ms, |before| before.through_ms.max(found_ms));
        promised.insert(counted.shard.index(), Promise { position, generation, through_ms });
        through_ms
    }
}

fn status_of(statuses: &[ShardStatus], shard: Shard) -> Option<&ShardStatus> {
    statuses.iter().find(|status| status.shard == shard)
}

/// All that was accepted is applied: TIME. Else what is not applied begins at the first entry after P.
async fn of_shard(log: &Log, status: Option<&ShardStatus>, counted: &ShardPosition) -> i64 {
    match status {
        Some(status) if counted.position() >= status.last => status.time_ms,
        Some(_) => match log.first_after(counted.shard, counted.position()).await {
            Ok(Some(first)) => first.stamp_ms - 1,
            Ok(None) | Err(_) => counted.anchor.stamp_ms,
        },
        None => counted.anchor.stamp_ms,
    }
}

#[cfg(test)]
mod tests {
    use tally_model::{Anchor, Lineage};

    use super::*;

    fn counted(seq: u64, generation: u64, stamp_ms: i64) -> ShardPosition {
        ShardPosition {
            shard: Shard::new(0),
            anchor: Anchor { position: Position::new(7, seq), stamp_ms, ..Anchor::default() },
            lineage: Lineage { generation, ..Lineage::default() },
            rebase_events: 0,
            counted: 0,
            dead_lettered: 0,
            filtered: 0,
            lost: 0,
            halted: None,
            applied_at_ms: 0,
        }
    }

    #[test]
    fn what_was_promised_stays_until_the_database_is_another() {
        let through = CountedThrough::new();
        assert_eq!(through.promise(&counted(5, 1, 100), 900), 900, "all was counted at 900");
        assert_eq!(through.without_redis(&[counted(5, 1, 100)]), [900], "Redis away: the last entry was at 100");
        assert_eq!(through.without_redis(&[counted(6, 1, 950)]), [950]);
        assert_eq!(through.without_redis(&[counted(4, 1, 80)]), [80], "an older position knows less");
        assert_eq!(through.promise(&counted(4, 1, 80), 990), 990);
        assert_eq!(through.without_redis(&[counted(9, 2, 85)]), [85], "another life of the database");
    }
}
