//! Appending with group commit.

use tally_model::{Payload, Position, RequestId, Shard};

use crate::config::Limits;
use crate::error::Refused;
use crate::link::Link;

/// A request to append.
#[derive(Debug, Clone)]
pub struct AppendRequest {
    /// Which log.
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

/// Appends requests; clones share one queue and one connection.
#[derive(Debug, Clone)]
pub struct Appender {}

impl Appender {
    pub(crate) fn start(link: Link, shards: u16, limits: Limits) -> Self {
        let _ = (link, shards, limits);
        unimplemented!()
    }

    /// Appends one request and waits for its answer, at most the deadline. Dropping the future harms no other request;
    /// this one may then be appended or not.
    ///
    /// # Errors
    /// [`Refused`] says for each case whether the request may have been appended.
    pub async fn append(&self, request: AppendRequest) -> Result<Appended, Refused> {
        let _ = request;
        unimplemented!()
    }

    /// What it does now and did so far.
    #[must_use]
    pub fn stats(&self) -> AppenderStats {
        unimplemented!()
    }
}
