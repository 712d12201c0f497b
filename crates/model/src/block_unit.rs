//! The minutes of an endpoint that lie in one hour, or its days in one month, one behind the other: how what is over is kept.
//!
//! A unit is its place in the block, counted from 0, requests, the five status classes, timed, the sum, least and most of its
//! durations in microseconds (0 while nothing is timed), the length of its sketch, all of them LEB128 varints, and the sketch.
//! Blocks put one behind the other are a block again, in which a unit may stand twice: whoever reads adds up.

use crate::SketchError;
use crate::varint;

/// Most units of a block: the minutes of an hour.
const PLACES: u8 = 60;

/// A minute or a day in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockUnit<'a> {
    /// Units from the start of the block.
    pub place: u8,
    /// All requests.
    pub requests: u64,
    /// Requests by status class, 1xx … 5xx.
    pub status: [u64; 5],
    /// Requests that had a duration.
    pub timed: u64,
    /// Sum of the durations in microseconds.
    pub duration_sum_us: u64,
    /// Shortest duration in microseconds; of no meaning while `timed` is 0.
    pub duration_min_us: u64,
    /// Longest duration in microseconds; of no meaning while `timed` is 0.
    pub duration_max_us: u64,
    /// Encoded distribution of the durations.
    pub sketch: &'a [u8],
}

impl<'a> BlockUnit<'a> {
    /// Appends it to a block.
    pub fn push(&self, block: &mut Vec<u8>) {
        block.push(self.place);
        varint::push(block, self.requests);
        self.status.iter().for_each(|count| varint::push(block, *count));
        let durations = [self.timed, self.duration_sum_us, self.duration_min_us, self.duration_max_us];
        durations.into_iter().for_each(|number| varint::push(block, number));
        varint::push(block, self.sketch.len() as u64);
        block.extend_from_slice(self.sketch);
    }

    /// The units of a block in their order; what is damaged ends it with an error.
    pub fn all(block: &'a [u8]) -> impl Iterator<Item = Result<Self, SketchError>> {
        let mut rest = block;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let at = block.len() - rest.len();
            let taken = Self::take(&mut rest).ok_or(SketchError { at });
            if taken.is_err() {
                rest = &[];
            }
            Some(taken)
        })
    }

    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let (place, after) = rest.split_first()?;
        *rest = after;
        let requests = varint::take(rest)?;
        let mut status = [0; 5];
        for count in &mut status {
            *count = varint::take(rest)?;
        }
        let mut number = || varint::take(rest);
        let (timed, duration_sum_us, duration_min_us, duration_max_us) = (number()?, number()?, number()?, number()?);
        let length = usize::try_from(number()?).ok()?;
        let (sketch, after) = rest.split_at_checked(length)?;
        *rest = after;
        let place = Some(*place).filter(|place| *place < PLACES)?;
        Some(Self { place, requests, status, timed, duration_sum_us, duration_min_us, duration_max_us, sketch })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Row = (u8, [u64; 10], Vec<u8>);

    fn unit((place, n, sketch): &Row) -> BlockUnit<'_> {
        BlockUnit {
            place: *place,
            requests: n[0],
            status: [n[1], n[2], n[3], n[4], n[5]],
            timed: n[6],
            duration_sum_us: n[7],
            duration_min_us: n[8],
            duration_max_us: n[9],
            sketch,
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let number = prop_oneof![0..200_u64, any::<u64>()];
        let numbers = prop::collection::vec(number, 10).prop_map(|n| std::array::from_fn(|i| n[i]));
        prop::collection::vec((0..PLACES, numbers, prop::collection::vec(any::<u8>(), 0..200)), 0..6)
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_read(rows in rows(), cut in 1..300_usize) {
            let mut block = Vec::new();
            rows.iter().for_each(|row| unit(row).push(&mut block));
            let found: Vec<_> = BlockUnit::all(&block).map(Result::unwrap).collect();
            prop_assert_eq!(found, rows.iter().map(unit).collect::<Vec<_>>());
            let cut = block.len().saturating_sub(cut);
            let whole = BlockUnit::all(&block[..cut]).filter(Result::is_ok).count();
            prop_assert!(whole < rows.len() || rows.is_empty());
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert!(BlockUnit::all(&bytes).count() <= bytes.len());
        }
    }
}
