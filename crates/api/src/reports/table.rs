//! A report as CSV (RFC 4180): a row an endpoint, all of them.

use crate::reports::report::{Measured, Report, Row};

/// The columns; units stand in their names.
const HEADER: [&str; 25] = [
    "service",
    "method",
    "route",
    "endpoint_id",
    "requests",
    "rate_per_second",
    "status_1xx",
    "status_2xx",
    "status_3xx",
    "status_4xx",
    "status_5xx",
    "error_ratio",
    "avg_ms",
    "min_ms",
    "max_ms",
    "p50_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "before_requests",
    "before_status_5xx",
    "before_error_ratio",
    "before_p50_ms",
    "before_p95_ms",
    "before_p99_ms",
];
/// What makes a spreadsheet take a cell for a formula.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The table, most requests first; lines end in CRLF. The `before_` columns are empty where nothing is compared.
pub(crate) fn csv(report: &Report) -> String {
    let mut text = HEADER.join(",");
    text.push_str("\r\n");
    for row in &report.endpoints {
        text.push_str(&cells(row, report.compared.is_some()).join(","));
        text.push_str("\r\n");
    }
    text
}

fn cells(row: &Row, compared: bool) -> Vec<String> {
    let number = |value: Option<f64>| value.map(decimal).unwrap_or_default();
    let Measured { shown, status } = &row.now;
    let ms = &shown.duration_ms;
    let mut cells = vec![cell(row.name.service()), cell(row.name.method()), cell(row.name.route()), row.id.to_string()];
    cells.push(shown.requests.to_string());
    cells.push(decimal(shown.rate_per_second));
    cells.extend(status.map(|count| count.to_string()));
    cells.push(decimal(shown.error_ratio));
    cells.extend([ms.avg, ms.min, ms.max, ms.p50, ms.p90, ms.p95, ms.p99].map(number));
    match &row.before {
        Some(Measured { shown, status }) => {
            let ms = &shown.duration_ms;
            cells.extend([shown.requests.to_string(), status[4].to_string(), decimal(shown.error_ratio)]);
            cells.extend([ms.p50, ms.p95, ms.p99].map(number));
        }
        None if compared => cells.extend(["0", "0", "", "", "", ""].map(str::to_owned)),
        None => cells.extend(std::iter::repeat_n(String::new(), 6)),
    }
    cells
}

/// Up to six digits behind the point, without zeros at the end.
fn decimal(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text that stays one cell, and a text: never a formula.
fn cell(text: &str) -> String {
    let guarded = if text.starts_with(FORMULA_STARTS) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\r', '\n']) { format!("\"{}\"", guarded.replace('"', "\"\"")) } else { guarded }
}

#[cfg(test)]
mod tests {
    use tally_model::EndpointName;
    use tally_store::Figures;

    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, written) in [
            ("/cart/{id}", "/cart/{id}"),
            ("/a,b", "\"/a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\r\nlines", "\"two\r\nlines\""),
            ("größe", "größe"),
        ] {
            assert_eq!(cell(text), written);
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\""),
        ] {
            assert_eq!(cell(text), written);
        }
    }

    #[test]
    fn every_row_has_a_cell_for_every_column() {
        let name = EndpointName::new("s", "GET", "/");
        let figures = Figures { requests: 3, status: [0, 2, 0, 0, 1], ..Figures::default() };
        let measured = Measured::of(&figures, 60);
        let rows = [(None, false), (None, true), (Some(measured.clone()), true)];
        for (before, compared) in rows {
            let row = Row { id: name.id(), name: name.clone(), now: measured.clone(), before };
            let cells = cells(&row, compared);
            assert_eq!(cells.len(), HEADER.len());
            assert_eq!(
                (cells[4].as_str(), cells[5].as_str(), cells[11].as_str(), cells[15].as_str()),
                ("3", "0.05", "0.333333", "")
            );
        }
    }
}
