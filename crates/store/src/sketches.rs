//! Keeping sketches short: the database only appends, we merge.

use tally_model::{EndpointId, Level};

use crate::{Error, Store};

/// A row whose sketch has grown long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrownSketch {
    /// Level of the row.
    pub level: Level,
    /// Endpoint of the row.
    pub endpoint: EndpointId,
    /// Start of the row in seconds since the Unix epoch.
    pub start_s: i64,
    /// The sketch as it was found.
    pub sketch: Vec<u8>,
}

impl Store {
    /// Merges the runs of each sketch and puts them back where the row still starts with the old bytes: the meaning of
    /// the row stays, so it needs no fence and may be run by anyone, late, or never.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn compact(&self, _grown: &[GrownSketch]) -> Result<(), Error> {
        unimplemented!()
    }

    /// Up to `limit` recent rows that grew and were left so by a crash.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn sweep_grown(&self, _limit: u32) -> Result<Vec<GrownSketch>, Error> {
        unimplemented!()
    }
}
