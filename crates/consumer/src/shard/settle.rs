//! One batch, until it is known what became of it.

use std::time::Duration;

use futures_util::FutureExt;
use tally_model::{Batch, Lineage, Position};
use tally_store::{Applied, Class, Error as StoreError};
use tokio::time::Instant;

use super::Counter;
use crate::backoff::Backoff;

/// Longest wait between two tries of a batch.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Most partitions that one batch may ask for: days that minutes are kept, months of hours, years of days, with room.
const PARTITIONS_MAX: u32 = 1_000;
/// Every how many failed tries the log is told again.
const TRIES_PER_LINE: u32 = 10;

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Settled {
    /// It is in PostgreSQL.
    Committed,
    /// The row has moved on, by us or another: look at everything again.
    Moved,
    /// The database can never take something in it.
    Refused(StoreError),
    /// It takes too long as it is.
    TooSlow,
    /// The counter is to end.
    Abandoned,
}

/// What the tries of one batch have seen so far.
#[derive(Debug)]
struct Tries {
    backoff: Backoff,
    timeouts: u32,
    partitions: u32,
    schema_since: Option<Instant>,
    /// A try whose outcome is unknown is not settled yet.
    unsettled: bool,
    /// There was such a try: a row that stands where the batch ends may be our work.
    may_be_ours: bool,
}

impl Counter {
    /// Applies a batch, again and again where that can help. Bounded by the lease: without it no try starts, and when it
    /// is lost, or the process stops, the batch is given up.
    pub(super) async fn settle(&mut self, batch: &Batch, entries: usize) -> Settled {
        let mut tries = Tries {
            backoff: Backoff::new(WAIT_MAX),
            timeouts: 0,
            partitions: 0,
            schema_since: None,
            unsettled: false,
            may_be_ours: false,
        };
        loop {
            if !self.permit.allows_commit().await {
                return Settled::Abandoned;
            }
            let error = match self.attempt(batch, &mut tries).await {
                Ok(Some(settled)) => return settled,
                Ok(None) => continue,
                Err(error) => error,
            };
            self.desk.metrics.apply_failed(error.class());
            match error.class() {
                Class::Poison => return Settled::Refused(error),
                Class::Timeout => tries.timeouts += 1,
                Class::Schema => self.bear_with_schema(&mut tries, &error).await,
                Class::Transient => {}
            }
            if tries.timeouts >= 2 && entries > 1 {
                return Settled::TooSlow;
            }
            tries.unsettled |= !error.is_certain();
            tries.may_be_ours |= tries.unsettled;
            self.complain(batch, &tries, &error);
            self.permit.sleep(tries.backoff.next()).await;
            if self.permit.end().is_some() && tries.backoff.tries() > 2 {
                return Settled::Abandoned;
            }
        }
    }

    /// One try. `None`: something was mended, or found to be as before; try again.
    async fn attempt(&self, batch: &Batch, tries: &mut Tries) -> Result<Option<Settled>, StoreError> {
        if tries.unsettled {
            let row = self.desk.store.position(self.shard).await?;
            if (row.position(), row.lineage) != (batch.prev, batch.lineage) {
                self.count_if_ours(batch, tries, (row.position(), row.lineage));
                return Ok(Some(Settled::Moved));
            }
            tries.unsettled = false;
        }
        let Some(applied) = self.write(batch).await? else { return Ok(None) };
        match applied {
            Applied::Done { counted, dead_lettered, .. } => {
                self.desk.metrics.applied(counted, dead_lettered, batch.filtered);
                Ok(Some(Settled::Committed))
            }
            Applied::Lost { current, lineage } if (current, lineage) == (batch.prev, batch.lineage) => {
                self.permit.sleep(tries.backoff.next()).await;
                Ok(None)
            }
            // Even where the row is at our last entry: whoever moved it may have crossed a REGRESS that we did not see.
            Applied::Lost { current, lineage } => {
                self.count_if_ours(batch, tries, (current, lineage));
                Ok(Some(Settled::Moved))
            }
            Applied::NeedPartition { level, start_s } if tries.partitions < PARTITIONS_MAX => {
                tries.partitions += 1;
                tracing::info!(level = level.name(), start_s, "makes a partition");
                self.desk.store.make_partition(level, start_s).await.map(|()| None)
            }
            Applied::NeedPartition { level, .. } => Err(StoreError::Answer {
                statement: "apply",
                answer: format!("more than {PARTITIONS_MAX} partitions of {} for one batch", level.name()),
            }),
        }
    }

    /// One call, in a turn at writing that lasts until what grew by it is merged, and no longer: nothing is waited for in it.
    /// `None`: the lease ran out before the turn came.
    async fn write(&self, batch: &Batch) -> Result<Option<Applied>, StoreError> {
        let _turn = self.desk.writers.acquire().await;
        if self.permit.allows_commit().now_or_never() != Some(true) {
            return Ok(None);
        }
        let started = Instant::now();
        let applied = self.desk.store.apply(batch).await?;
        self.desk.metrics.apply_duration.observe(started.elapsed().as_secs_f64());
        if let Applied::Done { grown, .. } = &applied {
            self.desk.compact_grown(grown).await;
        }
        Ok(Some(applied))
    }

    /// For the figures only: an outcome that was unknown is taken for ours when the row stands where the batch ends.
    fn count_if_ours(&self, batch: &Batch, tries: &Tries, current: (Position, Lineage)) {
        if tries.may_be_ours && current == (batch.last.position, batch.lineage) {
            let dead_lettered = batch.dead_letters.iter().map(|letter| letter.events).sum();
            self.desk.metrics.applied(batch.tally.events, dead_lettered, batch.filtered);
        }
    }

    async fn bear_with_schema(&mut self, tries: &mut Tries, error: &StoreError) {
        let since = *tries.schema_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.desk.tuning.schema_patience || self.shown_halted {
            return;
        }
        let reason = format!("the schema is not what this program expects: {error}");
        tracing::error!(shard = %self.shard, reason, "HALTED: counted again as soon as that is mended");
        self.desk.metrics.halts.inc();
        self.desk.metrics.set_halted(self.shard, true);
        // Where the database cannot even take this, the log line and the metric have to do.
        self.shown_halted = self.desk.store.halt(self.shard, Some(&reason)).await.is_ok();
    }

    fn complain(&self, batch: &Batch, tries: &Tries, error: &StoreError) {
        let n = tries.backoff.tries();
        if n.is_multiple_of(TRIES_PER_LINE) {
            tracing::warn!(shard = %self.shard, position = %batch.prev, events = batch.events(), tries = n + 1, %error,
                "cannot apply; the same batch is tried again");
        }
    }
}
