//! Late events: every level that still keeps their time, and dead letters for what none keeps.

use tally_model::Level;
use tally_store::{Class, Error, Keep};

use crate::fixture::{DAY, NOON, TestLog, TestStore, tally};
use crate::plain_fold::{PlainFold, assert_levels};

#[tokio::test]
async fn a_rolled_minute_passes_late_events_on() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let mut plain = PlainFold::default();
    for _ in 0..3 {
        let tally = tally(&[("web", "GET", "/", 200, NOON - 600, Some(5)), ("web", "GET", "/", 200, NOON + 10, None)]);
        plain.add(&tally);
        test.count(&log.next(tally)).await;
        while test.roll_up().await.unwrap().more {}
    }
    assert_eq!(test.number("SELECT requests FROM endpoint_minute WHERE rolled").await, 3);
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_hour").await, 3, "the running minute is not over");
    assert_levels(&test, &plain).await;
}

#[tokio::test]
async fn too_late_for_every_level_is_set_aside() {
    let test = TestStore::new().await;
    test.maintain(&Keep::default()).await.unwrap();
    // Months stay unless an operator says otherwise.
    test.run("UPDATE kept_floor SET at = '2024-01-01Z' WHERE level = 'month'").await;
    let mut log = TestLog::new(0);
    let old = NOON - 1_000 * DAY;
    let batch = log.next(tally(&[
        ("web", "GET", "/", 200, NOON, Some(1)),
        ("web", "GET", "/", 200, old, Some(1)),
        ("web", "GET", "/", 500, old + 1, Some(9)),
        ("web", "PUT", "/x", 200, old, None),
        ("web", "GET", "/", 200, NOON - 300 * DAY, Some(1)),
    ]));
    assert_eq!(test.count(&batch).await, (2, 3));
    let row = test.position(log.shard).await.unwrap();
    assert_eq!((row.counted, row.dead_lettered, row.is_balanced()), (2, 3, true));
    let letters = test.dead_letters(10, None, None).await.unwrap();
    let shown: Vec<_> = letters.iter().map(|l| (&*l.reason, l.events, l.index, l.position)).collect();
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|l| (l.0, l.2, l.3) == ("too_late", None, batch.last.position)), "{shown:?}");
    assert_eq!(letters.iter().map(|l| l.events).sum::<u64>(), 3);
    let text: String = letters.iter().map(|l| String::from_utf8(l.payload.clone()).unwrap()).collect();
    assert!(text.contains("\"route\" : \"/x\"") && text.contains("\"duration_max_us\" : 9"), "{text}");
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_month").await, 1);
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, 1);
}

#[tokio::test]
async fn each_level_takes_what_it_keeps() {
    let test = TestStore::new().await;
    test.maintain(&Keep::default()).await.unwrap();
    let mut log = TestLog::new(0);
    let ages = [0, 6, 8, 60, 200, 700, 1_100];
    let events: Vec<_> = ages.iter().map(|days| ("web", "GET", "/", 200, NOON - 60 - days * DAY, Some(3))).collect();
    assert_eq!(test.count(&log.next(tally(&events))).await, (7, 0));
    while test.roll_up().await.unwrap().more {}
    for (level, requests) in [("minute", 2), ("hour", 3), ("day", 6), ("month", 7)] {
        let found = test.number(&format!("SELECT sum(requests) FROM endpoint_{level}")).await;
        // Floors lie on bounds of partitions, so hours and days keep a little more than asked for.
        let least = if level == "hour" { 3..=4 } else { requests..=requests };
        assert!(least.contains(&found), "{level}: {found}");
    }
}

#[tokio::test]
async fn retention_times_must_not_contradict() {
    let test = TestStore::new().await;
    for (minutes_days, hours_days, days_days) in [(8, 7, 100), (1, 90, 89)] {
        let keep = Keep { minutes_days, hours_days, days_days, ..Keep::default() };
        assert!(matches!(test.maintain(&keep).await, Err(Error::KeepOrder)));
    }
}

#[tokio::test]
async fn times_that_cannot_be_are_poison() {
    let test = TestStore::new().await;
    for time_s in [NOON + 400 * DAY, -10_000 * DAY] {
        let batch = TestLog::new(0).next(tally(&[("web", "GET", "/", 200, time_s, None)]));
        let tally_store::Applied::NeedPartition { level: Level::Minute, start_s } = test.apply(&batch).await.unwrap()
        else {
            panic!()
        };
        assert_eq!(test.make_partition(Level::Minute, start_s).await.unwrap_err().class(), Class::Poison);
        assert_eq!(test.probe(&batch).await.unwrap_err().class(), Class::Poison);
    }
}
