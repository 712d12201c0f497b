//! A PostgreSQL without the rest of Tally, and a log whose entries are applied to it.

use tally_model::{Anchor, Batch, HASH_NAMES, Lineage, Position, RequestId, Shard, Tally, Totals};
use tally_servers::{Postgres, PostgresOptions, TestServers};
use tally_store::{Applied, Config, MigrateSettings, Store};
use tokio_postgres::{Client, NoTls};

use crate::error::Error;
use crate::system::now_s;

/// Partitions that one batch may ask for.
const PARTITIONS_MAX: usize = 10;

/// A migrated, durable database with one shard.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) sql: Client,
    _postgres: Postgres,
}

impl Database {
    /// Starts it.
    pub(crate) async fn start() -> Result<Self, Error> {
        let directory = TestServers::shared().await?.fresh_dir("database")?;
        let postgres =
            Postgres::start(&directory.join("postgres"), PostgresOptions { durable: true, port: None }).await?;
        let url = postgres.url("postgres");
        let store = Store::connect(&Config::new(&url)).await?;
        store.migrate(&MigrateSettings { shards: 1, hash_names: HASH_NAMES.to_owned() }).await?;
        let sql = client(&url).await?;
        Ok(Self { store, sql, _postgres: postgres })
    }

    /// As a consumer does: the call, and the merging of what grew, which a consumer leaves to another task.
    pub(crate) async fn apply(&self, batch: &Batch) -> Result<(), Error> {
        for _ in 0..PARTITIONS_MAX {
            match self.store.apply(batch).await? {
                Applied::NeedPartition { level, start_s } => self.store.make_partition(level, start_s).await?,
                Applied::Lost { .. } => return Error::wrong("a batch does not follow the one before"),
                Applied::Done { grown, .. } => return Ok(self.store.compact(&grown).await?),
            }
        }
        Error::wrong("partitions without end")
    }
}

/// A connection of its own.
pub(crate) async fn client(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// A shard's log: makes the batches that follow each other.
pub(crate) struct Log {
    at: Position,
    pub(crate) totals: Totals,
}

impl Log {
    /// Nothing was appended yet.
    pub(crate) fn new() -> Self {
        Self { at: Position::GENESIS, totals: Totals::default() }
    }

    /// The batch of the next entry, which holds `tally`.
    pub(crate) fn next(&mut self, tally: Tally) -> Batch {
        let prev = self.at;
        self.at = if prev == Position::GENESIS { Position::new(1, 1) } else { Position::new(prev.epoch, prev.seq + 1) };
        self.totals.entries += 1;
        self.totals.events += tally.events;
        self.totals.bytes += 1_000;
        let mut id = [0; 16];
        id[8..].copy_from_slice(&self.at.seq.to_be_bytes());
        Batch {
            shard: Shard::new(0),
            prev,
            lineage: Lineage { generation: 1, regress_chain: 0 },
            last: Anchor { position: self.at, checksum: 1, stamp_ms: (now_s() * 1e3) as i64, totals: self.totals },
            crossings: Vec::new(),
            request_ids: vec![RequestId(id)],
            tally,
            filtered: 0,
            dead_letters: Vec::new(),
        }
    }
}
