//! What got worse, the worst first: failures beyond the compared period, then slowness.

use tally_model::{EndpointId, EndpointName};

use crate::reads::changed::beyond;
use crate::reads::marks::Bucket;
use crate::reports::numbers::{quantile_change, ratio_change};
use crate::reports::report::{Measured, Row};

/// Most endpoints that are pointed at.
const CHANGED_MAX: usize = 3;

/// An endpoint to look at.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    pub(crate) id: EndpointId,
    pub(crate) name: EndpointName,
    /// Failures (5xx) beyond those that the error ratio of before would have given; without a before, all of them.
    pub(crate) more_errors: u64,
    pub(crate) now: Measured,
    pub(crate) before: Option<Measured>,
    /// The step in which most of its requests failed.
    pub(crate) peak: Option<Bucket>,
}

/// The endpoints that changed most for the worse. With nothing to compare with, those that failed most.
pub(crate) fn most(rows: &[Row], compared: bool) -> Vec<Changed> {
    let mut found: Vec<_> = rows.iter().filter_map(|row| judged(row, compared)).collect();
    found.sort_by(|(a, ..), (b, ..)| b.0.cmp(&a.0).then_with(|| b.1.total_cmp(&a.1)));
    found.truncate(CHANGED_MAX);
    let changed = |(_, row, more_errors): ((i32, f64), &Row, u64)| Changed {
        id: row.id,
        name: row.name.clone(),
        more_errors,
        now: row.now.clone(),
        before: row.before.clone(),
        peak: None,
    };
    found.into_iter().map(changed).collect()
}

/// An endpoint with its rank, failures before slowness, and its failures beyond those of before; none if it is well.
fn judged(row: &Row, compared: bool) -> Option<((i32, f64), &Row, u64)> {
    let errors = row.now.shown.errors;
    let ratio_before = row.before.as_ref().map_or(0.0, |before| before.shown.error_ratio);
    let more_errors = beyond(errors, row.now.shown.requests, ratio_before);
    let fails = if compared { more_errors > 0 && is_failing_more(row) } else { errors > 0 };
    let rank = match (fails, slower(row)) {
        (true, _) => (1, more_errors as f64),
        // How much time it costs everybody together.
        (false, Some(factor)) => (0, (factor - 1.0) * row.now.shown.requests as f64),
        (false, None) => return None,
    };
    Some((rank, row, more_errors))
}

fn is_failing_more(row: &Row) -> bool {
    let before = row.before.as_ref().map_or(0.0, |before| before.shown.error_ratio);
    ratio_change(row.now.shown.error_ratio, before, row.now.shown.requests).worse
}

/// How many times as slow, if that is worse.
fn slower(row: &Row) -> Option<f64> {
    let (now, before) = (row.now.shown.duration_ms.p99?, row.before.as_ref()?.shown.duration_ms.p99?);
    quantile_change(Some(now), Some(before), row.now.shown.requests).worse.then(|| now / before)
}

#[cfg(test)]
mod tests {
    use tally_store::Figures;

    use super::*;

    fn measured(requests: u64, errors: u64, ms: u64) -> Measured {
        let mut figures =
            Figures { requests, status: [0, requests - errors, 0, 0, errors], timed: requests, ..Figures::default() };
        for _ in 0..requests {
            figures.sketch.insert(ms * 1_000);
        }
        Measured::of(&figures, 60)
    }

    fn row(route: &str, now: Measured, before: Option<Measured>) -> Row {
        let name = EndpointName::new("s", "GET", route);
        Row { id: name.id(), name, now, before }
    }

    #[test]
    fn failures_come_before_slowness_and_noise_does_not_come() {
        let rows = [
            row("/same", measured(1_000, 10, 10), Some(measured(1_000, 10, 10))),
            row("/slow", measured(1_000, 0, 50), Some(measured(1_000, 0, 10))),
            row("/failing", measured(1_000, 30, 10), Some(measured(1_000, 1, 10))),
            row("/failing-more", measured(2_000, 90, 10), Some(measured(1_000, 1, 10))),
            row("/few", measured(50, 40, 10), Some(measured(1_000, 0, 10))),
            row("/better", measured(1_000, 0, 1), Some(measured(1_000, 100, 10))),
            row("/new", measured(500, 100, 10), None),
        ];
        let found = most(&rows, true);
        let found: Vec<_> = found.iter().map(|one| (one.name.route(), one.more_errors)).collect();
        assert_eq!(found, [("/new", 100), ("/failing-more", 88), ("/failing", 29)]);
        let found = most(&rows[..2], true);
        assert_eq!((found.len(), found[0].name.route(), found[0].more_errors), (1, "/slow", 0));
    }

    #[test]
    fn with_nothing_to_compare_the_most_failing_are_named() {
        let rows = [
            row("/a", measured(100, 1, 10), None),
            row("/b", measured(100, 3, 10), None),
            row("/c", measured(9, 0, 1), None),
        ];
        let found: Vec<_> = most(&rows, false).iter().map(|one| one.name.route().to_string()).collect();
        assert_eq!(found, ["/b", "/a"]);
    }
}
