//! The handle: a pool of connections with a deadline on every call.

use crate::{Config, Error};

/// PostgreSQL, as Tally knows it. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct Store {}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Makes the pool and opens the first connection.
    ///
    /// # Errors
    /// [`Error::Url`], or [`Error::Connect`]/[`Error::NoConnection`] while PostgreSQL is away: callers retry.
    pub async fn connect(_config: &Config) -> Result<Self, Error> {
        unimplemented!()
    }
}
