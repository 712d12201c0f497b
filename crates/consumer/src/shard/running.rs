//! What a running counter has in memory, and the position rule over what it read.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use tally_model::{Anchor, Batch, Lineage, Position, RequestId, Shard, Step, judge};
use tally_stream::{Entry, EntryBody};
use tokio::time::Instant;

use super::Tuning;
use super::pending::Pending;

/// How long ids to filter are used before they are read again: some may have left the window.
const FILTER_LIFE: Duration = Duration::from_secs(600);

/// How often an idle counter asks whether its row is still the one it runs from.
const ROW_LIFE: Duration = Duration::from_secs(10);
/// Bytes of dead letters from which on a batch is applied at once.
const SET_ASIDE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Where entries come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The group's cursor.
    Group,
    /// The log itself, from the counter's own position: the group's cursor has moved past it.
    Log,
}

/// After a batch was refused or too slow: smaller ones, until its end is passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Caution {
    /// Most entries of a batch: halved when one is refused, doubled when one is applied.
    pub(super) entries_max: usize,
    /// End of the batch that was refused.
    pub(super) until: Position,
}

/// How folding ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Folded {
    /// Everything that was read is folded.
    All,
    /// The batch must be applied before more is folded.
    Full,
    /// Something is missing between the tail and what was read.
    Gap {
        /// What was read instead.
        found: Position,
    },
}

/// A counter that runs.
#[derive(Debug)]
pub struct Run {
    /// The position in PostgreSQL, as far as is known.
    pub(crate) base: Anchor,
    /// Lineage in PostgreSQL, as far as is known; a REGRESS changes it, and is followed by SYNC.
    pub(super) lineage: Lineage,
    pub(super) pending: Pending,
    /// Read and not yet folded.
    pub(super) ahead: VecDeque<Entry>,
    pub(super) source: Source,
    pub(super) caution: Option<Caution>,
    /// Whether folding stopped and the batch must be applied first.
    pub(super) is_full: bool,
    /// Whether Redis was told of `base`.
    pub(super) mirrored: bool,
    /// When the last batch was sealed.
    sealed_at: Option<Instant>,
    pub(super) trim_at: Instant,
    filter: HashSet<RequestId>,
    filter_from: Instant,
    row_seen: Instant,
}

impl Run {
    pub(super) fn new(base: Anchor, lineage: Lineage, filter: HashSet<RequestId>) -> Self {
        let now = Instant::now();
        Self {
            base,
            lineage,
            pending: Pending::at(base),
            ahead: VecDeque::new(),
            source: Source::Group,
            caution: None,
            is_full: false,
            mirrored: false,
            sealed_at: None,
            trim_at: now,
            filter,
            filter_from: now,
            row_seen: now,
        }
    }

    /// Position after what is folded.
    pub(super) fn tail(&self) -> Position {
        self.pending.tail.position
    }

    /// Whether what is folded must be applied now: at once when idle, at most every `flush` when busy.
    pub(super) fn is_due(&self, flush: Duration) -> bool {
        !self.pending.is_empty() && (self.is_full || self.until_due(flush).is_zero())
    }

    /// How long an apply has to wait for the one before: from start to start, so that what an apply takes is not waited for twice.
    pub(super) fn until_due(&self, flush: Duration) -> Duration {
        self.sealed_at.map_or(Duration::ZERO, |at| (at + flush).saturating_duration_since(Instant::now()))
    }

    /// Whether the ids to filter should be read again.
    pub(super) fn filter_is_old(&self) -> bool {
        !self.filter.is_empty() && self.filter_from.elapsed() > FILTER_LIFE
    }

    /// Whether PostgreSQL should be asked for the row again; once in a while true.
    pub(super) fn row_is_old(&mut self) -> bool {
        let is_old = self.row_seen.elapsed() > ROW_LIFE;
        if is_old {
            self.row_seen = Instant::now();
        }
        is_old
    }

    /// Folds what was read, by the position rule, until the batch is full.
    pub(super) fn fold_ahead(&mut self, tuning: &Tuning) -> Folded {
        let folded = self.fold_until_full(tuning);
        self.is_full = folded != Folded::All;
        folded
    }

    fn fold_until_full(&mut self, tuning: &Tuning) -> Folded {
        while !self.has_enough(tuning) {
            let Some(entry) = self.ahead.pop_front() else { return Folded::All };
            match judge(self.tail(), entry.position, prev_of(&entry)) {
                Step::Skip => {}
                Step::Gap => {
                    self.ahead.clear();
                    return Folded::Gap { found: entry.position };
                }
                // The ids that it makes to be filtered are known once it is recorded; so it is a batch of its own.
                Step::Regress { .. } if !self.pending.is_empty() => {
                    self.ahead.push_front(entry);
                    return Folded::Full;
                }
                Step::Next | Step::NewEpoch | Step::Regress { .. } => {
                    let is_counted = self.filter.contains(&entry.request_id);
                    self.pending.add(entry, is_counted);
                }
            }
        }
        Folded::Full
    }

    fn has_enough(&self, tuning: &Tuning) -> bool {
        let entries_max = self.caution.map_or(tuning.batch_entries, |caution| caution.entries_max);
        self.pending.keys() >= tuning.batch_keys
            || self.pending.events() >= tuning.batch_events
            || self.pending.entries >= entries_max
            || self.pending.set_aside_bytes() >= SET_ASIDE_BYTES_MAX
            || self.pending.crosses_regress()
    }

    /// What is to be committed. Until it is settled the run is in between: settle with one of the two below, or SYNC.
    pub(super) fn seal(&mut self, shard: Shard) -> Batch {
        self.sealed_at = Some(Instant::now());
        self.pending.seal(shard, &self.base, self.lineage)
    }

    /// The batch is in PostgreSQL.
    pub(super) fn commit(&mut self, last: Anchor) {
        self.base = last;
        self.row_seen = Instant::now();
        self.is_full = false;
        self.mirrored = false;
        self.caution = self
            .caution
            .filter(|caution| last.position < caution.until)
            .map(|caution| Caution { entries_max: caution.entries_max.saturating_mul(2), ..caution });
    }

    /// The batch of `entries` through `until` was refused: go back to the position, and on in smaller steps.
    pub(super) fn shrink(&mut self, entries: usize, until: Position) {
        let until = self.caution.map_or(until, |caution| caution.until.max(until));
        self.caution = Some(Caution { entries_max: (entries / 2).max(1), until });
        self.ahead.clear();
        self.pending.restart(self.base);
        self.sealed_at = None;
        self.is_full = false;
        self.source = Source::Log;
    }
}

/// What a header names as the last id that survived.
pub(super) fn prev_of(entry: &Entry) -> Option<Position> {
    match &entry.body {
        EntryBody::Header(header) => Some(header.prev),
        EntryBody::Request { .. } | EntryBody::Damaged { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLUSH: Duration = Duration::from_secs(3_600);
    const APPLY: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn the_next_apply_is_due_a_flush_after_the_start_of_the_last_and_at_once_after_a_refusal() {
        let mut run = Run::new(Anchor::default(), Lineage::default(), HashSet::new());
        assert_eq!(run.until_due(FLUSH), Duration::ZERO);
        let batch = run.seal(Shard::new(0));
        tokio::time::sleep(APPLY).await;
        run.commit(batch.last);
        let left = run.until_due(FLUSH);
        assert!(Duration::ZERO < left && left <= FLUSH - APPLY, "{left:?}: what the apply took is waited for again");
        run.shrink(2, batch.last.position);
        assert_eq!(run.until_due(FLUSH), Duration::ZERO);
    }
}
