//! What happened over time, in steps of one length, and where it went wrong.

use tally_store::Figures;

use crate::reads::cut::Point;
use crate::reads::figures::{SHOWN_QUANTILES, quantiles_ms};
use crate::reads::marks::{Bucket, Mark};
use crate::reports::numbers::percent;
use crate::reports::times;

/// The quantiles that a report shows, by name.
pub(crate) const QUANTILES: [&str; 4] = ["p50", "p90", "p95", "p99"];

/// Steps that cover a window, without a gap: a step without requests is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// From here to there, also where no step is.
    pub(crate) begin_s: i64,
    pub(crate) end_s: i64,
    /// Up to when everything is counted, where that is worth telling.
    pub(crate) counted_through_s: Option<i64>,
    pub(crate) steps: Vec<Step>,
}

impl Series {
    /// The steps from when counting began: before, there is nothing, which is not a zero.
    pub(crate) fn of(mut steps: Vec<Step>, first_s: Option<i64>) -> Self {
        let (begin_s, end_s) =
            (steps.first().map_or(0, |step| step.start_s), steps.last().map_or(60, |step| step.end_s));
        steps.retain(|step| first_s.is_some_and(|first_s| step.end_s > first_s));
        Self { begin_s, end_s, counted_through_s: None, steps }
    }
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

/// Steps of one length from the points that the store gave: `later_s` is added to all times, and the step that is running ends
/// at `running_s`, or its rate would be spread over time that has not come.
pub(crate) fn steps(points: &[Point], later_s: i64, running_s: i64) -> Vec<Step> {
    let step = |point: &Point| {
        let end_s = point.end_s.min(running_s.max(point.start_s + 1));
        Step::of(point.start_s + later_s, end_s + later_s, &point.figures)
    };
    points.iter().map(step).collect()
}

/// What marks and peaks are found in.
pub(crate) fn buckets(steps: &[Step]) -> Vec<Bucket> {
    let bucket = |step: &Step| Bucket {
        start_s: step.start_s,
        end_s: step.end_s,
        requests: step.requests,
        errors: step.errors(),
    };
    steps.iter().map(bucket).collect()
}

/// `errors ×57, 02:40 – 04:10`, in a series of `span_s` seconds.
pub(crate) fn mark_words(mark: &Mark, span_s: i64) -> String {
    let (from, to) = (times::within(span_s, mark.from_s), times::within(span_s, mark.to_s));
    match mark.factor {
        Some(factor) => format!("errors ×{factor:.0}, {from} – {to}"),
        None => format!("errors {}, {from} – {to}", percent(mark.error_ratio)),
    }
}

impl Step {
    pub(crate) fn of(start_s: i64, end_s: i64, figures: &Figures) -> Self {
        Self {
            start_s,
            end_s,
            requests: figures.requests,
            status: figures.status,
            quantiles_ms: quantiles_ms(figures, SHOWN_QUANTILES),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_step_ends_now() {
        let point =
            |start_s| Point { start_s, end_s: start_s + 300, figures: Figures { requests: 60, ..Figures::default() } };
        let found = steps(&[point(0), point(300)], 0, 360);
        assert_eq!(found.iter().map(|step| (step.end_s, step.rate())).collect::<Vec<_>>(), [(300, 0.2), (360, 1.0)]);
        let earlier = steps(&[point(0)], 86_400, i64::MAX);
        assert_eq!((earlier[0].start_s, earlier[0].end_s), (86_400, 86_700));
    }

    #[test]
    fn nothing_is_drawn_from_before_counting_began() {
        let point = |start_s| Point { start_s, end_s: start_s + 60, figures: Figures::default() };
        let found = steps(&[point(0), point(60), point(120)], 0, i64::MAX);
        let series = Series::of(found.clone(), Some(60));
        assert_eq!((series.begin_s, series.end_s, series.steps.len()), (0, 180, 2));
        assert!(Series::of(found, None).steps.is_empty());
    }

    #[test]
    fn marks_are_told_in_times_that_fit() {
        let mark = Mark { from_s: 60, to_s: 240, factor: Some(60.4), error_ratio: 0.06 };
        assert_eq!(mark_words(&mark, 86_400), "errors ×60, 00:01 – 00:04");
        let mark = Mark { factor: None, ..mark };
        assert_eq!(mark_words(&mark, 7 * 86_400).replace('\u{202f}', " "), "errors 6.00 %, Thu 00:01 – Thu 00:04");
    }
}
