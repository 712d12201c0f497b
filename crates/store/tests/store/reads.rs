//! Reads: every level gives the same sums, minutes not yet rolled up included.

use tally_model::{EndpointName, Level, Window};
use tally_store::{EndpointQuery, Figures};

use crate::fixture::{DAY, NOON, TestLog, TestStore, tally};

/// Events of two services over three hours before noon.
async fn filled() -> TestStore {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    for i in 0..180_i64 {
        let time_s = NOON - 60 * (i + 1);
        let us = u64::try_from(i).unwrap() * 10;
        let events = [("web", "GET", "/", 200, time_s, Some(us)), ("db", "GET", "/q", 500, time_s, None)];
        test.count(&log.next(tally(&events[..if i % 2 == 0 { 2 } else { 1 }]))).await;
    }
    test
}

fn day() -> Window {
    Window { from_s: NOON - DAY / 2, to_s: NOON + DAY / 2 }
}

/// Level and window that hold all of it.
fn everything() -> [(Level, Window); 4] {
    let hours = Window { from_s: NOON - 3 * 3_600, to_s: NOON };
    let month = Window { from_s: Level::Month.floor(NOON), to_s: Level::Month.next(Level::Month.floor(NOON)) };
    [(Level::Minute, hours), (Level::Hour, hours), (Level::Day, day()), (Level::Month, month)]
}

async fn assert_read(test: &TestStore) {
    for (level, window) in everything() {
        let rows = test.endpoints(&EndpointQuery { window, level, service: None }).await.unwrap();
        assert_eq!(rows.len(), 2, "{level:?}");
        assert!(rows.is_sorted_by_key(|row| row.id));
        let web = rows.iter().find(|row| row.name == EndpointName::new("web", "GET", "/")).unwrap();
        let Figures { requests, status, timed, duration_sum_us, duration_min_us, duration_max_us, ref sketch } =
            web.figures;
        assert_eq!((requests, status, timed, duration_sum_us), (180, [0, 180, 0, 0, 0], 180, 161_100), "{level:?}");
        assert_eq!((duration_min_us, duration_max_us, sketch.count()), (Some(0), Some(1_790), 180));
        let db = EndpointQuery { window, level, service: Some("db".to_owned()) };
        let db = test.endpoints(&db).await.unwrap();
        assert_eq!((db.len(), db[0].figures.requests, db[0].figures.duration_min_us), (1, 90, None));
        let none = EndpointQuery { window, level, service: Some("d".to_owned()) };
        assert_eq!(test.endpoints(&none).await.unwrap(), []);
        let summary = test.summary(window, level).await.unwrap();
        assert_eq!((summary.requests, summary.status[4], summary.timed), (270, 90, 180));
        let services = test.services(window, level).await.unwrap();
        let shown: Vec<_> = services.iter().map(|(name, figures)| (name.as_str(), figures.requests)).collect();
        assert_eq!(shown, [("db", 90), ("web", 180)]);
    }
}

#[tokio::test]
async fn all_levels_agree_before_during_and_after_roll_up() {
    let test = filled().await;
    // Only minutes so far; the coarser tables have no partition yet, and are read all the same.
    assert_read(&test).await;
    test.run("UPDATE setting SET roll_up_rows = 100").await;
    assert!(test.roll_up().await.unwrap().more);
    assert_read(&test).await;
    while test.roll_up().await.unwrap().more {}
    assert_read(&test).await;
}

#[tokio::test]
async fn windows_are_half_open() {
    let test = filled().await;
    let read = async |from_s, to_s| test.summary(Window { from_s, to_s }, Level::Minute).await.unwrap().requests;
    assert_eq!(read(NOON - 60, NOON).await, 2);
    assert_eq!(read(NOON - 120, NOON - 60).await, 1);
    assert_eq!(read(NOON, NOON + 3_600).await, 0);
    assert_eq!(
        test.summary(Window { from_s: NOON, to_s: NOON + 60 }, Level::Minute).await.unwrap(),
        Figures::default()
    );
}

#[tokio::test]
async fn series_are_cut_into_steps() {
    let test = filled().await;
    test.run("UPDATE setting SET roll_up_rows = 100").await;
    test.roll_up().await.unwrap();
    let id = EndpointName::new("web", "GET", "/").id();
    let [(_, hours), _, _, (_, month)] = everything();
    let series = async |window, level, step_s| -> Vec<(i64, u64)> {
        let steps = test.series(id, window, level, step_s).await.unwrap();
        steps.iter().map(|(start_s, figures)| (*start_s, figures.requests)).collect()
    };
    assert_eq!(series(hours, Level::Minute, 60).await.len(), 180);
    assert_eq!(series(hours, Level::Minute, 5_400).await, [(NOON - 10_800, 90), (NOON - 5_400, 90)]);
    let by_hour = [(NOON - 10_800, 60), (NOON - 7_200, 60), (NOON - 3_600, 60)];
    assert_eq!(series(hours, Level::Hour, 3_600).await, by_hour);
    assert_eq!(series(day(), Level::Day, DAY).await, [(NOON - DAY / 2, 180)]);
    assert_eq!(series(month, Level::Month, 1).await, [(month.from_s, 180)]);
    assert_eq!(test.series(tally_model::EndpointId::from_raw(1), hours, Level::Minute, 60).await.unwrap(), []);
}

#[tokio::test]
async fn reads_run_on_any_task() {
    let test = filled().await;
    let store = test.store.clone();
    let task = tokio::spawn(async move {
        let query = EndpointQuery { window: day(), level: Level::Day, service: None };
        (store.endpoints(&query).await, store.probe(&TestLog::new(0).next(tally(&[]))).await)
    });
    assert_eq!(task.await.unwrap().0.unwrap().len(), 2);
}
