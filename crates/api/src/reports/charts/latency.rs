//! Quantiles of the durations over time, on a logarithmic axis.

use crate::reports::charts::Chart;
use crate::reports::charts::axis::{Scale, log_ticks, time_ticks};
use crate::reports::charts::frame::{Picture, Plot, Width, across, line};
use crate::reports::numbers::duration;
use crate::reports::series::{QUANTILES, Series};

/// Between two names at the ends of lines, in units of the picture.
const NAMES_APART: f64 = 12.0;

/// Draws it; `before` has the compared period in the times of this one, of which p99 is shown.
pub(crate) fn latency(series: &Series, before: Option<&Series>) -> Chart {
    let bounds = bounds(series, before);
    let words = match bounds {
        None => "Latency over time: no request had a duration".to_owned(),
        Some(_) => words(series),
    };
    Chart::of(|width| draw(width, series, before, bounds, &words))
}

fn words(series: &Series) -> String {
    let most = |index: usize| series.steps.iter().filter_map(|step| step.quantiles_ms[index]).fold(0.0, f64::max);
    let (p50, p99) = (duration(Some(most(0))), duration(Some(most(3))));
    format!("Latency over time, p50, p90, p95 and p99: p50 at most {p50}, p99 at most {p99}")
}

/// Lowest and highest value, with some room; none without any value.
fn bounds(series: &Series, before: Option<&Series>) -> Option<(f64, f64)> {
    let now = series.steps.iter().flat_map(|step| step.quantiles_ms);
    let before = before.into_iter().flat_map(|before| &before.steps).map(|step| step.quantiles_ms[3]);
    let values: Vec<f64> = now.chain(before).flatten().map(|ms| ms.max(0.001)).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    (high > 0.0).then(|| (low / 1.3, high * 1.3))
}

fn draw(width: Width, series: &Series, before: Option<&Series>, bounds: Option<(f64, f64)>, words: &str) -> String {
    let (left, height) = if width == Width::Wide { (58.0, 252.0) } else { (50.0, 220.0) };
    let plot = Plot { left, right: across(width) - 34.0, top: 14.0, bottom: height - 26.0 };
    let mut picture = Picture::new(width, height, words);
    let time = Scale::linear(series.begin_s as f64, series.end_s as f64, plot.left, plot.right);
    let ticks = time_ticks(series.begin_s, series.end_s, if width == Width::Wide { 9 } else { 4 });
    picture.time_axis(plot, height - 8.0, &time, &ticks);
    let Some((low, high)) = bounds else {
        picture.path("grid", &format!("M{} {}H{}", plot.left, plot.bottom, plot.right));
        picture.text(
            "axis middle",
            f64::midpoint(plot.left, plot.right),
            f64::midpoint(plot.top, plot.bottom),
            "no durations",
        );
        return picture.finish();
    };
    let scale = Scale::log(low, high, plot.bottom, plot.top);
    let labels: Vec<(f64, String)> = log_ticks(low, high).into_iter().map(|ms| (ms, label(ms))).collect();
    picture.grid(plot, &scale, &labels);
    let points = |of: &Series, index: usize| {
        line(of.steps.iter().map(|step| Some((time.at(step.middle_s()), scale.at(step.quantiles_ms[index]?)))))
    };
    if let Some(before) = before {
        picture.path("before", &points(before, 3));
    }
    for (index, name) in QUANTILES.into_iter().enumerate() {
        picture.path(name, &points(series, index));
    }
    names(&mut picture, plot, &scale, series);
    picture.not_counted(plot, &time, series);
    picture.finish()
}

/// The lines' names at their right ends, moved apart where they would lie over each other.
fn names(picture: &mut Picture, plot: Plot, scale: &Scale, series: &Series) {
    let mut below = f64::INFINITY;
    for (index, name) in QUANTILES.into_iter().enumerate() {
        let Some(last_ms) = series.steps.iter().rev().find_map(|step| step.quantiles_ms[index]) else { continue };
        let y = (scale.at(last_ms) + 4.0).min(below - NAMES_APART);
        picture.text("axis name", plot.right + 5.0, y, name);
        below = y;
    }
}

/// A tick of the axis: round values need no digits behind the point.
pub(super) fn label(ms: f64) -> String {
    let (value, unit) = match ms {
        _ if ms < 0.999 => (ms * 1_000.0, "µs"),
        _ if ms < 999.0 => (ms, "ms"),
        _ => (ms / 1_000.0, "s"),
    };
    format!("{}\u{202f}{unit}", crate::reports::numbers::exact(value.round() as u64))
}
