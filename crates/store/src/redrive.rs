//! Dead letters that are to be counted after all: asking for it, and carrying it out.

use std::time::Duration;

use tally_model::{Level, Shard, Tally};
use tokio_postgres::Row;

use crate::apply::level_named;
use crate::columns::Columns;
use crate::evidence::SetAside;
use crate::store::{amount, bigint, column};
use crate::{Error, GrownSketch, Store};

const REDRIVE: &str = "redrive_v1";
const WORK: &str = "redrive_work";
/// Columns of a request that is shown.
pub(crate) const STATE: &str = "(extract(epoch FROM r.asked_at) * 1000)::bigint AS asked_at_ms, r.asked, r.redriven, r.refused, \
                                (extract(epoch FROM r.done_at) * 1000)::bigint AS done_at_ms";

/// What was asked, and what came of it so far. Figures are events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// When it was asked, in milliseconds since the Unix epoch.
    pub asked_at_ms: i64,
    /// How many were set aside for the reason then.
    pub asked: u64,
    /// Counted now.
    pub redriven: u64,
    /// Still cannot be counted; their letters stay.
    pub refused: u64,
    /// When every letter had been looked at, in milliseconds since the Unix epoch.
    pub done_at_ms: Option<i64>,
}

/// A request under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedriveWork {
    /// Its number.
    pub id: i64,
    /// Letters of this reason are meant.
    pub reason: String,
    /// Letters through this one were looked at.
    pub after: i64,
    /// The last letter meant.
    pub through: i64,
}

/// What became of some letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// They are counted and gone.
    Done {
        /// Rows to compact, see [`Store::compact`].
        grown: Vec<GrownSketch>,
    },
    /// A partition is missing; nothing changed. Make it ([`Store::make_partition`]) and try again.
    NeedPartition {
        /// Level of the partition.
        level: Level,
        /// A time in it, in seconds since the Unix epoch.
        start_s: i64,
    },
}

impl Store {
    /// Asks that the letters of a reason be counted after all. Events that are meant; `None` where there is no such letter. While
    /// such a request is open, asking again changes nothing.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn ask_redrive(&self, reason: &str) -> Result<Option<u64>, Error> {
        const ASK: &str = "ask_redrive";
        let sql = "WITH asked AS ( \
                       INSERT INTO redrive (reason, asked, through) \
                       SELECT $1, sum(events)::bigint, max(id) FROM dead_letter WHERE reason = $1 HAVING count(*) > 0 \
                       ON CONFLICT (reason) WHERE done_at IS NULL DO NOTHING RETURNING asked) \
                   SELECT asked FROM asked \
                   UNION ALL (SELECT asked FROM redrive WHERE reason = $1 AND done_at IS NULL LIMIT 1) LIMIT 1";
        let rows = self.query(ASK, sql, &[&reason]).await?;
        rows.first().map(|row| amount(ASK, row, "asked")).transpose()
    }

    /// Takes the oldest open request for another `lease` by the database's clock, unless another consumer has it.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn claim_redrive(&self, consumer: &str, lease: Duration) -> Result<Option<RedriveWork>, Error> {
        let sql = "UPDATE redrive SET worker = $1, until = tally_now() + $2 * interval '1 second' \
                   WHERE id = (SELECT id FROM redrive WHERE done_at IS NULL AND (until <= tally_now() OR worker = $1) \
                               ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) \
                   RETURNING id, reason, after, through";
        let rows = self.query(WORK, sql, &[&consumer, &lease.as_secs_f64()]).await?;
        rows.first().map(RedriveWork::read).transpose()
    }

    /// The next letters of a request, by number: at most `letters`, and of `bytes` of payload, but at least one if there is one.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn next_letters(&self, work: &RedriveWork, letters: u32, bytes: u64) -> Result<Vec<SetAside>, Error> {
        let sql = "SELECT id, shard, epoch, seq, idx, events, reason, payload, (extract(epoch FROM at) * 1000)::bigint AS at_ms \
                   FROM dead_letter WHERE id = ANY (ARRAY( \
                       SELECT id FROM (SELECT id, sum(octet_length(payload)) OVER (ORDER BY id) - octet_length(payload) AS before \
                                       FROM (SELECT id, payload FROM dead_letter WHERE reason = $1 AND id > $2 AND id <= $3 \
                                             ORDER BY id LIMIT $4) AS next) AS summed \
                       WHERE before <= $5)) ORDER BY id";
        let (letters, bytes) = (i64::from(letters), bigint(bytes));
        let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
            [&work.reason, &work.after, &work.through, &letters, &bytes];
        self.query(WORK, sql, &parameters).await?.iter().map(SetAside::read).collect()
    }

    /// Counts letters of one shard, all or none, and takes them away in the same statement: whoever deletes them has counted
    /// them, whatever crashes or runs twice. `tally` must hold exactly their events.
    ///
    /// # Errors
    /// See [`Error::class`]: a refusal for good is [`crate::Class::Poison`]; letters that are gone meanwhile, or an unknown
    /// outcome, are [`crate::Class::Transient`]: read the letters again.
    pub async fn redrive(
        &self,
        work: &RedriveWork,
        shard: Shard,
        ids: &[i64],
        tally: &Tally,
    ) -> Result<Redriven, Error> {
        let columns = Columns::of_letters(work.id, shard, ids, tally);
        let row = self.query_one(REDRIVE, &columns.call_of(REDRIVE), &columns.parameters()).await?;
        Redriven::read(&row)
    }

    /// Notes that the letters through `to` were looked at, and how many events of them still cannot be counted. False, and
    /// nothing noted, where another did so.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn advance_redrive(&self, work: &RedriveWork, to: i64, refused: u64) -> Result<bool, Error> {
        let sql = "UPDATE redrive SET after = $3, refused = refused + $4, \
                       done_at = CASE WHEN $3 >= through THEN clock_timestamp() END \
                   WHERE id = $1 AND after = $2 AND done_at IS NULL RETURNING id";
        let rows = self.query(WORK, sql, &[&work.id, &work.after, &to, &bigint(refused)]).await?;
        Ok(!rows.is_empty())
    }

    /// The last request for a reason.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn last_redrive(&self, reason: &str) -> Result<Option<Redrive>, Error> {
        let sql = format!("SELECT {STATE} FROM redrive r WHERE reason = $1 ORDER BY id DESC LIMIT 1");
        let rows = self.query(WORK, &sql, &[&reason]).await?;
        Ok(rows.first().map(Redrive::read).transpose()?.flatten())
    }
}

impl Redrive {
    /// `None` where the row was joined and has none.
    pub(crate) fn read(row: &Row) -> Result<Option<Self>, Error> {
        let Some(asked_at_ms) = column(WORK, row, "asked_at_ms")? else { return Ok(None) };
        Ok(Some(Self {
            asked_at_ms,
            asked: amount(WORK, row, "asked")?,
            redriven: amount(WORK, row, "redriven")?,
            refused: amount(WORK, row, "refused")?,
            done_at_ms: column(WORK, row, "done_at_ms")?,
        }))
    }
}

impl RedriveWork {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            id: column(WORK, row, "id")?,
            reason: column(WORK, row, "reason")?,
            after: column(WORK, row, "after")?,
            through: column(WORK, row, "through")?,
        })
    }
}

impl Redriven {
    fn read(row: &Row) -> Result<Self, Error> {
        let outcome: &str = column(REDRIVE, row, "outcome")?;
        match outcome {
            "done" => Ok(Self::Done { grown: GrownSketch::read(REDRIVE, row)? }),
            "need_partition" => {
                let level: &str = column(REDRIVE, row, "need_level")?;
                let (level, start_s) = (level_named(REDRIVE, level)?, column(REDRIVE, row, "need_start_s")?);
                Ok(Self::NeedPartition { level, start_s })
            }
            other => Err(Error::Answer { statement: REDRIVE, answer: other.to_owned() }),
        }
    }
}
