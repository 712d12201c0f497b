//! What was not counted as sent: folded by admission, or set aside.

use tally_model::{EndpointName, Position, Shard};

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
    pub async fn folded(&self, _limit: u32) -> Result<Vec<FoldedRoute>, Error> {
        unimplemented!()
    }

    /// Dead letters, the latest first, below the number `before` if given.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn dead_letters(&self, _limit: u32, _before: Option<i64>) -> Result<Vec<SetAside>, Error> {
        unimplemented!()
    }
}
