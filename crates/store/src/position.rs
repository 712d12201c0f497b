//! The row that says how far a shard is counted, and what came of its events.

use std::time::Duration;

use tally_model::{Anchor, Position, RequestId, Shard};

use crate::{Error, Store};

/// How far a shard is counted. All figures are events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPosition {
    /// Whose row.
    pub shard: Shard,
    /// P with the checksum and stamp of the entry there and the totals through it, as Redis counts them.
    pub anchor: Anchor,
    /// Which life of this database: raised when a restored one is found.
    pub generation: u64,
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
}

impl Store {
    /// The row of one shard.
    ///
    /// # Errors
    /// [`Error::NoShard`] outside the layout.
    pub async fn position(&self, _shard: Shard) -> Result<ShardPosition, Error> {
        unimplemented!()
    }

    /// The rows of all shards in one snapshot, by shard.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn positions(&self) -> Result<Vec<ShardPosition>, Error> {
        unimplemented!()
    }

    /// Raises the generation of a shard to `to`, if position and generation are still as `read`; false otherwise.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn raise_generation(&self, _shard: Shard, _read: &ShardPosition, _to: u64) -> Result<bool, Error> {
        unimplemented!()
    }

    /// Ids of the requests that were counted in the range of a REGRESS younger than `window`; empty without one. An
    /// entry after the REGRESS with such an id was counted before.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn filter_ids(&self, _shard: Shard, _window: Duration) -> Result<Vec<RequestId>, Error> {
        unimplemented!()
    }

    /// Shows operators why a shard is halted; `None` clears it.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn halt(&self, _shard: Shard, _reason: Option<&str>) -> Result<(), Error> {
        unimplemented!()
    }
}
