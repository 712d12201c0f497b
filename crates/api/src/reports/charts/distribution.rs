//! How the durations of the whole window are spread: the sketch's bins, a few of them to a bar, on a logarithmic axis.

use std::fmt::Write as _;

use tally_store::Figures;

use crate::reads::figures::{SHOWN_QUANTILES, quantiles_ms};
use crate::reports::charts::Chart;
use crate::reports::charts::axis::{Scale, linear_ticks, log_ticks};
use crate::reports::charts::frame::{Picture, Plot, Width, across, line, n};
use crate::reports::charts::latency::label;
use crate::reports::numbers::{count, duration};
use crate::reports::series::QUANTILES;

/// Bins of a sketch in one bar: bars are 6 % wide, which is wide enough to be seen.
const BINS_IN_A_BAR: i32 = 3;
/// What took less is drawn at the left end of the axis, in milliseconds.
const LOWEST_MS: f64 = 0.001;

/// Durations from `lower_ms` (exclusive) to `upper_ms`.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Bar {
    pub(crate) lower_ms: f64,
    pub(crate) upper_ms: f64,
    pub(crate) count: u64,
}

/// The bars of a sketch, ascending, none of them empty.
pub(crate) fn bars(figures: &Figures) -> Vec<Bar> {
    let mut bars: Vec<(i32, Bar)> = Vec::new();
    for (lower_us, upper_us, count) in figures.sketch.bins() {
        let (lower_ms, upper_ms) = (lower_us / 1_000.0, upper_us / 1_000.0);
        // Which power of γ ends the bin; the bin of exactly 0 stands alone.
        let bin = if upper_us > 0.0 {
            (upper_us.ln() / (upper_us / lower_us).ln()).round() as i32 + BINS_IN_A_BAR
        } else {
            0
        };
        let place = bin.div_euclid(BINS_IN_A_BAR);
        match bars.last_mut().filter(|(last, _)| *last == place) {
            Some((_, bar)) => (bar.upper_ms, bar.count) = (upper_ms, bar.count + count),
            None => bars.push((place, Bar { lower_ms, upper_ms, count })),
        }
    }
    bars.into_iter().map(|(_, bar)| bar).collect()
}

/// Draws it, with the compared period as an outline, scaled to as many requests.
pub(crate) fn distribution(figures: &Figures, before: Option<&Figures>) -> Chart {
    let now = bars(figures);
    let before =
        before.filter(|before| before.timed > 0).map(|before| scaled(bars(before), figures.timed, before.timed));
    let quantiles = quantiles_ms(figures, SHOWN_QUANTILES);
    let words = words(&now, quantiles);
    Chart::of(|width| draw(width, &now, before.as_deref(), quantiles, &words))
}

fn scaled(bars: Vec<Bar>, to: u64, from: u64) -> Vec<Bar> {
    let factor = to as f64 / from.max(1) as f64;
    bars.into_iter().map(|bar| Bar { count: (bar.count as f64 * factor).round() as u64, ..bar }).collect()
}

fn words(bars: &[Bar], quantiles: [Option<f64>; 4]) -> String {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else {
        return "Distribution of latency: no request had a duration".to_owned();
    };
    let [p50, _, _, p99] = quantiles.map(duration);
    let (low, high) = (duration(Some(first.lower_ms)), duration(Some(last.upper_ms)));
    format!("Distribution of latency from {low} to {high}: half within {p50}, 99 of 100 within {p99}")
}

fn draw(width: Width, now: &[Bar], before: Option<&[Bar]>, quantiles: [Option<f64>; 4], words: &str) -> String {
    let (left, height) = if width == Width::Wide { (58.0, 240.0) } else { (50.0, 216.0) };
    let plot = Plot { left, right: across(width) - 12.0, top: 56.0, bottom: height - 26.0 };
    let mut picture = Picture::new(width, height, words);
    let all = || now.iter().chain(before.unwrap_or_default());
    let most = all().map(|bar| bar.count).max().unwrap_or_default();
    let (low, high) = (
        all().map(|bar| bar.lower_ms.max(LOWEST_MS)).fold(f64::INFINITY, f64::min),
        all().map(|bar| bar.upper_ms).fold(2.0 * LOWEST_MS, f64::max),
    );
    if now.is_empty() {
        picture.path("grid", &format!("M{} {}H{}", plot.left, plot.bottom, plot.right));
        picture.text("axis middle", f64::midpoint(plot.left, plot.right), plot.top + 40.0, "no durations");
        return picture.finish();
    }
    let (low, high) = (low / 1.06, high * 1.06);
    let x = Scale::log(low, high, plot.left, plot.right);
    let values = linear_ticks(most as f64);
    let y = Scale::linear(0.0, values.last().copied().unwrap_or(1.0), plot.bottom, plot.top);
    // Half a request is none.
    let whole = values.into_iter().filter(|value| value.fract() == 0.0);
    let labels: Vec<(f64, String)> = whole.map(|value| (value, count(value as u64).to_string())).collect();
    picture.grid(plot, &y, &labels);
    for ms in log_ticks(low, high) {
        picture.path("grid", &format!("M{} {}V{}", n(x.at(ms)), n(plot.bottom), n(plot.bottom + 4.0)));
        picture.text("axis middle", x.at(ms), height - 8.0, &label(ms));
    }
    picture.path("bars", &columns(now, &x, &y, plot.bottom));
    if let Some(before) = before {
        picture.path("before", &outline(before, &x, &y, plot.bottom));
    }
    marks(&mut picture, plot, &x, quantiles);
    picture.finish()
}

fn columns(bars: &[Bar], x: &Scale, y: &Scale, foot: f64) -> String {
    let mut data = String::new();
    for bar in bars {
        let (left, right) = (x.at(bar.lower_ms.max(LOWEST_MS)), x.at(bar.upper_ms.max(LOWEST_MS * 1.06)));
        let top = y.at(bar.count as f64).min(foot - 1.0);
        let _ = write!(data, "M{} {}V{}H{}V{}Z", n(left), n(foot), n(top), n(right), n(foot));
    }
    data
}

/// The tops of the bars in one line, down to the foot where there is none.
fn outline(bars: &[Bar], x: &Scale, y: &Scale, foot: f64) -> String {
    let mut points = Vec::new();
    let mut at = f64::NEG_INFINITY;
    for bar in bars {
        let (left, right) = (x.at(bar.lower_ms.max(LOWEST_MS)), x.at(bar.upper_ms.max(LOWEST_MS)));
        if left > at + 0.5 && at.is_finite() {
            points.extend([Some((at, foot)), Some((left, foot))]);
        }
        let top = y.at(bar.count as f64);
        points.extend([Some((left, top)), Some((right, top))]);
        at = right;
    }
    line(points)
}

/// Quantiles as lines through the plot, their names in rows above so that they never lie over each other.
fn marks(picture: &mut Picture, plot: Plot, x: &Scale, quantiles: [Option<f64>; 4]) {
    for (index, (name, ms)) in QUANTILES.into_iter().zip(quantiles).enumerate() {
        let Some(ms) = ms else { continue };
        let (at, row) = (x.at(ms), 10.0 + 12.5 * index as f64);
        picture.path(name, &format!("M{} {}V{}", n(at), n(row + 2.0), n(plot.bottom)));
        let (class, beside) = if at > plot.right - 90.0 { ("axis end", at - 4.0) } else { ("axis", at + 4.0) };
        picture.text(class, beside, row + 4.0, &format!("{name} {}", duration(Some(ms))));
    }
}

#[cfg(test)]
mod tests {
    use tally_model::Sketch;

    use super::*;

    fn figures(durations_us: &[u64]) -> Figures {
        let mut sketch = Sketch::new();
        durations_us.iter().for_each(|us| sketch.insert(*us));
        Figures { requests: durations_us.len() as u64, timed: durations_us.len() as u64, sketch, ..Figures::default() }
    }

    #[test]
    fn bars_hold_every_request_and_do_not_overlap() {
        let durations: Vec<u64> = (0..2_000).map(|i| i * i).collect();
        let bars = bars(&figures(&durations));
        assert_eq!(bars.iter().map(|bar| bar.count).sum::<u64>(), 2_000);
        assert!(bars.windows(2).all(|pair| pair[0].upper_ms <= pair[1].lower_ms * 1.000_001), "{bars:?}");
        assert!(bars.iter().skip(40).all(|bar| bar.upper_ms / bar.lower_ms < 1.07), "{bars:?}");
    }

    #[test]
    fn nothing_timed_says_so() {
        let chart = distribution(&figures(&[]), None);
        assert!(chart.wide.contains("no durations") && chart.narrow.contains("no durations"));
    }
}
