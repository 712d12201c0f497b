//! Quantiles from plain SQL are those of the programs.

use proptest::prelude::*;
use tally_model::{DURATION_US_MAX, Sketch};

use crate::fixture::{NOON, TestLog, TestStore, tally};

/// Sketches that SQL is asked about.
const CASES: u32 = 60;
const QUANTILES: [f64; 8] = [-1.0, 0.0, 0.01, 0.5, 0.9, 0.99, 1.0, 2.0];

fn durations() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 1..1_000_u64, 1..DURATION_US_MAX, Just(DURATION_US_MAX)]
}

#[test]
fn sql_quantiles_equal_rusts() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let test = runtime.block_on(TestStore::new());
    let mut config = ProptestConfig::with_cases(CASES);
    config.failure_persistence = None;
    proptest!(config, |(runs in prop::collection::vec(prop::collection::vec((durations(), 1..300_u16), 0..40), 1..6))| {
        let mut bytes = Vec::new();
        for run in &runs {
            let mut sketch = Sketch::new();
            run.iter().for_each(|&(us, times)| (0..times).for_each(|_| sketch.insert(us)));
            bytes.extend(sketch.encode());
        }
        let sketch = Sketch::decode(&bytes).unwrap();
        let sql = "SELECT sketch_quantile($1, q) FROM unnest($2::float8[]) WITH ORDINALITY AS u (q, n) ORDER BY n";
        let rows = runtime.block_on(test.sql.query(sql, &[&bytes, &QUANTILES.as_slice()])).unwrap();
        for (row, q) in rows.iter().zip(QUANTILES) {
            match (row.get::<_, Option<f64>>(0), sketch.quantile_us(q)) {
                (Some(sql), Some(rust)) => prop_assert!((sql - rust).abs() <= rust * 1e-9, "q {q}: {sql} for {rust}"),
                (sql, rust) => prop_assert_eq!(sql, rust),
            }
        }
    });
}

#[tokio::test]
async fn concatenation_merges_in_sql_too() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let mut sketch = Sketch::new();
    for i in 0..50_u64 {
        let us = i * i * 100;
        sketch.insert(us);
        let time_s = NOON - i64::try_from(i).unwrap() * 60;
        test.count(&log.next(tally(&[("web", "GET", "/", 200, time_s, Some(us))]))).await;
    }
    let sql = "SELECT sketch_quantile(string_agg(sketch, ''), 0.95) FROM endpoint_minute";
    let found: f64 = test.rows(sql).await[0].get(0);
    let expected = sketch.quantile_us(0.95).unwrap();
    assert!((found - expected).abs() <= expected * 1e-9, "{found} for {expected}");
    while test.roll_up().await.unwrap().more {}
    let row = &test.rows("SELECT sum(requests)::bigint, max(max_ms), max(p99_ms) FROM endpoint_day_figures").await[0];
    assert_eq!((row.get::<_, i64>(0), row.get::<_, f64>(1)), (50, 240.1));
    assert!((row.get::<_, f64>(2) - 240.1).abs() < 2.5);
}

#[tokio::test]
async fn damaged_bytes_are_refused() {
    let test = TestStore::new().await;
    for damaged in ["\\x05", "\\x0101", "\\x02010101", "\\x01ffff0101", "\\xffffffffffffffffffff01"] {
        let asked = test.sql.query(&format!("SELECT sketch_quantile('{damaged}', 0.5)"), &[]).await;
        let error = asked.expect_err(damaged);
        assert_eq!(error.code().unwrap().code(), "XX001", "{damaged}");
    }
    assert_eq!(test.text("SELECT sketch_quantile('', 0.5) IS NULL").await, "true");
}
