//! Sealing minutes: what they say stays the same, whoever counts, dumps or dies meanwhile.

use std::time::{Duration, Instant};

use tally_model::{EndpointName, Level, Tally, Window};
use tally_store::{Keep, SealPlace, Sealed, Store};

use crate::fixture::{DAY, NOON, SHARDS, TestLog, TestStore, apply_all, client, settings, tally};
use crate::plain_fold::{PlainFold, assert_levels, assert_rolled, assert_window};

const ROWS: &str = "SELECT count(*) FROM endpoint_minute";
const BLOCKS: &str = "SELECT count(*) FROM minute_block";

/// Seals until nothing is left to do; the number of rows.
pub(crate) async fn seal_all(store: &Store) -> u64 {
    let (mut place, mut rows) = (SealPlace::default(), 0);
    loop {
        let sealed = store.seal(&mut place).await.unwrap();
        rows += sealed.rows;
        if !sealed.more {
            return rows;
        }
    }
}

/// Two endpoints in every minute of five hours before noon, some of them in several calls.
fn busy(part: i64) -> Tally {
    let mut events = Vec::new();
    for minute in (1..=300).filter(|minute| minute % part == 0) {
        let us = u64::try_from(minute * minute).unwrap();
        events.push(("web", "GET", "/", 200, NOON - 60 * minute, Some(us)));
        events.push(("db", "GET", "/q", 503, NOON - 60 * minute, None));
    }
    tally(&events)
}

async fn filled() -> (TestStore, TestLog, PlainFold) {
    let (test, mut log, mut plain) = (TestStore::new().await, TestLog::new(0), PlainFold::default());
    for part in [1, 2, 7] {
        plain.add(&busy(part));
        test.count(&log.next(busy(part))).await;
    }
    while test.roll_up().await.unwrap().more {}
    (test, log, plain)
}

/// All reads of minutes, whether in rows or in blocks.
async fn answers(test: &TestStore) -> String {
    let window = Window { from_s: NOON - 4 * 3_600 - 540, to_s: NOON - 600 };
    let web = EndpointName::new("web", "GET", "/").id();
    let series = test.series(web, window, Level::Minute, 420).await.unwrap();
    let lines = test.sparklines(&[web], window, Level::Minute, 300).await.unwrap();
    let shown = "SELECT string_agg(f::text, '|' ORDER BY start, service) FROM (SELECT service, start, hour, requests, errors, \
                 avg_ms, min_ms, max_ms, p50_ms, p99_ms FROM endpoint_minute_figures WHERE hour < '2026-03-10T11:00Z') AS f";
    format!("{series:?} {lines:?} {}", test.text(shown).await)
}

#[tokio::test]
async fn minutes_say_the_same_in_blocks() {
    let (test, _, plain) = filled().await;
    let before = answers(&test).await;
    assert_eq!(seal_all(&test).await, 480, "the last hour stays in rows");
    assert_eq!((test.number(ROWS).await, test.number(BLOCKS).await), (120, 8));
    assert_eq!(answers(&test).await, before);
    assert_rolled(&test, &plain).await;
    for length_s in [60, 1_800, 3_600, 7_200, DAY] {
        for to_s in [NOON, NOON - 1_320, NOON - 5_040, NOON - 4 * 3_600] {
            assert_window(&test, &plain, Window { from_s: to_s - length_s, to_s }).await;
        }
    }
    assert_eq!(seal_all(&test).await, 0);
    let longest =
        "SELECT max(octet_length(sketch)) FROM endpoint_minutes WHERE timed = 3 AND hour < '2026-03-10T11:00Z'";
    assert_eq!(test.number(longest).await, 4, "one run in place of three");
}

/// The last hour stays; so do minutes that are not rolled up.
#[tokio::test]
async fn only_what_is_over_and_rolled_up_is_sealed() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.next(busy(1))).await;
    assert_eq!(seal_all(&test).await, 0);
    test.run("UPDATE setting SET roll_up_rows = 50").await;
    test.roll_up().await.unwrap();
    assert_eq!(seal_all(&test).await, 50);
}

#[tokio::test]
async fn late_events_come_behind_their_block() {
    let (test, mut log, mut plain) = filled().await;
    seal_all(&test).await;
    for _ in 0..2 {
        plain.add(&busy(3));
        test.count(&log.next(busy(3))).await;
        assert_levels(&test, &plain).await;
        while test.roll_up().await.unwrap().more {}
        assert_rolled(&test, &plain).await;
        assert_eq!(seal_all(&test).await, 160);
        assert_rolled(&test, &plain).await;
        assert_window(&test, &plain, Window { from_s: NOON - 9_000, to_s: NOON - 7_260 }).await;
    }
    assert_eq!(test.number(BLOCKS).await, 8);
}

#[tokio::test]
async fn a_row_that_is_being_counted_is_passed_over() {
    let (test, _, plain) = filled().await;
    let applying = client(&test.database.url).await;
    applying.batch_execute("BEGIN").await.unwrap();
    applying
        .batch_execute("UPDATE endpoint_minute SET requests = requests WHERE start = '2026-03-10T08:00Z'")
        .await
        .unwrap();
    assert_eq!(seal_all(&test).await, 478);
    applying.batch_execute("COMMIT").await.unwrap();
    assert_eq!(seal_all(&test).await, 2);
    assert_rolled(&test, &plain).await;
}

/// As pg_dump does: the tables stay locked, for reading, until the end.
#[tokio::test]
async fn a_dump_holds_nobody_up() {
    let (test, mut log, mut plain) = filled().await;
    let dump = client(&test.database.url).await;
    dump.batch_execute(
        "BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE endpoint_minute, retention_floor IN ACCESS SHARE MODE",
    )
    .await
    .unwrap();
    let seen = "SELECT sum(requests)::text FROM endpoint_minutes";
    let before: String = dump.query_one(seen, &[]).await.unwrap().get(0);
    assert_eq!(seal_all(&test).await, 480);
    plain.add(&busy(1));
    test.count(&log.next(busy(1))).await;
    let after: String = dump.query_one(seen, &[]).await.unwrap().get(0);
    assert_eq!(after, before);
    assert_levels(&test, &plain).await;
}

/// Killed between taking the rows and the commit.
#[tokio::test]
async fn a_killed_sealing_changes_nothing() {
    let (test, _, plain) = filled().await;
    test.make_partition(Level::Minute, NOON).await.unwrap();
    let before = test.fingerprint().await;
    let blocker = client(&test.database.url).await;
    blocker.batch_execute("BEGIN; LOCK TABLE minute_block IN SHARE MODE").await.unwrap();
    // Where the block's partition is made, and where the block is put.
    for made in [false, true] {
        if made {
            blocker.batch_execute("COMMIT").await.unwrap();
            test.run("SELECT make_partition_v1('minute_block', extract(epoch FROM timestamptz '2026-03-10Z')::bigint)")
                .await;
            blocker.batch_execute("BEGIN; LOCK TABLE minute_block_20260310 IN SHARE MODE").await.unwrap();
        }
        let store = test.store.clone();
        let sealing = tokio::spawn(async move { store.seal(&mut SealPlace::default()).await });
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                    AND datname = current_database()";
        let started = Instant::now();
        while test.number(kill).await == 0 {
            assert!(started.elapsed() < Duration::from_secs(10), "it does not wait");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        sealing.await.unwrap().unwrap_err();
        assert_eq!(test.fingerprint().await, before);
    }
    blocker.batch_execute("COMMIT").await.unwrap();
    assert_eq!(seal_all(&test).await, 480);
    assert_rolled(&test, &plain).await;
}

/// The consumer's task is dropped wherever it is.
#[tokio::test]
async fn a_dropped_sealing_changes_nothing() {
    let (test, _, plain) = filled().await;
    for us in 0..40 {
        let mut place = SealPlace::default();
        drop(tokio::time::timeout(Duration::from_micros(us * 250), test.seal(&mut place)).await);
        assert_rolled(&test, &plain).await;
    }
    seal_all(&test).await;
    assert_eq!((test.number(ROWS).await, test.number(BLOCKS).await), (120, 8));
    assert_rolled(&test, &plain).await;
}

#[tokio::test]
async fn one_seals_at_a_time() {
    let (test, _, plain) = filled().await;
    let other = client(&test.database.url).await;
    other.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(1413565516, 4)").await.unwrap();
    assert_eq!(test.seal(&mut SealPlace::default()).await.unwrap(), Sealed::default());
    other.batch_execute("COMMIT").await.unwrap();
    assert_eq!(seal_all(&test).await, 480);
    assert_rolled(&test, &plain).await;
}

#[tokio::test]
async fn what_was_not_packed_is_not_deleted() {
    let (test, _, _) = filled().await;
    let before = test.fingerprint().await;
    test.run("SELECT make_partition_v1('minute_block', extract(epoch FROM timestamptz '2026-03-10Z')::bigint)").await;
    let row = "(SELECT array_agg(endpoint) FROM (SELECT endpoint FROM endpoint_minute WHERE start = '2026-03-10T08:00Z' LIMIT 1) AS e)";
    let start = "extract(epoch FROM timestamptz '2026-03-10T08:00Z')::bigint";
    for requests in [0, 1_000] {
        let put = format!(
            "SELECT seal_v2('minute', {row}, ARRAY[{start}], ARRAY['\\x'::bytea], {row}, ARRAY[{start}], {requests})"
        );
        assert_eq!(test.sql.batch_execute(&put).await.unwrap_err().code().unwrap().code(), "40001");
    }
    assert_eq!(test.fingerprint().await, before);
}

#[tokio::test]
async fn a_sealed_day_goes_and_comes_again() {
    let (test, mut log, mut plain) = filled().await;
    let partition =
        async || test.number("SELECT count(*) FROM pg_class WHERE relname = 'endpoint_minute_20260310'").await;
    test.set_clock(NOON + 3 * DAY).await;
    assert_eq!(
        (test.maintain(&Keep::default()).await.unwrap().dropped, partition().await),
        (0, 1),
        "its rows are not sealed"
    );
    assert_eq!(seal_all(&test).await, 600);
    assert_eq!((test.maintain(&Keep::default()).await.unwrap().dropped, partition().await), (1, 0));
    assert_rolled(&test, &plain).await;
    plain.add(&busy(2));
    test.count(&log.next(busy(2))).await;
    assert_levels(&test, &plain).await;
    assert_eq!((test.maintain(&Keep::default()).await.unwrap().dropped, partition().await), (0, 1));
    while test.roll_up().await.unwrap().more {}
    assert_eq!(seal_all(&test).await, 300);
    // Whoever reads it goes first.
    let dump = client(&test.database.url).await;
    dump.batch_execute("BEGIN; LOCK TABLE endpoint_minute IN ACCESS SHARE MODE").await.unwrap();
    let done = test.maintain(&Keep::default()).await.unwrap();
    assert_eq!((done.dropped, done.refused, partition().await), (0, 1, 1));
    dump.batch_execute("COMMIT").await.unwrap();
    assert_eq!((test.maintain(&Keep::default()).await.unwrap().dropped, partition().await), (1, 0));
    assert_rolled(&test, &plain).await;
}

#[tokio::test]
async fn blocks_are_kept_as_long_as_minutes() {
    let (test, mut log, mut plain) = filled().await;
    test.set_clock(NOON + 6 * DAY).await;
    seal_all(&test).await;
    let floors = test.floors().await.unwrap();
    test.maintain(&Keep::default()).await.unwrap();
    assert_eq!((test.number(BLOCKS).await, floors.of(Level::Minute)), (10, i64::MIN));
    test.set_clock(NOON + 8 * DAY).await;
    test.maintain(&Keep::default()).await.unwrap();
    assert_eq!(test.number(BLOCKS).await, 0);
    assert_eq!(
        test.number("SELECT count(*) FROM pg_class WHERE relname LIKE 'minute_block_2%' AND relkind = 'r'").await,
        0
    );
    plain.add(&busy(2));
    apply_all(&test.store, &log.next(busy(2))).await;
    assert_levels(&test, &plain).await;
    assert_eq!(test.number(ROWS).await, 0, "too late for minutes");
}

/// What was there before blocks is sealed like the rest.
#[tokio::test]
async fn an_older_database_is_sealed_too() {
    let (test, _, plain) = filled().await;
    test.run("DROP TABLE minute_block, day_block, kept_floor CASCADE").await;
    test.run(include_str!("../../migrations/V8__minute_blocks.sql")).await;
    test.run(include_str!("../../migrations/V9__day_blocks.sql")).await;
    test.migrate(&settings(SHARDS)).await.unwrap();
    assert_rolled(&test, &plain).await;
    assert_eq!(seal_all(&test).await, 480);
    assert_rolled(&test, &plain).await;
}
