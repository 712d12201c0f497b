//! One shard in PostgreSQL: its position and all that one apply moves with it.

use std::hash::{DefaultHasher, Hash, Hasher};

use tally_model::{Position, Step, judge};

use crate::redis::{Entry, Request};
use crate::variant::{Fence, Variant};

/// The columns that apply compares before it sets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Row {
    /// Last applied entry.
    pub(crate) position: Position,
    /// Raised each time a restore is noticed.
    pub(crate) generation: u8,
    /// Chained hash of every REGRESS crossed; 0 before the first.
    pub(crate) history: u64,
}

impl Row {
    /// Whether compare-and-set takes the two for the same.
    pub(crate) fn matches(&self, other: &Self, fence: Fence) -> bool {
        let same = (self.position, self.generation) == (other.position, other.generation);
        same && (fence == Fence::PositionAndGeneration || self.history == other.history)
    }

    /// The row after a batch.
    pub(crate) fn after(mut self, batch: &[Entry]) -> Self {
        for entry in batch {
            if let Some(crossing) = Crossing::over(self.position, entry) {
                self.history = crossing.chained(self.history);
            }
            self.position = entry.at;
        }
        self
    }
}

/// A header that was crossed: a row of `log_event`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Crossing {
    /// Position before the header.
    pub(crate) at: Position,
    /// Position of the header.
    pub(crate) header: Position,
    /// Last id that survived, as the header says.
    pub(crate) kept: Position,
}

impl Crossing {
    fn over(at: Position, entry: &Entry) -> Option<Self> {
        entry.prev().map(|kept| Self { at, header: entry.at, kept })
    }

    /// Whether Redis lost what had been counted.
    pub(crate) fn is_regress(&self) -> bool {
        self.kept < self.at
    }

    fn chained(self, history: u64) -> u64 {
        if !self.is_regress() {
            return history;
        }
        let mut hasher = DefaultHasher::new();
        (history, self).hash(&mut hasher);
        hasher.finish()
    }
}

/// What PostgreSQL holds of the shard; a backup is a copy of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Database {
    /// What apply compares and sets.
    pub(crate) row: Row,
    /// Every count ever made, and the entry that it was made for: the aggregates (a request counted twice stands here
    /// twice) and the ledger of request ids in one.
    pub(crate) counted: Vec<(Position, Request)>,
    /// Events left out because they had been counted before a REGRESS.
    pub(crate) filtered: u8,
    /// The shard's events through the position, rebased.
    pub(crate) total: u8,
    /// What to add to a total of Redis to have ours.
    pub(crate) rebase: u8,
    /// Headers crossed.
    pub(crate) crossings: Vec<Crossing>,
    /// What a backup has asked to keep.
    pub(crate) barrier: Option<Position>,
}

impl Database {
    /// A shard of which nothing was read.
    pub(crate) fn new() -> Self {
        Self {
            row: Row { position: Position::GENESIS, generation: 1, history: 0 },
            counted: Vec::new(),
            filtered: 0,
            total: 0,
            rebase: 0,
            crossings: Vec::new(),
            barrier: None,
        }
    }

    /// How often a request was counted.
    pub(crate) fn counts(&self, request: Request) -> usize {
        self.counted.iter().filter(|(_, counted)| *counted == request).count()
    }

    /// Request ids counted by entries that a recorded REGRESS cut off, as a set of bits.
    pub(crate) fn filter_ids(&self) -> u8 {
        let cut = |at: Position| self.crossings.iter().any(|c| c.kept < at && at <= c.at);
        self.counted.iter().filter(|(at, _)| cut(*at)).fold(0, |ids, (_, request)| ids | 1 << request)
    }

    /// Compare-and-set of the generation, on what was read.
    pub(crate) fn raise_generation(&mut self, read: Row, to: u8, fence: Fence) -> bool {
        let same = self.row.matches(&read, fence);
        if same {
            self.row.generation = to;
        }
        same
    }

    /// One apply: moves position and aggregates together, or answers the current row and changes nothing.
    pub(crate) fn apply(&mut self, variant: &Variant, prev: Row, batch: &[Entry], filter: u8) -> Result<Row, Row> {
        if !self.row.matches(&prev, variant.fence) {
            return Err(self.row);
        }
        for entry in batch {
            self.cross(entry);
            self.count(entry, filter);
            self.total = self.rebase + entry.total;
            self.row = self.row.after(std::slice::from_ref(entry));
        }
        Ok(self.row)
    }

    fn cross(&mut self, entry: &Entry) {
        let Some(crossing) = Crossing::over(self.row.position, entry) else { return };
        if crossing.is_regress() {
            self.rebase = self.total - entry.total;
        }
        self.crossings.push(crossing);
    }

    fn count(&mut self, entry: &Entry, filter: u8) {
        let Some(request) = entry.request() else { return };
        if filter & 1 << request != 0 {
            self.filtered += 1;
        } else {
            self.counted.push((entry.at, request));
        }
    }
}

/// The position rule itself, as the product ships it.
pub(crate) fn rule(at: Position, entry: &Entry) -> Step {
    judge(at, entry.at, entry.prev())
}
