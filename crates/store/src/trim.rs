//! How far a shard's log may be trimmed.

use std::time::Duration;

use tally_model::{Position, Shard};

use crate::{Error, Store};

impl Store {
    /// The first position of a shard that must stay in Redis: everything below it was applied and is older than
    /// `retention` or further back than `retention_bytes` (of this shard). A backup barrier holds it back, within the
    /// bytes; a barrier beyond them is released, with an alarm. `None`: nothing to trim.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn trim_target(
        &self,
        _shard: Shard,
        _retention: Duration,
        _retention_bytes: u64,
    ) -> Result<Option<Position>, Error> {
        unimplemented!()
    }

    /// Keeps every shard's log from its present position on, so that the backup `label` can be replayed from it.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn raise_barrier(&self, _label: &str) -> Result<(), Error> {
        unimplemented!()
    }

    /// Lets the log be trimmed again. False where there is no such barrier.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn release_barrier(&self, _label: &str) -> Result<bool, Error> {
        unimplemented!()
    }
}
