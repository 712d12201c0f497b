//! Numbers as people read them in a report: as many digits as are true, the unit beside them, and what changed.

use std::fmt;

/// Counts from here on are shortened.
const SHORTENED_FROM: u64 = 1_000_000;
/// A quantile that moved by less is the same: two sketches, 1 % each, whose bins lie 2.02 % apart.
const SAME_WITHIN: f64 = 0.021;
/// A count that moved by less is the same, to people.
const SAME_COUNT_WITHIN: f64 = 0.005;
/// Percentage points that are the same.
const SAME_POINTS_WITHIN: f64 = 0.01;
/// From this factor on a change is told as a factor.
const FACTOR_FROM: f64 = 2.0;
/// Fewer requests than this tell nothing about worse.
const REQUESTS_TELLING: u64 = 100;
/// A quantile is worse from this factor on.
const QUANTILE_WORSE: f64 = 1.25;
/// An error ratio is worse from this factor on …
const RATIO_WORSE: f64 = 2.0;
/// … if it also rose by so much (0.03 percentage points).
const RATIO_WORSE_BY: f64 = 0.000_3;

/// A number with its unit, which may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) number: String,
    pub(crate) unit: &'static str,
}

impl Amount {
    fn new(number: impl Into<String>, unit: &'static str) -> Self {
        Self { number: number.into(), unit }
    }

    /// No value exists.
    pub(crate) fn none() -> Self {
        Self::new("–", "")
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.number)?;
        if self.unit.is_empty() { Ok(()) } else { write!(f, "\u{202f}{}", self.unit) }
    }
}

/// How something stands against the compared period.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Change {
    pub(crate) text: String,
    /// Worse than before, by enough to be no accident; the only thing that has colour.
    pub(crate) worse: bool,
}

/// A count in full: `1,204,311`.
pub(crate) fn exact(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count, from a million on in three digits: `779,579`, `1.24 M`.
pub(crate) fn count(count: u64) -> Amount {
    if count < SHORTENED_FROM {
        return Amount::new(exact(count), "");
    }
    let count = count as f64;
    // What would round up to a thousand millions is a billion.
    if count < 999.5e6 { Amount::new(three(count / 1e6), "M") } else { Amount::new(three(count / 1e9), "bn") }
}

/// Three significant digits: `3.23`, `34.0`, `206`, `1,440`.
fn three(value: f64) -> String {
    match value.abs() {
        value_abs if value_abs < 9.995 => format!("{value:.2}"),
        value_abs if value_abs < 99.95 => format!("{value:.1}"),
        _ => exact(value.round().max(0.0) as u64),
    }
}

/// A duration in three digits: `840 µs`, `3.23 ms`, `4.83 s`, `2.50 min`.
pub(crate) fn duration(ms: Option<f64>) -> Amount {
    let Some(ms) = ms else { return Amount::none() };
    match ms {
        0.0 => Amount::new("0", "ms"),
        _ if ms < 0.999_5 => Amount::new(three(ms * 1_000.0), "µs"),
        _ if ms < 999.5 => Amount::new(three(ms), "ms"),
        _ if ms < 119_950.0 => Amount::new(three(ms / 1_000.0), "s"),
        _ if ms < 7_197_000.0 => Amount::new(three(ms / 60_000.0), "min"),
        _ => Amount::new(three(ms / 3_600_000.0), "h"),
    }
}

/// A share in percent: `0.07 %`, `35.1 %`, `<0.01 %`; of nothing there is none.
pub(crate) fn share(part: u64, whole: u64) -> Amount {
    if whole == 0 { Amount::none() } else { percent(part as f64 / whole as f64) }
}

/// A ratio in percent.
pub(crate) fn percent(ratio: f64) -> Amount {
    let percent = ratio * 100.0;
    match percent {
        0.0 => Amount::new("0", "%"),
        _ if percent < 0.005 => Amount::new("<0.01", "%"),
        _ if percent < 9.995 => Amount::new(format!("{percent:.2}"), "%"),
        _ if percent < 99.95 => Amount::new(format!("{percent:.1}"), "%"),
        _ => Amount::new("100", "%"),
    }
}

/// Requests in a time: `/s`, below one a second `/min`.
pub(crate) fn rate(per_second: f64) -> Amount {
    if per_second == 0.0 {
        Amount::new("0", "/s")
    } else if per_second < 1.0 {
        Amount::new(three(per_second * 60.0), "/min")
    } else {
        Amount::new(three(per_second), "/s")
    }
}

/// The change of a count; more or fewer is never worse.
pub(crate) fn count_change(now: u64, before: u64) -> Change {
    let text = match (now, before) {
        (0, 0) => "≈".to_owned(),
        (_, 0) => "new".to_owned(),
        _ => relative(now as f64 / before as f64, SAME_COUNT_WITHIN),
    };
    Change { text, worse: false }
}

/// The change of a quantile over `requests`.
pub(crate) fn quantile_change(now: Option<f64>, before: Option<f64>, requests: u64) -> Change {
    let (Some(now), Some(before)) = (now, before) else {
        let text = if now.is_some() { "new" } else { "–" };
        return Change { text: text.to_owned(), worse: false };
    };
    if before <= 0.0 {
        return Change { text: if now > 0.0 { "new" } else { "≈" }.to_owned(), worse: false };
    }
    let factor = now / before;
    Change { text: relative(factor, SAME_WITHIN), worse: requests >= REQUESTS_TELLING && factor >= QUANTILE_WORSE }
}

/// The change of an error ratio, in percentage points.
pub(crate) fn ratio_change(now: f64, before: f64, requests: u64) -> Change {
    let points = (now - before) * 100.0;
    let text = if points.abs() < SAME_POINTS_WITHIN { "≈".to_owned() } else { format!("{} pp", signed(points, 2)) };
    let worse = requests >= REQUESTS_TELLING && now >= before * RATIO_WORSE && now - before >= RATIO_WORSE_BY;
    Change { text, worse }
}

fn relative(factor: f64, same_within: f64) -> String {
    if factor >= FACTOR_FROM {
        let digits = usize::from(factor < 9.95);
        return format!("×{factor:.digits$}");
    }
    let change = factor - 1.0;
    if change.abs() <= same_within {
        return "≈".to_owned();
    }
    let digits = usize::from(change.abs() < 0.099_5);
    format!("{}\u{202f}%", signed(change * 100.0, digits))
}

/// With a plus or a true minus.
fn signed(value: f64, digits: usize) -> String {
    format!("{}{:.digits$}", if value < 0.0 { "−" } else { "+" }, value.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(amount: &Amount) -> String {
        amount.to_string().replace('\u{202f}', " ")
    }

    #[test]
    fn counts_in_full_then_in_three_digits() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (779_579, "779,579"),
            (999_999, "999,999"),
            (1_240_000, "1.24 M"),
            (88_600_000, "88.6 M"),
            (999_499_999, "999 M"),
            (1_000_000_000, "1.00 bn"),
        ] {
            assert_eq!(shown(&count(number)), text);
        }
        assert_eq!(exact(1_204_311), "1,204,311");
    }

    #[test]
    fn durations_in_three_digits() {
        for (ms, text) in [
            (0.0, "0 ms"),
            (0.84, "840 µs"),
            (0.999_9, "1.00 ms"),
            (3.234, "3.23 ms"),
            (34.04, "34.0 ms"),
            (206.4, "206 ms"),
            (999.7, "1.00 s"),
            (4_834.0, "4.83 s"),
            (150_000.0, "2.50 min"),
            (86_400_000.0, "24.0 h"),
        ] {
            assert_eq!(shown(&duration(Some(ms))), text, "{ms}");
        }
        assert_eq!(duration(None).to_string(), "–");
    }

    #[test]
    fn shares_and_rates() {
        for (part, whole, text) in [
            (0, 10, "0 %"),
            (1, 1_000_000, "<0.01 %"),
            (7, 10_000, "0.07 %"),
            (351, 1_000, "35.1 %"),
            (10, 10, "100 %"),
            (0, 0, "–"),
        ] {
            assert_eq!(shown(&share(part, whole)), text);
        }
        assert_eq!(
            (shown(&rate(387.2)), shown(&rate(0.5)), shown(&rate(0.0))),
            ("387 /s".into(), "30.0 /min".into(), "0 /s".into())
        );
    }

    #[test]
    fn changes_are_told_as_they_are() {
        let text = |change: Change| change.text.replace('\u{202f}', " ");
        assert_eq!(text(count_change(1_035, 1_000)), "+3.5 %");
        assert_eq!(text(count_change(500, 1_000)), "−50 %");
        assert_eq!(text(count_change(4_700, 1_000)), "×4.7");
        assert_eq!((text(count_change(1, 0)), text(count_change(0, 0))), ("new".into(), "≈".into()));
        assert_eq!(text(quantile_change(Some(101.9), Some(100.0), 1_000)), "≈");
        assert_eq!(text(quantile_change(None, Some(1.0), 0)), "–");
        assert_eq!(text(ratio_change(0.0107, 0.0013, 1_000)), "+0.94 pp");
    }

    #[test]
    fn worse_needs_requests_and_a_real_difference() {
        assert!(quantile_change(Some(125.0), Some(100.0), 100).worse);
        assert!(!quantile_change(Some(125.0), Some(100.0), 99).worse);
        assert!(!quantile_change(Some(124.0), Some(100.0), 100).worse);
        assert!(ratio_change(0.000_6, 0.000_3, 100).worse);
        assert!(!ratio_change(0.000_5, 0.000_3, 100).worse, "less than twice");
        assert!(!ratio_change(0.000_2, 0.0, 100).worse, "less than 0.03 points");
        assert!(!ratio_change(0.1, 0.0, 99).worse, "too few requests");
        assert!(!count_change(1_000_000, 1).worse);
    }
}
