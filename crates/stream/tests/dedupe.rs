//! Requests that are sent again.

use std::time::Duration;

use tally_stream::{AppendRequest, Appended, Limits, Refused};
use tokio::time::sleep;

use crate::support::{SHARD, TestLog, accept, ask, keyed, limits, request};

#[tokio::test]
async fn the_same_request_is_answered_as_the_first_was() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let at = accept(&appender, keyed("k", 1, 5)).await;
    // Another time of receipt, and fewer events that would be acceptable now: the first answer stands.
    let again = AppendRequest { received_ms: 99, ..keyed("k", 1, 3) };
    let first = Appended::Duplicate { at, received_ms: 1_770_000_000_000, events: 5 };
    assert_eq!(appender.append(again).await, Ok(first));
    assert_eq!(appender.append(ask("k", 1)).await, Ok(first));
    assert_eq!(appender.append(keyed("k", 2, 5)).await, Err(Refused::KeyReused));
    assert_eq!(appender.append(ask("k", 2)).await, Err(Refused::KeyReused));
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.totals.events, status.duplicates), (5, 10));
    assert_eq!(test.events().await, 5);
}

#[tokio::test]
async fn asking_appends_nothing() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    assert_eq!(appender.append(ask("k", 1)).await, Ok(Appended::NothingToAppend));
    assert_eq!(test.entries().await.len(), 1);
    // To ask is not to use the key.
    accept(&appender, keyed("k", 2, 1)).await;
}

#[tokio::test]
async fn twins_in_flight_are_one() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let twins = (0..20).map(|_| {
        tokio::spawn({
            let appender = appender.clone();
            async move { appender.append(keyed("k", 1, 2)).await }
        })
    });
    let mut accepted = 0;
    for twin in twins.collect::<Vec<_>>() {
        match twin.await.unwrap().unwrap() {
            Appended::Accepted { .. } => accepted += 1,
            Appended::Duplicate { events, .. } => assert_eq!(events, 2),
            Appended::NothingToAppend => panic!("nothing"),
        }
    }
    assert_eq!(accepted, 1);
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.totals.events, status.duplicates), (2, 38));
}

#[tokio::test]
async fn requests_without_a_key_are_no_duplicates() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    for _ in 0..10 {
        accept(&appender, request(1)).await;
    }
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.totals.events, status.duplicates), (10, 0));
}

#[tokio::test]
async fn full_ids_refuse_only_new_keys() {
    let test = TestLog::open().await;
    let appender = test.log.appender(Limits { dedupe_bytes: 2_000, ..limits() });
    let mut kept = 0;
    let refused = loop {
        match appender.append(keyed(&format!("k{kept}"), 1, 1)).await {
            Ok(_) => kept += 1,
            Err(refused) => break refused,
        }
        assert!(kept < 100);
    };
    assert_eq!(refused, Refused::DedupeFull);
    assert!(kept >= 2, "{kept}");
    assert!(matches!(appender.append(keyed("k0", 1, 1)).await, Ok(Appended::Duplicate { .. })));
    assert_eq!(appender.append(ask("new", 1)).await, Ok(Appended::NothingToAppend));
    accept(&appender, request(1)).await;
    accept(&appender, request(100)).await;
    // What was charged is forgotten no earlier than the ids.
    assert_eq!(appender.append(keyed("another", 1, 1)).await, Err(Refused::DedupeFull));
}

#[tokio::test]
async fn ids_are_kept_for_the_window_and_then_forgotten() {
    let test = TestLog::open().await;
    let window = Duration::from_secs(4);
    let appender = test.log.appender(Limits { dedupe_window: window, dedupe_bytes: 500, ..limits() });
    let start = std::time::Instant::now();
    accept(&appender, keyed("k", 1, 1)).await;
    let kept = std::time::Instant::now();
    while start.elapsed() < window - Duration::from_millis(700) {
        assert!(
            matches!(appender.append(keyed("k", 1, 1)).await, Ok(Appended::Duplicate { .. })),
            "{:?}",
            start.elapsed()
        );
        sleep(Duration::from_millis(300)).await;
    }
    // A window and one more bucket of a quarter later it can be in no bucket that is asked.
    sleep((window + window / 4).saturating_sub(kept.elapsed()) + Duration::from_millis(100)).await;
    accept(&appender, keyed("k", 1, 1)).await;
    sleep(Duration::from_secs(8)).await;
    let keys = crate::support::raw(&test.redis, &["KEYS", "events:{0}:ids:*"]).await;
    assert_eq!(keys, redis::Value::Array(vec![]), "they expire");
}

#[tokio::test]
async fn a_new_window_forgets_nothing_early() {
    let test = TestLog::open().await;
    let before = test.log.appender(limits());
    let at = accept(&before, keyed("k", 1, 1)).await;
    let after = test.log.appender(Limits { dedupe_window: Duration::from_secs(3_600), ..limits() });
    for appender in [&after, &before, &after] {
        let duplicate = appender.append(keyed("k", 1, 1)).await.unwrap();
        assert!(matches!(duplicate, Appended::Duplicate { at: first, .. } if first == at), "{duplicate:?}");
    }
    accept(&after, keyed("l", 1, 1)).await;
    assert!(matches!(before.append(keyed("l", 1, 1)).await, Ok(Appended::Duplicate { .. })));
}
