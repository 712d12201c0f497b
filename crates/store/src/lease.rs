//! Who counts which shard. Leases are for liveness only: two owners at once are harmless.

use std::time::Duration;

use tally_model::Shard;

use crate::{Error, Store};

impl Store {
    /// Says that a consumer lives for another `lease` by the database's clock; the number of live consumers.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn heartbeat(&self, _consumer: &str, _lease: Duration) -> Result<u32, Error> {
        unimplemented!()
    }

    /// Takes free or expired shards until the consumer holds `at_most` in all; those it took now.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn claim(&self, _consumer: &str, _at_most: u32, _lease: Duration) -> Result<Vec<Shard>, Error> {
        unimplemented!()
    }

    /// Renews all leases of a consumer that have not expired; those that are still its own.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn renew(&self, _consumer: &str, _lease: Duration) -> Result<Vec<Shard>, Error> {
        unimplemented!()
    }

    /// Gives shards back; those of others are left alone.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn release(&self, _consumer: &str, _shards: &[Shard]) -> Result<(), Error> {
        unimplemented!()
    }

    /// Gives all shards back and goes.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn leave(&self, _consumer: &str) -> Result<(), Error> {
        unimplemented!()
    }
}
