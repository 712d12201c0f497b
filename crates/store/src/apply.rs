//! The one call that counts: position and rollups move together, or not at all.

use tally_model::{Batch, Level, Lineage, Position};

use deadpool_postgres::Object;
use tokio_postgres::Row;

use crate::columns::Columns;
use crate::store::{amount, column, within};
use crate::{Error, GrownSketch, Store};

const APPLY: &str = "apply_batch_v1";
/// Times that one probe tries at most: again after each partition it made, and where the shard moved meanwhile.
const PROBES_MAX: usize = 64;

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
    /// Position or lineage were not the batch's; nothing changed.
    Lost {
        /// Position found.
        current: Position,
        /// Lineage found.
        lineage: Lineage,
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
    /// Applies a batch: compare-and-set of the shard's position and lineage, and with it the counts, votes, dead
    /// letters and log events, in one autocommitted statement.
    ///
    /// # Errors
    /// See [`Error::class`]. Unless [`Error::is_certain`], the outcome is unknown: read the position again.
    pub async fn apply(&self, batch: &Batch) -> Result<Applied, Error> {
        let columns = Columns::of(batch)?;
        let row = self.query_one(APPLY, &Columns::call(), &columns.parameters()).await?;
        Applied::read(&row)
    }

    /// Does all that [`Self::apply`] does and takes it back: whether the database would accept the batch. Position and
    /// lineage are not looked at.
    ///
    /// # Errors
    /// As apply.
    pub async fn probe(&self, batch: &Batch) -> Result<(), Error> {
        for _ in 0..PROBES_MAX {
            match self.probe_once(batch).await? {
                Applied::NeedPartition { level, start_s } => self.make_partition(level, start_s).await?,
                Applied::Lost { .. } => {}
                Applied::Done { .. } => return Ok(()),
            }
        }
        Err(Error::Answer { statement: "probe", answer: format!("no answer in {PROBES_MAX} tries") })
    }

    async fn probe_once(&self, batch: &Batch) -> Result<Applied, Error> {
        let now = self.position(batch.shard).await?;
        let mut trial = batch.clone();
        trial.prev = now.position();
        trial.lineage = now.lineage;
        trial.last.position = Position::new(trial.prev.epoch, trial.prev.seq + 1);
        trial.crossings.clear();
        let columns = Columns::of(&trial)?;
        let mut connection = self.connection().await?;
        let limit = self.answer_timeout();
        let row = within(limit, APPLY, async {
            // Dropped without a commit, so rolled back.
            let transaction = connection.transaction().await?;
            let prepared = transaction.prepare_cached(&Columns::call()).await?;
            transaction.query_one(&prepared, &columns.parameters()).await
        })
        .await;
        if row.is_err() {
            drop(Object::take(connection));
        }
        Applied::read(&row?)
    }
}

impl Applied {
    fn read(row: &Row) -> Result<Self, Error> {
        let outcome: &str = column(APPLY, row, "outcome")?;
        let amount = |name| amount(APPLY, row, name);
        match outcome {
            "done" => Ok(Self::Done {
                counted: amount("counted_events")?,
                dead_lettered: amount("dead_events")?,
                grown: GrownSketch::read(APPLY, row)?,
            }),
            "lost" => Ok(Self::Lost {
                current: Position::new(amount("at_epoch")?, amount("at_seq")?),
                lineage: Lineage {
                    generation: amount("at_generation")?,
                    regress_chain: column(APPLY, row, "at_regress_chain")?,
                },
            }),
            "need_partition" => {
                let level: &str = column(APPLY, row, "need_level")?;
                Ok(Self::NeedPartition {
                    level: level_named(APPLY, level)?,
                    start_s: column(APPLY, row, "need_start_s")?,
                })
            }
            other => Err(Error::Answer { statement: APPLY, answer: other.to_owned() }),
        }
    }
}

/// The level of this name.
pub(crate) fn level_named(statement: &'static str, name: &str) -> Result<Level, Error> {
    let known = Level::ALL.into_iter().find(|level| level.name() == name);
    known.ok_or_else(|| Error::Answer { statement, answer: format!("level {name}") })
}
