//! `GET /v1/pipeline`: the way from accepted to counted, shard by shard, and its last hour.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_store::ShardPosition;

use super::details::Detail;
use super::rates::{History, Speed};
use super::sight::Sight;
use crate::front::Front;
use crate::problem::{Kind, Problem};
use crate::reads::accounting::{self, Books};
use crate::reads::parameters::Parameters;
use crate::reads::rfc3339_ms;

/// How old a look may be that answers this, and the slower details.
const LOOK_AGE_MAX: Duration = Duration::from_secs(1);
const DETAIL_AGE_MAX: Duration = Duration::from_secs(5);
/// A shard whose oldest uncounted event waits longer than this is catching up.
const READING_MS_MAX: i64 = 1_000;

#[derive(Serialize)]
struct Pipeline {
    counted_through: Option<String>,
    since: Option<String>,
    #[serde(flatten)]
    books: Books,
    backlog: Backlog,
    /// How long the oldest event that is not counted has waited, of all shards.
    freshness_ms: i64,
    accepting_per_second: Option<f64>,
    counting_per_second: Option<f64>,
    append_p99_ms: Option<f64>,
    redis: Option<Memory>,
    retained_seconds: Option<i64>,
    consumers: u32,
    shards: Vec<OfShard>,
    history: History,
}

#[derive(Serialize)]
struct Backlog {
    events: u64,
    limit_events: u64,
    bytes: u64,
    limit_bytes: u64,
}

#[derive(Serialize)]
struct Memory {
    used_bytes: u64,
    max_bytes: Option<u64>,
    appendfsync: Option<String>,
}

#[derive(Serialize)]
struct OfShard {
    shard: u16,
    state: &'static str,
    halted: Option<String>,
    consumer: Option<String>,
    position: String,
    in_flight: u64,
    behind_ms: i64,
    events_per_second: Option<f64>,
    lease_ends_in_ms: Option<i64>,
    counted_through: Option<String>,
}

/// All of it, from a look that everybody shares. While a server is away, what it said last.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[])?;
    let sight = front.live.sight(&front, LOOK_AGE_MAX).await;
    let Some(books) = sight.books() else {
        let detail = "PostgreSQL has told nothing yet; ask again (events are accepted all the same)";
        return Err(Problem::new(Kind::DatabaseUnavailable, detail));
    };
    let detail = front.live.details.refresh(&front, DETAIL_AGE_MAX).await;
    let (speed, history) = {
        let seen = front.live.seen.lock().await;
        (seen.rates.now(&sight), seen.rates.history())
    };
    let limits = &front.config.limits;
    Ok(HttpResponse::Ok().json(Pipeline {
        counted_through: sight.counted_through_ms().map(rfc3339_ms),
        since: detail.since_ms.map(rfc3339_ms),
        backlog: Backlog {
            events: books.in_flight,
            limit_events: limits.backlog_events,
            bytes: sight.backlog_bytes(),
            limit_bytes: limits.backlog_bytes,
        },
        books,
        freshness_ms: sight.behind_ms().into_iter().max().unwrap_or_default(),
        accepting_per_second: speed.accepting,
        counting_per_second: speed.counting,
        append_p99_ms: front.live.appends.p99_ms(),
        redis: memory(&detail),
        retained_seconds: retained_seconds(&sight, &detail),
        consumers: sight.owners.alive,
        shards: shards(&sight, &speed),
        history,
    }))
}

fn memory(detail: &Detail) -> Option<Memory> {
    let memory = detail.memory.clone()?;
    let (used_bytes, max_bytes) = (memory.used_bytes, memory.max_bytes);
    Some(Memory { used_bytes, max_bytes, appendfsync: memory.append_fsync })
}

/// How far every shard's log reaches back.
fn retained_seconds(sight: &Sight, detail: &Detail) -> Option<i64> {
    let now_ms = sight.statuses.first()?.time_ms;
    Some((now_ms - detail.oldest_ms?).max(0) / 1_000)
}

fn shards(sight: &Sight, speed: &Speed) -> Vec<OfShard> {
    let behind_ms = sight.behind_ms();
    let rows = sight.positions.iter().zip(&sight.through_ms).zip(behind_ms);
    rows.map(|((row, through_ms), behind_ms)| of_shard(sight, speed, (row, *through_ms, behind_ms))).collect()
}

fn of_shard(sight: &Sight, speed: &Speed, seen: (&ShardPosition, i64, i64)) -> OfShard {
    let (row, through_ms, behind_ms) = seen;
    let lease = sight.lease(row.shard);
    let state = match (&row.halted, lease) {
        (Some(_), _) => "halted",
        (None, None) => "unowned",
        (None, Some(_)) if behind_ms > READING_MS_MAX => "catching_up",
        (None, Some(_)) => "reading",
    };
    OfShard {
        shard: row.shard.index(),
        state,
        halted: row.halted.clone(),
        consumer: lease.map(|lease| lease.owner.clone()),
        position: row.position().to_string(),
        in_flight: accounting::books(std::slice::from_ref(row), &sight.statuses).in_flight,
        behind_ms,
        events_per_second: speed.by_shard.iter().find(|of| of.0 == row.shard).map(|of| of.1),
        lease_ends_in_ms: lease.map(|lease| lease.ends_in_ms),
        counted_through: (through_ms > 0).then(|| rfc3339_ms(through_ms)),
    }
}
