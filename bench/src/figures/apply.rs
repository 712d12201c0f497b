//! One call of the store with 200 busy endpoint-minutes, against an upsert that does nothing but count.

use std::time::Instant;

use tally_model::{EventBlock, Fold, Payload, Tally};
use tokio_postgres::Client;

use crate::database::{Database, Log};
use crate::error::Error;
use crate::rounds::{Effort, Sample, interleave};
use crate::system::now_s;
use crate::table::{Row, Target};

/// Endpoints of one call, and durations of each, in as many bins of the sketch.
pub(super) const ENDPOINTS: usize = 200;
pub(super) const DURATIONS: std::ops::Range<u32> = 0..35;
/// Calls of one run, for each second of load that other figures take.
const CALLS_PER_SECOND: u64 = 50;

/// Limit (f): the position's row and the counters, in one statement.
const FLOOR_SCHEMA: &str = "
    CREATE TABLE floor_position (shard integer PRIMARY KEY, events bigint NOT NULL) WITH (fillfactor = 50);
    INSERT INTO floor_position VALUES (0, 0);
    CREATE TABLE floor_minute (start timestamptz, endpoint bigint, requests bigint NOT NULL, duration_sum_us bigint NOT NULL,
        PRIMARY KEY (start, endpoint)) WITH (fillfactor = 50)";
const FLOOR: &str = "
    WITH moved AS (UPDATE floor_position SET events = events + $1 WHERE shard = 0)
    INSERT INTO floor_minute AS f SELECT to_timestamp(s), e, r, d FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
        AS m (s, e, r, d) ORDER BY 1, 2
    ON CONFLICT (start, endpoint) DO UPDATE SET requests = f.requests + excluded.requests,
        duration_sum_us = f.duration_sum_us + excluded.duration_sum_us";

pub(super) async fn apply(effort: Effort) -> Result<Vec<Row>, Error> {
    let database = Database::start().await?;
    database.sql.batch_execute(FLOOR_SCHEMA).await?;
    let floor = database.sql.prepare(FLOOR).await?;
    let (mut log, calls) = (Log::new(), effort.seconds * CALLS_PER_SECOND);
    let tally = busy(now_s() as i64 / 60 * 60, DURATIONS);
    database.apply(&log.next(tally.clone())).await?;
    let contenders = ["limit (f)", "product"];
    let measured = interleave(effort, &contenders, async |contender| {
        let began = Instant::now();
        for _ in 0..calls {
            if contender == 0 {
                count_only(&database.sql, &floor, &tally).await?;
            } else {
                database.apply(&log.next(tally.clone())).await?;
            }
        }
        Ok(Sample::from([("ms", began.elapsed().as_secs_f64() * 1e3 / calls as f64)]))
    })
    .await?;
    check(&database, &log).await?;
    let (value, limit) = (measured.range(1, "ms"), measured.range(0, "ms"));
    let row = Row::new("apply, 200 busy endpoint-minutes a call", "ms", value, measured.quiet());
    Ok(vec![row.beside("ms (f)", limit, measured.ratio((1, "ms"), (0, "ms"))).meeting(Target::Times(4.0, 2.7))])
}

async fn count_only(sql: &Client, floor: &tokio_postgres::Statement, tally: &Tally) -> Result<(), Error> {
    let of = |value: fn(&tally_model::EndpointMinute) -> i64| tally.minutes.iter().map(value).collect::<Vec<i64>>();
    let (starts, endpoints) = (of(|m| m.start_s), tally.minutes.iter().map(|m| m.endpoint.raw()).collect::<Vec<i64>>());
    let (requests, sums) = (of(|m| m.requests as i64), of(|m| m.duration_sum_us as i64));
    sql.execute(floor, &[&(tally.events as i64), &starts, &endpoints, &requests, &sums]).await?;
    Ok(())
}

async fn check(database: &Database, log: &Log) -> Result<(), Error> {
    let row = database.sql.query_one("SELECT sum(requests)::bigint, count(*) FROM endpoint_minute", &[]).await?;
    let (requests, rows): (i64, i64) = (row.get(0), row.get(1));
    if requests as u64 == log.totals.events && rows as usize == ENDPOINTS {
        return Ok(());
    }
    Error::wrong(format!("{} events in {ENDPOINTS} rows applied, {requests} in {rows} found", log.totals.events))
}

/// Some durations of each endpoint, in one minute.
pub(super) fn busy(start_s: i64, durations: std::ops::Range<u32>) -> Tally {
    let mut block = EventBlock::new();
    for endpoint in 0..ENDPOINTS {
        for k in durations.clone() {
            let duration_us = (f64::from(k) * 0.11).exp() * 900.0 + (endpoint % 97) as f64;
            block.push("web", "GET", &format!("/route/{endpoint}"), (200, start_s * 1_000, Some(duration_us as u64)));
        }
    }
    let mut fold = Fold::new();
    fold.add(Payload::Events(block));
    fold.take()
}
