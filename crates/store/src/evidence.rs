//! What was not counted as sent: folded by admission, or set aside.

use tally_model::{EndpointName, Position, Shard};

use tokio_postgres::Row;

use crate::store::{amount, column};
use crate::{Error, Store};

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

    /// Dead letters, the latest first, below the number `before` if given.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn dead_letters(&self, limit: u32, before: Option<i64>) -> Result<Vec<SetAside>, Error> {
        let sql = "SELECT id, shard, epoch, seq, idx, events, reason, payload, \
                          (extract(epoch FROM at) * 1000)::bigint AS at_ms \
                   FROM dead_letter WHERE id < $2 ORDER BY id DESC LIMIT $1";
        let rows = self.query("dead_letters", sql, &[&i64::from(limit), &before.unwrap_or(i64::MAX)]).await?;
        rows.iter().map(SetAside::read).collect()
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
    fn read(row: &Row) -> Result<Self, Error> {
        const DEAD: &str = "dead_letters";
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
