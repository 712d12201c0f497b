//! How long appends take, over the last minutes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tally_model::Sketch;
use tokio::time::Instant;

/// Parts of the time that is looked at: the oldest part goes as a whole.
const PARTS: usize = 5;
const PART: Duration = Duration::from_secs(60);

/// Durations of appends that were acknowledged, of the last five minutes.
#[derive(Debug, Default)]
pub(crate) struct AppendTimes {
    parts: Mutex<Vec<(Instant, Sketch)>>,
}

impl AppendTimes {
    /// One more.
    pub(crate) fn observe(&self, took: Duration) {
        self.observe_at(Instant::now(), took);
    }

    fn observe_at(&self, now: Instant, took: Duration) {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.last().is_none_or(|(since, _)| now - *since >= PART) {
            let excess = (parts.len() + 1).saturating_sub(PARTS);
            parts.drain(..excess);
            parts.push((now, Sketch::new()));
        }
        if let Some((_, sketch)) = parts.last_mut() {
            sketch.insert(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }

    /// The 99 % quantile in milliseconds; `None` where nothing was appended.
    pub(crate) fn p99_ms(&self) -> Option<f64> {
        self.p99_ms_at(Instant::now())
    }

    fn p99_ms_at(&self, now: Instant) -> Option<f64> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = Sketch::new();
        let recent = parts.iter().filter(|(since, _)| now - *since < PART * 5);
        recent.for_each(|(_, sketch)| all.merge(sketch));
        all.quantile_us(0.99).map(|us| us / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_appends_are_forgotten() {
        let (times, start) = (AppendTimes::default(), Instant::now());
        assert_eq!(times.p99_ms_at(start), None);
        times.observe_at(start, Duration::from_millis(100));
        assert!(times.p99_ms_at(start).unwrap() > 98.0);
        for minute in 1..=5 {
            times.observe_at(start + PART * minute, Duration::from_millis(2));
        }
        let p99_ms = times.p99_ms_at(start + PART * 5).unwrap();
        assert!((1.9..2.1).contains(&p99_ms), "{p99_ms}");
        assert_eq!(times.p99_ms_at(start + PART * 10), None);
    }
}
