//! Axes: where values stand, and which of them are named.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use serde::{Deserialize, Serialize};

/// About how many values are named on an axis.
const NAMED: f64 = 5.0;
/// Share of the axis that stays free beyond the last value.
const FREE: f64 = 0.05;

/// One axis.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Axis {
    /// What stands on it, with the unit.
    pub(crate) label: String,
    pub(crate) scale: Scale,
}

/// How values are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    /// Each multiple takes the same room.
    Log,
}

/// An axis for certain values.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ticks {
    scale: Scale,
    /// Where it begins and ends.
    span: Range<f64>,
    /// Values that are named.
    named: Vec<f64>,
}

impl Axis {
    /// A linear axis.
    pub(crate) fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), scale: Scale::Linear }
    }

    /// A logarithmic axis.
    pub(crate) fn log(label: &str) -> Self {
        Self { label: label.to_owned(), scale: Scale::Log }
    }

    /// The axis for these values. `is_chosen`: they were chosen, not measured; on a logarithmic axis each has its name.
    pub(crate) fn ticks(&self, mut values: Vec<f64>, is_chosen: bool) -> Ticks {
        values.retain(|value| self.scale == Scale::Linear || *value > 0.0);
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (least, most) = (values.first().copied().unwrap_or(1.0), values.last().copied().unwrap_or(1.0));
        match self.scale {
            Scale::Linear => linear(most, is_chosen),
            Scale::Log => {
                let named = if is_chosen { values } else { round_values(least, most) };
                let from = named.first().copied().unwrap_or(least).min(least);
                let to = named.last().copied().unwrap_or(most).max(most);
                let free = (to / from).max(1.3).powf(FREE);
                Ticks { scale: self.scale, span: from / free..to * free, named }
            }
        }
    }
}

fn linear(most: f64, is_chosen: bool) -> Ticks {
    let most = if most > 0.0 { most } else { 1.0 };
    let step = round_step(most / NAMED);
    // What binary fractions left of a whole number of steps is no step.
    let (under, over) = (most / step * (1.0 - f64::EPSILON), most / step * (1.0 + f64::EPSILON));
    let steps = if is_chosen { over.floor() } else { under.ceil() } as u32;
    let named: Vec<f64> = (0..=steps).map(|number| f64::from(number) * step).collect();
    let to = named.last().copied().unwrap_or(most).max(most);
    Ticks { scale: Scale::Linear, span: 0.0..to * if is_chosen { 1.0 + FREE / 2.0 } else { 1.0 }, named }
}

/// The least of 1, 2, 5, 10 … that is no less.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

/// Round values from at most `least` to at least `most`: powers of ten, or where these are few, those between as well.
fn round_values(least: f64, most: f64) -> Vec<f64> {
    let digits: &[f64] = if most / least > 300.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let powers = (least.log10().floor() as i32)..=(most.log10().ceil() as i32);
    let all: Vec<f64> = powers.flat_map(|power| digits.iter().map(move |digit| digit * 10_f64.powi(power))).collect();
    let first = all.iter().rposition(|value| *value <= least).unwrap_or(0);
    let last = all.iter().position(|value| *value >= most).unwrap_or(all.len().saturating_sub(1));
    all.get(first..=last).unwrap_or_default().to_vec()
}

impl Ranged for Ticks {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = match self.scale {
            Scale::Linear => (value - self.span.start) / (self.span.end - self.span.start),
            Scale::Log => (value / self.span.start).ln() / (self.span.end / self.span.start).ln(),
        };
        first + (f64::from(last - first) * share.clamp(0.0, 1.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.named.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.span.clone()
    }
}

impl ValueFormatter<f64> for Ticks {
    fn format(value: &f64) -> String {
        let (scaled, unit) = match *value {
            v if v >= 1e6 => (v / 1e6, " M"),
            v if v >= 1e4 => (v / 1e3, " k"),
            v => (v, ""),
        };
        // What binary fractions left of a round number.
        let rounded = (scaled * 1e6).round() / 1e6;
        format!("{rounded}{unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(axis: &Axis, values: &[f64], is_chosen: bool) -> Vec<String> {
        let ticks = axis.ticks(values.to_vec(), is_chosen);
        ticks.named.iter().map(Ticks::format).collect()
    }

    #[test]
    fn values_are_named_roundly() {
        let (linear, log) = (Axis::linear("x"), Axis::log("x"));
        assert_eq!(named(&linear, &[3.0, 37_000.0], false), ["0", "10 k", "20 k", "30 k", "40 k"]);
        assert_eq!(named(&linear, &[0.0, 60.0], true), ["0", "20", "40", "60"]);
        assert_eq!(named(&log, &[1.0, 4.0, 4_096.0, 100_000.0], true), ["1", "4", "4096", "100 k"]);
        assert_eq!(named(&log, &[0.7, 3.0], false), ["0.5", "1", "2", "5"]);
        assert_eq!(named(&log, &[0.7, 3_000.0], false), ["0.1", "1", "10", "100", "1000", "10 k"]);
        assert_eq!(named(&linear, &[], false), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    }

    #[test]
    fn every_value_has_its_place() {
        for axis in [Axis::linear("x"), Axis::log("x")] {
            let values = [4.0, 70.0, 950.0];
            let ticks = axis.ticks(values.to_vec(), false);
            let places: Vec<i32> = values.iter().map(|value| ticks.map(value, (300, 0))).collect();
            assert!(
                places.is_sorted_by(|left, right| left > right) && places.iter().all(|place| (1..300).contains(place))
            );
        }
    }
}
