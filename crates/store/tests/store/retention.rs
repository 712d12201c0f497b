//! Partitions: made ahead, dropped when nothing in them is kept, never in the way of anybody.

use std::time::{Duration, Instant};

use tally_model::Level;
use tally_store::{Applied, Keep};

use crate::fixture::{DAY, NOON, TestLog, TestStore, client, tally};
use crate::plain_fold::{PlainFold, assert_levels};

async fn partitions(test: &TestStore, level: &str) -> Vec<String> {
    let sql = format!(
        "SELECT substring(inhrelid::regclass::text FROM '[0-9]+$') FROM pg_inherits \
         WHERE inhparent = 'endpoint_{level}'::regclass ORDER BY 1"
    );
    test.rows(&sql).await.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn partitions_are_made_ahead() {
    let test = TestStore::new().await;
    let first = test.maintain(&Keep::default()).await.unwrap();
    assert_eq!((first.made, first.raised, first.dropped), (8, 3, 0), "{first:?}");
    assert_eq!(partitions(&test, "minute").await, ["20260310", "20260311", "20260312", "20260313"]);
    assert_eq!(partitions(&test, "hour").await, ["202603", "202604"]);
    assert_eq!(partitions(&test, "day").await, ["2026", "2027"]);
    let again = test.maintain(&Keep::default()).await.unwrap();
    assert_eq!((again.made, again.raised, again.dropped), (0, 0, 0), "{again:?}");
    let floors = test.floors().await.unwrap();
    let day = async |date: &str| test.number(&format!("SELECT extract(epoch FROM timestamptz '{date}Z')")).await;
    assert_eq!(floors.of(Level::Minute), day("2026-03-03").await);
    assert_eq!(floors.of(Level::Hour), day("2025-12-01").await);
    assert_eq!(floors.of(Level::Day), day("2024-01-01").await);
    assert_eq!(floors.of(Level::Month), i64::MIN);
    let options = "SELECT string_agg(DISTINCT reloptions::text, '') FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid \
                   WHERE c.relkind = 'r'";
    assert_eq!(test.text(options).await, "{fillfactor=50}");
}

/// A partition is there for all or for none: appliers that wait for one must not find it half made.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_partition_is_never_half_made() {
    const DAYS: i64 = 60;
    let test = TestStore::new().await;
    let waiting: Vec<_> = (0..4)
        .map(|shard| {
            let store = test.store.clone();
            tokio::spawn(async move {
                let mut log = TestLog::new(shard);
                for day in 0..DAYS {
                    let batch = log.next(tally(&[("web", "GET", "/", 200, NOON - day * DAY, Some(10))]));
                    let mut applied = store.apply(&batch).await.unwrap();
                    while matches!(applied, Applied::NeedPartition { .. }) {
                        applied = store.apply(&batch).await.unwrap();
                    }
                    assert!(matches!(applied, Applied::Done { counted: 1, .. }), "{applied:?}");
                }
            })
        })
        .collect();
    for day in 0..DAYS {
        test.make_partition(Level::Minute, NOON - day * DAY).await.unwrap();
    }
    for waiting in waiting {
        waiting.await.unwrap();
    }
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, 4 * DAYS);
}

#[tokio::test]
async fn partitions_go_once_they_are_rolled_up() {
    let test = TestStore::new().await;
    test.run("UPDATE setting SET roll_up_rows = 2").await;
    let mut log = TestLog::new(0);
    let mut plain = PlainFold::default();
    let events: Vec<_> = (0..7).map(|i| ("web", "GET", "/", 200, NOON - i * 3_600, Some(10))).collect();
    plain.add(&tally(&events));
    test.count(&log.next(tally(&events))).await;
    test.set_clock(NOON + 30 * DAY).await;
    let done = test.maintain(&Keep::default()).await.unwrap();
    assert_eq!((done.raised, done.dropped, done.refused), (3, 1, 0), "{done:?}");
    assert_eq!(partitions(&test, "minute").await.first().unwrap(), "20260409");
    assert_levels(&test, &plain).await;
    test.set_clock(NOON + 1_200 * DAY).await;
    let done = test.maintain(&Keep::default()).await.unwrap();
    assert!(done.dropped > 6, "{done:?}");
    assert_eq!(partitions(&test, "day").await.first().unwrap(), "2027");
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_month").await, 7);
}

#[tokio::test]
async fn rows_of_services_go_with_the_floor() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let mut plain = PlainFold::default();
    let ages = [0, 1, 6, 8, 60, 200, 700, 1_100];
    let events: Vec<_> = ages.iter().map(|days| ("web", "GET", "/", 200, NOON - 60 - days * DAY, Some(10))).collect();
    plain.add(&tally(&events));
    test.count(&log.next(tally(&events))).await;
    while test.roll_up().await.unwrap().more {}
    let rows = async || {
        let count = |level: Level| format!("(SELECT count(*) FROM service_{})", level.name());
        test.text(&format!("SELECT concat_ws(' ', {})", Level::ALL.map(count).join(", "))).await
    };
    assert_eq!(rows().await, "8 8 8 5");
    test.maintain(&Keep::default()).await.unwrap();
    assert_eq!(rows().await, "3 5 7 5", "as far as the partitions of endpoints reach");
    assert_levels(&test, &plain).await;
    test.set_clock(NOON + 5_000 * DAY).await;
    test.maintain(&Keep::default()).await.unwrap();
    assert_eq!(rows().await, "0 0 0 5");
    assert_levels(&test, &plain).await;
}

#[tokio::test]
async fn a_dump_delays_a_drop_and_nobody_else() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let event = |time_s| tally(&[("web", "GET", "/", 200, time_s, None)]);
    test.count(&log.next(event(NOON))).await;
    // As pg_dump does: the tables stay locked, for reading, until the end.
    let dump = client(&test.database.url).await;
    dump.batch_execute("BEGIN; LOCK TABLE endpoint_minute, endpoint_hour IN ACCESS SHARE MODE").await.unwrap();
    test.set_clock(NOON + 30 * DAY).await;
    let started = Instant::now();
    let done = test.maintain(&Keep::default()).await.unwrap();
    assert_eq!((done.raised, done.dropped, done.refused), (3, 0, 1), "{done:?}");
    test.count(&log.next(event(NOON + 30 * DAY))).await;
    test.count(&log.next(event(NOON))).await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(test.number("SELECT requests FROM endpoint_hour WHERE start = '2026-03-10T12:00Z'").await, 2);
    dump.batch_execute("COMMIT").await.unwrap();
    let done = test.maintain(&Keep::default()).await.unwrap();
    assert_eq!((done.dropped, done.refused), (1, 0), "{done:?}");
}

#[tokio::test]
async fn a_floor_waits_for_the_apply_that_is_running() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.next(tally(&[("web", "GET", "/", 200, NOON, None)]))).await;
    let applying = client(&test.database.url).await;
    applying.batch_execute("BEGIN; SELECT pg_advisory_xact_lock_shared(1413565516, 2)").await.unwrap();
    test.set_clock(NOON + 30 * DAY).await;
    let store = test.store.clone();
    let maintaining = tokio::spawn(async move { store.maintain(&Keep::default()).await });
    until_somebody_waits(&test).await;
    applying.batch_execute("UPDATE endpoint_minute SET requests = requests + 1; COMMIT").await.unwrap();
    maintaining.await.unwrap().unwrap();
    assert_eq!(test.number("SELECT requests FROM endpoint_hour").await, 2, "what was written meanwhile was rolled up");
}

#[tokio::test]
async fn an_apply_waits_for_the_floor_that_is_rising() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let event = tally(&[("web", "GET", "/", 200, NOON, None)]);
    test.count(&log.next(event.clone())).await;
    while test.roll_up().await.unwrap().more {}
    let raising = client(&test.database.url).await;
    raising.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1413565516, 2)").await.unwrap();
    let store = test.store.clone();
    let batch = log.next(event);
    let applying = tokio::spawn(async move { crate::fixture::apply_all(&store, &batch).await });
    until_somebody_waits(&test).await;
    raising
        .batch_execute("UPDATE retention_floor SET at = '2026-03-12Z' WHERE level = 'minute'; UPDATE kept_floor SET at = '2026-03-12Z' WHERE level = 'minute'; COMMIT")
        .await
        .unwrap();
    applying.await.unwrap();
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, 1, "the partition may be gone by now");
}

/// Returns once a backend waits for an advisory lock.
async fn until_somebody_waits(test: &TestStore) {
    let waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted \
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let started = Instant::now();
    while test.number(waiting).await == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "nobody waits for the lock");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
