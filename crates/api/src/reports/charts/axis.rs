//! Axes: values to places, and where the ticks stand.

use jiff::tz::TimeZone;

use crate::reports::times;

/// Most grid lines of a linear axis.
const GRID_MAX: usize = 5;
/// Distances of ticks in time, in seconds, up to a fortnight; beyond it months.
const TIME_STEPS_S: [i64; 17] = [
    60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800, 1_209_600,
    2_419_200,
];
/// Distances in months.
const MONTH_STEPS: [i64; 5] = [1, 2, 3, 6, 12];
const MONTH_S: i64 = 2_629_746;

/// Values between two places of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    at_low: f64,
    at_high: f64,
    log: bool,
}

impl Scale {
    pub(super) fn linear(low: f64, high: f64, at_low: f64, at_high: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, at_low, at_high, log: false }
    }

    /// Both bounds above 0.
    pub(super) fn log(low: f64, high: f64, at_low: f64, at_high: f64) -> Self {
        Self { log: true, ..Self::linear(low.ln(), high.ln(), at_low, at_high) }
    }

    /// Where a value stands; never beyond the ends.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
        let share = ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0);
        self.at_low + share * (self.at_high - self.at_low)
    }
}

/// Round values from 0 to at least `high`: 1, 2 or 5 times a power of ten apart.
pub(super) fn linear_ticks(high: f64) -> Vec<f64> {
    let high = if high > 0.0 { high } else { 1.0 };
    let power = 10_f64.powf((high / (GRID_MAX - 1) as f64).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    let step = step.into_iter().find(|step| high / step <= (GRID_MAX - 1) as f64 + 1e-9).unwrap_or(10.0 * power);
    let count = (high / step - 1e-9).ceil() as usize;
    (0..=count).map(|index| index as f64 * step).collect()
}

/// Ticks of a logarithmic axis that lie between the bounds: powers of ten, and 3 or 2 and 5 times them where few would be.
pub(super) fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let times: &[f64] = match decades {
        _ if decades > 3.0 => &[1.0],
        _ if decades > 1.3 => &[1.0, 3.0],
        _ => &[1.0, 2.0, 5.0],
    };
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let all = powers.flat_map(|power| times.iter().map(move |times| times * 10_f64.powi(power)));
    all.filter(|value| *value >= low * 0.999 && *value <= high * 1.001).collect()
}

/// Times at round distances, at most `max` of them, with their words.
pub(super) fn time_ticks(from_s: i64, to_s: i64, max: i64) -> Vec<(i64, String)> {
    let span_s = to_s - from_s;
    match TIME_STEPS_S.into_iter().find(|step_s| span_s / step_s <= max) {
        Some(step_s) => {
            let first_s = (from_s + step_s - 1).div_euclid(step_s) * step_s;
            let count = if first_s <= to_s { (to_s - first_s) / step_s + 1 } else { 0 };
            (0..count).map(|index| first_s + index * step_s).map(|at_s| (at_s, time_words(at_s, step_s))).collect()
        }
        None => month_ticks(from_s, to_s, max),
    }
}

fn time_words(at_s: i64, step_s: i64) -> String {
    match step_s {
        _ if step_s >= 86_400 => times::day(at_s),
        _ if at_s.rem_euclid(86_400) == 0 => times::weekday(at_s),
        _ => times::time(at_s),
    }
}

fn month_ticks(from_s: i64, to_s: i64, max: i64) -> Vec<(i64, String)> {
    let months = MONTH_STEPS.into_iter().find(|months| (to_s - from_s) / (months * MONTH_S) <= max).unwrap_or(120);
    let first =
        jiff::Timestamp::from_second(from_s).unwrap_or_default().to_zoned(TimeZone::UTC).date().first_of_month();
    let mut ticks = Vec::new();
    // One more than fits, since the first may lie before the window.
    for index in 0..=max + 1 {
        let Ok(at) = first.checked_add(jiff::Span::new().months(index * months)) else { break };
        let Ok(at) = at.to_zoned(TimeZone::UTC) else { break };
        let at_s = at.timestamp().as_second();
        if (from_s..=to_s).contains(&at_s) {
            ticks.push((at_s, times::month(at_s)));
        }
    }
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_axes_begin_at_nothing_and_hold_everything() {
        assert_eq!(linear_ticks(1_800.0), [0.0, 500.0, 1_000.0, 1_500.0, 2_000.0]);
        assert_eq!(linear_ticks(2_000.0), [0.0, 500.0, 1_000.0, 1_500.0, 2_000.0]);
        assert_eq!(linear_ticks(0.0), [0.0, 0.5, 1.0]);
        for high in [0.003, 0.7, 1.0, 9.0, 12.0, 365.0, 123_456.0] {
            let ticks = linear_ticks(high);
            assert!(ticks.len() <= GRID_MAX + 1 && *ticks.last().unwrap() >= high * (1.0 - 1e-9), "{high}: {ticks:?}");
        }
    }

    #[test]
    fn log_axes_have_a_few_round_values() {
        assert_eq!(log_ticks(1.0, 10_000.0), [1.0, 10.0, 100.0, 1_000.0, 10_000.0]);
        assert_eq!(log_ticks(20.0, 600.0), [30.0, 100.0, 300.0]);
        assert_eq!(log_ticks(40.0, 250.0), [50.0, 100.0, 200.0]);
    }

    #[test]
    fn times_stand_at_round_distances() {
        let s = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        let words = |from, to, max| time_ticks(s(from), s(to), max).into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        assert_eq!(words("2026-03-12T02:40:00Z", "2026-03-12T04:10:00Z", 4), ["03:00", "03:30", "04:00"]);
        assert_eq!(
            words("2026-03-11T14:30:00Z", "2026-03-12T14:30:00Z", 8),
            ["15:00", "18:00", "21:00", "Thu 12", "03:00", "06:00", "09:00", "12:00"]
        );
        assert_eq!(
            words("2025-03-12T00:00:00Z", "2026-03-12T00:00:00Z", 4),
            ["Jun 2025", "Sep 2025", "Dec 2025", "Mar 2026"]
        );
        assert!(words("1990-01-01T00:00:00Z", "2026-01-01T00:00:00Z", 8).len() <= 9);
    }

    #[test]
    fn nothing_leaves_the_plot() {
        let scale = Scale::log(1.0, 100.0, 0.0, 10.0);
        assert_eq!((scale.at(0.0), scale.at(10.0).round(), scale.at(1e9)), (0.0, 5.0, 10.0));
    }
}
