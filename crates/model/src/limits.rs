//! The limits a client can meet, in one place: each is named in a refusal and in the documentation.

/// Longest body of a request in bytes, before and after decompression.
pub const BODY_BYTES_MAX: usize = 8_000_000;
/// Most events in one request.
pub const REQUEST_EVENTS_MAX: usize = 10_000;
/// Largest packed payload of one log entry in bytes; a request that packs into more is refused with 413.
pub const ENTRY_BYTES_MAX: usize = 512 * 1024;
/// Longest service name in characters.
pub const SERVICE_CHARS_MAX: usize = 100;
/// Longest method token in characters.
pub const METHOD_CHARS_MAX: usize = 32;
/// Longest route template in characters.
pub const ROUTE_CHARS_MAX: usize = 2_048;
/// Longest poll, option or voter name in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Longest title of a poll in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest user agent kept for the audit of a vote, in characters; a longer one is cut.
pub const USER_AGENT_CHARS_MAX: usize = 512;
/// Longest `Idempotency-Key` in characters.
pub const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;
/// Longest duration of a request in microseconds (24 hours).
pub const DURATION_US_MAX: u64 = 24 * 60 * 60 * 1_000_000;
/// How far ahead of the time of receipt an event may be, in milliseconds (5 minutes).
pub const EARLY_MS_MAX: i64 = 5 * 60 * 1_000;
