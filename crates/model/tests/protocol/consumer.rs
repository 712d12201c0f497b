//! One consumer as a state machine: idle, the steps of SYNC, running, halted.
//!
//! Only steps that touch Redis or PostgreSQL are steps of the model; what happens between two of them in the
//! consumer's own memory is part of the earlier one. A statement in flight is a running consumer with a batch in its
//! buffer that is not scheduled for a while; a killed consumer whose statement the server still finishes is the same
//! with the other consumer in the place of its successor.

use tally_model::{Position, Step};

use crate::database::{Database, Row, rule};
use crate::redis::{Entry, Keys};
use crate::variant::{BATCH_ENTRIES_MAX, Reading, Variant};

/// Where a consumer stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Consumer {
    /// Just started, or on its way back to the row in PostgreSQL. Nothing is in memory.
    Idle,
    /// SYNC has read Redis.
    Seen { generation: u8, mirror: Position },
    /// SYNC has found a restored PostgreSQL and is about to raise its generation.
    Raising { read: Row, filter: u8, to: u8 },
    /// SYNC is about to tell Redis PostgreSQL's generation and position.
    Announcing { row: Row, filter: u8 },
    /// SYNC is about to set the group's cursor.
    Seeking { row: Row, filter: u8 },
    /// Reading and applying.
    Running(Run),
    /// The position rule refused the log. Before it halts it asks PostgreSQL whether the row is still the one it read
    /// from: a consumer that was paused while its successor trimmed sees the same.
    Doubting { row: Row },
    /// A GAP: an alarm, and no commit beyond it.
    Halted,
}

/// What a running consumer has in memory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Run {
    /// The row in PostgreSQL, as far as it knows.
    pub(crate) row: Row,
    /// Request ids to leave out, as a set of bits.
    pub(crate) filter: u8,
    /// Entries read and not yet applied.
    pub(crate) buffer: Vec<Entry>,
    /// Trim that was worked out from position and barriers, and not yet sent.
    pub(crate) trim_below: Option<Position>,
}

impl Run {
    fn start(row: Row, filter: u8) -> Consumer {
        Consumer::Running(Self { row, filter, buffer: Vec::new(), trim_below: None })
    }

    /// Position after the buffer.
    fn tail(&self) -> Position {
        self.buffer.last().map_or(self.row.position, |entry| entry.at)
    }

    /// Whether the buffer holds a REGRESS, which is always a batch of its own.
    fn crosses_regress(&self) -> bool {
        self.row.after(&self.buffer).history != self.row.history
    }

    /// Whether it may read on before it applies.
    pub(crate) fn has_room(&self) -> bool {
        self.buffer.len() < BATCH_ENTRIES_MAX && !self.crosses_regress()
    }

    /// Reads the next entry after its own position; `None` when there is none, or when what is in the buffer must be
    /// applied before a REGRESS is crossed or a GAP looked into.
    pub(crate) fn read(&self, keys: &Keys) -> Option<Consumer> {
        let entry = keys.read_from(self.tail()).next()?;
        match rule(self.tail(), entry) {
            Step::Next | Step::NewEpoch => Some(self.with(*entry)),
            Step::Regress { .. } => self.buffer.is_empty().then(|| self.with(*entry)),
            Step::Gap => self.buffer.is_empty().then_some(Consumer::Doubting { row: self.row }),
            Step::Skip => unreachable!("XRANGE answered an entry at or below its start"),
        }
    }

    /// Takes the next entry from the group, whose cursor moves; `None` when there is none. What the rule refuses is
    /// dropped: the entry before it is then found by reading from the position.
    pub(crate) fn read_group(&self, keys: &mut Keys, reading: Reading) -> Option<Consumer> {
        let entry = *keys.read_from(keys.cursor).next()?;
        keys.cursor = entry.at;
        let refused = match rule(self.tail(), &entry) {
            Step::Skip | Step::Gap => true,
            Step::Regress { .. } => !self.buffer.is_empty(),
            Step::Next | Step::NewEpoch => false,
        };
        let dropped = refused && reading == Reading::Group;
        Some(if dropped { Consumer::Running(self.clone()) } else { self.with(entry) })
    }

    fn with(&self, entry: Entry) -> Consumer {
        let mut run = self.clone();
        run.buffer.push(entry);
        Consumer::Running(run)
    }

    /// Sends the batch, and takes the answer. A lost compare-and-set leads to SYNC, and so does a REGRESS: the ids to
    /// leave out are read anew, after the row.
    pub(crate) fn apply(&self, variant: &Variant, database: &mut Database) -> Consumer {
        let after = self.row.after(&self.buffer);
        let row = match database.apply(variant, self.row, &self.buffer, self.filter) {
            Ok(row) => row,
            Err(current) if variant.claims_same_position && current.matches(&after, variant.fence) => current,
            Err(_) => return Consumer::Idle,
        };
        if self.crosses_regress() {
            return Consumer::Idle;
        }
        Consumer::Running(Self { row, buffer: Vec::new(), ..self.clone() })
    }

    /// Mirrors its position to Redis; fenced out, it goes back to SYNC.
    pub(crate) fn mirror(&self, keys: &mut Keys) -> Consumer {
        let moved = keys.mirror(self.row.generation, self.row.position);
        if moved { Consumer::Running(self.clone()) } else { Consumer::Idle }
    }

    /// Works out what may be trimmed: below its position and below every barrier.
    pub(crate) fn plan_trim(&self, database: &Database, heeds_barrier: bool) -> Consumer {
        let barrier = database.barrier.filter(|_| heeds_barrier).unwrap_or(self.row.position);
        let trim_below = Some(self.row.position.min(barrier));
        Consumer::Running(Self { trim_below, ..self.clone() })
    }

    /// Sends the trim that it worked out; without one, that below its position.
    pub(crate) fn trim(&self, keys: &mut Keys) -> Consumer {
        keys.trim(self.row.generation, self.trim_below.unwrap_or(self.row.position));
        Consumer::Running(Self { trim_below: None, ..self.clone() })
    }
}

impl Consumer {
    /// The next step of SYNC; `None` for a consumer that is past it.
    pub(crate) fn sync(&self, variant: &Variant, keys: &mut Keys, database: &mut Database) -> Option<Self> {
        match *self {
            Self::Idle => Some(Self::Seen { generation: keys.generation, mirror: keys.mirror }),
            Self::Seen { generation, mirror } => Some(Self::judge_row(variant, generation, mirror, database)),
            Self::Raising { read, filter, to } => Some(if database.raise_generation(read, to, variant.fence) {
                Self::Announcing { row: Row { generation: to, ..read }, filter }
            } else {
                Self::Idle
            }),
            Self::Announcing { row, filter } => Some(if keys.set_generation(row.generation, row.position) {
                Self::synced(variant, row, filter)
            } else {
                Self::Idle
            }),
            Self::Seeking { row, filter } => {
                keys.cursor = row.position;
                Some(Run::start(row, filter))
            }
            Self::Doubting { row } if variant.doubts && !row.matches(&database.row, variant.fence) => Some(Self::Idle),
            Self::Doubting { .. } => Some(Self::Halted),
            Self::Running(_) | Self::Halted => None,
        }
    }

    /// SYNC reads PostgreSQL and compares it with what Redis said before.
    fn judge_row(variant: &Variant, generation: u8, mirror: Position, database: &Database) -> Self {
        let row = database.row;
        let filter = if variant.filters { database.filter_ids() } else { 0 };
        if generation > row.generation || (generation == row.generation && mirror > row.position) {
            Self::Raising { read: row, filter, to: generation.max(row.generation) + 1 }
        } else if row.generation > generation {
            Self::Announcing { row, filter }
        } else {
            Self::synced(variant, row, filter)
        }
    }

    fn synced(variant: &Variant, row: Row, filter: u8) -> Self {
        if variant.reading == Reading::Position { Run::start(row, filter) } else { Self::Seeking { row, filter } }
    }
}
