//! Measurements, not tests: `cargo test -p tally-store --test store -- --ignored --nocapture speed`. They print; the figures
//! quoted in `docs/adr` say when and where they were taken.

use std::time::Instant;

use tally_model::{Level, Pieces, Tally, Window};
use tally_servers::{Postgres, PostgresOptions, TestServers};
use tally_store::{Applied, EndpointQuery, Store};

use crate::fixture::{NOON, TestLog, apply_all, client, config, settings, tally};

/// Batches of one measurement.
const BATCHES: u32 = 300;

/// A PostgreSQL that forces its commits to the disk, as in production.
async fn durable() -> (Postgres, Store) {
    let directory = TestServers::shared().await.unwrap().fresh_dir("durable").unwrap();
    let postgres = Postgres::start(&directory, PostgresOptions { durable: true, port: None }).await.unwrap();
    let store = Store::connect(&config(&postgres.url("postgres"))).await.unwrap();
    store.migrate(&settings(1)).await.unwrap();
    let sql = client(&postgres.url("postgres")).await;
    sql.batch_execute(&format!("UPDATE setting SET pinned_clock = to_timestamp({NOON})")).await.unwrap();
    (postgres, store)
}

/// 35 durations for each of `endpoints`, in the minute `minutes` before noon.
fn busy(endpoints: u32, minutes: i64) -> Tally {
    busy_service("web", endpoints, minutes)
}

fn busy_service(service: &str, endpoints: u32, minutes: i64) -> Tally {
    let routes: Vec<String> = (0..endpoints).map(|i| format!("/route/{i}")).collect();
    let mut events = Vec::new();
    for (i, route) in routes.iter().enumerate() {
        for k in 0..35_u32 {
            let us = (f64::from(k) * 0.11).exp() * 900.0 + f64::from(u32::try_from(i).unwrap() % 97);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            events.push((service, "GET", route.as_str(), 200, NOON - 60 * minutes, Some(us as u64)));
        }
    }
    tally(&events)
}

#[tokio::test]
#[ignore = "a measurement"]
async fn apply() {
    for (rows, fresh) in [(200, false), (200, true), (1_000, false)] {
        let (_postgres, store) = durable().await;
        let mut log = TestLog::new(0);
        apply_all(&store, &log.next(busy(rows, 0))).await;
        let (mut compactions, mut slowest) = (0, 0.0_f64);
        let mut spent = 0.0;
        for i in 0..BATCHES {
            let batch = log.next(busy(rows, if fresh { i64::from(i) + 1 } else { 1 }));
            let started = Instant::now();
            let Applied::Done { grown, .. } = apply_all(&store, &batch).await else { panic!() };
            compactions += grown.len();
            store.compact(&grown).await.unwrap();
            let seconds = started.elapsed().as_secs_f64();
            spent += seconds;
            slowest = slowest.max(seconds);
        }
        let per_second = f64::from(BATCHES) / spent;
        println!(
            "{rows} rows, new minutes {fresh}: {per_second:.0} batches/s, slowest {slowest:.4} s, {compactions} merges"
        );
    }
}

#[tokio::test]
#[ignore = "a measurement"]
async fn reads() {
    let (postgres, store) = durable().await;
    let mut log = TestLog::new(0);
    for minute in 1..=60 {
        apply_all(&store, &log.next(busy(5_000, minute))).await;
    }
    let sql = client(&postgres.url("postgres")).await;
    sql.batch_execute("VACUUM ANALYZE").await.unwrap();
    let window = Window { from_s: NOON - 3_600, to_s: NOON };
    let read = async |what: &str, level| {
        for _ in 0..3 {
            let started = Instant::now();
            let rows = store
                .endpoints(&EndpointQuery { cover: Pieces::whole(level, window).into(), service: None })
                .await
                .unwrap();
            println!("{what}: {} endpoints in {:.3} s", rows.len(), started.elapsed().as_secs_f64());
        }
    };
    read("an hour of minutes", Level::Minute).await;
    read("an hour, none rolled", Level::Hour).await;
    let (started, mut rows) = (Instant::now(), 0);
    loop {
        let rolled = store.roll_up().await.unwrap();
        rows += rolled.rows;
        store.compact(&rolled.grown).await.unwrap();
        if !rolled.more {
            break;
        }
    }
    println!("rolled {rows} minutes in {:.1} s", started.elapsed().as_secs_f64());
    read("an hour, rolled", Level::Hour).await;
}

/// Appliers at once, each on a shard of its own, so that their commits can share a write to the disk.
const APPLIERS: u16 = 8;
/// Batches of one applier in one round, and rounds.
const NOTIFY_BATCHES: u32 = 20;
const NOTIFY_ROUNDS: u32 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn notify() {
    let directory = TestServers::shared().await.unwrap().fresh_dir("notify").unwrap();
    let postgres = Postgres::start(&directory, PostgresOptions { durable: true, port: None }).await.unwrap();
    let store = Store::connect(&config(&postgres.url("postgres"))).await.unwrap();
    store.migrate(&settings(APPLIERS)).await.unwrap();
    let sql = client(&postgres.url("postgres")).await;
    sql.batch_execute(&format!("UPDATE setting SET pinned_clock = to_timestamp({NOON})")).await.unwrap();
    let listener = client(&postgres.url("postgres")).await;
    listener.batch_execute("LISTEN tally_changed").await.unwrap();
    let beside: String =
        sql.query_one("SELECT pg_get_functiondef('apply_batch_v1'::regproc)", &[]).await.unwrap().get(0);
    let (body, end) = beside.rsplit_once("END").unwrap();
    let inside = format!("{body}    PERFORM pg_notify('tally_changed', p_shard::text);\nEND{end}");
    let mut logs: Vec<TestLog> = (0..APPLIERS).map(TestLog::new).collect();
    for log in &mut logs {
        apply_all(&store, &log.next(of_its_own(log.shard))).await;
    }
    for (appliers, disk_ms) in [(1, 0), (usize::from(APPLIERS), 0), (usize::from(APPLIERS), 10)] {
        // A disk that is slower: whoever writes to it waits first, and those who commit meanwhile share the write.
        let slow = format!("ALTER SYSTEM SET commit_delay = {}", disk_ms * 1_000);
        for statement in [slow.as_str(), "ALTER SYSTEM SET commit_siblings = 0", "SELECT pg_reload_conf()"] {
            sql.batch_execute(statement).await.unwrap();
        }
        let mut spent = [0.0; 3];
        // In turns, so that what else the machine does falls on all alike.
        for _ in 0..NOTIFY_ROUNDS {
            for (how, spent) in ["none", "beside", "inside"].into_iter().zip(&mut spent) {
                sql.batch_execute(if how == "inside" { &inside } else { &beside }).await.unwrap();
                let announcing = (how == "beside").then(|| tokio::spawn(announce_for_ever(store.clone())));
                let started = Instant::now();
                let work = logs[..appliers].iter().cloned().map(|log| tokio::spawn(apply_some(store.clone(), log)));
                let done = futures_util::future::join_all(work).await;
                *spent += started.elapsed().as_secs_f64();
                announcing.inspect(tokio::task::JoinHandle::abort);
                logs.iter_mut().zip(done).for_each(|(log, done)| *log = done.unwrap());
            }
        }
        #[allow(clippy::cast_precision_loss)]
        let batches = f64::from(NOTIFY_BATCHES * NOTIFY_ROUNDS) * appliers as f64;
        let [none, beside, inside] = spent.map(|seconds| batches / seconds);
        println!(
            "{appliers} appliers, disk {disk_ms} ms slower, batches/s: {none:.0} without, {beside:.0} beside, {inside:.0} inside"
        );
    }
}

/// A service meets one writer, so that no two shards write the same rows.
fn of_its_own(shard: tally_model::Shard) -> Tally {
    busy_service(&format!("service-{shard}"), 20, 0)
}

/// As a consumer does: ten times a second.
async fn announce_for_ever(store: Store) {
    loop {
        store.announce().await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

async fn apply_some(store: Store, mut log: TestLog) -> TestLog {
    for _ in 0..NOTIFY_BATCHES {
        let Applied::Done { grown, .. } = apply_all(&store, &log.next(of_its_own(log.shard))).await else { panic!() };
        store.compact(&grown).await.unwrap();
    }
    log
}
