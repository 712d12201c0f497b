//! What was not counted as sent: folded by admission, or set aside.

use tally_model::{EndpointName, Position, Shard};

use tokio_postgres::Row;

use crate::redrive::{Redrive, STATE};
use crate::store::{amount, column};
use crate::{Error, Store};

/// Most reasons that are told apart.
const REASONS_MAX: i64 = 50;

/// An endpoint beyond the limits of admission; its requests count under `<other>`. A bounded sample is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldedRoute {
    /// The endpoint as it was sent.
    pub name: EndpointName,
    /// Requests folded since it was first seen.
    pub requests: u64,
    /// Latest minute it was seen in, in seconds since the Unix epoch.
    pub last_s: i64,
}

/// A dead letter as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Its number: the cursor to go on from.
    pub id: i64,
    /// Shard it was in.
    pub shard: Shard,
    /// Entry it was in; for rows too late, the last entry of their batch.
    pub position: Position,
    /// Index within the entry; `None` for the whole entry or a row of counts.
    pub index: Option<u32>,
    /// Number of events.
    pub events: u64,
    /// Short, stable reason.
    pub reason: String,
    /// The bytes as they were in the log, or JSON.
    pub payload: Vec<u8>,
    /// Redis TIME of the batch, in milliseconds since the Unix epoch.
    pub at_ms: i64,
}

/// Why events were set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadReason {
    /// Short, stable reason.
    pub reason: String,
    /// Events set aside for it and not counted since.
    pub events: u64,
    /// Letters that hold them.
    pub letters: u64,
    /// Redis TIME of the latest letter's batch, in milliseconds since the Unix epoch.
    pub last_at_ms: i64,
    /// The last request to count them after all.
    pub redrive: Option<Redrive>,
    /// The latest letters.
    pub samples: Vec<SetAside>,
}

const DEAD: &str = "dead_letters";
const LETTERS: &str = "SELECT id, shard, epoch, seq, idx, events, reason, payload, \
                       (extract(epoch FROM at) * 1000)::bigint AS at_ms FROM dead_letter";

impl Store {
    /// The sample of what admission folded, most requests first.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn folded(&self, limit: u32) -> Result<Vec<FoldedRoute>, Error> {
        let sql = "SELECT service, method, route, requests, extract(epoch FROM last_at)::bigint AS last_s \
                   FROM folded_route ORDER BY requests DESC, id LIMIT $1";
        let rows = self.query("folded", sql, &[&i64::from(limit)]).await?;
        rows.iter().map(FoldedRoute::read).collect()
    }

    /// Dead letters, of one reason if it is given, the latest first, below the number `before` if given.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn dead_letters(
        &self,
        limit: u32,
        before: Option<i64>,
        reason: Option<&str>,
    ) -> Result<Vec<SetAside>, Error> {
        let (limit, before) = (i64::from(limit), before.unwrap_or(i64::MAX));
        let rows = match reason {
            None => {
                let sql = format!("{LETTERS} WHERE id < $2 ORDER BY id DESC LIMIT $1");
                self.query(DEAD, &sql, &[&limit, &before]).await?
            }
            Some(reason) => {
                let sql = format!("{LETTERS} WHERE id < $2 AND reason = $3 ORDER BY id DESC LIMIT $1");
                self.query(DEAD, &sql, &[&limit, &before, &reason]).await?
            }
        };
        rows.iter().map(SetAside::read).collect()
    }

    /// Why events were set aside, most events first; with each reason its latest letters, at most `samples`.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn dead_reasons(&self, samples: u32) -> Result<Vec<DeadReason>, Error> {
        let sql = format!(
            "SELECT d.*, {STATE} FROM ( \
                 SELECT reason, sum(events)::bigint AS events, count(*) AS letters, \
                        (extract(epoch FROM max(at)) * 1000)::bigint AS last_at_ms \
                 FROM dead_letter GROUP BY reason ORDER BY 2 DESC, 1 LIMIT $1) AS d \
             LEFT JOIN LATERAL (SELECT * FROM redrive WHERE reason = d.reason ORDER BY id DESC LIMIT 1) AS r ON true \
             ORDER BY d.events DESC, d.reason"
        );
        let rows = self.query(DEAD, &sql, &[&REASONS_MAX]).await?;
        let mut reasons = rows.iter().map(DeadReason::read).collect::<Result<Vec<_>, _>>()?;
        for reason in &mut reasons {
            reason.samples = self.dead_letters(samples, None, Some(&reason.reason)).await?;
        }
        Ok(reasons)
    }
}

impl DeadReason {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            reason: column(DEAD, row, "reason")?,
            events: amount(DEAD, row, "events")?,
            letters: amount(DEAD, row, "letters")?,
            last_at_ms: column(DEAD, row, "last_at_ms")?,
            redrive: Redrive::read(row)?,
            samples: Vec::new(),
        })
    }
}

impl FoldedRoute {
    fn read(row: &Row) -> Result<Self, Error> {
        let text = |name| column::<&str>("folded", row, name);
        Ok(Self {
            name: EndpointName::new(text("service")?, text("method")?, text("route")?),
            requests: amount("folded", row, "requests")?,
            last_s: column("folded", row, "last_s")?,
        })
    }
}

impl SetAside {
    pub(crate) fn read(row: &Row) -> Result<Self, Error> {
        let shard: i32 = column(DEAD, row, "shard")?;
        let index: Option<i32> = column(DEAD, row, "idx")?;
        let unknown = |_| Error::Answer { statement: DEAD, answer: format!("shard {shard}") };
        Ok(Self {
            id: column(DEAD, row, "id")?,
            shard: Shard::new(u16::try_from(shard).map_err(unknown)?),
            position: Position::new(amount(DEAD, row, "epoch")?, amount(DEAD, row, "seq")?),
            index: index.and_then(|index| u32::try_from(index).ok()),
            events: amount(DEAD, row, "events")?,
            reason: column(DEAD, row, "reason")?,
            payload: column(DEAD, row, "payload")?,
            at_ms: column(DEAD, row, "at_ms")?,
        })
    }
}
