//! Reading a shard as a member of the group.

use std::time::Duration;

use crate::entry::Entry;
use crate::error::Error;

/// Reads one shard's new entries over a connection of its own; after an error the next read connects again.
#[derive(Debug)]
pub struct Reader {}

impl Reader {
    /// Up to `count` entries after the group's cursor; waits up to `block` for the first. Empty when none came.
    ///
    /// # Errors
    /// [`Error::NoGroup`] when the group or the stream is gone; Redis is away or refuses.
    pub async fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, Error> {
        let _ = (count, block);
        unimplemented!()
    }

    /// Like [`Reader::read`], with a count chosen from the sizes of recent entries so that one read stays small.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub async fn read_batch(&mut self, block: Duration) -> Result<Vec<Entry>, Error> {
        let _ = block;
        unimplemented!()
    }
}
