//! What the questions of a page take, as the kept time grows to a year.

use std::time::Instant;

use serde_json::Value;
use tally_servers::AppendFsync;
use tokio_postgres::Client;

use crate::chart::{Chart, Line, Panel};
use crate::chart_axis::Axis;
use crate::database::client;
use crate::error::Error;
use crate::rounds::{Effort, Measured, Sample, interleave};
use crate::say;
use crate::system::System;

/// Makes 500 endpoints, and the function that gives them a past.
const SEED: &str = concat!(include_str!("../endpoints.sql"), include_str!("year.sql"));
const ENDPOINTS: usize = 500;
const REQUESTS_PER_MINUTE: u64 = 40;
/// How many days are kept, by and by.
const DAYS: [u32; 11] = [1, 3, 7, 14, 30, 60, 90, 120, 180, 270, 365];
const DAYS_QUICK: [u32; 4] = [1, 7, 30, 120];
/// Questions by name; the first are about all that is kept, the last about the last day of it.
const NAMES: [&str; 6] = [
    "all, /v1/endpoints",
    "all, /v1/summary",
    "all, one series",
    "a day, /v1/endpoints",
    "a day, /v1/summary",
    "a day, one series",
];
/// Rounds, for each of other parts: a question takes milliseconds.
const MORE_ROUNDS: usize = 3;

pub(super) async fn year(effort: Effort) -> Result<Chart, Error> {
    let is_quick = effort.repeats_max == 0;
    let days: &[u32] = if is_quick { &DAYS_QUICK } else { &DAYS };
    let effort = Effort { rounds: effort.rounds * MORE_ROUNDS, ..effort };
    let system = System::start(AppendFsync::EverySec, &[("TALLY_SHARDS", "1")]).await?;
    let sql = client(&system.postgres.url("tally")).await?;
    sql.batch_execute(SEED).await?;
    let (mut kept, mut steps) = (0, Vec::new());
    for more in days {
        let rows = grow(&sql, kept, *more).await?;
        kept = *more;
        let questions = questions(&system, &sql, kept).await?;
        let measured = interleave(effort, &NAMES, async |contender| {
            let began = Instant::now();
            system.fetch(&questions[contender]).await?;
            Ok(Sample::from([("ms", began.elapsed().as_secs_f64() * 1e3)]))
        })
        .await?;
        steps.push((f64::from(kept), rows, measured));
    }
    Ok(chart(&steps))
}

fn chart(steps: &[(f64, f64, Measured)]) -> Chart {
    let line = |name: &str, contender: usize| {
        Line::new(name, steps.iter().map(|(days, _, measured)| (*days, measured.range(contender, "ms"))))
    };
    let lines = |first: usize| {
        vec![line("/v1/endpoints", first), line("/v1/summary", first + 1), line("one series", first + 2)]
    };
    let panel = |y, lines| Panel { x: Axis::log("days that are kept"), y, lines };
    let rows = Line::once("rows of endpoints, all levels", steps.iter().map(|(days, rows, _)| (*days, *rows)));
    let quiet = steps.last().map(|(_, _, measured)| measured.quiet().0).unwrap_or_default();
    Chart {
        title: format!("A year: {ENDPOINTS} endpoints busy in each minute, as the kept time grows"),
        notes: vec![
            "Minutes are kept for 7 days, hours for 90, days for 2 years, months for ever, as by default.".to_owned(),
            format!("Median, least and most at each length; at the last: {quiet}."),
        ],
        panels: vec![
            panel(Axis::log("asked about all that is kept, ms"), lines(0)),
            panel(Axis::log("asked about the last day of it, ms"), lines(3)),
            panel(Axis::log("what is kept"), vec![rows]),
        ],
    }
}

/// Lengthens the past, and tells how many rows there are.
async fn grow(sql: &Client, kept: u32, more: u32) -> Result<f64, Error> {
    let began = Instant::now();
    sql.batch_execute(&format!("SELECT pg_temp.grow({kept}, {more})")).await?;
    sql.batch_execute("VACUUM ANALYZE").await?;
    let levels = ["minute", "hour", "day", "month"].map(|level| format!("(SELECT count(*) FROM endpoint_{level})"));
    let rows: i64 = sql.query_one(&format!("SELECT {}", levels.join(" + ")), &[]).await?.get(0);
    say(&format!("  {more} days are {rows} rows, filled in {:.0} s", began.elapsed().as_secs_f64()));
    Ok(rows as f64)
}

/// Paths of what is asked, each of them answered rightly once.
async fn questions(system: &System, sql: &Client, kept: u32) -> Result<Vec<String>, Error> {
    let now_s: i64 = sql.query_one("SELECT extract(epoch FROM now)::bigint FROM clock", &[]).await?.get(0);
    let mut questions = Vec::new();
    for window in [format!("from=-{kept}d"), "from=-1d".to_owned()] {
        let endpoints = format!("/v1/endpoints?{window}&limit={ENDPOINTS}");
        let answer: Value = system.read(&endpoints).await?;
        let rows = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
        let id = rows.first().and_then(|row| row["id"].as_str()).unwrap_or_default();
        let summary = format!("/v1/summary?{window}");
        let all: Value = system.read(&summary).await?;
        let sum: u64 = rows.iter().filter_map(|row| row["requests"].as_u64()).sum();
        let minutes = |answer: &Value| (now_s - second(&answer["from"])).max(0) as u64 / 60;
        let expected = |answer: &Value| minutes(answer) * REQUESTS_PER_MINUTE * ENDPOINTS as u64;
        if sum == 0 || sum != expected(&answer) || all["requests"].as_u64() != Some(expected(&all)) {
            let (listed, summed) = (expected(&answer), expected(&all));
            return Error::wrong(format!(
                "{window}: {sum} in place of {listed}, {} in place of {summed}",
                all["requests"]
            ));
        }
        questions.extend([endpoints, summary, format!("/v1/endpoints/{id}/series?{window}")]);
    }
    Ok(questions)
}

fn second(value: &Value) -> i64 {
    value.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()).map_or(0, jiff::Timestamp::as_second)
}
