//! The row that says how far a shard is counted, and what came of its events.

use std::time::Duration;

use tally_model::{Anchor, Lineage, Position, RequestId, Shard, Totals};
use tokio_postgres::Row;

use crate::store::{amount, bigint, column};
use crate::{Error, Store};

const POSITION: &str = "position";
const COLUMNS: &str = "SELECT shard, epoch, seq, generation, regress_chain, checksum, stamp_ms, redis_entries, redis_events, redis_bytes, \
                       rebase_events, counted, dead_lettered, filtered, lost, halted, \
                       coalesce(extract(epoch FROM applied_at) * 1000, 0)::bigint AS applied_at_ms FROM shard_position";

/// How far a shard is counted. All figures are events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPosition {
    /// Whose row.
    pub shard: Shard,
    /// P with the checksum and stamp of the entry there and the totals through it, as Redis counts them.
    pub anchor: Anchor,
    /// Which past this position has.
    pub lineage: Lineage,
    /// What to add to Redis's total to have all events ever accepted.
    pub rebase_events: i64,
    /// Events counted.
    pub counted: u64,
    /// Events set aside.
    pub dead_lettered: u64,
    /// Events of requests counted before a REGRESS that came again after it.
    pub filtered: u64,
    /// Events accepted that an operator gave up over a GAP.
    pub lost: u64,
    /// Why the shard is halted, if it is.
    pub halted: Option<String>,
    /// When the last batch was applied, in milliseconds since the Unix epoch; 0 for never.
    pub applied_at_ms: i64,
}

impl ShardPosition {
    /// P.
    #[must_use]
    pub fn position(&self) -> Position {
        self.anchor.position
    }

    /// All events ever accepted through P.
    #[must_use]
    pub fn total_events(&self) -> i64 {
        self.rebase_events.saturating_add_unsigned(self.anchor.totals.events)
    }

    /// Whether every event through P was counted, set aside or filtered.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let settled = self.counted.saturating_add(self.dead_lettered).saturating_add(self.filtered);
        u64::try_from(self.total_events()) == Ok(settled)
    }

    fn read(row: &Row) -> Result<Self, Error> {
        let amount = |name| amount(POSITION, row, name);
        let shard: i32 = column(POSITION, row, "shard")?;
        let unknown = |what: &str| Error::Answer { statement: POSITION, answer: format!("{what} out of range") };
        let totals = Totals {
            entries: amount("redis_entries")?,
            events: amount("redis_events")?,
            bytes: amount("redis_bytes")?,
        };
        let anchor = Anchor {
            position: Position::new(amount("epoch")?, amount("seq")?),
            checksum: u32::try_from(amount("checksum")?).map_err(|_| unknown("checksum"))?,
            stamp_ms: column(POSITION, row, "stamp_ms")?,
            totals,
        };
        Ok(Self {
            shard: Shard::new(u16::try_from(shard).map_err(|_| unknown("shard"))?),
            anchor,
            lineage: Lineage {
                generation: amount("generation")?,
                regress_chain: column(POSITION, row, "regress_chain")?,
            },
            rebase_events: column(POSITION, row, "rebase_events")?,
            counted: amount("counted")?,
            dead_lettered: amount("dead_lettered")?,
            filtered: amount("filtered")?,
            lost: amount("lost")?,
            halted: column(POSITION, row, "halted")?,
            applied_at_ms: column(POSITION, row, "applied_at_ms")?,
        })
    }
}

impl Store {
    /// The row of one shard.
    ///
    /// # Errors
    /// [`Error::NoShard`] outside the layout.
    pub async fn position(&self, shard: Shard) -> Result<ShardPosition, Error> {
        let sql = format!("{COLUMNS} WHERE shard = $1");
        let rows = self.query(POSITION, &sql, &[&i32::from(shard.index())]).await?;
        rows.first().map(ShardPosition::read).transpose()?.ok_or(Error::NoShard(shard.index()))
    }

    /// The rows of all shards in one snapshot, by shard.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn positions(&self) -> Result<Vec<ShardPosition>, Error> {
        let sql = format!("{COLUMNS} ORDER BY shard");
        self.query(POSITION, &sql, &[]).await?.iter().map(ShardPosition::read).collect()
    }

    /// Raises the generation of a shard to `to`, if position and lineage are still as `read`; false otherwise.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn raise_generation(&self, shard: Shard, read: &ShardPosition, to: u64) -> Result<bool, Error> {
        let sql = "WITH raised AS ( \
                       UPDATE shard_position SET generation = $5, updated_at = clock_timestamp() \
                       WHERE shard = $1 AND epoch = $2 AND seq = $3 AND generation = $4 AND regress_chain = $6 AND $5 > $4 RETURNING shard) \
                   INSERT INTO log_event (shard, kind, epoch, seq, detail, at) \
                   SELECT shard, 'restored', $2, $3, 'generation ' || $5::bigint, tally_now() FROM raised RETURNING id";
        let at = read.position();
        let parameters =
            [bigint(at.epoch), bigint(at.seq), bigint(read.lineage.generation), bigint(to), read.lineage.regress_chain];
        let [epoch, seq, generation, to, chain] = &parameters;
        let rows = self
            .query("raise_generation", sql, &[&i32::from(shard.index()), epoch, seq, generation, to, chain])
            .await?;
        Ok(!rows.is_empty())
    }

    /// Ids of the requests that were counted in the range of a REGRESS younger than `window`; empty without one. An
    /// entry after the REGRESS with such an id was counted before.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn filter_ids(&self, shard: Shard, window: Duration) -> Result<Vec<RequestId>, Error> {
        // Whole batches: an id at or below what was kept is still known to Redis, so it cannot come again.
        let sql = "SELECT DISTINCT l.to_epoch, l.to_seq, l.ids FROM log_event e JOIN request_ledger l ON l.shard = e.shard \
                       AND (l.to_epoch, l.to_seq) > (e.kept_epoch, e.kept_seq) \
                       AND (l.from_epoch, l.from_seq) < (e.at_epoch, e.at_seq) \
                   WHERE e.shard = $1 AND e.kind = 'regress' AND e.at > tally_now() - $2 * interval '1 second' ORDER BY 1, 2";
        let rows = self.query("filter_ids", sql, &[&i32::from(shard.index()), &window.as_secs_f64()]).await?;
        let mut ids = Vec::new();
        for row in &rows {
            let packed: &[u8] = column("filter_ids", row, "ids")?;
            ids.extend(packed.as_chunks::<16>().0.iter().map(|id| RequestId(*id)));
        }
        Ok(ids)
    }

    /// Shows operators why a shard is halted; `None` clears it.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn halt(&self, shard: Shard, reason: Option<&str>) -> Result<(), Error> {
        let sql = "UPDATE shard_position SET halted = $2, updated_at = clock_timestamp() \
                   WHERE shard = $1 AND halted IS DISTINCT FROM $2";
        self.query("halt", sql, &[&i32::from(shard.index()), &reason]).await.map(drop)
    }
}
