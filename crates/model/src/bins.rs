//! The bins of a sketch, and which one a duration is in.

use std::sync::LazyLock;

use crate::limits::DURATION_US_MAX;

/// α: a quantile is off by at most this share of the true value.
pub const RELATIVE_ERROR: f64 = 0.01;
/// γ = (1 + α) / (1 − α); the stored functions know the same number.
pub(crate) const GAMMA: f64 = (1.0 + RELATIVE_ERROR) / (1.0 - RELATIVE_ERROR);
/// Number of bins: one for 0, then up to 24 h. `bin_of(DURATION_US_MAX) + 1`, held by a test.
pub(crate) const BINS: usize = 1262;

/// Upper bounds γ^k of the bins from 1 on, so that every machine puts a duration in the same bin whatever its
/// logarithm rounds to.
pub(crate) static UPPER_US: LazyLock<Vec<f64>> =
    LazyLock::new(|| (0..BINS - 1).map(|k| GAMMA.powi(i32::try_from(k).unwrap_or(i32::MAX))).collect());

/// The bin of a duration: the first whose upper bound is not below it.
pub(crate) fn bin_of(duration_us: u64) -> u16 {
    let us = duration_us.min(DURATION_US_MAX);
    let steps = &*STEPS;
    let first = steps.first[step_of(us)];
    // A step is narrower than a bin, so it reaches into one more at most.
    first + u16::from(us > steps.last_us[usize::from(first)])
}

/// Steps of an octave, a power of 2: γ − 1 is more than 1/64.
const OCTAVE_STEPS_LOG2: u32 = 6;
/// Number of steps up to 24 h. `step_of(DURATION_US_MAX) + 1`, held by the type of the table.
const STEPS_MAX: usize = step_of(DURATION_US_MAX) + 1;

/// Where a duration lies by its highest bits; to 127 µs each has a step of its own.
const fn step_of(us: u64) -> usize {
    let octave = match us.checked_ilog2() {
        Some(log2) if log2 > OCTAVE_STEPS_LOG2 => log2 - OCTAVE_STEPS_LOG2,
        _ => 0,
    };
    ((octave << OCTAVE_STEPS_LOG2) as u64 + (us >> octave)) as usize
}

/// What finds a bin without a logarithm.
struct Steps {
    /// The bin of the least duration of each step.
    first: [u16; STEPS_MAX],
    /// The longest duration of each bin.
    last_us: [u64; BINS],
}

static STEPS: LazyLock<Steps> = LazyLock::new(|| {
    let mut steps = Steps { first: [0; STEPS_MAX], last_us: [0; BINS] };
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    // a bound is positive, and a little above 24 h at most
    steps.last_us.iter_mut().skip(1).zip(UPPER_US.iter()).for_each(|(last, upper)| *last = upper.floor() as u64);
    let mut bin = 0;
    for (step, first) in steps.first.iter_mut().enumerate() {
        let octave = ((step >> OCTAVE_STEPS_LOG2) as u32).saturating_sub(1);
        let least = (step as u64 - (u64::from(octave) << OCTAVE_STEPS_LOG2)) << octave;
        while least > steps.last_us[bin] {
            bin += 1;
        }
        *first = u16::try_from(bin).unwrap_or(u16::MAX);
    }
    steps
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_cover_zero_to_a_day() {
        assert_eq!((bin_of(0), bin_of(1), bin_of(2)), (0, 1, 36));
        assert_eq!(usize::from(bin_of(DURATION_US_MAX)) + 1, BINS);
        assert_eq!(bin_of(u64::MAX), bin_of(DURATION_US_MAX));
    }

    #[test]
    fn a_bin_is_found_as_its_bounds_say() {
        let near_bounds = UPPER_US.iter().flat_map(|upper| (*upper as u64).saturating_sub(2)..=*upper as u64 + 2);
        for us in (0..300_000).chain(near_bounds).filter(|us| *us <= DURATION_US_MAX) {
            let bin = if us == 0 { 0 } else { UPPER_US.partition_point(|upper| *upper < us as f64) + 1 };
            assert_eq!(usize::from(bin_of(us)), bin, "{us}");
        }
    }
}
