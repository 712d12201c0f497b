//! The one call that counts: position and rollups move together, or not at all.

use tally_model::{Batch, Level, Position};

use crate::{Error, GrownSketch, Store};

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// Committed.
    Done {
        /// Events counted.
        counted: u64,
        /// Events set aside: the batch's dead letters, and rows too late for every level.
        dead_lettered: u64,
        /// Rows to compact, see [`Store::compact`].
        grown: Vec<GrownSketch>,
    },
    /// Position or generation were not the batch's; nothing changed.
    Lost {
        /// Position found.
        current: Position,
        /// Generation found.
        generation: u64,
    },
    /// A partition is missing; nothing changed. Make it ([`Store::make_partition`]) and apply again.
    NeedPartition {
        /// Level of the partition.
        level: Level,
        /// A time in it, in seconds since the Unix epoch.
        start_s: i64,
    },
}

impl Store {
    /// Applies a batch: compare-and-set of the shard's position and generation, and with it the counts, votes, dead
    /// letters and log events, in one autocommitted statement.
    ///
    /// # Errors
    /// See [`Error::class`]. Unless [`Error::is_certain`], the outcome is unknown: read the position again.
    pub async fn apply(&self, _batch: &Batch) -> Result<Applied, Error> {
        unimplemented!()
    }

    /// Does all that [`Self::apply`] does and takes it back: whether the database would accept the batch. Position and
    /// generation are not looked at.
    ///
    /// # Errors
    /// As apply.
    pub async fn probe(&self, _batch: &Batch) -> Result<(), Error> {
        unimplemented!()
    }
}
