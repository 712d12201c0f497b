//! Counting one shard: SYNC → RUN (read → position rule → decode → fold → apply → mirror, trim), or HALTED.
//!
//! ```text
//!            ┌────────────── error, lost compare-and-set, regress, key or group gone ─────────────┐
//!            ▼                                                                                    │
//!          SYNC ── the log continues from the position ──▶ RUN: read, fold ──▶ apply ──▶ mirror ──┘
//!            │ ▲                                            │
//!            │ └── looked again after a while ──┐           │ the log lacks what comes next, and the
//!            └─ it does not ──▶ HALTED ─────────┘ ◀─────────┘ row in PostgreSQL is still the one read from
//! ```
//!
//! Nothing in memory matters: the tally is a function of the position in PostgreSQL, and every doubt ends in SYNC.

mod pending;
mod running;

mod apply;
mod bisect;
mod read;
mod settle;
mod sync;
mod task;

use std::sync::Arc;
use std::time::Duration;

use tally_model::{Position, Shard};
use tally_store::{GrownSketch, Store};
use tally_stream::{Log, Reader, ShardStatus};
use tokio::sync::Semaphore;

use crate::bell::Bell;
use crate::connect::Links;
use crate::error::Error;
use crate::lease::Permit;
use crate::metrics::Metrics;

pub(crate) use running::Run;
pub(crate) use sync::open_shard;
pub(crate) use task::keep_counting;

/// What PostgreSQL says the log must be; fixed when the schema was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// The id that both sides carry.
    pub id: String,
    /// Number of shards and names of the hashes, as one text.
    pub layout: String,
}

impl Cluster {
    /// What of an open shard belongs to something else: the property, ours, theirs.
    pub(crate) fn differs<'a>(&'a self, seen: &'a ShardStatus) -> Option<(&'static str, &'a str, &'a str)> {
        let pairs = [("cluster id", &self.id, &seen.cluster_id), ("layout", &self.layout, &seen.layout)];
        // A shard that has never been opened has neither.
        let differs = pairs.into_iter().find(|(_, ours, theirs)| !theirs.is_empty() && ours != theirs);
        differs.map(|(what, ours, theirs)| (what, ours.as_str(), theirs.as_str()))
    }
}

/// Shards of a process that write rollups at the same time. They write the same rows: more would only wait for each other in
/// the database, and for the rows to be compacted that grow meanwhile.
pub(crate) const WRITERS_MAX: usize = 2;

/// The bounds of a counter's work.
#[derive(Debug, Clone)]
pub struct Tuning {
    /// Shortest time between the starts of two applies while busy.
    pub flush: Duration,
    /// Longest wait of one read for something new.
    pub block: Duration,
    /// Keys (rows of the database) from which on a batch is applied at once.
    pub batch_keys: usize,
    /// Events from which on a batch is applied at once.
    pub batch_events: u64,
    /// Entries from which on a batch is applied at once: their ids go to the ledger.
    pub batch_entries: usize,
    /// How long errors of the schema may last before the shard is shown as halted. It clears by itself.
    pub schema_patience: Duration,
    /// How long the ids of requests matter after a REGRESS.
    pub dedupe_window: Duration,
    /// How long the log keeps what is counted.
    pub retention: Duration,
    /// Most bytes that a shard's log keeps after they were counted.
    pub retention_bytes: u64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            flush: Duration::from_millis(200),
            block: Duration::from_secs(1),
            batch_keys: 20_000,
            batch_events: 1_000_000,
            batch_entries: 50_000,
            schema_patience: Duration::from_secs(300),
            dedupe_window: Duration::from_secs(86_400),
            retention: Duration::from_secs(86_400),
            retention_bytes: 32 * 1024 * 1024,
        }
    }
}

/// What the counters of a process share.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The log.
    pub log: Log,
    /// The database.
    pub store: Store,
    /// What the log must be.
    pub cluster: Cluster,
    /// This consumer's name in PostgreSQL and in log lines.
    pub consumer: String,
    /// Bounds.
    pub tuning: Tuning,
    /// Figures for operators.
    pub metrics: Arc<Metrics>,
    /// Turns at writing rollups, [`WRITERS_MAX`] of them.
    pub writers: Arc<Semaphore>,
    /// Rung after each commit, for those that listen.
    pub bell: Bell,
}

impl Desk {
    /// Merges the sketches of rows that have grown: before the next apply makes them longer. One that fails is found by the
    /// sweep.
    async fn compact_grown(&self, grown: &[GrownSketch]) {
        if let Err(error) = self.compact(grown).await {
            self.metrics.housekeeping_failures.inc();
            tracing::warn!(%error, rows = grown.len(), "rows that grew are not compacted; the sweep finds them");
        }
    }

    /// Merges the sketches of these rows.
    pub(crate) async fn compact(&self, rows: &[GrownSketch]) -> Result<(), Error> {
        if !rows.is_empty() {
            self.store.compact(rows).await?;
            self.metrics.compacted.inc_by(rows.len() as u64);
        }
        Ok(())
    }

    pub(crate) fn links(&self) -> Links {
        Links { log: self.log.clone(), store: self.store.clone(), cluster: self.cluster.clone() }
    }
}

/// Where a counter stands.
#[derive(Debug)]
pub enum State {
    /// Nothing is in memory; Redis and PostgreSQL are to be looked at.
    Sync,
    /// Reading and applying from a position.
    Run(Box<Run>),
    /// The log lacks what must come next, or is another one; nothing is committed until that is mended.
    Halted {
        /// Why, for operators.
        reason: String,
    },
}

/// Every reader's name in its group. The group holds no pending list, so a name means nothing; one for each process would
/// stay in Redis for ever.
pub(crate) const GROUP_MEMBER: &str = "owner";

/// Counts one shard. Owning the shard is not its business: see [`Permit`].
#[derive(Debug)]
pub struct Counter {
    desk: Desk,
    shard: Shard,
    permit: Permit,
    reader: Reader,
    state: State,
    /// Whether the row in PostgreSQL shows a reason of ours.
    shown_halted: bool,
}

impl Counter {
    /// A counter that knows nothing yet.
    #[must_use]
    pub fn new(desk: Desk, shard: Shard, permit: Permit) -> Self {
        let reader = desk.log.reader(shard, GROUP_MEMBER);
        Self { desk, shard, permit, reader, state: State::Sync, shown_halted: false }
    }

    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Whether it reads and applies.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.state, State::Run(_))
    }

    /// Position through which this counter knows the shard to be applied, while it runs.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match &self.state {
            State::Run(run) => Some(run.base.position),
            State::Sync | State::Halted { .. } => None,
        }
    }

    /// One step: SYNC; or one read, folded, and applied if it is due. Takes at most [`Tuning::block`] and what the calls
    /// it makes may take.
    ///
    /// # Errors
    /// What Redis or PostgreSQL said; the next step is SYNC then.
    pub async fn step(&mut self) -> Result<(), Error> {
        let stepped = match self.state {
            State::Sync | State::Halted { .. } => self.sync().await,
            State::Run(_) => self.advance().await,
        };
        if stepped.is_err() {
            self.forget();
        }
        stepped
    }

    /// Reads, folds, and applies if it is due.
    async fn advance(&mut self) -> Result<(), Error> {
        self.read_and_fold().await?;
        let flush = self.desk.tuning.flush;
        match &self.state {
            State::Run(run) if run.is_due(flush) => self.apply().await,
            _ => Ok(()),
        }
    }

    /// Drops what is in memory; the next step is SYNC. A halted shard stays halted until SYNC finds it mended.
    pub(crate) fn forget(&mut self) {
        if matches!(self.state, State::Run(_)) {
            self.state = State::Sync;
        }
    }
}
