//! Reading: from the group's cursor, and from the log itself where the cursor has moved past us.

use std::time::Duration;

use tally_stream::{Entry, EntryBody, Error as LogError};

use super::running::{Folded, Source};
use super::sync::gap;
use super::{Counter, Run, State};
use crate::error::Error;

/// Most entries, and about most bytes of payload, of one read from the log itself.
const PAGE_ENTRIES: usize = 1_000;
const PAGE_BYTES: usize = 16 * 1024 * 1024;
/// A page with fewer entries and bytes than these is near the end of the log: the group's cursor serves from there.
const LAST_PAGE_ENTRIES: usize = PAGE_ENTRIES / 2;
const LAST_PAGE_BYTES: usize = PAGE_BYTES / 2;
/// Redis takes a wait of 0 for ever.
const BLOCK_MIN: Duration = Duration::from_millis(1);

impl Counter {
    /// One read, if nothing is left of the one before, and the position rule over it. Applies nothing.
    ///
    /// # Errors
    /// What Redis or PostgreSQL said.
    pub async fn read_and_fold(&mut self) -> Result<(), Error> {
        let flush = self.desk.tuning.flush;
        let State::Run(run) = &mut self.state else { return Ok(()) };
        if run.is_due(flush) || self.permit.end().is_some() {
            return Ok(());
        }
        if run.ahead.is_empty() {
            match run.source {
                Source::Group => self.read_group().await?,
                Source::Log => self.read_log().await?,
            }
        }
        self.fold_ahead().await
    }

    async fn fold_ahead(&mut self) -> Result<(), Error> {
        let State::Run(run) = &mut self.state else { return Ok(()) };
        let Folded::Gap { found } = run.fold_ahead(&self.desk.tuning) else { return Ok(()) };
        if run.source == Source::Group {
            tracing::debug!(shard = %self.shard, tail = %run.tail(), %found, "the group's cursor is ahead; reading the log");
            self.desk.metrics.cursor_gaps.inc();
            run.source = Source::Log;
            run.is_full = false;
            return Ok(());
        }
        // What is folded is applied first; then the log is read again from there, and the row asked for.
        if !run.pending.is_empty() {
            return Ok(());
        }
        let (base, lineage, reason) = (run.base, run.lineage, gap(run.tail(), found));
        self.desk.metrics.gaps.inc();
        self.halt_unless_moved(&base, lineage, reason).await
    }

    /// Waits until an apply may follow, then reads: what is read earlier would wait here as it does in Redis, and a read
    /// that brings all of it costs as much as one that brings little. Only what is behind is read at once.
    async fn read_group(&mut self) -> Result<(), Error> {
        let tuning = &self.desk.tuning;
        let State::Run(run) = &mut self.state else { return Ok(()) };
        if !self.reader.is_behind() {
            self.permit.sleep(run.until_due(tuning.flush)).await;
            if self.permit.end().is_some() {
                return Ok(());
            }
        }
        let waits_for_flush = !run.pending.is_empty();
        let block = if waits_for_flush { BLOCK_MIN } else { tuning.block };
        let read = tokio::select! {
            read = self.reader.read_batch(block) => read,
            () = self.permit.ended() => return Ok(()),
        };
        match read {
            Ok(entries) if entries.is_empty() && waits_for_flush => Ok(()),
            Ok(entries) if entries.is_empty() => self.look_around().await,
            Ok(entries) => {
                run.ahead.extend(entries);
                Ok(())
            }
            Err(LogError::NoGroup | LogError::NotOpen) => {
                tracing::warn!(shard = %self.shard, "the log or its group of readers is gone");
                self.forget();
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Nothing came: is there nothing, or did another reader of the group take it, or is this no longer the log it was?
    async fn look_around(&mut self) -> Result<(), Error> {
        let seen = self.desk.log.status(self.shard).await?;
        let State::Run(run) = &mut self.state else { return Ok(()) };
        let tail = run.tail();
        let is_other = !seen.open || !seen.group || seen.last < tail || seen.generation != run.lineage.generation;
        if is_other || self.desk.cluster.differs(&seen).is_some() || run.filter_is_old() {
            self.forget();
        } else if seen.last > tail {
            run.source = Source::Log;
        } else if run.row_is_old() {
            self.ask_for_the_row().await?;
        } else if !run.mirrored {
            self.mirror().await;
        }
        self.trim().await;
        Ok(())
    }

    /// PostgreSQL may have been restored while nothing came.
    async fn ask_for_the_row(&mut self) -> Result<(), Error> {
        let row = self.desk.store.position(self.shard).await?;
        if let State::Run(run) = &self.state
            && (row.anchor, row.lineage) != (run.base, run.lineage)
        {
            self.forget();
        }
        Ok(())
    }

    async fn read_log(&mut self) -> Result<(), Error> {
        let State::Run(run) = &mut self.state else { return Ok(()) };
        let count = run.caution.map_or(PAGE_ENTRIES, |caution| caution.entries_max.min(PAGE_ENTRIES));
        let page = self.desk.log.read_from(self.shard, run.tail(), count, PAGE_BYTES).await?;
        let bytes: usize = page.iter().map(payload_bytes).sum();
        let is_last = page.len() < LAST_PAGE_ENTRIES && bytes < LAST_PAGE_BYTES;
        let end = page.last().map_or(run.pending.tail, |last| tally_model::Anchor {
            position: last.position,
            checksum: last.checksum,
            stamp_ms: last.stamp_ms,
            totals: last.totals,
        });
        let follows = run.continues_with(&page);
        run.ahead.extend(page);
        if is_last && follows && run.caution.is_none() && self.permit.allows_commit().await {
            self.desk.log.set_cursor(self.shard, end.position, end.totals.entries).await?;
            run.source = Source::Group;
        }
        Ok(())
    }
}

impl Run {
    /// Whether a page read from the log holds no gap: then the group's cursor may follow it.
    fn continues_with(&self, page: &[Entry]) -> bool {
        let mut at = self.tail();
        page.iter().all(|entry| {
            let step = tally_model::judge(at, entry.position, super::running::prev_of(entry));
            at = entry.position;
            step != tally_model::Step::Gap
        })
    }
}

fn payload_bytes(entry: &Entry) -> usize {
    match &entry.body {
        EntryBody::Header(_) => 0,
        EntryBody::Request { payload, .. } | EntryBody::Damaged { payload, .. } => payload.len(),
    }
}
