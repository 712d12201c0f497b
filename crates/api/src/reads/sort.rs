//! The order of the endpoints table: by any column, then by id, so that it is total and pages do not overlap.

use std::cmp::Ordering;

use tally_model::{EndpointId, EndpointName};
use tally_store::Figures;

use crate::problem::Problem;
use crate::reads::figures::Shown;

/// Columns that can be sorted by.
const COLUMNS: [&str; 15] = [
    "requests",
    "errors",
    "client_errors",
    "error_ratio",
    "rate_per_second",
    "avg",
    "min",
    "max",
    "p50",
    "p90",
    "p95",
    "p99",
    "service",
    "method",
    "route",
];

/// A column and a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sort {
    column: &'static str,
    descending: bool,
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: EndpointId,
    pub(crate) name: EndpointName,
    pub(crate) figures: Figures,
    pub(crate) shown: Shown,
}

/// What a row is sorted by: its place in the order, also for a cursor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Number(f64),
    Text(String),
    /// Nothing was timed; last in both directions.
    Nothing,
}

impl Sort {
    /// Reads `column`, or `-column` for descending.
    ///
    /// # Errors
    /// 400 naming the columns.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let column = COLUMNS.into_iter().find(|column| *column == name);
        let column = column.ok_or_else(|| {
            Problem::parameter(
                "sort",
                format!("expected one of {}, with - before it for descending", COLUMNS.join(", ")),
            )
        })?;
        Ok(Self { column, descending })
    }

    /// As [`Self::parse`] reads it.
    pub(crate) fn text(self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.column)
    }

    /// The row's place.
    #[allow(clippy::cast_precision_loss)] // order among counts above 2^53 is not worth more
    pub(crate) fn key(self, row: &Row) -> Key {
        let ms = &row.shown.duration_ms;
        let duration = match self.column {
            "requests" => return Key::Number(row.shown.requests as f64),
            "errors" => return Key::Number(row.shown.errors as f64),
            "client_errors" => return Key::Number(row.shown.client_errors as f64),
            "error_ratio" => return Key::Number(row.shown.error_ratio),
            "rate_per_second" => return Key::Number(row.shown.rate_per_second),
            "service" => return Key::Text(row.name.service().to_string()),
            "method" => return Key::Text(row.name.method().to_string()),
            "route" => return Key::Text(row.name.route().to_string()),
            "avg" => ms.avg,
            "min" => ms.min,
            "max" => ms.max,
            "p50" => ms.p50,
            "p90" => ms.p90,
            "p95" => ms.p95,
            _ => ms.p99,
        };
        duration.map_or(Key::Nothing, Key::Number)
    }

    /// Which of two places comes first.
    pub(crate) fn compare(self, a: (&Key, EndpointId), b: (&Key, EndpointId)) -> Ordering {
        let by_key = match (a.0, b.0) {
            (Key::Nothing, Key::Nothing) => Ordering::Equal,
            (Key::Nothing, _) => return Ordering::Greater,
            (_, Key::Nothing) => return Ordering::Less,
            (Key::Number(a), Key::Number(b)) => a.total_cmp(b),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            (Key::Number(_), Key::Text(_)) => Ordering::Less,
            (Key::Text(_), Key::Number(_)) => Ordering::Greater,
        };
        let by_key = if self.descending { by_key.reverse() } else { by_key };
        by_key.then_with(|| a.1.cmp(&b.1))
    }
}
