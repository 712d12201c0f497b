//! Rows of a rollup, added up.

use tally_model::{BlockUnit, EndpointId, EndpointName, Level, Sketch, SketchSum};
use tokio_postgres::Row;

use crate::Error;

/// The columns of a rollup that are counts.
pub(crate) const COUNTS: &str = "requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx, timed, duration_sum_us, \
    duration_min_us, duration_max_us";
/// How many these are; a sketch comes behind them.
pub(crate) const COUNTS_LEN: usize = 10;
/// The same, added up.
pub(crate) const COUNT_SUMS: &str = "sum(requests)::bigint AS requests, sum(status_1xx)::bigint AS status_1xx, \
    sum(status_2xx)::bigint AS status_2xx, sum(status_3xx)::bigint AS status_3xx, sum(status_4xx)::bigint AS status_4xx, \
    sum(status_5xx)::bigint AS status_5xx, sum(timed)::bigint AS timed, \
    least(sum(duration_sum_us), 9223372036854775807)::bigint AS duration_sum_us, \
    min(duration_min_us) AS duration_min_us, max(duration_max_us) AS duration_max_us";

/// What some endpoint, or several, did in some window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// All requests.
    pub requests: u64,
    /// Requests by status class, 1xx … 5xx.
    pub status: [u64; 5],
    /// Requests that had a duration.
    pub timed: u64,
    /// Sum of the durations in microseconds.
    pub duration_sum_us: u64,
    /// Shortest duration in microseconds; `None` while `timed` is 0.
    pub duration_min_us: Option<u64>,
    /// Longest duration in microseconds; `None` while `timed` is 0.
    pub duration_max_us: Option<u64>,
    /// Distribution of the durations.
    pub sketch: Sketch,
}

impl Figures {
    /// Adds what `other` counted.
    pub fn add(&mut self, other: &Self) {
        self.add_counts(other);
        self.sketch.merge(&other.sketch);
    }

    /// The same but for the distribution.
    pub(crate) fn add_counts(&mut self, other: &Self) {
        self.requests = self.requests.saturating_add(other.requests);
        (0..5).for_each(|i| self.status[i] = self.status[i].saturating_add(other.status[i]));
        self.timed = self.timed.saturating_add(other.timed);
        self.duration_sum_us = self.duration_sum_us.saturating_add(other.duration_sum_us);
        let both = |a: Option<u64>, b: Option<u64>, pick: fn(u64, u64) -> u64| match (a, b) {
            (Some(a), Some(b)) => Some(pick(a, b)),
            (a, b) => a.or(b),
        };
        self.duration_min_us = both(self.duration_min_us, other.duration_min_us, u64::min);
        self.duration_max_us = both(self.duration_max_us, other.duration_max_us, u64::max);
    }

    /// Counts of a unit of a block, without its distribution.
    pub(crate) fn of_unit(unit: &BlockUnit<'_>) -> Self {
        let us = |us: u64| Some(us).filter(|_| unit.timed > 0);
        Self {
            requests: unit.requests,
            status: unit.status,
            timed: unit.timed,
            duration_sum_us: unit.duration_sum_us,
            duration_min_us: us(unit.duration_min_us),
            duration_max_us: us(unit.duration_max_us),
            sketch: Sketch::new(),
        }
    }

    /// Reads a row that ends with [`COUNTS`] and a sketch. `bins` adds up the sketch, and is of nothing before and after.
    pub(crate) fn read(
        (statement, level): (&'static str, Level),
        row: &Row,
        bins: &mut SketchSum,
        whose: impl FnOnce() -> String,
    ) -> Result<Self, Error> {
        let fail = |source| Error::Database { statement, source };
        let first = row.len().saturating_sub(COUNTS_LEN + 1);
        let figures = Self::counts(statement, row, first)?;
        let added = bins.add(row.try_get(first + COUNTS_LEN).map_err(fail)?);
        added.map_err(|source| Error::Sketch { level: level.name(), whose: whose(), source })?;
        Ok(Self { sketch: bins.take(), ..figures })
    }

    /// Reads [`COUNTS`], which begin at column `first`.
    pub(crate) fn counts(statement: &'static str, row: &Row, first: usize) -> Result<Self, Error> {
        let mut counts = [None; COUNTS_LEN];
        for (i, count) in counts.iter_mut().enumerate() {
            *count =
                row.try_get::<_, Option<i64>>(first + i).map_err(|source| Error::Database { statement, source })?;
        }
        let duration = |i: usize| counts[i].and_then(|us| u64::try_from(us).ok());
        let amount = |i: usize| {
            let answer = || format!("counts {counts:?}");
            duration(i).ok_or_else(|| Error::Answer { statement, answer: answer() })
        };
        Ok(Self {
            requests: amount(0)?,
            status: [amount(1)?, amount(2)?, amount(3)?, amount(4)?, amount(5)?],
            timed: amount(6)?,
            duration_sum_us: amount(7)?,
            duration_min_us: duration(8),
            duration_max_us: duration(9),
            sketch: Sketch::new(),
        })
    }
}

/// The figures of one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFigures {
    /// Its id.
    pub id: EndpointId,
    /// Its name; `<other>` stands for what met the limits of admission.
    pub name: EndpointName,
    /// What it did.
    pub figures: Figures,
}
