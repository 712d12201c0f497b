//! One-off commands on the log: its state, opening, mirrors, trimming, and reading outside the group.

use tally_model::{Anchor, Position, Shard, Totals};

use crate::appender::Appender;
use crate::config::{Config, Limits};
use crate::entry::{Entry, Stamp};
use crate::error::Error;
use crate::reader::Reader;

/// A handle on the log; clones share one connection, which is made again when it broke.
#[derive(Debug, Clone)]
pub struct Log {
    shards: u16,
}

/// What is known about one shard, from one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStatus {
    /// Which shard.
    pub shard: Shard,
    /// Redis TIME in milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Incarnation of the Redis that answered.
    pub incarnation: String,
    /// Whether it is open: both its stream and what is known about it are there.
    pub open: bool,
    /// The cluster it belongs to; empty where it has never been opened (as all below).
    pub cluster_id: String,
    /// Number of shards and names of the hashes that it was made with.
    pub layout: String,
    /// Epoch that is written now.
    pub epoch: u64,
    /// Incarnation that the present epoch was opened for.
    pub recorded_incarnation: String,
    /// Totals of all that was appended.
    pub totals: Totals,
    /// Events of clients' requests that were sent again.
    pub duplicates: u64,
    /// Generation that may mirror and trim.
    pub generation: u64,
    /// Mirror of the applied position.
    pub applied: Position,
    /// Totals at `applied`.
    pub applied_totals: Totals,
    /// First entry that is still there.
    pub first: Option<Position>,
    /// Last id that was given; it stays when its entry is trimmed. `0-0` without a stream.
    pub last: Position,
    /// Whether the group of readers is there.
    pub group: bool,
}

/// What a shard is opened with; all of it is from PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRequest {
    /// The cluster's id.
    pub cluster_id: String,
    /// Highest epoch that PostgreSQL knows; the new one is above it.
    pub above_epoch: u64,
    /// Generation that may mirror and trim.
    pub generation: u64,
    /// Applied position.
    pub applied: Position,
}

/// What opening did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// The shard was open.
    Already,
    /// The shard was made.
    Created {
        /// Its first entry.
        header: Position,
    },
}

/// What mirroring did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mirrored {
    /// The mirror is at the position that was given.
    Moved,
    /// The mirror is further already and stays.
    Behind,
    /// Another generation writes mirrors; nothing was changed.
    Fenced {
        /// The generation in Redis.
        generation: u64,
    },
}

/// What trimming did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trimmed {
    /// Entries below the position were removed, in whole nodes of the stream.
    Done {
        /// How many.
        entries: u64,
    },
    /// The position is above the mirror; nothing was removed.
    AboveMirror {
        /// The mirror of the applied position.
        applied: Position,
    },
    /// Another generation trims; nothing was removed.
    Fenced {
        /// The generation in Redis.
        generation: u64,
    },
}

impl Log {
    /// Connects and checks the server's version.
    ///
    /// # Errors
    /// [`Error::Away`] or [`Error::Late`] while Redis cannot be reached (try again), [`Error::Settings`] and
    /// [`Error::TooOld`] for good.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let _ = config;
        unimplemented!()
    }

    /// Number of shards.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The state of one shard, in one round trip.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn status(&self, shard: Shard) -> Result<ShardStatus, Error> {
        let _ = shard;
        unimplemented!()
    }

    /// The state of all shards, in one pipeline.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn statuses(&self) -> Result<Vec<ShardStatus>, Error> {
        unimplemented!()
    }

    /// Opens a shard if it is not. To be called under the shard's lease, with what was read from PostgreSQL under it.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the shard is open for another cluster or layout.
    pub async fn open(&self, shard: Shard, request: &OpenRequest) -> Result<Opened, Error> {
        let _ = (shard, request);
        unimplemented!()
    }

    /// Entries after a position, in order, at most `count`, and no more once `bytes` are reached. Moves no cursor.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn read_from(
        &self,
        shard: Shard,
        after: Position,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<Entry>, Error> {
        let _ = (shard, after, count, bytes);
        unimplemented!()
    }

    /// The entry at a position, if it is there.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn entry_at(&self, shard: Shard, at: Position) -> Result<Option<Entry>, Error> {
        let _ = (shard, at);
        unimplemented!()
    }

    /// The first entry after a position, without its payload.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn first_after(&self, shard: Shard, at: Position) -> Result<Option<Stamp>, Error> {
        let _ = (shard, at);
        unimplemented!()
    }

    /// Sets the generation and, even backwards, the mirror. False, and nothing changed, when Redis has a higher one.
    ///
    /// # Errors
    /// [`Error::NotOpen`]; Redis is away or refuses.
    pub async fn set_generation(&self, shard: Shard, generation: u64, anchor: &Anchor) -> Result<bool, Error> {
        let _ = (shard, generation, anchor);
        unimplemented!()
    }

    /// Moves the mirror of the applied position forward.
    ///
    /// # Errors
    /// [`Error::NotOpen`]; Redis is away or refuses.
    pub async fn mirror(&self, shard: Shard, generation: u64, anchor: &Anchor) -> Result<Mirrored, Error> {
        let _ = (shard, generation, anchor);
        unimplemented!()
    }

    /// Sets the group's cursor, and makes the group if it is gone. `entries_read` is the shard's count of entries at `at`.
    ///
    /// # Errors
    /// [`Error::NotOpen`] when there is no stream; Redis is away or refuses.
    pub async fn set_cursor(&self, shard: Shard, at: Position, entries_read: u64) -> Result<(), Error> {
        let _ = (shard, at, entries_read);
        unimplemented!()
    }

    /// Removes entries below a position that is not above the mirror.
    ///
    /// # Errors
    /// [`Error::NotOpen`]; Redis is away or refuses.
    pub async fn trim(&self, shard: Shard, generation: u64, below: Position) -> Result<Trimmed, Error> {
        let _ = (shard, generation, below);
        unimplemented!()
    }

    /// Says, in sentences, what of Redis's settings is weaker than the log wants and what that costs; empty when all is
    /// well. `held_bytes` is what backlog, retention and request ids may take together.
    ///
    /// # Errors
    /// Redis is away. That it forbids the question is a sentence, not an error.
    pub async fn durability(&self, held_bytes: u64) -> Result<Vec<String>, Error> {
        let _ = held_bytes;
        unimplemented!()
    }

    /// A reader of one shard, as `consumer` of the group. It connects when it is first used.
    #[must_use]
    pub fn reader(&self, shard: Shard, consumer: &str) -> Reader {
        let _ = (shard, consumer);
        unimplemented!()
    }

    /// Starts appending: a task on the current tokio runtime, with a connection of its own. It ends when the last clone of
    /// the [`Appender`] is dropped and all that waits is answered.
    #[must_use]
    pub fn appender(&self, limits: Limits) -> Appender {
        let _ = limits;
        unimplemented!()
    }
}
