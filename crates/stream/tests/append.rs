//! One request after another.

use std::time::Duration;

use tally_model::{ENTRY_BYTES_MAX, Payload, Position, Shard, Vote};
use tally_servers::RedisOptions;
use tally_stream::{AppendRequest, Appended, EntryBody, Error, Kind, Limits, Log, Refused};

use crate::support::{SHARD, TestLog, accept, config, genesis, limits, noise, payload_of, redis, request};

#[tokio::test]
async fn ids_are_dense_and_totals_add_up() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    for i in 1..=20 {
        let at = accept(&appender, request(i)).await;
        assert_eq!(at, Position::new(test.header.epoch, i as u64));
    }
    let entries = test.entries().await;
    assert_eq!(entries.len(), 21);
    let EntryBody::Header(header) = &entries[0].body else { panic!("{:?}", entries[0]) };
    assert_eq!((header.prev, &*header.cluster_id), (Position::GENESIS, "cluster-a"));
    let (mut events, mut bytes) = (0, 0);
    for (i, entry) in entries.iter().enumerate() {
        assert_eq!(entry.position, Position::new(test.header.epoch, i as u64));
        events += u64::from(entry.events);
        assert_eq!((entry.totals.entries, entry.totals.events), (i as u64 + 1, events));
        assert!(entry.totals.bytes > bytes);
        bytes = entry.totals.bytes;
        if i > 0 {
            assert_eq!(payload_of(entry), Some(request(i).payload));
            assert_eq!((entry.events, entry.received_ms), (i as u32, 1_770_000_000_000));
        }
    }
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.totals.entries, status.totals.events, status.totals.bytes), (21, 210, bytes));
    assert_eq!((status.last, status.first), (entries[20].position, Some(test.header)));
    assert!(status.open && status.group && status.incarnation == status.recorded_incarnation);
}

#[tokio::test]
async fn votes_keep_their_order() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let vote = |option: &str| Vote {
        poll: "default".into(),
        option: option.into(),
        voter: Some("v".into()),
        source_ip: Some("::1".into()),
        user_agent: None,
        time_ms: 5,
    };
    let votes = vec![vote("cats"), vote("dogs"), vote("cats")];
    let payload = Payload::Votes(votes);
    accept(&appender, AppendRequest { shard: SHARD, key: None, received_ms: 5, payload: payload.clone() }).await;
    let entries = test.entries().await;
    assert!(matches!(entries[1].body, EntryBody::Request { kind: Kind::Votes, .. }));
    assert_eq!(payload_of(&entries[1]), Some(payload));
}

#[tokio::test]
async fn nothing_is_appended_for_nothing() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    assert_eq!(appender.append(request(0)).await, Ok(Appended::NothingToAppend));
    assert_eq!(test.entries().await.len(), 1);
}

#[tokio::test]
async fn an_unopened_shard_takes_nothing() {
    let redis = redis(RedisOptions::default()).await;
    let log = Log::connect(&config(&redis.url())).await.unwrap();
    let appender = log.appender(limits());
    assert_eq!(appender.append(request(1)).await, Err(Refused::NotOpen));
    let absent = AppendRequest { shard: Shard::new(1), ..request(1) };
    assert_eq!(appender.append(absent).await, Err(Refused::NotOpen));
    let status = log.status(SHARD).await.unwrap();
    assert!(!status.open && status.last == Position::GENESIS && status.first.is_none());
}

#[tokio::test]
async fn a_request_that_packs_too_large_is_refused() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let payload = noise(600);
    let refused = appender.append(AppendRequest { payload, ..request(0) }).await;
    assert!(matches!(refused, Err(Refused::TooLarge { bytes }) if bytes > ENTRY_BYTES_MAX), "{refused:?}");
    assert_eq!(test.entries().await.len(), 1);
}

#[tokio::test]
async fn redis_that_is_away_has_taken_nothing() {
    let test = TestLog::open().await;
    let appender = test.log.appender(Limits { deadline: Duration::from_millis(400), ..limits() });
    test.redis.kill9().await.unwrap();
    // The connection is made with the first append: nothing can have been sent.
    assert_eq!(appender.append(request(1)).await, Err(Refused::Unavailable));
    assert!(matches!(test.log.status(SHARD).await, Err(Error::Away(_))));
    test.redis.restart().await.unwrap();
    accept(&appender, request(1)).await;
    assert_eq!(test.events().await, 1);
}

#[tokio::test]
async fn redis_out_of_memory_refuses_at_once_and_for_certain() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    accept(&appender, request(1)).await;
    crate::support::raw(&test.redis, &["CONFIG", "SET", "maxmemory", "1mb"]).await;
    let start = std::time::Instant::now();
    assert_eq!(appender.append(request(1)).await, Err(Refused::Unavailable));
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(test.events().await, 1);
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.totals.entries, status.totals.events), (2, 1));
    crate::support::raw(&test.redis, &["CONFIG", "SET", "maxmemory", "0"]).await;
    accept(&appender, request(1)).await;
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_loaded_again() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    accept(&appender, request(1)).await;
    crate::support::raw(&test.redis, &["SCRIPT", "FLUSH"]).await;
    accept(&appender, request(1)).await;
    crate::support::raw(&test.redis, &["SCRIPT", "FLUSH"]).await;
    assert_eq!(test.log.status(SHARD).await.unwrap().totals.events, 2);
    assert_eq!(test.log.open(SHARD, &genesis()).await.unwrap(), tally_stream::Opened::Already);
}
