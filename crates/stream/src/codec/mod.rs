//! The packed form of a payload: names once, then a column for each field.
//!
//! ```text
//! payload = crc32 (4 bytes, little-endian, over kind, format and rest), rest
//! rest    = body                                  format 1
//!         = varint length of body, zstd of body   format 2
//! ```
//!
//! The bodies are described in `events.rs` and `votes.rs`. Integers are LEB128 varints, signed ones zigzag. A decoder
//! refuses what an encoder would not have written: the checksum finds damage, the ranges find mistakes.

mod events;
mod pack;
mod votes;

use std::cell::RefCell;

use tally_model::{EventRow, Payload, RawPayload, varint};
use zstd::bulk::{Compressor, Decompressor};

use crate::entry::Kind;
use pack::Unpack;

/// The body as it is.
const PLAIN: u8 = 1;
/// The body compressed with zstd.
const ZSTD: u8 = 2;
/// Shorter bodies are not tried: zstd's own frame eats what it could save (measured: 54 bytes became 63, 91 became 87,
/// 125 became 101).
const COMPRESS_BYTES_MIN: usize = 112;
/// Level of zstd. Below 0 it does not try to code literals, which takes more than half of the time and gains nothing on
/// short bodies (docs/adr/0004-payload-format.md has the figures).
const ZSTD_LEVEL: i32 = -1;
/// Longest body in bytes; a client's request is at most half of it before it is packed.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Longest body that a thread keeps memory for, in bytes: 1,000 events take a twentieth of it.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// Most events in one entry. A request has fewer; this bounds what a decoder allocates.
pub(crate) const ENTRY_EVENTS_MAX: usize = 65_536;

/// A payload that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload is damaged: {0}")]
pub struct CodecError(pub &'static str);

impl CodecError {
    /// The payload is whole, but packed in a way that this program does not know: a newer one wrote it.
    pub const UNKNOWN_FORMAT: Self = Self("unknown format");
}

const INVALID_NAME: CodecError = CodecError("a name is not valid");

/// A packed payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// What it holds.
    pub kind: Kind,
    /// How it is packed.
    pub format: u8,
    /// Events in it.
    pub events: u32,
    /// The packed bytes.
    pub bytes: Vec<u8>,
}

/// Packs a payload; compressed when that saves at least a tenth.
#[must_use]
pub fn encode(payload: &Payload) -> Encoded {
    let (kind, body) = match payload {
        Payload::Events(block) => (Kind::Events, events::pack(block)),
        Payload::Votes(votes) => (Kind::Votes, votes::pack(votes)),
    };
    let events = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let (format, rest) = compressed(&body).map_or((PLAIN, body), |smaller| (ZSTD, smaller));
    let mut bytes = Vec::with_capacity(4 + rest.len());
    bytes.extend(checksum(kind, format, &rest).to_le_bytes());
    bytes.extend(rest);
    Encoded { kind, format, events, bytes }
}

/// Unpacks a payload; `kind` and `format` are those of its entry.
///
/// # Errors
/// [`CodecError`] for anything that [`encode`] does not make. Allocates at most a small multiple of 16 MiB, whatever the
/// payload says.
pub fn decode(kind: Kind, format: u8, payload: &[u8]) -> Result<Payload, CodecError> {
    decode_with(kind, format, payload, |raw| raw.parse())?.map_err(|_| INVALID_NAME)
}

/// Unpacks a payload into this thread's buffers and shows it to `see`: nothing is owned, and no name was checked
/// ([`RawPayload::parse`] does both). Damage is found all the same.
///
/// # Errors
/// As [`decode`], but for names.
pub fn decode_with<T>(
    kind: Kind,
    format: u8,
    payload: &[u8],
    see: impl FnOnce(RawPayload<'_>) -> T,
) -> Result<T, CodecError> {
    thread_local! {
        static BUFFERS: RefCell<Buffers> = const { RefCell::new(Buffers { body: Vec::new(), rows: Vec::new() }) };
    }
    let (sum, rest) = payload.split_first_chunk::<4>().ok_or(CodecError("shorter than its checksum"))?;
    if u32::from_le_bytes(*sum) != checksum(kind, format, rest) {
        return Err(CodecError("the checksum differs"));
    }
    // Taken, not borrowed: `see` may decode something itself.
    let mut buffers = BUFFERS.take();
    let Buffers { body, rows } = &mut buffers;
    let seen = match format {
        PLAIN => unpack(kind, rest, rows).map(see),
        ZSTD => decompress(rest, body).and_then(|()| unpack(kind, body, rows)).map(see),
        _ => Err(CodecError::UNKNOWN_FORMAT),
    };
    if buffers.body.capacity() <= BUFFER_BYTES_MAX {
        BUFFERS.set(buffers);
    }
    seen
}

/// Memory of a thread that decodes: what an entry is unpacked into.
#[derive(Default)]
struct Buffers {
    body: Vec<u8>,
    rows: Vec<EventRow>,
}

/// Unpacks a payload whose entry is gone, and with it kind and format: the checksum covers both, so it tells which of those
/// known here they were.
///
/// # Errors
/// [`CodecError`] for anything that [`encode`] does not make.
pub fn decode_unlabelled(payload: &[u8]) -> Result<Payload, CodecError> {
    let (sum, rest) = payload.split_first_chunk::<4>().ok_or(CodecError("shorter than its checksum"))?;
    let known = [Kind::Events, Kind::Votes].into_iter().flat_map(|kind| [PLAIN, ZSTD].map(|format| (kind, format)));
    let mut fits = known.filter(|(kind, format)| u32::from_le_bytes(*sum) == checksum(*kind, *format, rest));
    let (kind, format) = fits.next().ok_or(CodecError("damaged, or of a kind or format that is not known"))?;
    decode(kind, format, payload)
}

fn unpack<'a>(kind: Kind, body: &'a [u8], rows: &'a mut Vec<EventRow>) -> Result<RawPayload<'a>, CodecError> {
    let mut body = Unpack::new(body);
    let payload = match kind {
        Kind::Events => RawPayload::Events(events::unpack(&mut body, rows)?),
        Kind::Votes => RawPayload::Votes(votes::unpack(&mut body)?),
    };
    body.end()?;
    Ok(payload)
}

fn checksum(kind: Kind, format: u8, rest: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind.byte(), format]);
    hasher.update(rest);
    hasher.finalize()
}

fn compressed(body: &[u8]) -> Option<Vec<u8>> {
    thread_local! {
        // A context is 100s of kB and slow to make.
        static COMPRESSOR: RefCell<Option<Compressor<'static>>> = RefCell::new(Compressor::new(ZSTD_LEVEL).ok());
    }
    if !(COMPRESS_BYTES_MIN..=BODY_BYTES_MAX).contains(&body.len()) {
        return None;
    }
    let frame = COMPRESSOR.with_borrow_mut(|compressor| compressor.as_mut()?.compress(body).ok())?;
    if frame.len() + body.len() / 10 >= body.len() {
        return None;
    }
    let mut rest = Vec::with_capacity(frame.len() + 4);
    varint::push(&mut rest, body.len() as u64);
    rest.extend(frame);
    Some(rest)
}

fn decompress(rest: &[u8], body: &mut Vec<u8>) -> Result<(), CodecError> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
    }
    let mut unpack = Unpack::new(rest);
    let length = unpack.count(BODY_BYTES_MAX)?;
    let frame = unpack.rest();
    body.clear();
    body.reserve(length);
    let done = DECOMPRESSOR
        .with_borrow_mut(|decompressor| decompressor.as_mut()?.decompress_to_buffer(frame, &mut *body).ok());
    done.filter(|done| *done == length).map(drop).ok_or(CodecError("zstd refuses it"))
}

#[cfg(test)]
mod tests;
