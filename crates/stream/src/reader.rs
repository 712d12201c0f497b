//! Reading a shard as a member of the group.

use std::time::Duration;

use tally_model::Shard;

use crate::entry::{self, Entry};
use crate::error::Error;
use crate::link::Link;
use crate::{keys, script};

/// What one read is meant to bring at most, in bytes: what stays in a core's cache from the socket until it is counted, and
/// is little memory in Redis and here, for each shard.
const READ_BYTES: usize = 1024 * 1024;
/// Most entries of one read, however small they are.
const READ_ENTRIES_MAX: usize = 4_096;
/// Entries of the first read, before a size is known: 16 MiB of the largest.
const READ_ENTRIES_FIRST: usize = 32;

/// Reads one shard's new entries over a connection of its own; after an error the next read connects again.
///
/// The acknowledgement lives in PostgreSQL, so the group keeps no list of what is pending (`NOACK`), and what is read and
/// not applied is read again from the position.
#[derive(Debug)]
pub struct Reader {
    link: Link,
    stream: String,
    consumer: String,
    /// Size of a recent entry, on the large side, in bytes.
    entry_bytes: usize,
    /// Whether the last read brought as many entries as it asked for.
    was_full: bool,
}

impl Reader {
    pub(crate) fn new(link: Link, shard: Shard, consumer: &str) -> Self {
        let entry_bytes = READ_BYTES / READ_ENTRIES_FIRST;
        Self { link, stream: keys::stream(shard), consumer: consumer.to_owned(), entry_bytes, was_full: false }
    }

    /// Up to `count` entries after the group's cursor; waits up to `block` for the first. Empty when none came.
    ///
    /// # Errors
    /// [`Error::NoGroup`] when the group or the stream is gone; Redis is away or refuses.
    pub async fn read(&mut self, count: usize, block: Duration) -> Result<Vec<Entry>, Error> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP").arg(keys::GROUP).arg(&self.consumer).arg("COUNT").arg(count.max(1));
        // BLOCK 0 would wait for ever.
        read.arg("BLOCK").arg(block.as_millis().clamp(1, u128::from(u32::MAX)) as u64);
        read.arg("NOACK").arg("STREAMS").arg(&self.stream).arg(">");
        // The usual limit comes on top of BLOCK: Redis 7.0 may overstay it.
        let entries = entry::entries(entry::of_one_stream(script::read_blocking(&self.link, read, block).await?)?)?;
        self.learn(&entries);
        Ok(entries)
    }

    /// Like [`Self::read`], with a count chosen from the sizes of recent entries so that one read stays near 1 MiB.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_batch(&mut self, block: Duration) -> Result<Vec<Entry>, Error> {
        let count = (READ_BYTES / self.entry_bytes.max(1)).clamp(1, READ_ENTRIES_MAX);
        self.was_full = false;
        let entries = self.read(count, block).await?;
        self.was_full = entries.len() >= count;
        Ok(entries)
    }

    /// Whether the last [`Self::read_batch`] brought as much as it may: there is probably more.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.was_full
    }

    /// Follows the largest entry up at once and down slowly.
    fn learn(&mut self, entries: &[Entry]) {
        if let Some(largest) = entries.iter().map(Entry::bytes).max() {
            self.entry_bytes = largest.max(self.entry_bytes - self.entry_bytes / 4);
        }
    }
}
