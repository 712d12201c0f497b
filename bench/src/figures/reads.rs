//! Reads of 5,000 endpoints, through the API, and percentiles of 1,000 endpoints, from the store.

use std::time::Instant;

use futures_util::future::try_join_all;
use serde_json::Value;
use tally_model::{Level, Pieces, Window};
use tally_servers::AppendFsync;
use tally_store::{Config, EndpointQuery, SealPlace, Store};

use crate::database::client;
use crate::error::Error;
use crate::rounds::{Effort, Sample, interleave};
use crate::say;
use crate::system::System;
use crate::table::{Row, Target};

/// 5,000 endpoints of 20 services: a day of minutes, ten days of hours, a hundred of days, a year of months, and what the windows
/// begin with.
const SEED: &str = concat!(include_str!("../endpoints.sql"), include_str!("many_endpoints.sql"));
/// Fills the levels of services from those of endpoints.
const SERVICES: &str = include_str!("../../../crates/store/migrations/V4__service_rollups.sql");
/// Where the clock stands, 2026-03-10T12:34:30Z, and its midnight.
const NOW_S: i64 = 1_773_146_070;
const DAY_S: i64 = 86_400;
/// Windows by name, and how far they reach back in days.
const WINDOWS: [(&str, i64); 3] = [("a day", 1), ("30 days", 30), ("a year", 365)];
/// Services with 1,000 endpoints together.
const SERVICES_OF_1000: [&str; 4] = ["service-1", "service-2", "service-3", "service-4"];
const ENDPOINTS: usize = 5_000;

pub(super) async fn reads(effort: Effort) -> Result<Vec<Row>, Error> {
    let system = System::start(AppendFsync::EverySec, &[("TALLY_SHARDS", "1")]).await?;
    let store = seed(&system).await?;
    let questions = questions(&system).await?;
    let mut names: Vec<&str> = questions.iter().map(|(name, _)| name.as_str()).collect();
    names.extend(["1000 endpoints from minutes", "1000 endpoints from hours"]);
    let measured = interleave(effort, &names, async |contender| {
        let began = Instant::now();
        match questions.get(contender) {
            Some((_, path)) => drop(system.fetch(path).await?),
            None if contender == questions.len() => percentiles(&store, Level::Minute).await?,
            None => percentiles(&store, Level::Hour).await?,
        }
        Ok(Sample::from([("ms", began.elapsed().as_secs_f64() * 1e3)]))
    })
    .await?;
    let row = |contender: usize, name: &str, must, stretch| {
        Row::new(name, "ms", measured.range(contender, "ms"), measured.quiet()).meeting(Target::AtMost(must, stretch))
    };
    let mut rows: Vec<Row> = questions
        .iter()
        .enumerate()
        .map(|(at, (name, _))| row(at, &format!("5000 endpoints, {name}"), 300.0, 100.0))
        .collect();
    rows.push(row(questions.len(), "p50/p95/p99 of 1000 endpoints, 24 h, from minutes", 1_500.0, 700.0));
    rows.push(row(questions.len() + 1, "p50/p95/p99 of 1000 endpoints, 24 h, from hours", 100.0, 35.0));
    Ok(rows)
}

async fn seed(system: &System) -> Result<Store, Error> {
    let began = Instant::now();
    let url = system.postgres.url("tally");
    let sql = client(&url).await?;
    sql.batch_execute(SEED).await?;
    sql.batch_execute("DROP TABLE service_minute, service_hour, service_day, service_month").await?;
    sql.batch_execute(SERVICES).await?;
    let store = Store::connect(&Config::new(&url)).await?;
    let settings = tally_store::MigrateSettings { shards: 1, hash_names: tally_model::HASH_NAMES.to_owned() };
    store.migrate(&settings).await?;
    while merge_grown(&store).await? {}
    // As a consumer leaves them: hours and days that are over are sealed, each before the next one has filled the partition any
    // further.
    let mut place = SealPlace::default();
    while store.seal(&mut place).await?.more {}
    sql.batch_execute("VACUUM FULL endpoint_minute, endpoint_day").await?;
    sql.batch_execute("VACUUM ANALYZE").await?;
    say(&format!("  filled in {:.0} s", began.elapsed().as_secs_f64()));
    Ok(store)
}

async fn merge_grown(store: &Store) -> Result<bool, Error> {
    let grown = store.sweep_grown(1).await?;
    store.compact(&grown).await?;
    Ok(!grown.is_empty())
}

/// Names and paths of what is asked, each of them answered rightly once.
async fn questions(system: &System) -> Result<Vec<(String, String)>, Error> {
    let mut questions = Vec::new();
    for (name, days) in WINDOWS {
        let time = |at_s: i64| jiff::Timestamp::from_second(at_s).unwrap_or_default();
        let window = format!("from={}&to={}", time(NOW_S - days * DAY_S), time(NOW_S));
        let endpoints = format!("/v1/endpoints?{window}&limit={ENDPOINTS}");
        let answer: Value = system.read(&endpoints).await?;
        let rows = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
        let id = rows.first().and_then(|row| row["id"].as_str()).unwrap_or_default();
        let sum: u64 = rows.iter().filter_map(|row| row["requests"].as_u64()).sum();
        let summary = format!("/v1/summary?{window}");
        let all: Value = system.read(&summary).await?;
        if rows.len() != ENDPOINTS || all["requests"].as_u64() != Some(sum) || sum == 0 {
            return Error::wrong(format!(
                "{name}: {} endpoints with {sum} requests, of {}",
                rows.len(),
                all["requests"]
            ));
        }
        let series = format!("/v1/endpoints/{id}/series?{window}");
        questions.push((format!("{name}, /v1/endpoints"), endpoints));
        questions.push((format!("{name}, /v1/summary"), summary));
        questions.push((format!("{name}, one series"), series));
    }
    Ok(questions)
}

/// Four services, asked at once, as a page with a panel for each asks.
async fn percentiles(store: &Store, level: Level) -> Result<(), Error> {
    let window = Window { from_s: NOW_S - DAY_S, to_s: NOW_S };
    let queries = SERVICES_OF_1000
        .map(|service| EndpointQuery { cover: Pieces::whole(level, window).into(), service: Some(service.to_owned()) });
    let mut found = 0;
    for endpoints in try_join_all(queries.iter().map(|query| store.endpoints(query))).await? {
        let quantiles = endpoints.iter().map(|row| [0.5, 0.95, 0.99].map(|q| row.figures.sketch.quantile_us(q)));
        found += quantiles.filter(|quantiles| std::hint::black_box(quantiles).iter().all(Option::is_some)).count();
    }
    if found == 1_000 { Ok(()) } else { Error::wrong(format!("percentiles of {found} endpoints in place of 1000")) }
}
