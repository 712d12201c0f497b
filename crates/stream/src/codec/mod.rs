//! The packed form of a payload: columns and dictionaries.

use tally_model::Payload;

use crate::entry::Kind;

/// A payload that cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload is damaged: {0}")]
pub struct CodecError(pub &'static str);

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

/// Packs a payload.
#[must_use]
pub fn encode(payload: &Payload) -> Encoded {
    let _ = payload;
    unimplemented!()
}

/// Unpacks a payload; `kind` and `format` are those of its entry.
///
/// # Errors
/// [`CodecError`] for anything that [`encode`] does not make.
pub fn decode(kind: Kind, format: u8, payload: &[u8]) -> Result<Payload, CodecError> {
    let _ = (kind, format, payload);
    unimplemented!()
}
