//! Sketches grow by appending, and are merged where they are still what was read.

use tally_model::{Level, Sketch};
use tally_store::{Applied, GrownSketch, Whose};

use crate::fixture::{NOON, TestLog, TestStore, tally};

async fn apply_durations(test: &TestStore, log: &mut TestLog, durations: &[u64]) -> Vec<GrownSketch> {
    let events: Vec<_> = durations.iter().map(|us| ("web", "GET", "/", 200, NOON - 600, Some(*us))).collect();
    match crate::fixture::apply_all(&test.store, &log.next(tally(&events))).await {
        Applied::Done { grown, .. } => grown,
        other => panic!("{other:?}"),
    }
}

async fn sketch(test: &TestStore, level: &str) -> Vec<u8> {
    test.rows(&format!("SELECT sketch FROM endpoint_{level}")).await[0].get(0)
}

/// Durations that fall into `count` bins.
fn spread(count: i32) -> Vec<u64> {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    (0..count).map(|i| 1.03_f64.powi(i + 100) as u64 * 50).collect()
}

#[tokio::test]
async fn what_grew_is_returned_and_merged() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let mut grown = Vec::new();
    let mut times = 0;
    while grown.is_empty() {
        grown = apply_durations(&test, &mut log, &spread(60)).await;
        times += 1;
        assert!(times < 20);
    }
    let before = sketch(&test, "minute").await;
    assert_eq!((grown.len(), grown[0].level, &grown[0].sketch), (1, Level::Minute, &before));
    assert!(before.len() > 800);
    // Something is appended before the merged bytes come back: it stays, behind them.
    apply_durations(&test, &mut log, &[7]).await;
    test.compact(&grown).await.unwrap();
    let after = sketch(&test, "minute").await;
    assert!(after.len() < before.len() / 2, "{} of {}", after.len(), before.len());
    let expected = [before.clone(), after[after.len() - 3..].to_vec()].concat();
    assert_eq!(Sketch::decode(&after).unwrap(), Sketch::decode(&expected).unwrap());
    assert_eq!(Sketch::decode(&after).unwrap().count(), times * 60 + 1);
    // The same answer again finds other bytes, and changes nothing.
    test.compact(&grown).await.unwrap();
    assert_eq!(sketch(&test, "minute").await, after);
    assert_eq!(apply_durations(&test, &mut log, &[7]).await, [], "compact rows have room to grow again");
}

#[tokio::test]
async fn a_wide_sketch_is_not_merged_over_and_over() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let grown = apply_durations(&test, &mut log, &spread(600)).await;
    assert_eq!(grown.len(), 1);
    test.compact(&grown).await.unwrap();
    assert!(sketch(&test, "minute").await.len() > 800);
    assert_eq!(apply_durations(&test, &mut log, &[1]).await, []);
    assert_eq!(test.sweep_grown(10).await.unwrap(), []);
}

#[tokio::test]
async fn the_sweep_finds_what_a_crash_left() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    for _ in 0..9 {
        apply_durations(&test, &mut log, &spread(60)).await;
    }
    let before = sketch(&test, "minute").await;
    let swept = test.sweep_grown(10).await.unwrap();
    assert_eq!(swept.iter().map(|row| row.level).collect::<Vec<_>>(), [Level::Minute]);
    let rolled = test.roll_up().await.unwrap();
    let coarser = [Level::Hour, Level::Day, Level::Month];
    assert_eq!((rolled.rows, levels(&rolled.grown, false)), (1, coarser.to_vec()));
    assert_eq!(levels(&rolled.grown, true), Level::ALL, "of the service, all four");
    // Nobody heard of it either; the sweep finds them all.
    let swept = test.sweep_grown(10).await.unwrap();
    assert_eq!(swept, rolled.grown);
    test.compact(&swept).await.unwrap();
    assert_eq!(test.sweep_grown(10).await.unwrap(), []);
    for table in [
        "endpoint_hour",
        "endpoint_day",
        "endpoint_month",
        "service_minute",
        "service_hour",
        "service_day",
        "service_month",
    ] {
        let merged: Vec<u8> = test.rows(&format!("SELECT sketch FROM {table}")).await[0].get(0);
        assert!(merged.len() < 300);
        assert_eq!(Sketch::decode(&merged).unwrap(), Sketch::decode(&before).unwrap());
    }
}

/// The levels of the rows that are of services, or of endpoints; ascending.
fn levels(grown: &[GrownSketch], of_services: bool) -> Vec<Level> {
    let of_these = |row: &&GrownSketch| matches!(row.whose, Whose::Service(_)) == of_services;
    let mut levels: Vec<_> = grown.iter().filter(of_these).map(|row| row.level).collect();
    levels.sort_unstable();
    levels
}

#[tokio::test]
async fn a_service_is_merged_whatever_came_meanwhile() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    for _ in 0..9 {
        apply_durations(&test, &mut log, &spread(60)).await;
    }
    let grown = test.roll_up().await.unwrap().grown;
    assert_eq!(levels(&grown, true), Level::ALL);
    // Late, so it is added to all levels at once, before the merged bytes come back.
    apply_durations(&test, &mut log, &[7, 9_000]).await;
    let sketches = async || {
        let of = |level: Level| format!("SELECT sketch FROM service_{}", level.name());
        let rows = test.rows(&Level::ALL.map(of).join(" UNION ALL ")).await;
        rows.iter().map(|row| row.get::<_, Vec<u8>>(0)).collect::<Vec<_>>()
    };
    let before = sketches().await;
    test.compact(&grown).await.unwrap();
    let after = sketches().await;
    for (before, after) in before.iter().zip(&after) {
        let sketch = Sketch::decode(after).unwrap();
        assert!(after.len() < before.len() / 2);
        assert_eq!((sketch.count(), &sketch), (542, &Sketch::decode(before).unwrap()));
    }
    test.compact(&grown).await.unwrap();
    assert_eq!(sketches().await, after, "other bytes by now");
    assert_eq!(test.sweep_grown(10).await.unwrap(), []);
}

/// What a late event adds to a service is found by whoever rolls up next.
#[tokio::test]
async fn what_late_events_add_to_services_is_found() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    apply_durations(&test, &mut log, &[7]).await;
    test.roll_up().await.unwrap();
    apply_durations(&test, &mut log, &spread(600)).await;
    assert_eq!(levels(&test.roll_up().await.unwrap().grown, true), Level::ALL);
}

#[tokio::test]
async fn damaged_bytes_are_named() {
    let test = TestStore::new().await;
    let endpoint = tally_model::EndpointName::new("web", "GET", "/").id();
    let grown = GrownSketch { level: Level::Hour, whose: Whose::Endpoint(endpoint), start_s: NOON, sketch: vec![5, 1] };
    let error = test.compact(&[grown]).await.unwrap_err();
    assert!(error.to_string().starts_with(&format!("hour row of endpoint {endpoint}: damaged sketch")), "{error}");
}
