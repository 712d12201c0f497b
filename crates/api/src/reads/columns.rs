//! Series and tables as columns: each name once, however many rows there are.

use std::collections::HashMap;

use serde::Serialize;
use tally_model::{EndpointId, EndpointName};
use tally_store::Figures;

use crate::reads::cut::Point;
use crate::reads::figures::{SHOWN_QUANTILES, Short};

/// What happened over time: all columns are equally long.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Series {
    start_s: Vec<i64>,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    quantiles: Quantiles,
}

/// A table of endpoints: `service` and `method` are places in `services` and `methods`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Rows {
    services: Vec<Box<str>>,
    methods: Vec<Box<str>>,
    id: Vec<String>,
    service: Vec<usize>,
    method: Vec<usize>,
    route: Vec<Box<str>>,
    #[serde(flatten)]
    counts: Counts,
    #[serde(flatten)]
    quantiles: Quantiles,
    #[serde(flatten)]
    before: Option<Before>,
}

#[derive(Debug, Default, Serialize)]
struct Counts {
    requests: Vec<u64>,
    status_2xx: Vec<u64>,
    status_3xx: Vec<u64>,
    status_4xx: Vec<u64>,
    status_5xx: Vec<u64>,
}

/// In milliseconds; null where nothing had a duration.
#[derive(Debug, Default, Serialize)]
struct Quantiles {
    p50: Vec<Option<Short>>,
    p90: Vec<Option<Short>>,
    p95: Vec<Option<Short>>,
    p99: Vec<Option<Short>>,
}

/// The same endpoints in the window compared with.
#[derive(Debug, Default, Serialize)]
struct Before {
    before_requests: Vec<u64>,
    before_status_5xx: Vec<u64>,
    before_p99: Vec<Option<Short>>,
}

impl Series {
    pub(crate) fn of(points: &[Point]) -> Self {
        let mut series = Self::default();
        for point in points {
            series.start_s.push(point.start_s);
            series.counts.push(&point.figures);
            series.quantiles.push(&point.figures);
        }
        series
    }
}

impl Rows {
    /// The rows in their order, and beside each what it was before, if that is asked for.
    pub(crate) fn of<'a>(
        found: impl IntoIterator<Item = (EndpointId, &'a EndpointName, &'a Figures)>,
        before: Option<&HashMap<EndpointId, Figures>>,
    ) -> Self {
        let mut rows = Self { before: before.map(|_| Before::default()), ..Self::default() };
        let (mut services, mut methods) = (HashMap::new(), HashMap::new());
        for (id, name, figures) in found {
            rows.id.push(id.to_string());
            rows.service.push(place(&mut services, &mut rows.services, name.service()));
            rows.method.push(place(&mut methods, &mut rows.methods, name.method()));
            rows.route.push(name.route().into());
            rows.counts.push(figures);
            rows.quantiles.push(figures);
            if let Some((columns, before)) = rows.before.as_mut().zip(before) {
                columns.push(before.get(&id));
            }
        }
        rows
    }
}

impl Counts {
    fn push(&mut self, figures: &Figures) {
        let [_, successful, redirected, client_errors, errors] = figures.status;
        self.requests.push(figures.requests);
        self.status_2xx.push(successful);
        self.status_3xx.push(redirected);
        self.status_4xx.push(client_errors);
        self.status_5xx.push(errors);
    }
}

impl Quantiles {
    fn push(&mut self, figures: &Figures) {
        let [p50, p90, p95, p99] = Short::quantiles(figures, SHOWN_QUANTILES);
        self.p50.push(p50);
        self.p90.push(p90);
        self.p95.push(p95);
        self.p99.push(p99);
    }
}

impl Before {
    fn push(&mut self, figures: Option<&Figures>) {
        self.before_requests.push(figures.map_or(0, |figures| figures.requests));
        self.before_status_5xx.push(figures.map_or(0, |figures| figures.status[4]));
        self.before_p99.push(figures.and_then(Short::p99));
    }
}

/// The place of a name in a list, which grows by it the first time.
fn place<'a>(places: &mut HashMap<&'a str, usize>, names: &mut Vec<Box<str>>, name: &'a str) -> usize {
    *places.entry(name).or_insert_with(|| {
        names.push(name.into());
        names.len() - 1
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tally_model::Sketch;
    use tally_store::EndpointFigures;

    use super::*;

    fn figures(requests: u64, timed_us: &[u64]) -> Figures {
        let mut sketch = Sketch::new();
        timed_us.iter().for_each(|us| sketch.insert(*us));
        Figures { requests, status: [1, 2, 3, 4, 5], timed: timed_us.len() as u64, sketch, ..Figures::default() }
    }

    fn row(service: &str, method: &str, route: &str, requests: u64) -> EndpointFigures {
        let name = EndpointName::new(service, method, route);
        EndpointFigures { id: name.id(), name, figures: figures(requests, &[]) }
    }

    #[test]
    fn names_stand_once_and_columns_are_equally_long() {
        let found = [row("a", "GET", "/1", 3), row("b", "POST", "/2", 2), row("a", "POST", "/3", 1)];
        let before = HashMap::from([(found[1].id, figures(9, &[2_000]))]);
        let each = || found.iter().map(|row| (row.id, &row.name, &row.figures));
        let rows = serde_json::to_value(Rows::of(each(), Some(&before))).unwrap();
        assert_eq!((&rows["services"], &rows["methods"]), (&json!(["a", "b"]), &json!(["GET", "POST"])));
        assert_eq!((&rows["service"], &rows["method"]), (&json!([0, 1, 0]), &json!([0, 1, 1])));
        assert_eq!((&rows["requests"], &rows["status_5xx"]), (&json!([3, 2, 1]), &json!([5, 5, 5])));
        assert_eq!((&rows["before_requests"], &rows["before_status_5xx"]), (&json!([0, 9, 0]), &json!([0, 5, 0])));
        assert!(rows["before_p99"][0].is_null() && rows["before_p99"][1].is_number());
        let lengths =
            rows.as_object().unwrap().iter().filter(|(name, _)| !["services", "methods"].contains(&name.as_str()));
        assert!(lengths.map(|(_, column)| column.as_array().map(Vec::len)).all(|length| length == Some(3)));
        let alone = serde_json::to_value(Rows::of(each(), None)).unwrap();
        assert_eq!(alone.get("before_requests"), None);
    }

    #[test]
    fn a_step_without_a_duration_has_zeros_and_no_quantile() {
        let point = |start_s, figures| Point { start_s, end_s: start_s + 60, figures };
        let points = [point(0, Figures::default()), point(60, figures(15, &[10_000; 3]))];
        let series = serde_json::to_value(Series::of(&points)).unwrap();
        assert_eq!((&series["start_s"], &series["requests"]), (&json!([0, 60]), &json!([0, 15])));
        assert_eq!(series["p50"][0], Value::Null);
        assert!((series["p50"][1].as_f64().unwrap() - 10.0).abs() <= 0.1);
    }

    /// Bytes of an answer's part as a browser loads it.
    fn gzip_bytes(part: &impl Serialize) -> usize {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(&serde_json::to_vec(part).unwrap()).unwrap();
        encoder.finish().unwrap().len()
    }

    /// Figures without a pattern that could be compressed away: requests over five orders of magnitude, all classes, and
    /// durations around a median of their own.
    fn busy(seed: u64) -> Figures {
        let noise = |n: u64| (seed * 31 + n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        let requests = 10_u64.pow(1 + (noise(0) % 5) as u32) + noise(1) % 1_000_000 / (1 + noise(2) % 10_000);
        let median_us = 1_000 + noise(3) % 500_000;
        let us: Vec<u64> = (0..40).map(|n| median_us * (50 + noise(4 + n) % 400) / 100).collect();
        let part = |n: u64, of: u64| requests * (noise(50 + n) % of) / 1_000;
        Figures { status: [0, requests, part(1, 30), part(2, 60), part(3, 10)], ..figures(requests, &us) }
    }

    #[test]
    fn five_thousand_rows_and_a_first_answer_stay_small() {
        let nouns = ["orders", "carts", "users", "charges", "refunds", "invoices", "shipments", "reviews", "sessions"];
        let found: Vec<EndpointFigures> = (0..5_000_u64)
            .map(|i| {
                let noun = nouns[i as usize % nouns.len()];
                let route = format!("/v{}/{noun}/{{id}}/part-{}", 1 + i % 3, i / 7);
                let name =
                    EndpointName::new(&format!("service-{}", i % 40), ["GET", "POST", "PUT"][i as usize % 3], &route);
                EndpointFigures { id: name.id(), name, figures: busy(i) }
            })
            .collect();
        let before: HashMap<EndpointId, Figures> =
            found.iter().map(|row| (row.id, busy(row.id.raw() as u64 >> 40))).collect();
        let rows = |count: usize| {
            Rows::of(found.iter().take(count).map(|row| (row.id, &row.name, &row.figures)), Some(&before))
        };
        let all = gzip_bytes(&rows(5_000));
        assert!(all <= 400_000, "{all}");
        let points = |seed: u64| -> Vec<Point> {
            let point = |i: u64| {
                let start_s = 1_773_145_200 + i as i64 * 300;
                Point { start_s, end_s: start_s + 300, figures: busy(seed + i) }
            };
            (0..300).map(point).collect()
        };
        let first = gzip_bytes(&(Series::of(&points(7)), Series::of(&points(9_000)), rows(200)));
        assert!(first <= 35_000, "{first}");
        println!("5,000 rows: {all} bytes, a first answer: {first} bytes");
    }
}
