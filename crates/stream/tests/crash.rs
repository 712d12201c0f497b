//! Redis that is killed.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tally_model::{Position, Step, judge};
use tally_servers::AppendFsync;
use tally_stream::{Appended, Config, EntryBody, Limits, Log, Refused};
use tokio::time::sleep;

use crate::support::{SHARD, TestLog, accept, config, keyed, limits, payload_of, raw, request};

#[tokio::test]
async fn a_restart_opens_an_epoch_that_chains_to_the_last_id() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let last = accept(&appender, keyed("k", 1, 3)).await;
    let before = test.log.status(SHARD).await.unwrap();
    test.redis.restart().await.unwrap();
    let status = test.log.status(SHARD).await.unwrap();
    assert_ne!(status.incarnation, status.recorded_incarnation, "not yet opened");
    let next = accept(&appender, request(2)).await;
    assert!(next.epoch > last.epoch && next.seq == 1, "{next}");

    let entries = test.entries().await;
    let EntryBody::Header(header) = &entries[2].body else { panic!("{:?}", entries[2]) };
    assert_eq!(judge(last, entries[2].position, Some(header.prev)), Step::NewEpoch);
    assert_eq!((header.prev, header.totals), (last, before.totals));
    let after = test.log.status(SHARD).await.unwrap();
    assert_eq!(
        (&*header.incarnation, after.incarnation.as_str()),
        (after.recorded_incarnation.as_str(), &*header.incarnation)
    );
    assert_eq!(after.totals.entries, 4);
    assert!(matches!(appender.append(keyed("k", 1, 3)).await, Ok(Appended::Duplicate { at, .. }) if at == last));
}

#[tokio::test]
async fn kill_9_under_always_loses_and_doubles_nothing() {
    let test = TestLog::open_on(AppendFsync::Always).await;
    let appender = test.log.appender(Limits { deadline: Duration::from_secs(20), ..limits() });
    let (accepted, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (appender, accepted, stop) = (appender.clone(), Arc::clone(&accepted), Arc::clone(&stop));
            tokio::spawn(async move {
                for i in 0.. {
                    if stop.load(Ordering::Relaxed) > 0 {
                        return;
                    }
                    let request = if i % 2 == 0 { keyed(&format!("{client}/{i}"), 1, 2) } else { request(3) };
                    match appender.append(request).await {
                        Ok(Appended::Accepted { events, .. }) => {
                            accepted.fetch_add(u64::from(events), Ordering::Relaxed)
                        }
                        other => panic!("{other:?}"),
                    };
                }
            })
        })
        .collect();
    for _ in 0..4 {
        sleep(Duration::from_millis(250)).await;
        test.redis.kill9().await.unwrap();
        sleep(Duration::from_millis(50)).await;
        test.redis.restart().await.unwrap();
    }
    sleep(Duration::from_millis(250)).await;
    stop.store(1, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let accepted = accepted.load(Ordering::Relaxed);
    assert!(accepted > 50, "{accepted}");
    assert_eq!(test.events().await, accepted);
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.totals.events, status.duplicates), (accepted, 0));

    let (mut at, mut epochs) = (Position::GENESIS, 0);
    for entry in test.entries().await {
        let prev = match &entry.body {
            EntryBody::Header(header) => Some(header.prev),
            _ => payload_of(&entry).and(None),
        };
        epochs += u32::from(prev.is_some());
        assert!(matches!(judge(at, entry.position, prev), Step::Next | Step::NewEpoch), "{at} {}", entry.position);
        at = entry.position;
    }
    assert!((2..=5).contains(&epochs), "{epochs} epochs after 4 restarts");
}

#[tokio::test]
async fn a_lost_suffix_is_named_by_the_next_header() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let kept = accept(&appender, request(3)).await;
    let (file, copy) = (test.redis.data_dir().join("appendonlydir"), test.redis.data_dir().join("kept"));
    copy_files(&file, &copy);
    let totals = test.log.status(SHARD).await.unwrap().totals;
    accept(&appender, keyed("k", 1, 4)).await;
    let lost = accept(&appender, request(5)).await;
    test.redis.kill9().await.unwrap();
    copy_files(&copy, &file);
    test.redis.restart().await.unwrap();

    // The retry of a lost request is no duplicate: what was kept of it is lost with it.
    let next = accept(&appender, keyed("k", 1, 4)).await;
    assert!(next.epoch > lost.epoch && next.seq == 1);
    let header = test.log.entry_at(SHARD, Position::new(next.epoch, 0)).await.unwrap().unwrap();
    let EntryBody::Header(body) = &header.body else { panic!("{header:?}") };
    assert_eq!(judge(lost, header.position, Some(body.prev)), Step::Regress { kept });
    assert_eq!((body.totals, header.totals.events), (totals, 3));
}

fn copy_files(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_demoted_redis_is_waited_for_within_the_deadline() {
    let test = TestLog::open().await;
    let patient = test.log.appender(limits());
    let hasty = test.log.appender(Limits { deadline: Duration::from_millis(500), ..limits() });
    let last = accept(&patient, request(1)).await;
    raw(&test.redis, &["REPLICAOF", "127.0.0.1", "1"]).await;
    let waiting = tokio::spawn({
        let patient = patient.clone();
        async move { patient.append(request(1)).await }
    });
    // It is refused for certain, time and again; only if the deadline falls into one of the tries the outcome is unknown.
    let mut refusals = Vec::new();
    while !refusals.contains(&Err(Refused::Unavailable)) {
        assert!(
            refusals.len() < 10 && refusals.iter().all(|refusal| *refusal == Err(Refused::Unknown)),
            "{refusals:?}"
        );
        refusals.push(hasty.append(request(1)).await);
    }
    raw(&test.redis, &["REPLICAOF", "NO", "ONE"]).await;
    let Ok(Appended::Accepted { at, .. }) = waiting.await.unwrap() else { panic!("refused") };
    assert_eq!(test.events().await, 2);
    // It kept its run id, but another could have been the primary meanwhile: a new epoch.
    assert!(at.epoch > last.epoch, "{at}");
}

#[tokio::test]
async fn a_redis_that_hangs_leaves_the_outcome_unknown() {
    let test = TestLog::open().await;
    let appender = test.log.appender(Limits { deadline: Duration::from_millis(500), ..limits() });
    accept(&appender, request(1)).await;
    test.redis.pause().unwrap();
    let sent = tokio::spawn({
        let appender = appender.clone();
        async move { appender.append(request(1)).await }
    });
    sleep(Duration::from_millis(100)).await;
    // The first is in flight; this one waits behind it, and is never sent.
    assert_eq!(appender.append(request(1)).await, Err(Refused::Unavailable));
    assert_eq!(sent.await.unwrap(), Err(Refused::Unknown));
    test.redis.resume().unwrap();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(test.events().await, 2, "the first and, as it turned out, the unknown one");
}

#[tokio::test]
async fn a_redis_that_hangs_and_wakes_appends_once() {
    let test = TestLog::open().await;
    let quick = Config { command_timeout: Duration::from_millis(200), ..config(&test.redis.url()) };
    let appender = Log::connect(&quick).await.unwrap().appender(limits());
    accept(&appender, request(1)).await;
    test.redis.pause().unwrap();
    let waiting: Vec<_> = [keyed("k", 1, 2), request(3), request(100)]
        .into_iter()
        .map(|request| {
            let appender = appender.clone();
            tokio::spawn(async move { appender.append(request).await })
        })
        .collect();
    // Several times given up, and sent again over another connection; Redis finds all of them when it wakes.
    sleep(Duration::from_millis(1_500)).await;
    test.redis.resume().unwrap();
    for task in waiting {
        assert!(matches!(task.await.unwrap(), Ok(Appended::Accepted { .. })));
    }
    assert!(appender.stats().resends >= 2);
    assert_eq!(test.events().await, 106);
    assert_eq!(test.log.status(SHARD).await.unwrap().duplicates, 0);
}
