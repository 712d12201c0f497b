//! Who counts which shard. Leases are for liveness only: two owners at once are harmless.

use std::time::Duration;

use tally_model::Shard;
use tokio_postgres::Row;

use crate::store::{amount, column};
use crate::{Error, Store};

const LEASE: &str = "lease";

/// Who counts, by the database's clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owners {
    /// Consumers that live.
    pub alive: u32,
    /// The leases that have not run out.
    pub leases: Vec<Lease>,
}

/// A shard and the consumer that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which shard.
    pub shard: Shard,
    /// Name of the consumer.
    pub owner: String,
    /// Time until it runs out, unless it is renewed, in milliseconds.
    pub ends_in_ms: i64,
}

impl Store {
    /// Who counts now.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn owners(&self) -> Result<Owners, Error> {
        const OWNERS: &str = "owners";
        let sql = "SELECT c.alive, l.shard, l.owner, (extract(epoch FROM l.until - tally_now()) * 1000)::bigint AS ends_in_ms \
                   FROM (SELECT count(*) AS alive FROM consumer WHERE until > tally_now()) AS c \
                   LEFT JOIN shard_lease l ON l.owner IS NOT NULL AND l.until > tally_now() ORDER BY l.shard";
        let mut owners = Owners::default();
        for row in &self.query(OWNERS, sql, &[]).await? {
            owners.alive = u32::try_from(amount(OWNERS, row, "alive")?).unwrap_or(u32::MAX);
            if let Some(owner) = column(OWNERS, row, "owner")? {
                let shard = shards_of(std::slice::from_ref(row))?.remove(0);
                owners.leases.push(Lease { shard, owner, ends_in_ms: column(OWNERS, row, "ends_in_ms")? });
            }
        }
        Ok(owners)
    }

    /// Says that a consumer lives for another `lease` by the database's clock; the number of live consumers.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn heartbeat(&self, consumer: &str, lease: Duration) -> Result<u32, Error> {
        let sql = "WITH beat AS ( \
                       INSERT INTO consumer AS c (id, until) VALUES ($1, tally_now() + $2 * interval '1 second') \
                       ON CONFLICT (id) DO UPDATE SET until = excluded.until RETURNING id) \
                   SELECT (SELECT count(*) FROM beat) \
                        + (SELECT count(*) FROM consumer WHERE id <> $1 AND until > tally_now()) AS live";
        let row = self.query_one("heartbeat", sql, &[&consumer, &lease.as_secs_f64()]).await?;
        Ok(u32::try_from(amount("heartbeat", &row, "live")?).unwrap_or(u32::MAX))
    }

    /// Consumers that live by the database's clock.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn live_consumers(&self) -> Result<u32, Error> {
        let sql = "SELECT count(*) AS live FROM consumer WHERE until > tally_now()";
        let row = self.query_one("live_consumers", sql, &[]).await?;
        Ok(u32::try_from(amount("live_consumers", &row, "live")?).unwrap_or(u32::MAX))
    }

    /// Takes free or expired shards until the consumer holds `at_most` in all; those it took now.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn claim(&self, consumer: &str, at_most: u32, lease: Duration) -> Result<Vec<Shard>, Error> {
        let sql = "WITH free AS ( \
                       SELECT shard FROM shard_lease WHERE owner IS NULL OR until <= tally_now() ORDER BY shard \
                       LIMIT greatest(0, $2 - (SELECT count(*) FROM shard_lease WHERE owner = $1 AND until > tally_now())) \
                       FOR UPDATE SKIP LOCKED) \
                   UPDATE shard_lease l SET owner = $1, term = l.term + 1, until = tally_now() + $3 * interval '1 second' \
                   FROM free WHERE l.shard = free.shard RETURNING l.shard";
        let rows = self.query(LEASE, sql, &[&consumer, &i64::from(at_most), &lease.as_secs_f64()]).await?;
        shards_of(&rows)
    }

    /// Renews all leases of a consumer that have not expired; those that are still its own.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn renew(&self, consumer: &str, lease: Duration) -> Result<Vec<Shard>, Error> {
        let sql = "UPDATE shard_lease SET until = tally_now() + $2 * interval '1 second' \
                   WHERE owner = $1 AND until > tally_now() RETURNING shard";
        let rows = self.query(LEASE, sql, &[&consumer, &lease.as_secs_f64()]).await?;
        shards_of(&rows)
    }

    /// Gives shards back; those of others are left alone.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn release(&self, consumer: &str, shards: &[Shard]) -> Result<(), Error> {
        let shards: Vec<i32> = shards.iter().map(|shard| i32::from(shard.index())).collect();
        let sql = "UPDATE shard_lease SET owner = NULL, until = '-infinity' WHERE owner = $1 AND shard = ANY ($2)";
        self.query(LEASE, sql, &[&consumer, &shards]).await.map(drop)
    }

    /// Gives all shards back and goes.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn leave(&self, consumer: &str) -> Result<(), Error> {
        let sql = "WITH gone AS (DELETE FROM consumer WHERE id = $1) \
                   UPDATE shard_lease SET owner = NULL, until = '-infinity' WHERE owner = $1";
        self.query(LEASE, sql, &[&consumer]).await.map(drop)
    }
}

/// The shards of some rows, ascending.
fn shards_of(rows: &[Row]) -> Result<Vec<Shard>, Error> {
    let mut shards = Vec::with_capacity(rows.len());
    for row in rows {
        let index: i32 = column(LEASE, row, "shard")?;
        let unknown = |_| Error::Answer { statement: LEASE, answer: format!("shard {index}") };
        shards.push(Shard::new(u16::try_from(index).map_err(unknown)?));
    }
    shards.sort_unstable();
    Ok(shards)
}
