//! What changed most: the endpoints with failures beyond what they had before.

use std::collections::HashMap;

use serde::Serialize;
use tally_model::EndpointId;
use tally_store::{EndpointFigures, Figures};

use crate::reads::figures::{Short, rounded};
use crate::reads::marks::Bucket;

/// Most endpoints that are named.
const CHANGED_MAX: usize = 3;
/// Digits of a ratio.
const DIGITS: i32 = 4;
/// Fewest failures beyond the expected ones: one or two more are chance.
const MORE_ERRORS_MIN: u64 = 5;
/// Requests that a step has on average when the peak is looked for; steps with fewer are taken together, because one failure
/// of one request is no peak.
const PEAK_REQUESTS_MEAN: u64 = 20;
/// A step with less than this share of the average step's requests is no peak either.
const PEAK_REQUESTS_SHARE: f64 = 0.1;

/// An endpoint that fails more than it did.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    id: String,
    service: Box<str>,
    method: Box<str>,
    route: Box<str>,
    /// Failures beyond those that the ratio before would have given.
    more_errors: u64,
    error_ratio: f64,
    /// Null if it had no request before.
    before_error_ratio: Option<f64>,
    peak_error_ratio: Option<f64>,
    /// Start of the step with that ratio.
    peak_s: Option<i64>,
    p99: Option<Short>,
    before_p99: Option<Short>,
}

/// An endpoint with its failures beyond the expected ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Worse<'a> {
    row: &'a EndpointFigures,
    before: Option<&'a Figures>,
    more_errors: u64,
}

/// The endpoints with most failures beyond what their error ratio before would have given: at most three, most first.
pub(crate) fn worse<'a>(rows: &'a [EndpointFigures], before: &'a HashMap<EndpointId, Figures>) -> Vec<Worse<'a>> {
    let mut worse: Vec<Worse<'_>> = rows
        .iter()
        .map(|row| {
            let before = before.get(&row.id);
            Worse { row, before, more_errors: more_errors(&row.figures, before) }
        })
        .filter(|worse| worse.more_errors >= MORE_ERRORS_MIN)
        .collect();
    worse.sort_by(|a, b| b.more_errors.cmp(&a.more_errors).then_with(|| a.row.id.cmp(&b.row.id)));
    worse.truncate(CHANGED_MAX);
    worse
}

impl Worse<'_> {
    pub(crate) fn id(&self) -> EndpointId {
        self.row.id
    }

    /// With its peak among the steps of the window.
    pub(crate) fn shown(&self, steps: &[Bucket]) -> Changed {
        let name = &self.row.name;
        let [service, method, route] = [name.service(), name.method(), name.route()].map(Box::from);
        let peak = peak(steps);
        let ratio = |figures: &Figures| ratio(figures).map(|ratio| rounded(ratio, DIGITS));
        Changed {
            id: self.row.id.to_string(),
            service,
            method,
            route,
            more_errors: self.more_errors,
            error_ratio: ratio(&self.row.figures).unwrap_or(0.0),
            before_error_ratio: self.before.and_then(ratio),
            peak_error_ratio: peak.and_then(Bucket::ratio).map(|ratio| rounded(ratio, DIGITS)),
            peak_s: peak.map(|bucket| bucket.start_s),
            p99: Short::p99(&self.row.figures),
            before_p99: self.before.and_then(Short::p99),
        }
    }
}

fn ratio(figures: &Figures) -> Option<f64> {
    Bucket { requests: figures.requests, errors: figures.status[4], ..Bucket::default() }.ratio()
}

fn more_errors(figures: &Figures, before: Option<&Figures>) -> u64 {
    beyond(figures.status[4], figures.requests, before.and_then(ratio).unwrap_or(0.0))
}

/// Failures beyond those that `ratio_before` of the requests would have been.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // shown
pub(crate) fn beyond(errors: u64, requests: u64, ratio_before: f64) -> u64 {
    (errors as f64 - ratio_before * requests as f64).round().max(0.0) as u64
}

/// The stretch of steps with the highest error ratio, of those that had requests to speak of.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn peak(steps: &[Bucket]) -> Option<Bucket> {
    let requests: u64 = steps.iter().map(|step| step.requests).sum();
    let together = (PEAK_REQUESTS_MEAN * steps.len() as u64).div_ceil(requests.max(1));
    let together = usize::try_from(together).unwrap_or(usize::MAX).clamp(1, steps.len().max(1));
    let stretches = steps.chunks(together).filter_map(Bucket::sum);
    let least = requests as f64 * together as f64 / steps.len().max(1) as f64 * PEAK_REQUESTS_SHARE;
    let busy = stretches.filter(|stretch| stretch.errors > 0 && stretch.requests as f64 >= least);
    let ratio = |stretch: &Bucket| stretch.ratio().unwrap_or(-1.0);
    busy.max_by(|a, b| ratio(a).total_cmp(&ratio(b)))
}

#[cfg(test)]
mod tests {
    use tally_model::EndpointName;

    use super::*;

    fn row(route: &str, requests: u64, errors: u64) -> EndpointFigures {
        let name = EndpointName::new("s", "GET", route);
        let figures = Figures { requests, status: [0, 0, 0, 0, errors], ..Figures::default() };
        EndpointFigures { id: name.id(), name, figures }
    }

    #[test]
    fn failures_beyond_what_was_usual_most_first() {
        let rows = [
            row("/usual", 1_000, 100),
            row("/worse", 1_000, 100),
            row("/new", 50, 20),
            row("/better", 10, 0),
            row("/more", 500, 400),
            row("/chance", 900, 4),
        ];
        let before = [("/usual", 500, 50), ("/worse", 100, 1), ("/better", 10, 5), ("/more", 10, 0)];
        let before = before.into_iter().map(|(route, requests, errors)| {
            let row = row(route, requests, errors);
            (row.id, row.figures)
        });
        let before = before.collect();
        let found = worse(&rows, &before);
        let shown: Vec<Changed> = found.iter().map(|worse| worse.shown(&[])).collect();
        let told: Vec<_> = shown.iter().map(|c| (&*c.route, c.more_errors, c.before_error_ratio)).collect();
        assert_eq!(told, [("/more", 400, Some(0.0)), ("/worse", 90, Some(0.01)), ("/new", 20, None)]);
        assert_eq!((shown[0].error_ratio, shown[0].peak_s), (0.8, None));
    }

    #[test]
    fn the_peak_is_where_most_of_many_failed() {
        let step = |start_s, requests, errors| Bucket { start_s, end_s: start_s + 60, requests, errors };
        let steps = [step(0, 1, 1), step(60, 100, 20), step(120, 100, 35), step(180, 100, 34), step(240, 0, 0)];
        assert_eq!(peak(&steps).unwrap().start_s, 120);
        assert!(peak(&[step(0, 10, 0)]).is_none() && peak(&[]).is_none());
        let rare: Vec<Bucket> = (0..60).map(|i| step(i * 60, 1, u64::from(i == 30))).collect();
        let found = peak(&rare).unwrap();
        assert_eq!((found.start_s, found.requests, found.errors), (20 * 60, 20, 1), "twenty minutes taken together");
    }
}
