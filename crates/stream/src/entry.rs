//! One entry of the log as it is read: the envelope that the script packed, and what it carries.
//!
//! ```text
//! h  request id 16, kind 1, format 1, received_ms 8, events 4, totals: entries 8, events 8, bytes 8, stamp_ms 8
//! p  the payload; of a header: prev: epoch 8, seq 8, totals at it: entries 8, events 8, bytes 8,
//!    incarnation: length 2, text; cluster id: length 2, text
//! ```
//!
//! Integers are big-endian.

use bytes::Bytes;
use redis::Value;
use tally_model::{Position, RequestId, Totals};

use crate::error::Error;

/// Length of an envelope in bytes.
pub(crate) const ENVELOPE_BYTES: usize = 62;

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
    /// It is not as the scripts write entries. What of the envelope could not be read is zero.
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
    /// Redis TIME in milliseconds since the Unix epoch; 0 if the entry does not say.
    pub stamp_ms: i64,
}

/// The part of a reply `[[stream, entries]]` (`{stream: entries}` in RESP3) that has the entries.
pub(crate) fn of_one_stream(reply: Value) -> Result<Value, Error> {
    let of_stream = match reply {
        Value::Nil => return Ok(Value::Nil),
        Value::Array(streams) => streams.into_iter().next().and_then(|stream| match stream {
            Value::Array(parts) => parts.into_iter().nth(1),
            _ => None,
        }),
        Value::Map(streams) => streams.into_iter().next().map(|(_, entries)| entries),
        _ => None,
    };
    of_stream.ok_or_else(|| unexpected("stream"))
}

/// The entries of a reply `[[id, [field, value, …]], …]`.
pub(crate) fn entries(reply: Value) -> Result<Vec<Entry>, Error> {
    match reply {
        Value::Nil => Ok(Vec::new()),
        Value::Array(entries) => entries.into_iter().map(entry).collect(),
        _ => Err(unexpected("entries")),
    }
}

impl Entry {
    /// What it takes in the log.
    pub(crate) fn bytes(&self) -> usize {
        ENVELOPE_BYTES
            + match &self.body {
                EntryBody::Header(header) => header.incarnation.len() + header.cluster_id.len() + 44,
                EntryBody::Request { payload, .. } | EntryBody::Damaged { payload, .. } => payload.len(),
            }
    }
}

fn unexpected(what: &str) -> Error {
    Error::Unexpected(format!("no {what}"))
}

fn entry(value: Value) -> Result<Entry, Error> {
    let Value::Array(parts) = value else { return Err(unexpected("entry")) };
    let Ok([Value::BulkString(id), fields]) = <[Value; 2]>::try_from(parts) else { return Err(unexpected("entry id")) };
    let position =
        std::str::from_utf8(&id).ok().and_then(|id| id.parse().ok()).ok_or_else(|| unexpected("entry id"))?;
    let (h, p) = fields_h_p(fields);
    Ok(parse(position, &h, p))
}

/// The two fields by name; absent ones are empty.
fn fields_h_p(fields: Value) -> (Bytes, Bytes) {
    let (mut h, mut p) = (Bytes::new(), Bytes::new());
    let Value::Array(fields) = fields else { return (h, p) };
    let mut fields = fields.into_iter();
    while let (Some(Value::BulkString(name)), Some(Value::BulkString(value))) = (fields.next(), fields.next()) {
        match &name[..] {
            b"h" => h = value.into(),
            b"p" => p = value.into(),
            _ => {}
        }
    }
    (h, p)
}

fn parse(position: Position, h: &[u8], p: Bytes) -> Entry {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(h);
    hasher.update(&p);
    let damaged = |reason| EntryBody::Damaged { reason, payload: p.clone() };
    let mut entry = Entry {
        position,
        request_id: RequestId([0; 16]),
        received_ms: 0,
        events: 0,
        totals: Totals::default(),
        stamp_ms: 0,
        checksum: hasher.finalize(),
        body: damaged("its envelope has another length"),
    };
    let Some((kind, format)) = read_envelope(h, &mut entry) else { return entry };
    entry.body = match (kind, position.is_header()) {
        (0, true) => read_header(&p).map_or_else(|| damaged("its header cannot be read"), EntryBody::Header),
        (1, false) => EntryBody::Request { kind: Kind::Events, format, payload: p },
        (2, false) => EntryBody::Request { kind: Kind::Votes, format, payload: p },
        (0..=2, _) => damaged("its kind does not fit its id"),
        _ => damaged("its kind is unknown"),
    };
    entry
}

fn read_envelope(h: &[u8], entry: &mut Entry) -> Option<(u8, u8)> {
    if h.len() != ENVELOPE_BYTES {
        return None;
    }
    let mut h = Fields(h);
    entry.request_id = RequestId(h.next()?);
    let [kind, format] = h.next()?;
    entry.received_ms = i64::from_be_bytes(h.next()?);
    entry.events = u32::from_be_bytes(h.next()?);
    entry.totals = h.totals()?;
    entry.stamp_ms = i64::from_be_bytes(h.next()?);
    Some((kind, format))
}

fn read_header(p: &[u8]) -> Option<Header> {
    let mut p = Fields(p);
    let prev = Position::new(p.number()?, p.number()?);
    let totals = p.totals()?;
    let incarnation = p.text()?;
    let cluster_id = p.text()?;
    p.0.is_empty().then_some(Header { prev, incarnation, cluster_id, totals })
}

/// Fields of fixed widths, one after the other.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.next().map(u64::from_be_bytes)
    }

    fn totals(&mut self) -> Option<Totals> {
        Some(Totals { entries: self.number()?, events: self.number()?, bytes: self.number()? })
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length = usize::from(u16::from_be_bytes(self.next()?));
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(Box::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(kind: u8) -> Vec<u8> {
        let mut h = vec![7; 16];
        h.extend([kind, 1]);
        h.extend(5_i64.to_be_bytes());
        h.extend(6_u32.to_be_bytes());
        for number in [1_u64, 2, 3, 4] {
            h.extend(number.to_be_bytes());
        }
        h
    }

    #[test]
    fn an_envelope_is_read() {
        let entry = parse(Position::new(9, 1), &envelope(1), Bytes::from_static(b"payload"));
        assert_eq!((entry.received_ms, entry.events, entry.stamp_ms), (5, 6, 4));
        assert_eq!(entry.totals, Totals { entries: 1, events: 2, bytes: 3 });
        assert!(
            matches!(&entry.body, EntryBody::Request { kind: Kind::Events, format: 1, payload } if payload == "payload")
        );
        assert_eq!(entry.checksum, crc32fast::hash(&[&envelope(1)[..], b"payload"].concat()));
    }

    #[test]
    fn what_the_scripts_do_not_write_is_damaged() {
        let is_damaged = |seq, h: &[u8]| {
            let entry = parse(Position::new(9, seq), h, Bytes::from_static(b"p"));
            matches!(entry.body, EntryBody::Damaged { .. })
        };
        assert!(is_damaged(1, b""));
        assert!(is_damaged(1, &envelope(1)[1..]));
        assert!(is_damaged(1, &envelope(0)), "a header with a sequence");
        assert!(is_damaged(0, &envelope(1)), "a request in place of a header");
        assert!(is_damaged(0, &envelope(0)), "a header with nothing in it");
        assert!(is_damaged(1, &envelope(3)));
    }

    #[test]
    fn strange_replies_are_errors() {
        assert!(entries(Value::Nil).is_ok_and(|entries| entries.is_empty()));
        for reply in [Value::Okay, Value::Array(vec![Value::Nil]), Value::Array(vec![Value::Array(vec![Value::Nil])])] {
            assert!(entries(reply).is_err());
        }
    }
}
