//! Many at once.

use std::collections::BTreeSet;
use std::time::Duration;

use tally_model::{ENTRY_BYTES_MAX, Payload};
use tally_stream::{Appended, EntryBody, Refused};

use crate::support::{SHARD, TestLog, accept, limits, noise, payload_of, request};

#[tokio::test]
async fn concurrent_singles_share_entries_and_each_is_answered() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let single = |i: usize| {
        let mut request = request(0);
        request.received_ms = i as i64;
        let mut block = tally_model::EventBlock::new();
        block.push("s", "GET", &format!("/only/{i}"), (200, i as i64, None));
        request.payload = Payload::Events(block);
        request
    };
    let tasks: Vec<_> = (0..500)
        .map(|i| {
            tokio::spawn({
                let appender = appender.clone();
                let request = single(i);
                async move { appender.append(request).await }
            })
        })
        .collect();
    for (i, task) in tasks.into_iter().enumerate() {
        let Ok(Appended::Accepted { received_ms, events, .. }) = task.await.unwrap() else { panic!("{i}") };
        assert_eq!((received_ms, events), (i as i64, 1));
    }
    let entries = test.entries().await;
    assert!(entries.len() < 50, "{} entries for 500 requests", entries.len());
    let routes: Vec<_> = entries
        .iter()
        .filter_map(payload_of)
        .flat_map(|payload| match payload {
            Payload::Events(block) => block
                .rows()
                .iter()
                .map(|row| block.endpoints()[row.endpoint as usize].route().to_owned())
                .collect::<Vec<_>>(),
            Payload::Votes(_) => panic!("votes"),
        })
        .collect();
    assert_eq!((routes.len(), routes.into_iter().collect::<BTreeSet<_>>().len()), (500, 500));
    let stats = appender.stats();
    assert_eq!((stats.queued_requests, stats.queued_bytes, stats.in_flight_requests), (0, 0, 0));
    assert_eq!((stats.entries, stats.resends), (entries.len() as u64 - 1, 0));
}

#[tokio::test]
async fn merged_entries_stay_within_the_limit() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    // 300 requests of up to 60 KB of names each: 9 MB, more than two calls.
    let large = |i: usize| {
        let mut block = tally_model::EventBlock::new();
        for j in 0..30 {
            block.push("s", "GET", &format!("/{i}/{j}/{}", "x".repeat(1_000)), (200, 0, None));
        }
        tally_stream::AppendRequest { payload: Payload::Events(block), ..request(0) }
    };
    let tasks: Vec<_> = (0..300)
        .map(|i| {
            tokio::spawn({
                let appender = appender.clone();
                async move { appender.append(large(i)).await }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(test.events().await, 9_000);
    // A call carries at most 4 MiB.
    assert!(appender.stats().flushes >= 3, "{:?}", appender.stats());
    for entry in test.entries().await {
        let EntryBody::Request { payload, .. } = &entry.body else { continue };
        // Each event has a kilobyte of names, and an entry is filled by what it may pack into.
        assert!(payload.len() <= ENTRY_BYTES_MAX && entry.events <= 512, "{} events", entry.events);
    }
}

#[tokio::test]
async fn a_dropped_caller_harms_no_one() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    accept(&appender, request(1)).await;
    test.redis.pause().unwrap();
    let doomed: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let appender = appender.clone();
                async move { appender.append(request(1)).await }
            })
        })
        .collect();
    let kept: Vec<_> = (0..20)
        .map(|_| {
            tokio::spawn({
                let appender = appender.clone();
                async move { appender.append(request(1)).await }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    doomed.iter().for_each(tokio::task::JoinHandle::abort);
    test.redis.resume().unwrap();
    for task in kept {
        assert!(matches!(task.await.unwrap(), Ok(Appended::Accepted { events: 1, .. })));
    }
    let events = test.events().await;
    assert!((21..=41).contains(&events), "{events}");
    assert_eq!(test.log.status(SHARD).await.unwrap().totals.events, events);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    accept(&appender, request(1)).await;
    test.redis.pause().unwrap();
    let payload = noise(200);
    let packed = tally_stream::encode(&payload).bytes.len();
    let needed = 64 * 1024 * 1024 / packed + 50;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..needed {
        let request = tally_stream::AppendRequest { payload: payload.clone(), ..request(0) };
        let appender = appender.clone();
        tasks.spawn(async move { appender.append(request).await });
    }
    let first = tasks.join_next().await.unwrap().unwrap();
    assert_eq!(first, Err(Refused::Overloaded));
    assert!(appender.stats().queued_bytes <= 64 * 1024 * 1024 + 1_000_000);
    tasks.abort_all();
    test.redis.resume().unwrap();
}
