//! Which log an event goes to. Where a retry must find its own past, or votes their order, the choice follows from the request
//! alone; else the shards take turns.

use std::fmt;

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

/// Names of the hashes below, recorded beside the number of shards; a change of either is a new layout.
pub const HASH_NAMES: &str = "sha256-16/xxh3-64";

/// How long each shard's turn lasts, in milliseconds. Longer, a consumer that is slower than a burst shows it later; shorter,
/// shards flush an endpoint's row more often than one alone would.
const TURN_MS: i64 = 1_000;

/// One log: the stream `events:{i}`, and its row in `shard_position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard(u16);

impl Shard {
    /// The shard with this index.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        Self(index)
    }

    /// Its index, from 0.
    #[must_use]
    pub const fn index(self) -> u16 {
        self.0
    }

    /// All shards of a layout with `count` of them.
    pub fn all(count: u16) -> impl Iterator<Item = Self> {
        (0..count).map(Self)
    }

    /// Where votes of a poll go, with or without a key: one log orders a voter's changes.
    #[must_use]
    pub fn of_poll(poll: &str, count: u16) -> Self {
        Self::of_hash(xxh3_64(poll.as_bytes()), count)
    }

    /// Where events without a client's key go: all to one shard, each second to the next. So requests share entries however
    /// many shards there are, an endpoint's rows have one writer at a time, and no shard gets more than its part.
    #[must_use]
    pub fn in_turn(received_ms: i64, count: u16) -> Self {
        Self::of_hash(received_ms.div_euclid(TURN_MS).cast_unsigned(), count)
    }

    /// Where a request with a client's key goes: by its id, whatever the body.
    #[must_use]
    pub fn of_request(id: RequestId, count: u16) -> Self {
        let mut top = [0; 8];
        top.copy_from_slice(&id.0[..8]);
        Self::of_hash(u64::from_be_bytes(top), count)
    }

    fn of_hash(hash: u64, count: u16) -> Self {
        // The remainder is below a u16.
        Self(u16::try_from(hash % u64::from(count.max(1))).unwrap_or(0))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The 16 bytes that make a request the same request when it is sent again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    /// From a client's `Idempotency-Key`: 16 bytes of SHA-256 over owner, door, poll and key, each preceded by its
    /// length (so that no two sets of texts meet).
    #[must_use]
    pub fn of_key(owner: &str, door: &str, poll: &str, key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [owner, door, poll, key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_fixed_for_ever() {
        assert_eq!(RequestId::of_key("", "events", "", "k").to_string(), "11154d9aa6bb7b6f0ab615f8eb4c8d6a");
        assert_eq!(Shard::of_poll("default", 8).index(), 2);
    }

    #[test]
    fn keys_do_not_meet() {
        assert_ne!(RequestId::of_key("a", "b", "", "k"), RequestId::of_key("ab", "", "", "k"));
    }

    #[test]
    fn every_shard_has_its_turn() {
        let in_turn = |ms| Shard::in_turn(ms, 8).index();
        let second = 1_700_000_000_000;
        assert_eq!(in_turn(second), in_turn(second + 999));
        let mut turns: Vec<_> = (0..8).map(|n| in_turn(second + n * 1_000)).collect();
        turns.sort_unstable();
        assert_eq!(turns, (0..8).collect::<Vec<_>>());
        assert_ne!(in_turn(-1), in_turn(0));
    }
}
