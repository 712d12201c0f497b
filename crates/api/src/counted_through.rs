//! Up to when everything accepted is counted: the promise that every read carries.

use std::time::Duration;

use tally_model::Shard;
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
}

/// What a look found, and when.
#[derive(Debug)]
struct Look {
    over: Instant,
    found: Result<Option<i64>, String>,
}

impl CountedThrough {
    pub(crate) fn new() -> Self {
        Self { last: Mutex::new(None) }
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
        let found = look(front).await;
        *last = Some(Look { over: Instant::now(), found: found.as_ref().map_err(Problem::to_string).copied() });
        found
    }
}

/// Redis first (TIME, then the last ids), then PostgreSQL.
async fn look(front: &Front) -> Result<Option<i64>, Problem> {
    let store = front.store()?;
    let log = front.redis().ok().map(|redis| &redis.log);
    let statuses = match log {
        Some(log) => log.statuses().await.ok(),
        None => None,
    };
    let positions = store.positions().await.map_err(unavailable)?;
    let Some((log, statuses)) = log.zip(statuses) else { return Ok(without_redis(&positions)) };
    let counted_ms = of_shards(log, &statuses, &positions).await.into_iter().min().unwrap_or_default();
    Ok((counted_ms > 0).then_some(counted_ms))
}

/// The same for each of `positions`, in milliseconds since the Unix epoch.
pub(crate) async fn of_shards(log: &Log, statuses: &[ShardStatus], positions: &[ShardPosition]) -> Vec<i64> {
    let each = positions.iter().map(|position| of_shard(log, status_of(statuses, position.shard), position));
    futures_util::future::join_all(each).await
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

fn without_redis(positions: &[ShardPosition]) -> Option<i64> {
    positions.iter().map(|position| position.anchor.stamp_ms).min().filter(|stamp_ms| *stamp_ms > 0)
}
