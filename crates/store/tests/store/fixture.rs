//! A database for one test, and a log whose entries are applied to it.

use std::ops::Deref;
use std::time::Duration;

use tally_model::{
    Anchor, Batch, Crossing, EventBlock, Fold, HASH_NAMES, Lineage, Payload, Position, RequestId, Shard, Tally, Totals,
};
use tally_servers::{TestDatabase, TestServers};
use tally_store::{Applied, Config, MigrateSettings, Store};
use tokio_postgres::{Client, NoTls, Row};

/// Shards of a test database.
pub(crate) const SHARDS: u16 = 4;
/// 2026-03-10T12:00:00Z, a Tuesday: the time that most tests take for now.
pub(crate) const NOON: i64 = 1_773_144_000;
/// Seconds in a day.
pub(crate) const DAY: i64 = 86_400;

/// One event: service, method, route, status, seconds since the Unix epoch, microseconds.
pub(crate) type Event<'a> = (&'a str, &'a str, &'a str, u16, i64, Option<u64>);

/// A migrated database whose clock stands still.
pub(crate) struct TestStore {
    pub(crate) store: Store,
    pub(crate) sql: Client,
    pub(crate) database: TestDatabase<'static>,
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

pub(crate) fn settings(shards: u16) -> MigrateSettings {
    MigrateSettings { shards, hash_names: HASH_NAMES.to_owned() }
}

pub(crate) fn config(url: &str) -> Config {
    let mut config = Config::new(url);
    config.lock_timeout = Duration::from_secs(20);
    config
}

impl TestStore {
    /// A database of its own, at [`NOON`].
    pub(crate) async fn new() -> Self {
        let servers = TestServers::shared().await.unwrap();
        let database = servers
            .test_database_from("store", async |url: String| {
                let store = Store::connect(&config(&url)).await?;
                store.migrate(&settings(SHARDS)).await.map(drop)
            })
            .await
            .unwrap();
        let store = Store::connect(&config(&database.url)).await.unwrap();
        let sql = client(&database.url).await;
        let test = Self { store, sql, database };
        test.set_clock(NOON).await;
        test
    }

    /// Pins the clock of the rules.
    pub(crate) async fn set_clock(&self, now_s: i64) {
        self.run(&format!("UPDATE setting SET pinned_clock = to_timestamp({now_s})")).await;
    }

    /// Runs statements that answer nothing.
    pub(crate) async fn run(&self, sql: &str) {
        self.sql.batch_execute(sql).await.unwrap();
    }

    /// The rows of a query.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<Row> {
        self.sql.query(sql, &[]).await.unwrap()
    }

    /// The only number that a query answers.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        self.sql.query_one(&format!("SELECT ({sql})::bigint"), &[]).await.unwrap().get(0)
    }

    /// The only text that a query answers.
    pub(crate) async fn text(&self, sql: &str) -> String {
        self.sql.query_one(&format!("SELECT ({sql})::text"), &[]).await.unwrap().get(0)
    }

    /// Applies, making partitions as they are asked for. Panics where the batch does not win.
    pub(crate) async fn count(&self, batch: &Batch) -> (u64, u64) {
        match apply_all(&self.store, batch).await {
            Applied::Done { counted, dead_lettered, .. } => (counted, dead_lettered),
            other => panic!("{other:?}"),
        }
    }

    /// A text that changes with any row that a batch may write, but for the times of writing.
    pub(crate) async fn fingerprint(&self) -> String {
        let tables = [
            "(SELECT shard, epoch, seq, generation, regress_chain, checksum, stamp_ms, redis_entries, redis_events, redis_bytes, \
              rebase_events, counted, dead_lettered, filtered, lost, halted FROM shard_position)",
            "(SELECT shard, kind, epoch, seq, detail, at FROM log_event)",
            "(SELECT shard, epoch, seq, idx, events, reason, payload, at FROM dead_letter)",
            "position_history",
            "request_ledger",
            "service",
            "endpoint",
            "folded_route",
            "endpoint_minute",
            "minute_block",
            "endpoint_hour",
            "endpoint_day",
            "day_block",
            "endpoint_month",
            "service_minute",
            "service_hour",
            "service_day",
            "service_month",
            "(SELECT name FROM poll)",
            "poll_option",
            "vote",
            "(SELECT poll, option, voter, source_ip, user_agent, at FROM vote_event)",
        ];
        let mut all = String::new();
        for table in tables {
            all += &self
                .text(&format!("SELECT coalesce(string_agg(t::text, '|' ORDER BY t::text), '') FROM {table} t"))
                .await;
            all.push('\n');
        }
        all
    }
}

/// A client of its own.
pub(crate) async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("SET timezone = 'UTC'").await.unwrap();
    client
}

/// Applies a batch, making partitions as they are asked for.
pub(crate) async fn apply_all(store: &Store, batch: &Batch) -> Applied {
    for _ in 0..1_000 {
        match store.apply(batch).await.unwrap() {
            Applied::NeedPartition { level, start_s } => store.make_partition(level, start_s).await.unwrap(),
            other => return other,
        }
    }
    panic!("partitions without end");
}

/// The counts of some events.
pub(crate) fn tally(events: &[Event<'_>]) -> Tally {
    let mut block = EventBlock::new();
    for &(service, method, route, status, time_s, duration_us) in events {
        block.push(service, method, route, (status, time_s * 1_000, duration_us));
    }
    let mut fold = Fold::new();
    fold.add(Payload::Events(block));
    fold.take()
}

/// A shard's log as far as it was read: makes the batches that follow each other.
#[derive(Clone)]
pub(crate) struct TestLog {
    pub(crate) shard: Shard,
    pub(crate) at: Position,
    pub(crate) totals: Totals,
    pub(crate) lineage: Lineage,
    pub(crate) stamp_ms: i64,
}

impl TestLog {
    pub(crate) fn new(shard: u16) -> Self {
        let shard = Shard::new(shard);
        Self {
            shard,
            at: Position::GENESIS,
            totals: Totals::default(),
            lineage: Lineage { generation: 1, regress_chain: 0 },
            stamp_ms: NOON * 1_000,
        }
    }

    /// The batch of the next entry, which holds `tally`.
    pub(crate) fn next(&mut self, tally: Tally) -> Batch {
        let prev = self.at;
        self.at = if prev == Position::GENESIS { Position::new(7, 1) } else { Position::new(prev.epoch, prev.seq + 1) };
        self.totals.entries += 1;
        self.totals.events += tally.events;
        self.totals.bytes += 1_000;
        self.stamp_ms += 200;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.at.epoch.to_be_bytes());
        id[8..].copy_from_slice(&self.at.seq.to_be_bytes());
        Batch {
            shard: self.shard,
            prev,
            lineage: self.lineage,
            last: Anchor { position: self.at, checksum: 0xdead_beef, stamp_ms: self.stamp_ms, totals: self.totals },
            crossings: Vec::new(),
            request_ids: vec![RequestId(id)],
            tally,
            filtered: 0,
            dead_letters: Vec::new(),
        }
    }

    /// The batch of a header that opens `epoch` after `kept`, whose totals were `kept_totals`.
    pub(crate) fn cross(&mut self, epoch: u64, kept: Position, kept_totals: Totals) -> Batch {
        let prev = self.at;
        let crossing = Crossing {
            at: prev,
            header: Position::new(epoch, 0),
            kept,
            totals: kept_totals,
            incarnation: format!("run-{epoch}").into(),
        };
        self.totals = kept_totals;
        let mut batch = self.next(Tally::default());
        self.at = crossing.header;
        batch.last.position = crossing.header;
        batch.crossings.push(crossing);
        batch.request_ids.clear();
        batch
    }
}
