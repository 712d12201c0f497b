//! Counts and sketches as clients see them: rates, ratios, milliseconds.

use serde::Serialize;
use tally_store::Figures;

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
    pub(crate) duration_ms: Durations,
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
            duration_ms: Durations::of(figures),
        }
    }
}

#[allow(clippy::cast_precision_loss)]
impl Durations {
    fn of(figures: &Figures) -> Self {
        let ms = |us: u64| us as f64 / 1_000.0;
        let (min, max) = (figures.duration_min_us.map(ms), figures.duration_max_us.map(ms));
        // A bin's value may lie just outside of what really occurred.
        let within = |ms: f64| ms.max(min.unwrap_or(ms)).min(max.unwrap_or(ms));
        let quantile = |q| figures.sketch.quantile_us(q).map(|us| within(us / 1_000.0));
        Self {
            avg: (figures.timed > 0).then(|| ms(figures.duration_sum_us) / figures.timed as f64),
            min,
            max,
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
        }
    }
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
    fn nothing_timed_is_null() {
        let shown = serde_json::to_value(Shown::of(&Figures::default(), 60)).unwrap();
        assert_eq!(shown["error_ratio"], 0.0);
        assert!(shown["duration_ms"].as_object().unwrap().values().all(serde_json::Value::is_null));
    }
}
