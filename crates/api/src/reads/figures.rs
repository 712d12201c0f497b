//! Counts and sketches as clients see them: rates, ratios, milliseconds.

use serde::{Serialize, Serializer};
use tally_store::Figures;

/// Digits of an average or a quantile; the sketch promises two.
const DIGITS: i32 = 6;
/// Digits of a quantile in columns, where many are sent.
const COLUMN_DIGITS: i32 = 4;
/// The quantiles that are shown of all durations.
pub(crate) const SHOWN_QUANTILES: [f64; 4] = [0.5, 0.9, 0.95, 0.99];

/// What was counted, ready to be shown.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Shown {
    pub(crate) requests: u64,
    /// Status 500 and above.
    pub(crate) errors: u64,
    /// Status 400–499.
    pub(crate) client_errors: u64,
    /// `errors` of `requests`, 0 to 1.
    pub(crate) error_ratio: f64,
    pub(crate) rate_per_second: f64,
    pub(crate) status: Status,
    pub(crate) duration_ms: Durations,
}

/// Requests by status class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Status {
    #[serde(rename = "1xx")]
    informational: u64,
    #[serde(rename = "2xx")]
    successful: u64,
    #[serde(rename = "3xx")]
    redirected: u64,
    #[serde(rename = "4xx")]
    client_errors: u64,
    #[serde(rename = "5xx")]
    errors: u64,
}

/// Figures of the requests that had a duration, in milliseconds; null when none had.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Durations {
    pub(crate) avg: Option<f64>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) p50: Option<f64>,
    pub(crate) p90: Option<f64>,
    pub(crate) p95: Option<f64>,
    pub(crate) p99: Option<f64>,
}

#[allow(clippy::cast_precision_loss)] // shown, not counted with
impl Shown {
    /// The figures of a window of `seconds`.
    pub(crate) fn of(figures: &Figures, seconds: i64) -> Self {
        let errors = figures.status[4];
        Self {
            requests: figures.requests,
            errors,
            client_errors: figures.status[3],
            error_ratio: if figures.requests == 0 { 0.0 } else { errors as f64 / figures.requests as f64 },
            rate_per_second: figures.requests as f64 / seconds.max(1) as f64,
            status: Status::of(figures.status),
            duration_ms: Durations::of(figures),
        }
    }
}

impl Shown {
    /// The figures of an earlier window; what had no request in it has zeros: it was counted, and none.
    pub(crate) fn before(figures: Option<&Figures>, seconds: i64) -> Self {
        figures.map_or_else(|| Self::of(&Figures::default(), seconds), |figures| Self::of(figures, seconds))
    }
}

impl Status {
    fn of([informational, successful, redirected, client_errors, errors]: [u64; 5]) -> Self {
        Self { informational, successful, redirected, client_errors, errors }
    }
}

#[allow(clippy::cast_precision_loss)]
impl Durations {
    fn of(figures: &Figures) -> Self {
        let ms = |us: u64| us as f64 / 1_000.0;
        let [p50, p90, p95, p99] =
            quantiles_ms(figures, SHOWN_QUANTILES).map(|quantile| quantile.map(|ms| rounded(ms, DIGITS)));
        let avg = (figures.timed > 0).then(|| ms(figures.duration_sum_us) / figures.timed as f64);
        Self {
            avg: avg.map(|ms| rounded(ms, DIGITS)),
            min: figures.duration_min_us.map(ms),
            max: figures.duration_max_us.map(ms),
            p50,
            p90,
            p95,
            p99,
        }
    }
}

/// A quantile in milliseconds, as it stands in a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Short(f64);

impl Short {
    /// Quantiles, which must ascend; `None` if nothing had a duration.
    pub(crate) fn quantiles<const N: usize>(figures: &Figures, ascending: [f64; N]) -> [Option<Self>; N] {
        quantiles_ms(figures, ascending).map(|quantile| quantile.map(Self::of))
    }

    /// The quantile of 0.99.
    pub(crate) fn p99(figures: &Figures) -> Option<Self> {
        let [p99] = Self::quantiles(figures, [0.99]);
        p99
    }

    /// A number with no more digits than it is worth.
    pub(crate) fn of(value: f64) -> Self {
        Self(rounded(value, COLUMN_DIGITS))
    }
}

impl Serialize for Short {
    /// A whole number goes without its `.0`.
    #[allow(clippy::cast_possible_truncation)] // checked just before
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

/// Quantiles of the durations in milliseconds, which must ascend.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn quantiles_ms<const N: usize>(figures: &Figures, ascending: [f64; N]) -> [Option<f64>; N] {
    // A bin's value may lie just outside of what really occurred.
    let occurred = |us: f64| {
        let above = figures.duration_min_us.map_or(us, |min| us.max(min as f64));
        figures.duration_max_us.map_or(above, |max| above.min(max as f64))
    };
    figures.sketch.quantiles_us(ascending).map(|quantile| quantile.map(|us| occurred(us) / 1_000.0))
}

/// The value to so many significant digits.
pub(crate) fn rounded(value: f64, digits: i32) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    #[allow(clippy::cast_possible_truncation)] // a few hundred at most
    let places = digits - 1 - value.abs().log10().floor() as i32;
    let scale = 10_f64.powi(places.abs());
    if places < 0 { (value / scale).round() * scale } else { (value * scale).round() / scale }
}

#[cfg(test)]
mod tests {
    use tally_model::Sketch;

    use super::*;

    #[test]
    fn quantiles_stay_within_what_occurred() {
        let mut sketch = Sketch::new();
        sketch.insert(10_100);
        let figures = Figures {
            requests: 4,
            status: [0, 1, 0, 1, 2],
            timed: 1,
            duration_sum_us: 10_100,
            duration_min_us: Some(10_100),
            duration_max_us: Some(10_100),
            sketch,
        };
        let shown = Shown::of(&figures, 2);
        assert_eq!((shown.errors, shown.client_errors, shown.error_ratio, shown.rate_per_second), (2, 1, 0.5, 2.0));
        assert_eq!(
            (shown.duration_ms.avg, shown.duration_ms.p50, shown.duration_ms.p99),
            (Some(10.1), Some(10.1), Some(10.1))
        );
    }

    #[test]
    fn digits() {
        for (value, digits, text) in [
            (12.345_678, 4, "12.35"),
            (0.001_234_567, 4, "0.001235"),
            (86_400_000.0, 4, "86400000"),
            (1_234_567.8, 4, "1235000"),
            (0.0, 4, "0"),
            (25.0, 4, "25"),
        ] {
            assert_eq!(serde_json::to_string(&Short(rounded(value, digits))).unwrap(), text);
        }
        assert_eq!(rounded(25.123_456_7, 6), 25.1235);
    }

    #[test]
    fn nothing_timed_is_null() {
        let shown = serde_json::to_value(Shown::of(&Figures::default(), 60)).unwrap();
        assert_eq!(shown["error_ratio"], 0.0);
        assert_eq!(shown["status"], serde_json::json!({"1xx": 0, "2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0}));
        assert!(shown["duration_ms"].as_object().unwrap().values().all(serde_json::Value::is_null));
    }
}
