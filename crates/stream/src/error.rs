//! What can go wrong with the log, and why an append was refused.

use std::time::Duration;

/// An operation on the log failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL, or another setting, cannot be used. The text does not repeat the URL: it may hold a password.
    #[error("the Redis settings cannot be used: {0}")]
    Settings(String),
    /// Redis cannot be reached, or the connection broke.
    #[error("Redis is away: {0}")]
    Away(#[source] redis::RedisError),
    /// Redis did not answer in time; whether it did what was asked is not known.
    #[error("Redis did not answer within {0:?}")]
    Late(Duration),
    /// Redis answered with an error.
    #[error("Redis refused: {0}")]
    Refused(String),
    /// The server is older than what the log needs.
    #[error("Redis {0} is too old: the log needs Redis 7.0 (or Valkey) or newer")]
    TooOld(String),
    /// The shard has no log: it was never opened, or Redis was wiped.
    #[error("the shard is not open")]
    NotOpen,
    /// The shard's group of readers, or its stream, is gone.
    #[error("the group of readers is gone")]
    NoGroup,
    /// The log in Redis was made for something else.
    #[error("the log in Redis has another {what}: it says {theirs:?}, expected {ours:?}")]
    Mismatch {
        /// Which property: `cluster id` or `layout`.
        what: &'static str,
        /// What PostgreSQL and the settings say.
        ours: String,
        /// What Redis says.
        theirs: String,
    },
    /// Redis answered something that is none of the answers known.
    #[error("Redis answered something unexpected: {0}")]
    Unexpected(String),
}

/// Why an append was not (or not certainly) accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The shard has no log yet; a consumer has to open it. Nothing was appended.
    #[error("the shard is not open")]
    NotOpen,
    /// Too much is accepted and not yet applied. Nothing was appended.
    #[error("the backlog of the shard is full: {events} events, {bytes} bytes")]
    Backlog {
        /// Events of the shard that are not applied.
        events: u64,
        /// Bytes of the shard's entries that are not applied.
        bytes: u64,
    },
    /// No more clients' request ids can be kept. Nothing was appended.
    #[error("no more request ids can be kept")]
    DedupeFull,
    /// The client's key was used before, with another body. Nothing was appended.
    #[error("the key was used before with another body")]
    KeyReused,
    /// The request packs into more than one entry may have. Nothing was appended.
    #[error("the request packs into {bytes} bytes")]
    TooLarge {
        /// Packed size in bytes.
        bytes: usize,
    },
    /// The deadline passed after the request was sent and before it was answered: it may have been appended.
    #[error("no answer within the deadline: the request may have been appended")]
    Unknown,
    /// Redis is away or refuses writes. Nothing was appended.
    #[error("Redis is away or refuses writes")]
    Unavailable,
    /// Too many requests wait in this process. Nothing was appended.
    #[error("too many requests are waiting")]
    Overloaded,
}
