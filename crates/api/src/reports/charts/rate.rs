//! Requests per second over time, from 0, with the errors in a lane of their own below it.

use std::fmt::Write as _;

use crate::reads::marks::Mark;
use crate::reports::charts::Chart;
use crate::reports::charts::axis::{Scale, linear_ticks, time_ticks};
use crate::reports::charts::frame::{Picture, Plot, Width, across, area, line, n};
use crate::reports::numbers::{percent, rate as per_second};
use crate::reports::series::{Series, Step, mark_words};

/// The lane of errors reaches to at least this ratio, so that a few errors look like a few.
const LANE_RATIO_MIN: f64 = 0.01;

/// Draws it; `before` has the compared period in the times of this one.
pub(crate) fn rate(series: &Series, before: Option<&Series>, marks: &[Mark]) -> Chart {
    let words = words(series, before);
    Chart::of(|width| draw(width, series, before, marks, &words))
}

fn words(series: &Series, before: Option<&Series>) -> String {
    let most = series.steps.iter().map(Step::rate).fold(0.0, f64::max);
    let worst = series.steps.iter().map(Step::error_ratio).fold(0.0, f64::max);
    let compared = if before.is_some() { ", with the compared period dashed" } else { "" };
    format!(
        "Requests per second over time{compared}: at most {}; below, the error ratio: at most {}",
        per_second(most),
        percent(worst)
    )
}

fn draw(width: Width, series: &Series, before: Option<&Series>, marks: &[Mark], words: &str) -> String {
    let (left, lane_height, height) = if width == Width::Wide { (58.0, 40.0, 292.0) } else { (46.0, 34.0, 250.0) };
    let plot = Plot { left, right: across(width) - 12.0, top: 14.0, bottom: height - 44.0 - lane_height };
    let lane = Plot { top: plot.bottom + 18.0, bottom: height - 26.0, ..plot };
    let mut picture = Picture::new(width, height, words);
    let time = Scale::linear(series.begin_s as f64, series.end_s as f64, plot.left, plot.right);
    let ticks = time_ticks(series.begin_s, series.end_s, if width == Width::Wide { 9 } else { 4 });

    let most =
        series.steps.iter().chain(before.iter().flat_map(|before| &before.steps)).map(Step::rate).fold(0.0, f64::max);
    let values = linear_ticks(most);
    let scale = Scale::linear(0.0, values.last().copied().unwrap_or(1.0), plot.bottom, plot.top);
    let mut labels: Vec<(f64, String)> = values.into_iter().map(|value| (value, label(value))).collect();
    // The unit stands once, at the top.
    labels.last_mut().into_iter().for_each(|(_, top)| top.push_str("\u{202f}/s"));
    for mark in marks {
        let words = mark_words(mark, series.end_s - series.begin_s);
        // On a phone there is room for the first half.
        let words = if width == Width::Wide { words.as_str() } else { words.split(',').next().unwrap_or_default() };
        shade(&mut picture, plot, lane, (time.at(mark.from_s as f64), time.at(mark.to_s as f64)), words);
    }
    picture.time_axis(Plot { bottom: lane.bottom, ..plot }, height - 8.0, &time, &ticks);
    picture.grid(plot, &scale, &labels);
    let points =
        |of: &Series| of.steps.iter().map(|step| (time.at(step.middle_s()), scale.at(step.rate()))).collect::<Vec<_>>();
    let now = points(series);
    picture.path("requests-area", &area(&now, plot.bottom));
    if let Some(before) = before {
        picture.path("before", &line(points(before).into_iter().map(Some)));
    }
    picture.path("requests", &line(now.into_iter().map(Some)));
    errors(&mut picture, lane, &time, series);
    picture.not_counted(Plot { bottom: lane.bottom, ..plot }, &time, series);
    picture.finish()
}

/// A tick of the rate, without the unit that stands once at the axis.
fn label(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        _ if value < 1.0 => format!("{value:.2}").trim_end_matches('0').to_owned(),
        _ if value < 10.0 => n(value),
        _ => crate::reports::numbers::exact(value.round() as u64),
    }
}

fn shade(picture: &mut Picture, plot: Plot, lane: Plot, (left, right): (f64, f64), words: &str) {
    picture.rectangle("mark", Plot { left, right, top: plot.top, bottom: lane.bottom });
    let beside = right < f64::midpoint(plot.left, plot.right);
    let (class, x) = if beside { ("bad-text", right + 4.0) } else { ("bad-text end", left - 4.0) };
    picture.text(class, x, plot.top + 10.0, words);
}

fn errors(picture: &mut Picture, lane: Plot, time: &Scale, series: &Series) {
    let worst = series.steps.iter().map(Step::error_ratio).fold(LANE_RATIO_MIN, f64::max);
    let top_percent = linear_ticks(worst * 100.0).last().copied().unwrap_or(1.0).min(100.0);
    let scale = Scale::linear(0.0, top_percent / 100.0, lane.bottom, lane.top);
    let ends = [(0.0, "0".to_owned()), (top_percent / 100.0, format!("{}\u{202f}%", label(top_percent)))];
    picture.grid(lane, &scale, &ends);
    let mut bars = String::new();
    for step in series.steps.iter().filter(|step| step.errors() > 0) {
        let (left, right) = (time.at(step.start_s as f64), time.at(step.end_s as f64));
        // What is there is seen: at least a unit high.
        let top = scale.at(step.error_ratio()).min(lane.bottom - 1.0);
        let _ = write!(bars, "M{} {}V{}H{}V{}Z", n(left), n(lane.bottom), n(top), n(right), n(lane.bottom));
    }
    picture.path("errors", &bars);
}
