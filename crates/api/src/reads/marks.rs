//! Marks: where failures stand out of what is usual. They are computed, never typed.

use serde::Serialize;

/// Fewest buckets of a mark that stand out.
const BUCKETS_MIN: usize = 3;
/// Most quieter buckets in a row within a mark: one does not end it.
const QUIET_MAX: usize = 1;
/// Lowest error ratio that stands out.
const RATIO_MIN: f64 = 0.01;
/// How many times the usual error ratio stands out.
const TIMES_MIN: f64 = 5.0;
/// Fewest requests of a mark: three failures of three requests at night are no incident.
const REQUESTS_MIN: u64 = 100;
/// Most marks of one answer; those with most failures are kept.
const MARKS_MAX: usize = 8;

/// What happened in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bucket {
    pub(crate) start_s: i64,
    pub(crate) end_s: i64,
    pub(crate) requests: u64,
    pub(crate) errors: u64,
}

/// A stretch of steps in which failures stood out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Mark {
    pub(crate) from_s: i64,
    pub(crate) to_s: i64,
    /// Its error ratio in times of the usual one; null if there usually is none.
    pub(crate) factor: Option<f64>,
    pub(crate) error_ratio: f64,
}

impl Bucket {
    #[allow(clippy::cast_precision_loss)] // shown, not counted with
    pub(crate) fn ratio(self) -> Option<f64> {
        (self.requests > 0).then(|| self.errors as f64 / self.requests as f64)
    }

    /// Neighbours taken together.
    pub(crate) fn sum(buckets: &[Self]) -> Option<Self> {
        buckets.iter().copied().reduce(Self::and)
    }

    fn and(self, other: Self) -> Self {
        Self {
            end_s: other.end_s,
            requests: self.requests + other.requests,
            errors: self.errors + other.errors,
            ..self
        }
    }
}

/// The marks of a series, in order of time. Usual is the same step of the period compared with (`before`, as long as
/// `series`), or without one the median of the window's own steps.
pub(crate) fn marks(series: &[Bucket], before: Option<&[Bucket]>) -> Vec<Mark> {
    let before = before.filter(|before| before.len() == series.len());
    let median = median(series);
    let usual = |index: usize| before.map_or(median, |before| before[index].ratio().unwrap_or(0.0));
    let stands_out = |index: usize| {
        series[index].ratio().is_some_and(|ratio| ratio >= RATIO_MIN && ratio >= TIMES_MIN * usual(index))
    };
    let mut found: Vec<(u64, Mark)> = runs(series.len(), stands_out)
        .into_iter()
        .filter_map(|(first, last)| {
            let sum = Bucket::sum(&series[first..=last])?;
            let ratio = sum.ratio().filter(|_| sum.requests >= REQUESTS_MIN)?;
            let usual = before.map_or(Some(median), |before| Bucket::sum(&before[first..=last])?.ratio());
            let factor = usual.filter(|usual| *usual > 0.0).map(|usual| short(ratio / usual));
            let mark = Mark { from_s: sum.start_s, to_s: sum.end_s, factor, error_ratio: short(ratio) };
            Some((sum.errors, mark))
        })
        .collect();
    found.sort_by_key(|mark| std::cmp::Reverse(mark.0));
    found.truncate(MARKS_MAX);
    found.sort_by_key(|mark| mark.1.from_s);
    found.into_iter().map(|mark| mark.1).collect()
}

/// First and last index of each stretch with enough that stands out.
fn runs(length: usize, stands_out: impl Fn(usize) -> bool) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize, usize)> = Vec::new();
    for index in (0..length).filter(|index| stands_out(*index)) {
        match runs.last_mut() {
            Some((_, last, count)) if index - *last <= QUIET_MAX + 1 => {
                *last = index;
                *count += 1;
            }
            _ => runs.push((index, index, 1)),
        }
    }
    runs.into_iter().filter(|run| run.2 >= BUCKETS_MIN).map(|(first, last, _)| (first, last)).collect()
}

/// The error ratio in the middle of those of the steps that had requests.
fn median(series: &[Bucket]) -> f64 {
    let mut ratios: Vec<f64> = series.iter().filter_map(|bucket| bucket.ratio()).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(0.0)
}

fn short(value: f64) -> f64 {
    super::figures::rounded(value, 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(errors: &[u64]) -> Vec<Bucket> {
        let bucket =
            |(i, errors): (i64, &u64)| Bucket { start_s: i * 60, end_s: i * 60 + 60, requests: 1_000, errors: *errors };
        (0..).zip(errors).map(bucket).collect()
    }

    #[test]
    fn an_hour_that_failed_is_marked_with_its_factor() {
        let now = series(&[1, 1, 100, 120, 80, 1, 1]);
        let before = series(&[1, 1, 2, 2, 2, 1, 1]);
        let marked = |factor| vec![Mark { from_s: 120, to_s: 300, factor: Some(factor), error_ratio: 0.1 }];
        assert_eq!(marks(&now, Some(&before)), marked(50.0));
        assert_eq!(marks(&now, None), marked(100.0), "the window's own median");
    }

    #[test]
    fn nothing_before_has_no_factor() {
        let found = marks(&series(&[0, 10, 10, 10]), Some(&series(&[0, 0, 0, 0])));
        assert_eq!((found.len(), found[0].factor), (1, None));
        let before = vec![Bucket::default(); 4];
        assert_eq!(marks(&series(&[0, 10, 10, 10]), Some(&before))[0].factor, None);
    }

    #[test]
    fn too_short_too_few_or_as_usual_is_not_marked() {
        let quiet = series(&[0; 6]);
        for errors in [[0, 90, 90, 0, 0, 0], [0, 9, 9, 9, 9, 9], [0, 90, 0, 0, 90, 90]] {
            assert_eq!(marks(&series(&errors), Some(&quiet)), [], "{errors:?}");
        }
        assert_eq!(marks(&series(&[90; 6]), Some(&series(&[20; 6]))), []);
        assert_eq!(marks(&series(&[90; 6]), None), [], "always so");
        let few: Vec<Bucket> = series(&[5; 6]).into_iter().map(|b| Bucket { requests: 10, ..b }).collect();
        assert_eq!(marks(&few, Some(&quiet)), []);
        assert_eq!(marks(&[], None), []);
    }

    #[test]
    fn one_quieter_step_does_not_end_a_mark_and_two_do() {
        let quiet = series(&[0; 9]);
        assert_eq!(marks(&series(&[50, 50, 0, 50, 0, 0, 50, 50, 50]), Some(&quiet)).len(), 2);
        let one = marks(&series(&[50, 50, 0, 50, 0, 50, 50, 0, 0]), Some(&quiet));
        assert_eq!((one.len(), one[0].from_s, one[0].to_s), (1, 0, 420));
    }

    #[test]
    fn the_worst_are_kept_in_order_of_time() {
        let errors: Vec<u64> = (0..20).flat_map(|i| [100 + i, 100, 100, 0, 0]).collect();
        let found = marks(&series(&errors), Some(&series(&vec![0; errors.len()])));
        assert_eq!(found.len(), MARKS_MAX);
        assert!(found.is_sorted_by_key(|mark| mark.from_s) && found[0].from_s == 12 * 5 * 60);
    }

    #[test]
    fn a_step_without_requests_is_no_failure() {
        let mut now = series(&[50, 50, 50, 50]);
        now[1] = Bucket { start_s: 60, end_s: 120, ..Bucket::default() };
        assert_eq!(marks(&now, Some(&series(&[0; 4]))).len(), 1, "three stand out, one between them is silent");
        now[2] = now[1];
        assert_eq!(marks(&now, Some(&series(&[0; 4]))), []);
    }
}
