//! What changes slowly, and is asked for rarely: Redis's memory, how far the log reaches back, the schema.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tally_model::{Position, Shard};
use tally_store::SchemaState;
use tally_stream::{Log, Memory};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::front::Front;

/// How long one question may take.
const ASKED_FOR: Duration = Duration::from_secs(2);
/// How long answers serve that are not whole.
const PART_AGE_MAX: Duration = Duration::from_secs(1);

/// The last answers.
#[derive(Debug, Default)]
pub(crate) struct Details {
    /// Held while asking, so that those who ask at once share the answers.
    last: Mutex<(Option<Instant>, Arc<Detail>)>,
}

/// Answers; `None` where nobody answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Detail {
    pub(super) memory: Option<Memory>,
    /// Redis TIME of the first entry of the log that is still there, of the shard that reaches back least.
    pub(super) oldest_ms: Option<i64>,
    pub(super) schema: Option<SchemaState>,
    /// When the database was made, in milliseconds since the Unix epoch.
    pub(super) since_ms: Option<i64>,
}

impl Details {
    /// Asks again, if the last answers are older than `age`.
    pub(super) async fn refresh(&self, front: &Front, age: Duration) -> Arc<Detail> {
        let mut last = self.last.lock().await;
        let age = if last.1.is_whole() { age } else { age.min(PART_AGE_MAX) };
        if last.0.is_none_or(|at| at.elapsed() >= age) {
            let (redis, database) = tokio::join!(of_redis(front), of_database(front));
            let was = &last.1;
            let (memory, oldest_ms) = redis.unzip();
            let (schema, since_ms) = database;
            let detail = Detail { memory, oldest_ms: oldest_ms.flatten(), schema, since_ms: since_ms.or(was.since_ms) };
            *last = (Some(Instant::now()), Arc::new(detail));
        }
        Arc::clone(&last.1)
    }

    /// The last answers, whatever their age.
    pub(super) async fn last(&self) -> Arc<Detail> {
        Arc::clone(&self.last.lock().await.1)
    }
}

impl Detail {
    fn is_whole(&self) -> bool {
        self.memory.is_some() && self.schema.is_some()
    }
}

async fn of_redis(front: &Front) -> Option<(Memory, Option<i64>)> {
    let log = &front.redis().ok()?.log;
    let both = async { Some((log.memory().await.ok()?, oldest_ms(log).await)) };
    timeout(ASKED_FOR, both).await.ok().flatten()
}

async fn oldest_ms(log: &Log) -> Option<i64> {
    let firsts = Shard::all(log.shards()).map(|shard| log.first_after(shard, Position::GENESIS));
    let stamps = join_all(firsts).await.into_iter().map(|first| Some(first.ok()??.stamp_ms).filter(|ms| *ms > 0));
    stamps.collect::<Option<Vec<_>>>()?.into_iter().max()
}

type OfDatabase = (Option<SchemaState>, Option<i64>);

async fn of_database(front: &Front) -> OfDatabase {
    let Ok(store) = front.store() else { return OfDatabase::default() };
    let all = async {
        let schema = store.schema_ready().await.ok();
        let since_ms = store.layout().await.ok().map(|layout| layout.made_at_ms);
        (schema, since_ms)
    };
    timeout(ASKED_FOR, all).await.unwrap_or_default()
}
