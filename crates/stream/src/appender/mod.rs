//! Appending with group commit: while one script call is in flight requests gather, and the next one carries them all, for
//! whatever shards. There is no timer: alone, a request leaves at once; under load many share a round trip and an fsync.
//!
//! Read `pending.rs` (a request that waits), `room.rs` (how many may) and `queue.rs` (in which order, and how long), then
//! `flight.rs` (what is sent together, frozen), then `worker.rs` (the loop), then `settle.rs` (what an answer means). `sender.rs`
//! names who sends.

mod flight;
mod framed;
mod pending;
mod queue;
mod room;
mod sender;
mod settle;
mod worker;

use std::sync::Arc;

use tally_model::{Payload, Position, RequestId, Shard};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::config::Limits;
use crate::error::Refused;
use crate::link::Link;
use flight::limits_of_shard;
use pending::Pending;
use queue::Queue;
use room::Room;
use worker::Worker;

pub use framed::{Framed, frame};

/// A request to append.
#[derive(Debug, Clone)]
pub struct AppendRequest {
    /// Which log. Events without a key go to another if its backlog is full.
    pub shard: Shard,
    /// The client's key, if it sent one.
    pub key: Option<ClientKey>,
    /// When the request was received, in milliseconds since the Unix epoch.
    pub received_ms: i64,
    /// What to append. May be empty with a key: that only asks what the key was answered.
    pub payload: Payload,
}

/// A client's key: what makes its request the same request when it is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientKey {
    /// The request id made of it.
    pub id: RequestId,
    /// Hash of what the client sent: the same key with another is a mistake of the client's.
    pub body_hash: [u8; 8],
}

/// The outcome of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It is in the log.
    Accepted {
        /// Which log: the one that was asked for, unless that was full and the request could go to any.
        shard: Shard,
        /// Its entry. Requests without a key may share one.
        at: Position,
        /// When it was received, in milliseconds since the Unix epoch.
        received_ms: i64,
        /// Events accepted.
        events: u32,
    },
    /// The same request was in the log before; this is what was answered then.
    Duplicate {
        /// Its entry.
        at: Position,
        /// When it was received first, in milliseconds since the Unix epoch.
        received_ms: i64,
        /// Events accepted then.
        events: u32,
    },
    /// There was nothing to append, and the key (if any) is new.
    NothingToAppend,
}

/// What an appender does now and did so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AppenderStats {
    /// Requests that wait or are in flight.
    pub queued_requests: u64,
    /// Bytes of the requests that wait or are in flight.
    pub queued_bytes: u64,
    /// Of `queued_requests`, those that were sent and have no answer yet.
    pub in_flight_requests: u64,
    /// Pipelines that were sent for the first time.
    pub flushes: u64,
    /// Entries that were sent for the first time.
    pub entries: u64,
    /// Bytes of payload that were sent for the first time.
    pub bytes: u64,
    /// Pipelines that were sent again after an answer was lost or put off.
    pub resends: u64,
}

/// Starts appenders that share bounds and figures: one for each thread that serves, so that a request and its answer need
/// not change threads.
#[derive(Debug, Clone)]
pub struct Appenders {
    shards: u16,
    limits: Limits,
    room: Arc<Room>,
    link: Arc<Link>,
}

/// Appends requests; clones share the queue and the connection.
#[derive(Debug, Clone)]
pub struct Appender {
    shards: u16,
    limits: Limits,
    room: Arc<Room>,
    // Unbounded only in form: a place in `room` is taken before anything is sent.
    queue: UnboundedSender<Pending>,
}

impl Appenders {
    pub(crate) fn new(link: Arc<Link>, shards: u16, limits: Limits) -> Self {
        Self { shards, limits, room: Arc::new(Room::default()), link }
    }

    /// Starts one: a task and a connection, on the current tokio runtime. They end when the last clone of the [`Appender`] is
    /// dropped and all that waits is answered.
    #[must_use]
    pub fn start(&self) -> Appender {
        let (queue, pending) = unbounded_channel();
        let (limits, room) = (limits_of_shard(&self.limits, self.shards), Arc::clone(&self.room));
        let waiting = Queue::new(pending, self.limits.deadline);
        tokio::spawn(Worker::new(self.link.another(), (limits, self.shards), Arc::clone(&room), waiting).run());
        Appender { shards: self.shards, limits: self.limits, room, queue }
    }

    /// What all of them do now and did so far.
    #[must_use]
    pub fn stats(&self) -> AppenderStats {
        self.room.stats()
    }
}

impl Appender {
    /// Appends one request and waits for its answer, at most the deadline. Dropping the future harms no other request;
    /// this one may then be appended or not.
    ///
    /// # Errors
    /// [`Refused`] says for each case whether the request may have been appended.
    pub async fn append(&self, request: AppendRequest) -> Result<Appended, Refused> {
        if request.key.is_none() && request.payload.is_empty() {
            return Ok(Appended::NothingToAppend);
        }
        if request.shard.index() >= self.shards {
            return Err(Refused::NotOpen);
        }
        let (pending, answered) = Pending::admit(request, &self.room, Instant::now() + self.limits.deadline)?;
        self.queue.send(pending).map_err(|_| Refused::Unavailable)?;
        // The worker keeps the deadline, and is gone only when its thread ends.
        answered.await.unwrap_or(Err(Refused::Unknown))
    }

    /// What it, and those started with it, do now and did so far.
    #[must_use]
    pub fn stats(&self) -> AppenderStats {
        self.room.stats()
    }
}
