//! A log on a Redis of its own, and requests to put into it.

use std::time::Duration;

use tally_model::{Anchor, EventBlock, Payload, Position, RequestId, Shard, Totals};
use tally_servers::{AppendFsync, Redis, RedisOptions, TestServers};
use tally_stream::{
    AppendRequest, Appended, Appender, ClientKey, Config, Entry, EntryBody, Limits, Log, OpenRequest, Opened,
};

pub(crate) const SHARD: Shard = Shard::new(0);
pub(crate) const CLUSTER: &str = "cluster-a";

/// A log with shard 0 open.
pub(crate) struct TestLog {
    pub(crate) redis: Redis,
    pub(crate) log: Log,
    pub(crate) header: Position,
}

impl TestLog {
    /// On a Redis that forces nothing to the disk: survives a kill of the process all the same.
    pub(crate) async fn open() -> Self {
        Self::open_on(AppendFsync::No).await
    }

    pub(crate) async fn open_on(append_fsync: AppendFsync) -> Self {
        let redis = redis(RedisOptions { append_fsync, ..RedisOptions::default() }).await;
        let log = Log::connect(&config(&redis.url())).await.unwrap();
        let Opened::Created { header } = log.open(SHARD, &genesis()).await.unwrap() else { panic!("it was open") };
        Self { redis, log, header }
    }

    pub(crate) async fn entries(&self) -> Vec<Entry> {
        self.log.read_from(SHARD, Position::GENESIS, usize::MAX, usize::MAX).await.unwrap()
    }

    /// Events in the log, counted from the payloads.
    pub(crate) async fn events(&self) -> u64 {
        self.entries().await.iter().map(|entry| payload_of(entry).map_or(0, |payload| payload.len() as u64)).sum()
    }

    /// Where the entry at `at` is, with its checksum and totals.
    pub(crate) async fn anchor(&self, at: Position) -> Anchor {
        let entry = self.log.entry_at(SHARD, at).await.unwrap().unwrap();
        Anchor { position: at, checksum: entry.checksum, stamp_ms: entry.stamp_ms, totals: entry.totals }
    }
}

pub(crate) async fn redis(options: RedisOptions) -> Redis {
    TestServers::shared().await.unwrap().private_redis(options).await.unwrap()
}

pub(crate) fn config(url: &str) -> Config {
    let second = Duration::from_secs(1);
    Config { url: url.to_owned(), ca_file: None, shards: 1, connect_timeout: second, command_timeout: 5 * second }
}

pub(crate) fn genesis() -> OpenRequest {
    OpenRequest { cluster_id: CLUSTER.into(), above_epoch: 0, generation: 1, applied: Position::GENESIS }
}

pub(crate) fn limits() -> Limits {
    Limits {
        backlog_events: 1_000_000,
        backlog_bytes: 1 << 30,
        dedupe_bytes: 1 << 30,
        dedupe_window: Duration::from_secs(86_400),
        deadline: Duration::from_secs(10),
    }
}

/// `events` events on as many routes as `routes`.
pub(crate) fn block(events: usize, routes: usize) -> Payload {
    let mut block = EventBlock::new();
    for i in 0..events {
        block.push("service", "GET", &format!("/{}", i % routes), (200, 1_770_000_000_000 + i as i64, Some(1_000)));
    }
    Payload::Events(block)
}

/// Events with routes of 2,000 random characters each: hardly compressible.
pub(crate) fn noise(events: usize) -> Payload {
    let mut random = 1_u64;
    let mut character = move || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'0' + (random >> 33) as u8 % 75)
    };
    let mut block = EventBlock::new();
    for _ in 0..events {
        let route: String = std::iter::once('/').chain((0..2_000).map(|_| character())).collect();
        block.push("s", "GET", &route, (200, 0, None));
    }
    Payload::Events(block)
}

/// A request without a key.
pub(crate) fn request(events: usize) -> AppendRequest {
    AppendRequest { shard: SHARD, key: None, received_ms: 1_770_000_000_000, payload: block(events, 3) }
}

/// A request with a client's key.
pub(crate) fn keyed(key: &str, body: u8, events: usize) -> AppendRequest {
    let key = ClientKey { id: RequestId::of_key("", "events", "", key), body_hash: [body; 8] };
    AppendRequest { key: Some(key), ..request(events) }
}

/// A request that only asks what its key was answered.
pub(crate) fn ask(key: &str, body: u8) -> AppendRequest {
    keyed(key, body, 0)
}

pub(crate) fn payload_of(entry: &Entry) -> Option<Payload> {
    match &entry.body {
        EntryBody::Request { kind, format, payload } => Some(tally_stream::decode(*kind, *format, payload).unwrap()),
        EntryBody::Header(_) => None,
        EntryBody::Damaged { reason, .. } => panic!("{} is damaged: {reason}", entry.position),
    }
}

/// Appends, and expects that it is accepted.
pub(crate) async fn accept(appender: &Appender, request: AppendRequest) -> Position {
    match appender.append(request).await {
        Ok(Appended::Accepted { at, .. }) => at,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn totals(entries: u64, events: u64, bytes: u64) -> Totals {
    Totals { entries, events, bytes }
}

/// A command that the log has no word for.
pub(crate) async fn raw(redis: &Redis, command: &[&str]) -> redis::Value {
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut cmd = redis::cmd(command[0]);
    cmd.arg(&command[1..]);
    cmd.query_async(&mut connection).await.unwrap()
}
