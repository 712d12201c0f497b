//! One call for several shards.

use tally_model::Shard;
use tally_servers::{AppendFsync, Redis, RedisOptions, free_port};
use tally_stream::{AppendRequest, Appended, Appender, Config, Limits, Log, Refused};
use tokio::task::JoinSet;

use crate::support::{accept, config, genesis, keyed, limits, raw, redis, request};

const SHARDS: u16 = 4;

fn settings(redis: &Redis) -> Config {
    Config { shards: SHARDS, ..config(&redis.url()) }
}

/// A log whose first `open` shards are open.
async fn log_on(redis: &Redis, open: usize) -> Log {
    let log = Log::connect(&settings(redis)).await.unwrap();
    for shard in Shard::all(SHARDS).take(open) {
        log.open(shard, &genesis()).await.unwrap();
    }
    log
}

/// `rounds` requests for each shard at once, one in three with a key; the answers by shard.
async fn append_everywhere(appender: &Appender, rounds: usize) -> Vec<(Shard, Result<Appended, Refused>)> {
    let mut tasks = JoinSet::new();
    for round in 0..rounds {
        for shard in Shard::all(SHARDS) {
            let plain = if round % 3 == 0 { keyed(&format!("{shard}/{round}"), 1, 2) } else { request(2) };
            let (appender, request) = (appender.clone(), AppendRequest { shard, ..plain });
            tasks.spawn(async move { (shard, appender.append(request).await) });
        }
    }
    tasks.join_all().await
}

fn is_up(cluster_info: &redis::Value) -> bool {
    let redis::Value::BulkString(text) = cluster_info else { return false };
    text.starts_with(b"cluster_state:ok")
}

async fn events_of(log: &Log) -> Vec<u64> {
    log.statuses().await.unwrap().iter().map(|status| status.totals.events).collect()
}

#[tokio::test]
async fn requests_for_all_shards_share_calls() {
    let redis = redis(RedisOptions { append_fsync: AppendFsync::No, ..RedisOptions::default() }).await;
    let log = log_on(&redis, SHARDS.into()).await;
    let appender = log.appender(limits());
    for (shard, answer) in append_everywhere(&appender, 60).await {
        assert!(matches!(answer, Ok(Appended::Accepted { events: 2, .. })), "{shard} {answer:?}");
    }
    assert_eq!(events_of(&log).await, [120; SHARDS as usize]);
    assert!(appender.stats().flushes < 20, "{:?}", appender.stats());
}

#[tokio::test]
async fn a_shard_that_fails_or_is_not_open_harms_no_other() {
    let redis = redis(RedisOptions { append_fsync: AppendFsync::No, ..RedisOptions::default() }).await;
    let log = log_on(&redis, 3).await;
    raw(&redis, &["SET", "events:{1}", "no stream"]).await;
    let appender = log.appender(limits());
    for (shard, answer) in append_everywhere(&appender, 30).await {
        match shard.index() {
            1 => assert_eq!(answer, Err(Refused::Unknown)),
            3 => assert_eq!(answer, Err(Refused::NotOpen)),
            _ => assert!(matches!(answer, Ok(Appended::Accepted { .. })), "{shard} {answer:?}"),
        }
    }
    raw(&redis, &["DEL", "events:{1}"]).await;
    assert_eq!(events_of(&log).await, [60, 0, 60, 0]);
}

#[tokio::test]
async fn a_cluster_gets_a_call_for_each_shard() {
    // Left to itself its bus takes a port 10,000 above its own, where systems find ports for outgoing connections.
    let bus = free_port().unwrap().to_string();
    let extra = ["--cluster-enabled", "yes", "--cluster-port", &bus].map(str::to_owned).into();
    let redis = redis(RedisOptions { append_fsync: AppendFsync::No, extra, ..RedisOptions::default() }).await;
    raw(&redis, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    while !is_up(&raw(&redis, &["CLUSTER", "INFO"]).await) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let log = log_on(&redis, SHARDS.into()).await;
    let appender = log.appender(limits());
    for _ in 0..2 {
        for (shard, answer) in append_everywhere(&appender, 30).await {
            assert!(answer.is_ok(), "{shard} {answer:?}");
        }
    }
    // The second time the keyed third was there before.
    assert_eq!(events_of(&log).await, [100; SHARDS as usize]);
}

#[tokio::test]
async fn appenders_of_a_process_share_figures_and_keys() {
    let redis = redis(RedisOptions { append_fsync: AppendFsync::No, ..RedisOptions::default() }).await;
    let log = log_on(&redis, SHARDS.into()).await;
    let appenders = log.appenders(limits());
    let (one, other) = (appenders.start(), appenders.start());
    let at = accept(&one, keyed("k", 1, 5)).await;
    let again = other.append(keyed("k", 1, 5)).await;
    assert!(matches!(again, Ok(Appended::Duplicate { at: first, events: 5, .. }) if first == at), "{again:?}");
    accept(&other, request(1)).await;
    let stats = appenders.stats();
    assert_eq!((stats.flushes, stats.queued_requests, stats.in_flight_requests), (3, 0, 0));
}

/// A call as a sender makes it, of a request of two events for each shard; what the script answers to the requests.
async fn call(redis: &Redis, number: u64, shards: &[u16]) -> Vec<u8> {
    const HEAD: &str = "sender's entry 1\x01\x01\0\0\0\0\0\0\0\x01\0\0\0\x02";
    // Limits, window and time to keep outcomes, each more than enough, and all of them text.
    let numbers = [0x7f7f, 0x7f_7f7f, 0x7f_7f7f, 0x7f7f, 0x7f7f, number];
    let numbers = String::from_utf8(numbers.into_iter().flat_map(u64::to_be_bytes).collect()).unwrap();
    let count = shards.len().to_string();
    let streams: Vec<_> = shards.iter().map(|shard| format!("events:{{{shard}}}")).collect();
    let mut command = vec!["EVAL", include_str!("../scripts/append.lua"), &count];
    command.extend(streams.iter().map(String::as_str));
    command.extend([&numbers, "sender 1"]);
    command.extend(shards.iter().flat_map(|_| ["1", HEAD, "", "payload"]));
    let redis::Value::Array(parts) = raw(redis, &command).await else { panic!("no list") };
    let [redis::Value::BulkString(answers)] = &parts[..] else { panic!("{parts:?}") };
    answers.clone()
}

#[tokio::test]
async fn a_copy_of_a_call_does_nothing_whenever_it_comes() {
    let redis = redis(RedisOptions { append_fsync: AppendFsync::No, ..RedisOptions::default() }).await;
    let log = log_on(&redis, SHARDS.into()).await;
    let first = call(&redis, 1, &[1, 2]).await;
    assert_eq!(first.iter().step_by(29).collect::<Vec<_>>(), [&0; 2], "{first:?}");
    assert_eq!(call(&redis, 1, &[1, 2]).await, first);
    // A later one that shares no shard with it, and one that shares its first.
    call(&redis, 2, &[0]).await;
    assert_eq!(call(&redis, 1, &[1, 2]).await, first);
    call(&redis, 3, &[1, 3]).await;
    assert_eq!(call(&redis, 1, &[1, 2]).await, b"");
    assert_eq!(events_of(&log).await, [2, 4, 2, 2]);
}

#[tokio::test]
async fn events_without_a_key_go_where_there_is_room() {
    let redis = redis(RedisOptions { append_fsync: AppendFsync::No, ..RedisOptions::default() }).await;
    let log = log_on(&redis, SHARDS.into()).await;
    // Ten for each shard: two requests of six.
    let appender = log.appender(Limits { backlog_events: 40, ..limits() });
    let mut taken = Vec::new();
    for i in 0..8 {
        let answer = appender.append(request(6)).await;
        let Ok(Appended::Accepted { shard, .. }) = answer else { panic!("{i} {answer:?}") };
        taken.push(shard.index());
        if i == 1 {
            let keyed = appender.append(keyed("k", 1, 1)).await;
            assert!(matches!(keyed, Err(Refused::Backlog { events: 12, .. })), "a key has one shard: {keyed:?}");
        }
    }
    assert_eq!(taken, [0, 0, 1, 1, 2, 2, 3, 3]);
    let tasks: JoinSet<_> = (0..50)
        .map(|_| {
            let appender = appender.clone();
            async move { appender.append(request(1)).await }
        })
        .collect();
    for answer in tasks.join_all().await {
        assert!(matches!(answer, Err(Refused::Backlog { events: 12, .. })), "all are full: {answer:?}");
    }
    assert_eq!(events_of(&log).await, [12; SHARDS as usize]);
}
