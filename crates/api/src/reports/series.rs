//! What happened over time, in steps of one length, and where it went wrong.

use serde::Serialize;
use tally_store::Figures;

use crate::reports::numbers::percent;
use crate::reports::times;

/// The quantiles that a report shows, by name.
pub(crate) const QUANTILES: [&str; 4] = ["p50", "p90", "p95", "p99"];
const QUANTILE_RANKS: [f64; 4] = [0.5, 0.9, 0.95, 0.99];
/// A mark has at least this many steps in a row …
const MARK_STEPS_MIN: usize = 3;
/// … of which each has at least this error ratio …
const MARK_RATIO_MIN: f64 = 0.01;
/// … and so many times that of the compared period.
const MARK_FACTOR_MIN: f64 = 5.0;
/// Most marks of one chart, the first ones.
const MARKS_MAX: usize = 5;

/// Steps that cover a window, without a gap: a step without requests is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) from_s: i64,
    pub(crate) to_s: i64,
    /// Up to when everything is counted.
    pub(crate) counted_through_s: Option<i64>,
    pub(crate) steps: Vec<Step>,
}

/// One step: `[start_s, end_s)`, the end no later than the window's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) start_s: i64,
    pub(crate) end_s: i64,
    pub(crate) requests: u64,
    /// By class, 1xx … 5xx.
    pub(crate) status: [u64; 5],
    /// As in [`QUANTILES`], in milliseconds.
    pub(crate) quantiles_ms: [Option<f64>; 4],
}

/// A stretch with far more errors than in the compared period.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Mark {
    pub(crate) from_s: i64,
    pub(crate) to_s: i64,
    pub(crate) error_ratio: f64,
    /// Times the ratio of the compared period; none where that had no error, or is not known.
    pub(crate) factor: Option<f64>,
}

impl Step {
    pub(crate) fn of(start_s: i64, end_s: i64, figures: &Figures) -> Self {
        Self { start_s, end_s, requests: figures.requests, status: figures.status, quantiles_ms: quantiles_ms(figures) }
    }

    pub(crate) const fn errors(&self) -> u64 {
        self.status[4]
    }

    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / (self.end_s - self.start_s).max(1) as f64
    }

    /// 0 to 1; 0 without requests.
    pub(crate) fn error_ratio(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { self.errors() as f64 / self.requests as f64 }
    }

    pub(crate) fn middle_s(&self) -> f64 {
        f64::midpoint(self.start_s as f64, self.end_s as f64)
    }
}

impl Mark {
    /// `errors ×57, 02:40 – 04:10`, in a series of `span_s` seconds.
    pub(crate) fn words(&self, span_s: i64) -> String {
        let (from, to) = (times::within(span_s, self.from_s), times::within(span_s, self.to_s));
        match self.factor {
            Some(factor) => format!("errors ×{factor:.0}, {from} – {to}"),
            None => format!("errors {}, {from} – {to}", percent(self.error_ratio)),
        }
    }
}

/// Quantiles of the durations in milliseconds, within the shortest and longest that occurred.
pub(crate) fn quantiles_ms(figures: &Figures) -> [Option<f64>; 4] {
    let ms = |us: u64| us as f64 / 1_000.0;
    let (min, max) = (figures.duration_min_us.map(ms), figures.duration_max_us.map(ms));
    QUANTILE_RANKS.map(|rank| {
        let value = figures.sketch.quantile_us(rank)? / 1_000.0;
        Some(value.max(min.unwrap_or(value)).min(max.unwrap_or(value)))
    })
}

/// The stretches to point at. Steps of `before` are set against those of `series` one by one.
pub(crate) fn marks(series: &Series, before: Option<&Series>) -> Vec<Mark> {
    let earlier = |index: usize| before.and_then(|before| before.steps.get(index)).copied();
    let is_bad = |(index, step): (usize, &Step)| {
        let ratio = step.error_ratio();
        ratio >= MARK_RATIO_MIN
            && earlier(index).is_some_and(|earlier| ratio >= MARK_FACTOR_MIN * earlier.error_ratio())
    };
    let bad: Vec<bool> = series.steps.iter().enumerate().map(is_bad).collect();
    let mut marks = Vec::new();
    let mut start = 0;
    for run in bad.chunk_by(|a, b| a == b) {
        let end = start + run.len();
        if run[0] && run.len() >= MARK_STEPS_MIN && marks.len() < MARKS_MAX {
            let before = before.and_then(|before| before.steps.get(start..end));
            marks.push(mark(&series.steps[start..end], before));
        }
        start = end;
    }
    marks
}

fn mark(steps: &[Step], before: Option<&[Step]>) -> Mark {
    let ratio = |steps: &[Step]| {
        let (errors, requests) = steps.iter().fold((0, 0), |sum, step| (sum.0 + step.errors(), sum.1 + step.requests));
        if requests == 0 { 0.0 } else { errors as f64 / requests as f64 }
    };
    let error_ratio = ratio(steps);
    let factor = before.map(ratio).filter(|before| *before > 0.0).map(|before| error_ratio / before);
    let (from_s, to_s) = (steps.first().map_or(0, |step| step.start_s), steps.last().map_or(0, |step| step.end_s));
    Mark { from_s, to_s, error_ratio, factor }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(errors: &[u64]) -> Series {
        let step = |(index, errors): (usize, &u64)| Step {
            start_s: index as i64 * 60,
            end_s: index as i64 * 60 + 60,
            requests: 1_000,
            status: [0, 1_000 - errors, 0, 0, *errors],
            quantiles_ms: [None; 4],
        };
        let steps: Vec<Step> = errors.iter().enumerate().map(step).collect();
        Series { from_s: 0, to_s: steps.len() as i64 * 60, counted_through_s: None, steps }
    }

    #[test]
    fn a_mark_is_a_stretch_that_is_far_worse() {
        let now = series(&[1, 50, 60, 70, 1, 50, 50, 0]);
        let found = marks(&now, Some(&series(&[1; 8])));
        assert_eq!(found.iter().map(|mark| (mark.from_s, mark.to_s)).collect::<Vec<_>>(), [(60, 240)]);
        assert_eq!(found[0].words(480), "errors ×60, 00:01 – 00:04");
        assert!(marks(&now, Some(&series(&[20; 8]))).is_empty(), "not five times as many");
        assert!(marks(&now, None).is_empty(), "nothing to compare with");
        assert_eq!(marks(&now, Some(&series(&[0; 8])))[0].factor, None);
    }
}
