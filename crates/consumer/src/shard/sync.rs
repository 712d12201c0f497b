//! SYNC: what Redis says, then what PostgreSQL says, and whether the log continues from the position.

use tally_model::{Anchor, Lineage, Position, Step, judge};
use tally_store::ShardPosition;
use tally_stream::{OpenRequest, Opened, ShardStatus};

use super::running::prev_of;
use super::{Counter, Run, State};
use crate::connect::Links;
use crate::error::Error;

/// Bytes asked for where only one entry is of interest.
const ONE_ENTRY_BYTES: usize = 1;

impl Counter {
    /// One pass. Where it changed something that it had read, the state stays SYNC, for another pass.
    ///
    /// Redis is read first: its mirror was at most the position then, so a mirror above the position read later means
    /// that PostgreSQL went back.
    pub(super) async fn sync(&mut self) -> Result<(), Error> {
        let seen = self.desk.log.status(self.shard).await?;
        let row = self.desk.store.position(self.shard).await?;
        self.shown_halted |= row.halted.is_some();
        if let Some((what, ours, theirs)) = self.desk.cluster.differs(&seen) {
            let reason = format!("the log in Redis has another {what}: it says {theirs:?}, PostgreSQL says {ours:?}");
            return self.halt(reason).await;
        }
        if !seen.open {
            return self.open(&row).await;
        }
        if !self.agree_on_generation(&seen, &row).await? {
            return Ok(());
        }
        match self.breaks(&seen, &row.anchor).await? {
            Some(reason) => self.halt_unless_moved(&row.anchor, row.lineage, reason).await,
            None => self.start(&row).await,
        }
    }

    /// Redis has no such shard (any more): made again under our lease, above every epoch that PostgreSQL knows.
    async fn open(&mut self, row: &ShardPosition) -> Result<(), Error> {
        if !self.permit.allows_commit().await {
            return Ok(());
        }
        let opened = open_shard(&self.desk.links(), row).await?;
        if let Opened::Created { header } = opened {
            tracing::info!(shard = %self.shard, %header, position = %row.position(), "opened the shard");
        }
        Ok(())
    }

    /// True when both sides have one generation. PostgreSQL behind what Redis knows was restored: it gets a new one,
    /// which Redis is told, and with it where to go on; mirrors and trims of the former life are shut out.
    async fn agree_on_generation(&mut self, seen: &ShardStatus, row: &ShardPosition) -> Result<bool, Error> {
        let behind = seen.generation == row.lineage.generation && seen.applied > row.position();
        if seen.generation > row.lineage.generation || behind {
            let to = seen.generation.max(row.lineage.generation) + 1;
            tracing::error!(shard = %self.shard, position = %row.position(), applied = %seen.applied, generation = to,
                "PostgreSQL is behind what was applied: it was restored; counting again from its position");
            self.desk.metrics.restores.inc();
            self.desk.store.raise_generation(self.shard, row, to).await?;
            return Ok(false);
        }
        if row.lineage.generation > seen.generation {
            return Ok(self.desk.log.set_generation(self.shard, row.lineage.generation, &row.anchor).await?);
        }
        Ok(true)
    }

    /// Why the log does not continue from `anchor`, if it does not.
    async fn breaks(&self, seen: &ShardStatus, anchor: &Anchor) -> Result<Option<String>, Error> {
        let at = anchor.position;
        let next = self.desk.log.read_from(self.shard, at, 1, ONE_ENTRY_BYTES).await?.into_iter().next();
        let step = next.as_ref().map(|next| judge(at, next.position, prev_of(next)));
        if let (Some(Step::Gap), Some(next)) = (step, &next) {
            return Ok(Some(gap(at, next.position)));
        }
        if at == Position::GENESIS {
            return Ok(None);
        }
        Ok(match self.desk.log.entry_at(self.shard, at).await? {
            Some(entry) if entry.checksum == anchor.checksum => None,
            Some(_) => Some(format!("the entry at {at} is not the one that was counted: its id was used again")),
            // Nothing between is missing: only the anchor itself was trimmed, or a REGRESS cut it off and says so.
            None if step.is_some() || seen.last == at => None,
            // The first append to the new incarnation of Redis opens an epoch that says what was lost.
            None if seen.last < at && seen.incarnation != seen.recorded_incarnation => None,
            None if seen.last < at => {
                Some(format!("the log ends at {}, below {at} that was counted, and no new epoch says why", seen.last))
            }
            None => Some(gap(at, seen.last)),
        })
    }

    async fn start(&mut self, row: &ShardPosition) -> Result<(), Error> {
        let ids = self.desk.store.filter_ids(self.shard, self.desk.tuning.dedupe_window).await?;
        if !self.permit.allows_commit().await {
            return Ok(());
        }
        self.desk.log.set_cursor(self.shard, row.position(), row.anchor.totals.entries).await?;
        self.clear_halt().await?;
        tracing::debug!(shard = %self.shard, position = %row.position(), generation = row.lineage.generation, filter = ids.len(), "runs");
        self.state = State::Run(Box::new(Run::new(row.anchor, row.lineage, ids.into_iter().collect())));
        Ok(())
    }

    /// Halts, unless PostgreSQL has moved: a counter that slept while its successor committed and trimmed sees a gap that
    /// is none.
    pub(super) async fn halt_unless_moved(
        &mut self,
        at: &Anchor,
        lineage: Lineage,
        reason: String,
    ) -> Result<(), Error> {
        let row = self.desk.store.position(self.shard).await?;
        if (row.anchor, row.lineage) == (*at, lineage) {
            return self.halt(reason).await;
        }
        self.forget();
        Ok(())
    }

    /// Nothing is committed any more until SYNC finds the log mended.
    pub(super) async fn halt(&mut self, reason: String) -> Result<(), Error> {
        let known = matches!(&self.state, State::Halted { reason: known } if *known == reason);
        if !known {
            tracing::error!(shard = %self.shard, reason, "HALTED: this shard is not counted until that is mended");
            self.desk.metrics.halts.inc();
        }
        self.desk.metrics.set_halted(self.shard, true);
        self.state = State::Halted { reason: reason.clone() };
        if !known || !self.shown_halted {
            self.desk.store.halt(self.shard, Some(&reason)).await?;
            self.shown_halted = true;
        }
        Ok(())
    }

    pub(super) async fn clear_halt(&mut self) -> Result<(), Error> {
        if self.shown_halted {
            self.desk.store.halt(self.shard, None).await?;
            tracing::info!(shard = %self.shard, "no longer halted");
            self.shown_halted = false;
        }
        self.desk.metrics.set_halted(self.shard, false);
        Ok(())
    }
}

/// Makes a shard in Redis from what PostgreSQL says, if it is not there. To be called under the shard's lease.
pub(crate) async fn open_shard(links: &Links, row: &ShardPosition) -> Result<Opened, Error> {
    let request = OpenRequest {
        cluster_id: links.cluster.id.clone(),
        above_epoch: row.position().epoch,
        generation: row.lineage.generation,
        applied: row.position(),
    };
    Ok(links.log.open(row.shard, &request).await?)
}

/// The sentence for a gap.
pub(super) fn gap(at: Position, found: Position) -> String {
    format!(
        "GAP: the log lacks what comes after {at}; it goes on at {found}. Entries were removed before they were counted, or \
         something else wrote to the stream"
    )
}
