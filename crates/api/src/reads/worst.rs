//! The worst hours of an endpoint: those that failed most, and of equal ones the slowest.

use serde::Serialize;

use crate::reads::cut::{self, Cut, Point};
use crate::reads::figures::{Short, rounded};

/// Most hours that are named.
const WORST_MAX: usize = 5;
const HOUR_S: i64 = 3_600;
/// Digits of a ratio.
const DIGITS: i32 = 4;

/// An hour, or what the window could be cut into where hours are not kept.
#[derive(Debug, Serialize)]
pub(crate) struct WorstHour {
    from_s: i64,
    to_s: i64,
    requests: u64,
    errors: u64,
    error_ratio: f64,
    p50: Option<Short>,
    p99: Option<Short>,
}

/// The worst of `points`, which were read by `cut`: at most five, by failures, then by p99. An hour that is not whole within
/// the window ends with it.
pub(crate) fn worst_hours(points: &[Point], cut: Cut) -> Vec<WorstHour> {
    let by_hour = cut.step_s.filter(|step_s| *step_s < HOUR_S && HOUR_S % step_s == 0);
    let hours = if by_hour.is_some() { cut::merged(points, HOUR_S) } else { points.to_vec() };
    let p99_us = |point: &Point| point.figures.sketch.quantile_us(0.99).unwrap_or(-1.0);
    let mut placed: Vec<(u64, f64, Point)> = hours
        .into_iter()
        .filter(|point| point.figures.requests > 0)
        .map(|point| (point.figures.status[4], p99_us(&point), point))
        .collect();
    placed.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| b.1.total_cmp(&a.1)).then_with(|| a.2.start_s.cmp(&b.2.start_s)));
    placed.truncate(WORST_MAX);
    let shown = |(errors, _, point): (u64, f64, Point)| {
        let [p50, p99] = Short::quantiles(&point.figures, [0.5, 0.99]);
        WorstHour {
            from_s: point.start_s.max(cut.window.from_s),
            to_s: point.end_s.min(cut.window.to_s),
            requests: point.figures.requests,
            errors,
            error_ratio: point.bucket().ratio().map_or(0.0, |ratio| rounded(ratio, DIGITS)),
            p50,
            p99,
        }
    };
    placed.into_iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use tally_model::{Level, Sketch, Window};
    use tally_store::Figures;

    use super::*;

    fn point(minute: i64, requests: u64, errors: u64, us: u64) -> Point {
        let mut sketch = Sketch::new();
        sketch.insert(us);
        let figures = Figures { requests, status: [0, 0, 0, 0, errors], sketch, ..Figures::default() };
        Point { start_s: minute * 60, end_s: minute * 60 + 60, figures }
    }

    #[test]
    fn by_failures_then_by_p99() {
        let window = Window { from_s: 30 * 60, to_s: 400 * 60 };
        let cut = Cut::units(window, Level::Minute);
        let points = [
            point(30, 10, 1, 1_000),
            point(59, 10, 1, 1_000),
            point(60, 10, 2, 9_000),
            point(130, 10, 0, 1_000),
            point(190, 10, 0, 50_000),
            point(250, 0, 0, 1),
            point(310, 10, 3, 1),
            point(399, 5, 0, 2),
        ];
        let worst = worst_hours(&points, cut);
        let found: Vec<_> = worst.iter().map(|hour| (hour.from_s / 60, hour.to_s / 60, hour.errors)).collect();
        assert_eq!(found, [(300, 360, 3), (60, 120, 2), (30, 60, 2), (180, 240, 0), (120, 180, 0)]);
        assert_eq!((worst[2].requests, worst[2].error_ratio), (20, 0.1));
    }

    #[test]
    fn days_where_hours_are_not_kept() {
        let cut = Cut::units(Window { from_s: 0, to_s: 10 * 86_400 }, Level::Day);
        let day = Point { start_s: 86_400, end_s: 2 * 86_400, ..point(0, 4, 1, 5) };
        let worst = worst_hours(&[day], cut);
        assert_eq!((worst[0].from_s, worst[0].to_s), (86_400, 172_800));
    }
}
