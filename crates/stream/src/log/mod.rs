//! One-off commands on the log: its state, opening, mirrors, trimming, and reading outside the group.

mod status;

use std::sync::Arc;

use redis::{Cmd, Value};
use tally_model::{Anchor, HASH_NAMES, Position, Shard};

use crate::appender::{Appender, Appenders};
use crate::config::{Config, Limits};
use crate::entry::{self, Entry, Stamp};
use crate::error::Error;
use crate::link::Link;
use crate::memory::{self, Memory};
use crate::reader::Reader;
use crate::script::{self, Script};
use crate::{durability, keys, reply};

pub use status::ShardStatus;

/// Oldest server that will do: `XADD` with an automatic sequence, and scripts that may ask for TIME before they write.
const REDIS_MAJOR_MIN: u32 = 7;
/// Most entries that one `XRANGE` asks for: 16 MiB of the largest entries.
const RANGE_ENTRIES_MAX: usize = 32;

/// A handle on the log; clones share one connection, which is made again when it broke.
#[derive(Debug, Clone)]
pub struct Log {
    shards: u16,
    link: Arc<Link>,
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
        if config.shards == 0 {
            return Err(Error::Settings("the number of shards must be at least 1".into()));
        }
        let log = Self { shards: config.shards, link: Arc::new(Link::new(config)?) };
        log.require_version().await?;
        Ok(log)
    }

    async fn require_version(&self) -> Result<(), Error> {
        let mut info = redis::cmd("INFO");
        info.arg("server");
        let info = reply::text(script::read(&self.link, info).await?)?;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or_default().trim();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major >= REDIS_MAJOR_MIN) {
            Ok(())
        } else {
            Err(Error::TooOld(version.to_owned()))
        }
    }

    /// Number of shards.
    #[must_use]
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The layout that the log must have: number of shards and names of the hashes.
    #[must_use]
    pub fn layout(&self) -> String {
        format!("{} {HASH_NAMES}", self.shards)
    }

    /// The state of one shard, in one round trip.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn status(&self, shard: Shard) -> Result<ShardStatus, Error> {
        let reply = self.run(&script::STATUS, status::call(shard)).await?;
        status::parse(shard, reply)
    }

    /// The state of all shards, in one pipeline.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn statuses(&self) -> Result<Vec<ShardStatus>, Error> {
        let calls = Shard::all(self.shards).map(status::call).collect();
        let replies = script::run_again(&self.link, &script::STATUS, calls).await?;
        let shards = Shard::all(self.shards).zip(replies);
        shards.map(|(shard, reply)| status::parse(shard, script::accepted(reply)?)).collect()
    }

    /// Opens a shard if it is not. To be called under the shard's lease, with what was read from PostgreSQL under it.
    ///
    /// # Errors
    /// [`Error::Mismatch`] when the shard is open for another cluster or layout.
    pub async fn open(&self, shard: Shard, request: &OpenRequest) -> Result<Opened, Error> {
        let layout = self.layout();
        let mut call = script::call(&script::OPEN, &[keys::stream(shard), keys::meta(shard)]);
        call.arg(&request.cluster_id).arg(&layout).arg(request.above_epoch).arg(request.generation);
        call.arg(request.applied.to_string());
        let mut reply = reply::Parts::of(self.run(&script::OPEN, call).await?)?;
        match reply.text()?.as_str() {
            "ALREADY" => Ok(Opened::Already),
            "CREATED" => Ok(Opened::Created { header: Position::new(reply.number()?, reply.number()?) }),
            "MISMATCH" => Err(match reply.text()?.as_str() {
                "layout" => Error::Mismatch { what: "layout", ours: layout, theirs: reply.text()? },
                _ => Error::Mismatch { what: "cluster id", ours: request.cluster_id.clone(), theirs: reply.text()? },
            }),
            other => Err(reply::unexpected(other)),
        }
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
        let (mut found, mut found_bytes) = (Vec::new(), 0);
        let mut from = after;
        while found.len() < count && found_bytes < bytes {
            let asked = RANGE_ENTRIES_MAX.min(count - found.len());
            let mut range = redis::cmd("XRANGE");
            range.arg(keys::stream(shard)).arg(format!("({from}")).arg("+").arg("COUNT").arg(asked);
            let more = entry::entries(script::read(&self.link, range).await?)?;
            let is_end = more.len() < asked;
            found_bytes += more.iter().map(Entry::bytes).sum::<usize>();
            from = more.last().map_or(from, |entry| entry.position);
            found.extend(more);
            if is_end {
                break;
            }
        }
        Ok(found)
    }

    /// The entry at a position, if it is there.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn entry_at(&self, shard: Shard, at: Position) -> Result<Option<Entry>, Error> {
        let mut range = redis::cmd("XRANGE");
        range.arg(keys::stream(shard)).arg(at.to_string()).arg(at.to_string());
        let found = entry::entries(script::read(&self.link, range).await?)?;
        Ok(found.into_iter().next())
    }

    /// The first entry after a position, without its payload.
    ///
    /// # Errors
    /// Redis is away or refuses.
    pub async fn first_after(&self, shard: Shard, at: Position) -> Result<Option<Stamp>, Error> {
        let mut call = script::call(&script::FIRST_AFTER, &[keys::stream(shard)]);
        call.arg(at.to_string());
        let mut reply = reply::Parts::of(self.run(&script::FIRST_AFTER, call).await?)?;
        if reply.is_empty() {
            return Ok(None);
        }
        Ok(Some(Stamp { position: reply.position()?, stamp_ms: reply.number()?.cast_signed() }))
    }

    /// Sets the generation and, even backwards, the mirror. False, and nothing changed, when Redis has a higher one.
    ///
    /// # Errors
    /// [`Error::NotOpen`]; Redis is away or refuses.
    pub async fn set_generation(&self, shard: Shard, generation: u64, anchor: &Anchor) -> Result<bool, Error> {
        let call = mirror_call(&script::SET_GENERATION, shard, generation, anchor);
        Ok(reply::number(self.run(&script::SET_GENERATION, call).await?)? == 1)
    }

    /// Moves the mirror of the applied position forward.
    ///
    /// # Errors
    /// [`Error::NotOpen`]; Redis is away or refuses.
    pub async fn mirror(&self, shard: Shard, generation: u64, anchor: &Anchor) -> Result<Mirrored, Error> {
        let call = mirror_call(&script::MIRROR, shard, generation, anchor);
        let mut reply = reply::Parts::of(self.run(&script::MIRROR, call).await?)?;
        match reply.text()?.as_str() {
            "MOVED" => Ok(Mirrored::Moved),
            "BEHIND" => Ok(Mirrored::Behind),
            "FENCED" => Ok(Mirrored::Fenced { generation: reply.number()? }),
            other => Err(reply::unexpected(other)),
        }
    }

    /// Sets the group's cursor, and makes the group if it is gone. `entries_read` is the shard's count of entries at `at`.
    ///
    /// # Errors
    /// [`Error::NotOpen`] when there is no stream; Redis is away or refuses.
    pub async fn set_cursor(&self, shard: Shard, at: Position, entries_read: u64) -> Result<(), Error> {
        let mut call = script::call(&script::SET_CURSOR, &[keys::stream(shard)]);
        call.arg(at.to_string()).arg(entries_read);
        self.run(&script::SET_CURSOR, call).await.map(drop)
    }

    /// Removes entries below a position that is not above the mirror.
    ///
    /// # Errors
    /// [`Error::NotOpen`]; Redis is away or refuses.
    pub async fn trim(&self, shard: Shard, generation: u64, below: Position) -> Result<Trimmed, Error> {
        let mut call = script::call(&script::TRIM, &[keys::stream(shard), keys::meta(shard)]);
        call.arg(generation).arg(below.epoch).arg(below.seq);
        let mut reply = reply::Parts::of(self.run(&script::TRIM, call).await?)?;
        match reply.text()?.as_str() {
            "DONE" => Ok(Trimmed::Done { entries: reply.number()? }),
            "ABOVE" => Ok(Trimmed::AboveMirror { applied: reply.position()? }),
            "FENCED" => Ok(Trimmed::Fenced { generation: reply.number()? }),
            other => Err(reply::unexpected(other)),
        }
    }

    /// Says, in sentences, what of Redis's settings is weaker than the log wants and what that costs; empty when all is
    /// well. `held_bytes` is what backlog, retention and request ids may take together.
    ///
    /// # Errors
    /// Redis is away. That it forbids the question is a sentence, not an error.
    pub async fn durability(&self, held_bytes: u64) -> Result<Vec<String>, Error> {
        durability::check(&self.link, held_bytes).await
    }

    /// What Redis's memory holds, and how it writes to its disk.
    ///
    /// # Errors
    /// Redis is away.
    pub async fn memory(&self) -> Result<Memory, Error> {
        memory::ask(&self.link).await
    }

    /// A reader of one shard, as `consumer` of the group. It connects when it is first used.
    #[must_use]
    pub fn reader(&self, shard: Shard, consumer: &str) -> Reader {
        Reader::new(self.link.another(), shard, consumer)
    }

    /// What starts appenders.
    #[must_use]
    pub fn appenders(&self, limits: Limits) -> Appenders {
        Appenders::new(Arc::clone(&self.link), self.shards, limits)
    }

    /// Starts an appender alone, see [`Appenders::start`].
    #[must_use]
    pub fn appender(&self, limits: Limits) -> Appender {
        self.appenders(limits).start()
    }

    /// Every script that is run from here may be run twice: a second run finds the first one's work done.
    async fn run(&self, script: &Script, call: Cmd) -> Result<Value, Error> {
        let answers = script::run_again(&self.link, script, vec![call]).await?;
        script::accepted(answers.into_iter().next().unwrap_or_default())
    }
}

fn mirror_call(script: &Script, shard: Shard, generation: u64, anchor: &Anchor) -> Cmd {
    let mut call = script::call(script, &[keys::meta(shard)]);
    call.arg(generation).arg(anchor.position.epoch).arg(anchor.position.seq);
    call.arg(anchor.totals.entries).arg(anchor.totals.events).arg(anchor.totals.bytes);
    call
}
