//! One entry of the log as it is read: the envelope that the script packed, and what it carries.

use bytes::Bytes;
use redis::Value;
use tally_model::{Position, RequestId, Totals};

/// What an entry carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Request events.
    Events,
    /// Votes.
    Votes,
}

impl Kind {
    /// The byte in the envelope; 0 is a header.
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Events => 1,
            Self::Votes => 2,
        }
    }

    const fn of_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Events),
            2 => Some(Self::Votes),
            _ => None,
        }
    }
}

/// One entry of a shard's stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub position: Position,
    /// Id of the request; zeros for a header.
    pub request_id: RequestId,
    /// When the API received the request, in milliseconds since the Unix epoch; 0 for a header.
    pub received_ms: i64,
    /// Events in it.
    pub events: u32,
    /// Totals of the shard through it.
    pub totals: Totals,
    /// Redis TIME when it was appended, in milliseconds since the Unix epoch.
    pub stamp_ms: i64,
    /// CRC-32 over the fields `h` and `p`.
    pub checksum: u32,
    /// What it carries.
    pub body: EntryBody,
}

/// What an entry carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryBody {
    /// It opens an epoch.
    Header(Header),
    /// It is a request; [`crate::decode`] unpacks it.
    Request {
        /// What the payload holds.
        kind: Kind,
        /// How it is packed.
        format: u8,
        /// As it stands in the log.
        payload: Bytes,
    },
    /// It is not as the scripts write entries. The fields that could not be read are zero.
    Damaged {
        /// What is wrong with it.
        reason: &'static str,
        /// The payload, if there was one.
        payload: Bytes,
    },
}

/// What opens an epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Last id of the stream when it was written: where this epoch continues.
    pub prev: Position,
    /// Incarnation of Redis that it opens: `run_id:master_replid`.
    pub incarnation: Box<str>,
    /// The cluster that the log belongs to.
    pub cluster_id: Box<str>,
    /// Totals at `prev`.
    pub totals: Totals,
}

/// When an entry was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Its id.
    pub position: Position,
    /// Redis TIME in milliseconds since the Unix epoch.
    pub stamp_ms: i64,
}

#[allow(dead_code)]
pub(crate) fn parse(_value: Value) -> Option<Entry> {
    None
}
