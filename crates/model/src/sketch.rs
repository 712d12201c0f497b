//! A distribution of durations in few bytes, with a bounded relative error.
//!
//! Bins are spaced logarithmically, as in DDSketch (Masson, Rim, Lee: "DDSketch: a fast and fully-mergeable quantile
//! sketch with relative-error guarantees", VLDB 2019) with γ = (1 + α) / (1 − α): bin 0 holds exactly 0 µs, bin
//! `k + 1` holds durations in (γ^(k−1), γ^k] µs. Merging adds counts, so it is exact, commutative and associative.
//!
//! Encoded, a sketch is a sequence of runs `(n, (bin delta, count) × n)` of LEB128 varints; within a run bins ascend
//! and the first delta is the bin itself. Two encodings put one behind the other are the encoding of the merged
//! sketch: a database merges by concatenation.

use crate::bins::{BINS, GAMMA, UPPER_US, bin_of};
use crate::varint;

pub use crate::bins::RELATIVE_ERROR;

/// An encoded sketch is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("damaged sketch at byte {at}")]
pub struct SketchError {
    /// Offset of the varint that cannot be.
    pub at: usize,
}

/// Counts by bin, ascending, none of them zero.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sketch {
    bins: Vec<(u16, u64)>,
}

impl Sketch {
    /// A sketch of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration in microseconds; above 24 h it counts as 24 h.
    pub fn insert(&mut self, duration_us: u64) {
        let bin = bin_of(duration_us);
        match self.bins.binary_search_by_key(&bin, |b| b.0) {
            Ok(i) => self.bins[i].1 = self.bins[i].1.saturating_add(1),
            Err(i) => self.bins.insert(i, (bin, 1)),
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// Adds all that `other` counted.
    pub fn merge(&mut self, other: &Self) {
        if self.bins.is_empty() {
            self.bins.clone_from(&other.bins);
            return;
        }
        let merged = Vec::with_capacity(self.bins.len() + other.bins.len());
        let ours = std::mem::replace(&mut self.bins, merged);
        let (mut ours, mut theirs) = (ours.into_iter().peekable(), other.bins.iter().copied().peekable());
        while let (Some(our), Some(their)) = (ours.peek().copied(), theirs.peek().copied()) {
            let bin = our.0.min(their.0);
            let our = ours.next_if(|next| next.0 == bin).map_or(0, |next| next.1);
            let their = theirs.next_if(|next| next.0 == bin).map_or(0, |next| next.1);
            self.bins.push((bin, our.saturating_add(their)));
        }
        self.bins.extend(ours.chain(theirs));
    }

    /// Number of durations counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bins.iter().fold(0, |sum, bin| sum.saturating_add(bin.1))
    }

    /// The bins that hold something: lower and upper bound in microseconds (lower exclusive; both 0 for exactly 0) and
    /// the count, ascending.
    pub fn bins(&self) -> impl Iterator<Item = (f64, f64, u64)> + '_ {
        self.counts().map(|(bin, count)| {
            let (lower, upper) = Self::bounds_us(bin);
            (lower, upper, count)
        })
    }

    /// The bins that hold something by their numbers, and the count, ascending.
    pub fn counts(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        self.bins.iter().copied()
    }

    /// Lower and upper bound of a bin in microseconds (lower exclusive; both 0 for exactly 0); a bin that is none has those
    /// of the last.
    #[must_use]
    pub fn bounds_us(bin: u16) -> (f64, f64) {
        match usize::from(bin).min(BINS - 1) {
            0 => (0.0, 0.0),
            i => (UPPER_US[i - 1] / GAMMA, UPPER_US[i - 1]),
        }
    }

    /// The `q`-quantile in microseconds, the value of rank ⌈q·n⌉ (at least 1), within [`RELATIVE_ERROR`]; `None` of
    /// nothing.
    #[must_use]
    pub fn quantile_us(&self, q: f64) -> Option<f64> {
        let [quantile] = self.quantiles_us([q]);
        quantile
    }

    /// Several, which must ascend, for little more than the last of them costs.
    #[must_use]
    pub fn quantiles_us<const N: usize>(&self, ascending: [f64; N]) -> [Option<f64>; N] {
        let count = self.count();
        let mut bins = self.bins.iter();
        let (mut seen, mut last) = (0_u64, None);
        ascending.map(|q| {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as u64).max(1);
            while seen < rank {
                let (bin, count) = *bins.next()?;
                seen = seen.saturating_add(count);
                last = Some(bin);
            }
            last.map(value_us)
        })
    }

    /// One run, or no byte for a sketch of nothing.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + 3 * self.bins.len());
        if self.bins.is_empty() {
            return bytes;
        }
        varint::push(&mut bytes, self.bins.len() as u64);
        let mut last = 0;
        for &(bin, count) in &self.bins {
            varint::push(&mut bytes, u64::from(bin - last));
            varint::push(&mut bytes, count);
            last = bin;
        }
        bytes
    }

    /// Reads an encoded sketch of any number of runs.
    ///
    /// # Errors
    /// [`SketchError`], if the bytes end within a run, a varint is too long, or a bin is out of range.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        let mut sum = SketchSum::new();
        sum.add(bytes)?;
        Ok(sum.take())
    }
}

/// Encoded sketches, added up in one array of all bins that serves sum after sum: what many rows cost is the reading of
/// their bytes, not a sketch each.
#[derive(Debug, Clone)]
pub struct SketchSum {
    counts: Vec<u64>,
    /// The first bin that may hold something.
    first: usize,
    /// The bin after the last.
    end: usize,
}

impl Default for SketchSum {
    fn default() -> Self {
        Self::new()
    }
}

impl SketchSum {
    /// A sum of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; BINS], first: BINS, end: 0 }
    }

    /// Counts one duration that is in `bin`.
    pub(crate) fn insert(&mut self, bin: u16) {
        let i = usize::from(bin).min(BINS - 1);
        self.counts[i] += 1;
        self.first = self.first.min(i);
        self.end = self.end.max(i + 1);
    }

    /// Adds an encoded sketch of any number of runs.
    ///
    /// # Errors
    /// As [`Sketch::decode`]; the sum is then of nothing.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), SketchError> {
        let added = self.add_runs(bytes);
        if added.is_err() {
            *self = Self::new();
        }
        added
    }

    /// What was added since the last time, as a sketch; the next sum begins.
    pub fn take(&mut self) -> Sketch {
        let first = std::mem::replace(&mut self.first, BINS);
        let end = std::mem::take(&mut self.end);
        let counts = self.counts.get_mut(first..end).unwrap_or_default();
        let filled = counts.iter_mut().enumerate().filter(|(_, count)| **count > 0);
        let bin = |(i, count): (usize, &mut u64)| Some((u16::try_from(first + i).ok()?, std::mem::take(count)));
        Sketch { bins: filled.filter_map(bin).collect() }
    }

    fn add_runs(&mut self, bytes: &[u8]) -> Result<(), SketchError> {
        let mut at = 0;
        while at < bytes.len() {
            let pairs = number(bytes, &mut at)?;
            let mut bin = 0_usize;
            for pair in 0..pairs {
                let bin_at = at;
                let (delta, count) = match bytes.get(at..at + 2) {
                    // Most are of one byte each.
                    Some(&[delta, count]) if (delta | count) < 0x80 => {
                        at += 2;
                        (usize::from(delta), u64::from(count))
                    }
                    _ => (usize::try_from(number(bytes, &mut at)?).unwrap_or(BINS), number(bytes, &mut at)?),
                };
                bin = bin.saturating_add(delta);
                let slot = self.counts.get_mut(bin).ok_or(SketchError { at: bin_at })?;
                *slot = slot.saturating_add(count);
                // Bins ascend within a run.
                if pair == 0 {
                    self.first = self.first.min(bin);
                }
            }
            if pairs > 0 {
                self.end = self.end.max(bin + 1);
            }
        }
        Ok(())
    }
}

/// The number that starts at `at`, which moves behind it.
fn number(bytes: &[u8], at: &mut usize) -> Result<u64, SketchError> {
    let start = *at;
    let damaged = SketchError { at: start };
    match bytes.get(start) {
        // Most are of one byte.
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Ok(u64::from(byte))
        }
        Some(_) => {
            let mut rest = &bytes[start..];
            let value = varint::take(&mut rest).ok_or(damaged)?;
            *at = bytes.len() - rest.len();
            Ok(value)
        }
        None => Err(damaged),
    }
}

/// The value that stands for a bin: 2γ^k / (γ + 1), at most α from both bounds.
fn value_us(bin: u16) -> f64 {
    match usize::from(bin) {
        0 => 0.0,
        i => 2.0 * UPPER_US[i - 1] / (GAMMA + 1.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::DURATION_US_MAX;

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Sketch::new().quantiles_us([0.5, 0.9]), [None, None]);
        assert!(Sketch::new().encode().is_empty());
    }

    fn sketch_of(values: &[u64]) -> Sketch {
        let mut sketch = Sketch::new();
        values.iter().for_each(|us| sketch.insert(*us));
        sketch
    }

    fn durations() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), 1..1000_u64, 1..DURATION_US_MAX, Just(DURATION_US_MAX)]
    }

    fn assert_close(sketch: &Sketch, values: &mut [u64]) -> Result<(), TestCaseError> {
        values.sort_unstable();
        let ascending = [0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0];
        for (q, found) in ascending.into_iter().zip(sketch.quantiles_us(ascending)) {
            let rank = ((q * values.len() as f64).ceil() as usize).max(1);
            let exact = values[rank - 1] as f64;
            let found = found.unwrap();
            prop_assert!((found - exact).abs() <= exact * RELATIVE_ERROR * (1.0 + 1e-9), "q {q}: {found} for {exact}");
            prop_assert_eq!(sketch.quantile_us(q), Some(found));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn quantiles_are_within_one_percent(mut values in prop::collection::vec(durations(), 1..500)) {
            assert_close(&sketch_of(&values), &mut values)?;
        }

        #[test]
        fn merging_is_concatenation(parts in prop::collection::vec(prop::collection::vec(durations(), 0..60), 1..12)) {
            let mut bytes = Vec::new();
            let mut merged = Sketch::new();
            for part in &parts {
                bytes.extend(sketch_of(part).encode());
                merged.merge(&sketch_of(part));
            }
            let mut all = parts.concat();
            prop_assert_eq!(&merged, &sketch_of(&all));
            prop_assert_eq!(Sketch::decode(&bytes).unwrap(), merged.clone());
            prop_assert_eq!(Sketch::decode(&merged.encode()).unwrap(), merged.clone());
            if !all.is_empty() {
                assert_close(&merged, &mut all)?;
            }
        }

        #[test]
        fn one_sum_after_the_other(parts in prop::collection::vec(prop::collection::vec(durations(), 0..60), 1..12)) {
            let mut sum = SketchSum::new();
            for part in &parts {
                // What is damaged leaves nothing behind.
                prop_assert!(sum.add(&[2, 7, 1, 255]).is_err());
                let (early, late) = part.split_at(part.len() / 2);
                sum.add(&sketch_of(early).encode()).unwrap();
                sum.add(&sketch_of(late).encode()).unwrap();
                prop_assert_eq!(sum.take(), sketch_of(part));
            }
            prop_assert_eq!(sum.take(), Sketch::new());
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = Sketch::decode(&bytes);
        }

        #[test]
        fn a_cut_run_is_damaged(values in prop::collection::vec(durations(), 1..50), cut in 1..8_usize) {
            let bytes = sketch_of(&values).encode();
            let cut = cut.min(bytes.len() - 1);
            prop_assume!(cut > 0);
            prop_assert!(Sketch::decode(&bytes[..bytes.len() - cut]).is_err());
        }
    }
}
