//! Places in a shard's log, and the rule that says which entry may come next.

use std::fmt;
use std::str::FromStr;

/// A place in the log of one shard: the entry id `epoch-seq`. Within an epoch ids are dense, so a missing, reused or
/// reordered entry is visible. `0-0` is the place before the first header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Position {
    /// Epoch: milliseconds since the Unix epoch at its opening, and always above the one before.
    pub epoch: u64,
    /// Sequence within the epoch; 0 is the epoch's header.
    pub seq: u64,
}

impl Position {
    /// Before everything.
    pub const GENESIS: Self = Self { epoch: 0, seq: 0 };

    /// The entry with this epoch and sequence.
    #[must_use]
    pub const fn new(epoch: u64, seq: u64) -> Self {
        Self { epoch, seq }
    }

    /// Whether an entry here is a header.
    #[must_use]
    pub const fn is_header(self) -> bool {
        self.seq == 0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.seq)
    }
}

/// The text is not `epoch-seq`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a position epoch-seq")]
pub struct PositionError;

impl FromStr for Position {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let (epoch, seq) = text.split_once('-').ok_or(PositionError)?;
        let number = |part: &str| part.parse().map_err(|_| PositionError);
        Ok(Self::new(number(epoch)?, number(seq)?))
    }
}

/// What the position rule says of an entry that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// At or below the position: counted before, skip it.
    Skip,
    /// The direct successor: count it.
    Next,
    /// A header that continues from the position: a new epoch with nothing lost.
    NewEpoch,
    /// A header that continues from before the position: Redis lost the entries after `kept`, up to the position.
    Regress {
        /// Last id that survived in Redis.
        kept: Position,
    },
    /// Something between is missing. Read from the position; if it is still so, halt: never skip.
    Gap,
}

/// The position rule: after `at` comes `(e, n + 1)`, or a header of a higher epoch whose `prev` is not above `at`.
///
/// `prev` is what the header names as the last id that survived; `None` where `next` is not a header (or is one that
/// cannot be read, which is a gap).
#[must_use]
pub fn judge(at: Position, next: Position, prev: Option<Position>) -> Step {
    if next <= at {
        return Step::Skip;
    }
    if !next.is_header() {
        let dense = next.epoch == at.epoch && at.seq.checked_add(1) == Some(next.seq) && at != Position::GENESIS;
        return if dense { Step::Next } else { Step::Gap };
    }
    match prev {
        Some(prev) if prev == at => Step::NewEpoch,
        Some(prev) if prev < at => Step::Regress { kept: prev },
        _ => Step::Gap,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Position = Position::new(5, 7);

    #[test]
    fn the_rule() {
        let at = |epoch, seq| Position::new(epoch, seq);
        let cases = [
            (P, at(5, 7), None, Step::Skip),
            (P, at(5, 0), Some(at(4, 4)), Step::Skip),
            (P, at(4, 9), None, Step::Skip),
            (P, at(5, 8), None, Step::Next),
            (P, at(5, 9), None, Step::Gap),
            (P, at(6, 1), None, Step::Gap),
            (P, at(6, 0), Some(P), Step::NewEpoch),
            (P, at(6, 0), Some(at(5, 3)), Step::Regress { kept: at(5, 3) }),
            (P, at(6, 0), Some(Position::GENESIS), Step::Regress { kept: Position::GENESIS }),
            (P, at(6, 0), Some(at(5, 8)), Step::Gap),
            (P, at(6, 0), None, Step::Gap),
            (Position::GENESIS, at(9, 0), Some(Position::GENESIS), Step::NewEpoch),
            (Position::GENESIS, at(0, 1), None, Step::Gap),
            (Position::GENESIS, at(9, 1), None, Step::Gap),
            (Position::GENESIS, at(9, 0), Some(at(8, 1)), Step::Gap),
        ];
        for (at, next, prev, step) in cases {
            assert_eq!(judge(at, next, prev), step, "{at} then {next} prev {prev:?}");
        }
    }

    #[test]
    fn text_round_trip() {
        assert_eq!("5-7".parse(), Ok(P));
        assert_eq!(P.to_string(), "5-7");
        for bad in ["", "5", "5-", "-7", "5-7-9", "a-1", "1-+-1"] {
            assert_eq!(bad.parse::<Position>(), Err(PositionError), "{bad}");
        }
    }
}
