//! Sealing days: as with minutes, and what the program before this one makes of it.

use tally_model::{Cover, EndpointName, Level, Tally, Window};
use tally_store::{Keep, SealPlace};

use crate::fixture::{DAY, NOON, TestLog, TestStore, tally};
use crate::plain_fold::{PlainFold, assert_levels, assert_rolled, assert_window};
use crate::seal::seal_all;

const ROWS: &str = "SELECT count(*) FROM endpoint_day";
const BLOCKS: &str = "SELECT count(*) FROM day_block";

/// Two endpoints, in every `part`th of the 70 days before today.
fn busy(part: i64) -> Tally {
    let mut events = Vec::new();
    for day in (1..=70).filter(|day| day % part == 0) {
        let us = u64::try_from(day * day).unwrap();
        events.push(("web", "GET", "/", 200, NOON - DAY * day, Some(us)));
        events.push(("db", "GET", "/q", 503, NOON - DAY * day - 7_200, None));
    }
    tally(&events)
}

async fn filled() -> (TestStore, TestLog, PlainFold) {
    let (test, mut log, mut plain) = (TestStore::new().await, TestLog::new(0), PlainFold::default());
    test.maintain(&Keep::default()).await.unwrap();
    for part in [1, 2, 7] {
        plain.add(&busy(part));
        crate::fixture::apply_all(&test, &log.next(busy(part))).await;
    }
    while test.roll_up().await.unwrap().more {}
    (test, log, plain)
}

/// All reads of days, whether in rows or in blocks.
async fn answers(test: &TestStore) -> String {
    let window = Window { from_s: NOON - NOON % DAY - 50 * DAY, to_s: NOON - NOON % DAY - 3 * DAY };
    let web = EndpointName::new("web", "GET", "/").id();
    let series = test.series(web, window, Level::Day, 3 * DAY).await.unwrap();
    let lines = test.sparklines(&[web], window, Level::Day, 2 * DAY).await.unwrap();
    let shown = "SELECT string_agg(f::text, '|' ORDER BY start, service) FROM (SELECT service, start, month, requests, errors, \
                 avg_ms, min_ms, max_ms, p50_ms, p99_ms FROM endpoint_day_figures WHERE month < '2026-03-01Z') AS f";
    format!("{series:?} {lines:?} {}", test.text(shown).await)
}

async fn assert_windows(test: &TestStore, plain: &PlainFold) {
    for length_s in [DAY, 20 * DAY, 45 * DAY, 365 * DAY] {
        for to_s in [NOON, NOON - 5 * DAY, NOON - 12 * DAY - 3_600, NOON - 38 * DAY] {
            assert_window(test, plain, Window { from_s: to_s - length_s, to_s }).await;
        }
    }
}

#[tokio::test]
async fn days_say_the_same_in_blocks() {
    let (test, _, plain) = filled().await;
    seal_all(&test).await;
    assert_eq!(test.number(ROWS).await, 16, "the last week and a day stay in rows");
    test.run("UPDATE endpoint_day SET compact_bytes = 0").await;
    let sealed = answers(&test).await;
    assert_eq!(test.number(BLOCKS).await, 2 * 4, "a row an endpoint from December to March");
    assert_rolled(&test, &plain).await;
    assert_windows(&test, &plain).await;
    assert_eq!(seal_all(&test).await, 0);
    test.set_clock(NOON + DAY).await;
    assert_eq!(seal_all(&test).await, 2);
    assert_eq!(answers(&test).await, sealed);
    assert_windows(&test, &plain).await;
}

#[tokio::test]
async fn what_is_asked_before_and_after_is_the_same() {
    let (test, _, plain) = filled().await;
    let before = answers(&test).await;
    assert_windows(&test, &plain).await;
    assert!(seal_all(&test).await > 100);
    assert_eq!(answers(&test).await, before);
}

#[tokio::test]
async fn late_events_come_behind_the_block_of_their_month() {
    let (test, mut log, mut plain) = filled().await;
    seal_all(&test).await;
    for _ in 0..2 {
        plain.add(&busy(20));
        crate::fixture::apply_all(&test, &log.next(busy(20))).await;
        assert_levels(&test, &plain).await;
        while test.roll_up().await.unwrap().more {}
        assert_rolled(&test, &plain).await;
        assert_windows(&test, &plain).await;
        assert_eq!(seal_all(&test).await, 2 * 3);
        assert_rolled(&test, &plain).await;
    }
    assert_eq!((test.number(ROWS).await, test.number(BLOCKS).await), (16, 8));
}

#[tokio::test]
async fn blocks_are_kept_as_long_as_days() {
    let (test, _, plain) = filled().await;
    seal_all(&test).await;
    test.set_clock(NOON + 3 * 365 * DAY).await;
    test.maintain(&Keep::default()).await.unwrap();
    let left = "SELECT count(*) FROM pg_class WHERE relname LIKE 'day_block_2%' AND relkind = 'r'";
    assert_eq!((test.number(BLOCKS).await, test.number(left).await), (0, 0));
    assert_levels(&test, &plain).await;
}

/// It knows blocks of minutes, takes a coarser unit for the finer ones in it, and reads rows of days from the floor that it knows:
/// it finds the same in coarser pieces.
#[tokio::test]
async fn the_program_before_this_one_answers_rightly() {
    let (test, mut log, mut plain) = filled().await;
    seal_all(&test).await;
    plain.add(&busy(5));
    crate::fixture::apply_all(&test, &log.next(busy(5))).await;
    let mut kept = Vec::new();
    for level in Level::ALL {
        let at = format!(
            "SELECT CASE WHEN at > '-infinity' THEN extract(epoch FROM at) ELSE -9e18 END FROM kept_from WHERE level = '{}'",
            level.name()
        );
        kept.push(test.number(&at).await);
    }
    assert_eq!(kept[Level::Day as usize], NOON - NOON % DAY - 8 * DAY);
    for length_s in [3_600, DAY, 2 * DAY, 7 * DAY, 20 * DAY, 60 * DAY] {
        for to_s in [NOON, NOON - 3 * DAY, NOON - 9 * DAY, NOON - 31 * DAY] {
            let pieces = Window { from_s: to_s - length_s, to_s }.pieces(|level| kept[level as usize]);
            let cover = Cover::fewest(&pieces);
            let ends = cover.end.map_or_else(Vec::new, |end| end.parts);
            let mut found = 0;
            for (level, window) in cover.parts.into_iter().chain(ends) {
                found += test.number(&requests_sql(level, window)).await;
            }
            let expected: u64 = plain.within(pieces.window()).values().map(|figures| figures.requests).sum();
            assert_eq!(u64::try_from(found).unwrap(), expected, "{pieces:?}");
        }
    }
}

fn requests_sql(level: Level, window: Window) -> String {
    let between = format!("start >= to_timestamp({}) AND start < to_timestamp({})", window.from_s, window.to_s);
    let fresh = format!("UNION ALL SELECT requests FROM endpoint_minute WHERE NOT rolled AND {between}");
    let (table, fresh) = match level {
        Level::Minute => ("minutes", ""),
        level => (level.name(), fresh.as_str()),
    };
    format!(
        "SELECT coalesce(sum(requests), 0) FROM (SELECT requests FROM endpoint_{table} WHERE {between} {fresh}) AS r"
    )
}

/// Its sealing goes on, of minutes.
#[tokio::test]
async fn the_program_before_this_one_still_seals_minutes() {
    let (test, _, plain) = filled().await;
    test.run("SELECT make_partition_v1('block', extract(epoch FROM timestamptz '2026-03-09Z')::bigint)").await;
    let due = "SELECT before_s || ' ' || days_s[cardinality(days_s)] FROM seal_due_v1()";
    assert_eq!(test.text(due).await, format!("{} {}", NOON - 3_600, NOON - NOON % DAY));
    let packed = "'\\x000100010000000000000000'::bytea";
    let start = "extract(epoch FROM timestamptz '2026-03-09T12:00Z')::bigint";
    let web = format!("ARRAY[{}]", EndpointName::new("web", "GET", "/").id().raw());
    test.run(&format!("BEGIN; SELECT seal_v1({web}, ARRAY[{start}], ARRAY[{packed}], {web}, ARRAY[{start}], 1)")).await;
    assert_eq!(test.number("SELECT requests FROM endpoint_minutes WHERE start = '2026-03-09T12:00Z'").await, 1);
    test.run("ROLLBACK").await;
    assert!(test.seal(&mut SealPlace::default()).await.unwrap().rows > 0);
    assert_rolled(&test, &plain).await;
}
