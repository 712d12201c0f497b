//! Apply: what is folded goes to PostgreSQL, and Redis is told.

use std::time::Duration;

use tally_model::{Batch, Crossing};
use tally_stream::{Mirrored, Trimmed};
use tokio::time::Instant;

use super::settle::Settled;
use super::{Counter, State};
use crate::error::Error;

/// How often a shard's log is trimmed.
const TRIM_INTERVAL: Duration = Duration::from_secs(30);

impl Counter {
    /// Applies what is folded, if anything, and follows it up. Afterwards the counter runs on from the new position, or
    /// goes back to SYNC.
    ///
    /// # Errors
    /// What Redis or PostgreSQL said outside the call itself; an apply that fails is tried again in here.
    pub async fn apply(&mut self) -> Result<(), Error> {
        let State::Run(run) = &mut self.state else { return Ok(()) };
        if run.pending.is_empty() {
            return Ok(());
        }
        let entries = run.pending.entries;
        let batch = run.seal(self.shard);
        match self.settle(&batch, entries).await {
            Settled::Committed => self.follow_up(&batch).await,
            Settled::Refused(error) if entries == 1 => self.set_guilty_aside(batch, &error).await,
            Settled::Refused(error) => {
                tracing::warn!(shard = %self.shard, position = %batch.prev, entries, %error, "a batch is refused; looking for the cause");
                self.shrink(&batch, entries);
                Ok(())
            }
            Settled::TooSlow => {
                tracing::warn!(shard = %self.shard, position = %batch.prev, entries, "a batch takes too long; halving it");
                self.shrink(&batch, entries);
                Ok(())
            }
            Settled::Moved | Settled::Abandoned => {
                self.forget();
                Ok(())
            }
        }
    }

    fn shrink(&mut self, batch: &Batch, entries: usize) {
        if let State::Run(run) = &mut self.state {
            run.shrink(entries, batch.last.position);
        }
    }

    /// After a commit: best effort, each part may be left out by a crash.
    pub(super) async fn follow_up(&mut self, batch: &Batch) -> Result<(), Error> {
        let State::Run(run) = &mut self.state else { return Ok(()) };
        run.commit(batch.last);
        self.desk.bell.ring();
        self.clear_halt().await?;
        self.mirror().await;
        self.trim().await;
        for crossing in &batch.crossings {
            self.report(crossing);
        }
        if batch.crossings.iter().any(Crossing::is_regress) {
            self.forget();
        }
        Ok(())
    }

    fn report(&self, crossing: &Crossing) {
        let Crossing { at, header, kept, .. } = crossing;
        if crossing.is_regress() {
            self.desk.metrics.regresses.inc();
            tracing::error!(shard = %self.shard, %at, %kept, %header,
                "REGRESS: Redis lost entries that were counted; what clients send again of them is filtered");
        } else {
            tracing::info!(shard = %self.shard, %at, %header, "a new epoch");
        }
    }

    /// Tells Redis how far the shard is applied: the backlog limit follows that.
    pub(super) async fn mirror(&mut self) {
        let State::Run(run) = &mut self.state else { return };
        match self.desk.log.mirror(self.shard, run.lineage.generation, &run.base).await {
            Ok(Mirrored::Moved | Mirrored::Behind) => run.mirrored = true,
            Ok(Mirrored::Fenced { generation }) => {
                tracing::warn!(shard = %self.shard, ours = run.lineage.generation, generation, "another life of PostgreSQL mirrors to this log");
                self.forget();
            }
            Err(error) => tracing::debug!(shard = %self.shard, %error, "could not mirror the position; next time"),
        }
    }

    /// Trims the log now and then: below what was applied, and only what is older than the retention.
    pub(super) async fn trim(&mut self) {
        let State::Run(run) = &mut self.state else { return };
        if Instant::now() < run.trim_at {
            return;
        }
        run.trim_at = Instant::now() + TRIM_INTERVAL;
        let generation = run.lineage.generation;
        match self.trim_below(generation).await {
            Ok(Some(Trimmed::Done { entries })) if entries > 0 => {
                tracing::debug!(shard = %self.shard, entries, "trimmed");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(shard = %self.shard, %error, "could not trim; next time"),
        }
    }

    async fn trim_below(&self, generation: u64) -> Result<Option<Trimmed>, Error> {
        let tuning = &self.desk.tuning;
        let target = self.desk.store.trim_target(self.shard, tuning.retention, tuning.retention_bytes).await?;
        let Some(below) = target else { return Ok(None) };
        Ok(Some(self.desk.log.trim(self.shard, generation, below).await?))
    }
}
