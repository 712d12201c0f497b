//! What an event takes in Redis, and a minute of an endpoint in PostgreSQL.

use std::time::Duration;

use tally_servers::AppendFsync;
use tally_store::{Keep, SealPlace};
use tokio::time::sleep;

use super::apply::{DURATIONS, ENDPOINTS, busy};
use crate::data::{self, Bodies};
use crate::database::{Database, Log};
use crate::error::Error;
use crate::load;
use crate::rounds::{Effort, Range, Sample, interleave};
use crate::run::check;
use crate::system::{System, now_s};
use crate::table::{Row, Target};

/// For Redis to free the buffers of its connections and of its append-only file.
const SETTLE: Duration = Duration::from_secs(1);
/// Nothing is trimmed while bytes are counted.
const RETENTION: (&str, &str) = ("TALLY_RETENTION_BYTES", "8589934592");
/// Minutes that are counted, hours of a day that is over, each in so many calls, as a consumer would that commits while the
/// minute lasts.
const MINUTES: i64 = 120;
const CALLS_PER_MINUTE: u32 = 5;
/// Seconds of load: memory needs fewer than rates do.
const SECONDS: u64 = 2;

pub(super) async fn bytes(effort: Effort) -> Result<Vec<Row>, Error> {
    let system = System::start_counting(AppendFsync::EverySec, &[RETENTION]).await?;
    let batches = [1_000, 100, 1];
    let mut seed = 0;
    let contenders = ["batch 1000", "batch 100", "singles"];
    let measured = interleave(effort, &contenders, async |contender| {
        seed += 1;
        let bodies = Bodies::write(&system.dir, batches[contender], data::ENDPOINTS, seed)?;
        of_redis(&system, &bodies).await
    })
    .await?;
    let row = |figure: &str, contender, must, stretch| {
        Row::new(figure, "bytes", measured.range(contender, "bytes"), measured.quiet())
            .meeting(Target::AtMost(must, stretch))
    };
    let minute = of_postgres().await?;
    let minute = Row::new(
        "an endpoint-minute in PostgreSQL, with index",
        "bytes",
        Range::of(vec![minute]),
        ("1 run".to_owned(), false),
    );
    Ok(vec![
        row("an event in Redis, batch 1000", 0, 20.0, 17.0),
        row("an event in Redis, batch 100", 1, 40.0, 33.0),
        row("an event in Redis, singles at saturation", 2, 64.0, 45.0),
        minute.meeting(Target::AtMost(200.0, 165.0)),
    ])
}

/// All that Redis allocated for a run, request ids and bookkeeping included, for each event.
async fn of_redis(system: &System, bodies: &Bodies) -> Result<Sample, Error> {
    let (before, _) = system.counted().await?;
    let keys_before = system.requests().await?;
    sleep(SETTLE).await;
    let bytes_before = system.redis_bytes().await?;
    let load = load::post(&system.base, "/v1/events", bodies, SECONDS).await?;
    let (after, _) = system.counted().await?;
    check(bodies, &load, &keys_before, &system.requests().await?)?;
    sleep(SETTLE).await;
    let events = (after.counted - before.counted) as f64;
    Ok(Sample::from([("bytes", (system.redis_bytes().await? - bytes_before) / events), ("events", events)]))
}

/// What the product leaves of minutes: counted in several calls, rolled up, their grown sketches merged, sealed, and vacuumed.
async fn of_postgres() -> Result<f64, Error> {
    let database = Database::start().await?;
    let (mut log, midnight) = (Log::new(), (now_s() as i64 / 86_400 - 1) * 86_400);
    for minute in 1..=MINUTES {
        let part = DURATIONS.end / CALLS_PER_MINUTE;
        for call in 0..CALLS_PER_MINUTE {
            database.apply(&log.next(busy(midnight - 60 * minute, part * call..part * (call + 1)))).await?;
        }
    }
    loop {
        let rolled = database.store.roll_up().await?;
        database.store.compact(&rolled.grown).await?;
        if !rolled.more {
            break;
        }
    }
    let (mut place, mut sealed) = (SealPlace::default(), 0);
    loop {
        let done = database.store.seal(&mut place).await?;
        sealed += done.rows;
        if !done.more {
            break;
        }
    }
    if sealed != (MINUTES * ENDPOINTS as i64) as u64 {
        return Error::wrong(format!("{sealed} endpoint-minutes sealed"));
    }
    database.sql.batch_execute("VACUUM ANALYZE").await?;
    // As every five minutes: drops the day's partition of rows, in which nothing is left but its indexes.
    database.store.maintain(&Keep::default()).await?;
    // All tables and indexes that hold minutes of endpoints, those of the days ahead with nothing in them included.
    let sizes = "SELECT count(*), (SELECT sum(pg_total_relation_size(relid))::bigint FROM \
                     (SELECT relid FROM pg_partition_tree('endpoint_minute') UNION ALL \
                      SELECT relid FROM pg_partition_tree('minute_block')) AS tables) FROM endpoint_minutes";
    let row = database.sql.query_one(sizes, &[]).await?;
    let (rows, bytes): (i64, i64) = (row.get(0), row.get(1));
    if rows != MINUTES * ENDPOINTS as i64 {
        return Error::wrong(format!("{rows} endpoint-minutes in place of {}", MINUTES * ENDPOINTS as i64));
    }
    Ok(bytes as f64 / rows as f64)
}
