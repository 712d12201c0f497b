//! From minutes to hours, days and months.

use crate::{Error, GrownSketch, Store};

/// What one call rolled up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RolledUp {
    /// Minute rows added to the coarser levels.
    pub rows: u64,
    /// Whether more are waiting: call again.
    pub more: bool,
    /// Rows to compact, see [`Store::compact`].
    pub grown: Vec<GrownSketch>,
}

impl Store {
    /// Adds a bounded number of minutes that are over to hour, day and month, each once. Any consumer may call it at any
    /// time, several at once.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn roll_up(&self) -> Result<RolledUp, Error> {
        unimplemented!()
    }
}
