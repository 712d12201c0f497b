//! `GET /v1/accounting`: accepted = counted + dead-lettered + filtered + in flight, or an alarm.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_store::ShardPosition;
use tally_stream::ShardStatus;

use crate::front::Front;
use crate::problem::{Kind, Problem};
use crate::reads::parameters::Parameters;
use crate::reads::{rfc3339_ms, unavailable};

/// The books, in events.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Books {
    pub(crate) accepted: u64,
    pub(crate) counted: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) in_flight: u64,
    pub(crate) duplicates: u64,
    /// Came again after Redis had lost what was counted already.
    pub(crate) filtered: u64,
    /// Given up by an operator, because the log no longer has them.
    pub(crate) lost: u64,
    pub(crate) balanced: bool,
}

#[derive(Debug, Serialize)]
struct OfShard {
    shard: u16,
    position: String,
    halted: Option<String>,
    #[serde(flatten)]
    books: Books,
}

#[derive(Serialize)]
struct Answer {
    counted_through: Option<String>,
    #[serde(flatten)]
    books: Books,
    shards: Vec<OfShard>,
}

/// The books of all shards, PostgreSQL read first: what is counted meanwhile shows as in flight, never as missing.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[])?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let shards = shards(&front).await?;
    Ok(HttpResponse::Ok().json(Answer { counted_through, books: sum(&shards), shards }))
}

/// The books of all shards together, as they are now.
///
/// # Errors
/// 503 without PostgreSQL or Redis.
pub(crate) async fn books_now(front: &Front) -> Result<Books, Problem> {
    Ok(sum(&shards(front).await?))
}

async fn shards(front: &Front) -> Result<Vec<OfShard>, Problem> {
    let positions = front.store()?.positions().await.map_err(unavailable)?;
    let statuses = front.redis()?.log.statuses().await.map_err(|error| {
        tracing::warn!(%error, "Redis did not answer a request");
        Problem::new(Kind::RedisUnavailable, "Redis does not answer, so nobody knows what was accepted; ask again")
    })?;
    Ok(positions.iter().map(|position| of_shard(position, &statuses)).collect())
}

/// The books of these shards together.
pub(crate) fn books(positions: &[ShardPosition], statuses: &[ShardStatus]) -> Books {
    sum(&positions.iter().map(|position| of_shard(position, statuses)).collect::<Vec<_>>())
}

fn of_shard(position: &ShardPosition, statuses: &[ShardStatus]) -> OfShard {
    let status = statuses.iter().find(|status| status.shard == position.shard);
    let at_p = u64::try_from(position.total_events()).unwrap_or_default();
    let in_redis = status.map_or(0, |status| status.totals.events);
    let accepted =
        u64::try_from(position.rebase_events.saturating_add_unsigned(in_redis)).unwrap_or_default().max(at_p);
    OfShard {
        shard: position.shard.index(),
        position: position.position().to_string(),
        halted: position.halted.clone(),
        books: Books {
            accepted,
            counted: position.counted,
            dead_lettered: position.dead_lettered,
            in_flight: accepted - at_p,
            duplicates: status.map_or(0, |status| status.duplicates),
            filtered: position.filtered,
            lost: position.lost,
            balanced: position.is_balanced(),
        },
    }
}

fn sum(shards: &[OfShard]) -> Books {
    let mut sum = Books { balanced: true, ..Books::default() };
    for OfShard { books, .. } in shards {
        sum.accepted += books.accepted;
        sum.counted += books.counted;
        sum.dead_lettered += books.dead_lettered;
        sum.in_flight += books.in_flight;
        sum.duplicates += books.duplicates;
        sum.filtered += books.filtered;
        sum.lost += books.lost;
        sum.balanced &= books.balanced;
    }
    sum
}
