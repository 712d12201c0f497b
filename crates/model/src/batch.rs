//! What one apply commits: a stretch of a shard's log, from a position to a position, and all that follows from it.

use crate::fold::Tally;
use crate::position::Position;
use crate::shard::{RequestId, Shard};

/// A shard's cumulative figures through an entry, as the append script stamps them on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Entries added to the stream so far, headers and this entry included.
    pub entries: u64,
    /// Events accepted so far.
    pub events: u64,
    /// Bytes of entries accepted so far.
    pub bytes: u64,
}

/// A position with what is needed to find it again and to know it for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Anchor {
    /// Where.
    pub position: Position,
    /// CRC-32 of the entry there, fields and all; 0 at genesis.
    pub checksum: u32,
    /// Redis TIME when it was appended, in milliseconds since the Unix epoch; 0 at genesis.
    pub stamp_ms: i64,
    /// Totals through it, as Redis counts them (PostgreSQL adds its own rebase).
    pub totals: Totals,
}

/// Which past a shard's position has. Two positions are the same only if their lineages are: a restored database can come to
/// the same position by another way, and what was filtered or must be filtered then differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Which life of the database: raised when a restored one is found.
    pub generation: u64,
    /// Chained hash of the REGRESSes crossed; 0 before the first.
    pub regress_chain: i64,
}

/// A header that was crossed, for the log of events; `kept < at` is a REGRESS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// Position before the header.
    pub at: Position,
    /// Position of the header.
    pub header: Position,
    /// Last id that survived, as the header says.
    pub kept: Position,
    /// Totals at `kept`, as the header says.
    pub totals: Totals,
    /// Redis incarnation that the header opened.
    pub incarnation: Box<str>,
}

impl Crossing {
    /// Whether Redis lost what had been counted: entries after `kept`, up to `at`.
    #[must_use]
    pub fn is_regress(&self) -> bool {
        self.kept < self.at
    }
}

/// An event, or a whole entry, that cannot be counted; its place, how many events it stands for, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Entry it was in.
    pub position: Position,
    /// Index within the entry; `None` for the whole entry.
    pub index: Option<u32>,
    /// Number of events set aside.
    pub events: u64,
    /// Short, stable reason: `undecodable`, `too_late`, `refused_by_database`, …
    pub reason: Box<str>,
    /// The bytes as they were in the log, or the event as JSON.
    pub payload: Vec<u8>,
}

/// All that one call of apply commits, or does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Whose log.
    pub shard: Shard,
    /// Position that PostgreSQL must still have; the compare-and-set fails otherwise.
    pub prev: Position,
    /// Lineage that PostgreSQL must still have.
    pub lineage: Lineage,
    /// Last entry in the batch: the new position.
    pub last: Anchor,
    /// Headers crossed, in order.
    pub crossings: Vec<Crossing>,
    /// Ids of the requests in the batch, in log order, for the filter over a REGRESS.
    pub request_ids: Vec<RequestId>,
    /// Counts to add.
    pub tally: Tally,
    /// Events of entries that were counted before a REGRESS and appended again after it.
    pub filtered: u64,
    /// What was set aside.
    pub dead_letters: Vec<DeadLetter>,
}

impl Batch {
    /// Events in the batch, whatever became of them.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.tally.events + self.filtered + self.dead_letters.iter().map(|d| d.events).sum::<u64>()
    }
}
