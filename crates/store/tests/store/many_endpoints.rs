//! Measurements of reads, not tests: `cargo test -p tally-store --test store -- --ignored --nocapture many_endpoints`.
#![allow(clippy::print_stdout)] // measurements are printed

use std::time::Instant;

use tally_model::{Cover, EndpointName, Level, Pieces, Window};
use tally_servers::Postgres;
use tally_store::{EndpointQuery, SealPlace, Store};

use crate::fixture::{DAY, NOON, client, settings};
use crate::speed::durable;

/// Reads of 5,000 endpoints with all levels full, once their services were filled by the migration and merged.
#[tokio::test]
#[ignore = "a measurement"]
async fn many_endpoints() {
    let (_postgres, store) = durable_with(include_str!("many_endpoints.sql")).await;
    let now_s = NOON + 34 * 60 + 30;
    let all = |_| i64::MIN;
    for (name, back_s) in
        [("5 minutes", 300), ("an hour", 3_600), ("a day", DAY), ("30 days", 30 * DAY), ("a year", 365 * DAY)]
    {
        let asked = Window { from_s: now_s - back_s, to_s: now_s };
        let (level, step_s) = (asked.level(all), asked.level(all).next(0));
        let whole = Pieces::whole(level, asked);
        for (how, pieces) in [("whole", whole.clone()), ("exact", asked.pieces(all))] {
            let query = EndpointQuery { cover: Cover::fewest(&pieces), service: None };
            timed(&format!("{name}, {how}: endpoints"), async || store.endpoints(&query).await.unwrap().len()).await;
            let query = EndpointQuery { cover: Cover::fewest(&pieces), service: Some("service-7".to_owned()) };
            timed(&format!("{name}, {how}: of a service"), async || store.endpoints(&query).await.unwrap().len()).await;
            timed(&format!("{name}, {how}: summary"), async || {
                usize::from(store.summary(&pieces).await.unwrap().requests > 0)
            })
            .await;
            timed(&format!("{name}, {how}: services"), async || store.services(&pieces).await.unwrap().len()).await;
        }
        let (window, id) = (whole.window(), EndpointName::new("service-7", "GET", "/resource/7/{id}").id());
        timed(&format!("{name}: total series"), async || {
            store.total_series(window, level, step_s, None).await.unwrap().len()
        })
        .await;
        timed(&format!("{name}: series"), async || store.series(id, window, level, step_s).await.unwrap().len()).await;
    }
    let day = Window { from_s: NOON - DAY, to_s: NOON };
    timed("a day by 5 minutes", async || store.total_series(day, Level::Minute, 300, None).await.unwrap().len()).await;
    let ids: Vec<_> =
        (1..=100).map(|i| EndpointName::new("service-7", "GET", &format!("/resource/{i}/{{id}}")).id()).collect();
    timed("sparklines", async || store.sparklines(&ids, day, Level::Hour, 3_600).await.unwrap().len()).await;
    timed("span", async || usize::from(store.span().await.unwrap().is_some())).await;
    timed("names", async || store.service_names().await.unwrap().len()).await;
}

/// The best of some runs of `work`, which answers a number of rows.
async fn timed(what: &str, work: impl AsyncFn() -> usize) {
    let (mut best, mut rows) = (f64::MAX, 0);
    for _ in 0..7 {
        let started = Instant::now();
        rows = work().await;
        best = best.min(started.elapsed().as_secs_f64());
    }
    println!("{what}: {rows} rows in {:.0} ms", best * 1_000.0);
}

/// As [`durable`], with rows that `sql` puts into the tables of endpoints; those of services follow from them.
async fn durable_with(sql: &str) -> (Postgres, Store) {
    let (postgres, store) = durable().await;
    let started = Instant::now();
    let client = client(&postgres.url("postgres")).await;
    client.batch_execute(sql).await.unwrap();
    println!("seeded in {:.0} s", started.elapsed().as_secs_f64());
    let started = Instant::now();
    client.batch_execute("DROP TABLE service_minute, service_hour, service_day, service_month").await.unwrap();
    client.batch_execute(include_str!("../../migrations/V4__service_rollups.sql")).await.unwrap();
    println!("services filled in {:.0} s", started.elapsed().as_secs_f64());
    store.migrate(&settings(1)).await.unwrap();
    let started = Instant::now();
    let mut merged = 0;
    loop {
        let grown = store.sweep_grown(1).await.unwrap();
        store.compact(&grown).await.unwrap();
        merged += grown.len();
        if grown.is_empty() {
            break;
        }
    }
    let (mut place, mut sealed) = (SealPlace::default(), 0);
    let sealing = Instant::now();
    loop {
        let done = store.seal(&mut place).await.unwrap();
        sealed += done.minutes;
        if !done.more {
            break;
        }
    }
    println!("{sealed} minutes sealed in {:.0} s", sealing.elapsed().as_secs_f64());
    println!("{merged} rows of services merged in {:.0} s", started.elapsed().as_secs_f64());
    // Hours are sealed one after the other, and do not leave a day of empty pages.
    client.batch_execute("VACUUM FULL endpoint_minute").await.unwrap();
    client.batch_execute("VACUUM ANALYZE").await.unwrap();
    (postgres, store)
}
