//! Reads: every level gives the same sums, minutes not yet rolled up included.

use tally_model::{Cover, EndpointName, Level, Pieces, Window};
use tally_store::{EndpointQuery, Figures, Keep};

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
        let rows =
            test.endpoints(&EndpointQuery { cover: Pieces::whole(level, window).into(), service: None }).await.unwrap();
        assert_eq!(rows.len(), 2, "{level:?}");
        assert!(rows.is_sorted_by_key(|row| row.id));
        let web = rows.iter().find(|row| row.name == EndpointName::new("web", "GET", "/")).unwrap();
        let Figures { requests, status, timed, duration_sum_us, duration_min_us, duration_max_us, ref sketch } =
            web.figures;
        assert_eq!((requests, status, timed, duration_sum_us), (180, [0, 180, 0, 0, 0], 180, 161_100), "{level:?}");
        assert_eq!((duration_min_us, duration_max_us, sketch.count()), (Some(0), Some(1_790), 180));
        let db = EndpointQuery { cover: Pieces::whole(level, window).into(), service: Some("db".to_owned()) };
        let db = test.endpoints(&db).await.unwrap();
        assert_eq!((db.len(), db[0].figures.requests, db[0].figures.duration_min_us), (1, 90, None));
        let none = EndpointQuery { cover: Pieces::whole(level, window).into(), service: Some("d".to_owned()) };
        assert_eq!(test.endpoints(&none).await.unwrap(), []);
        let summary = test.summary(&Pieces::whole(level, window)).await.unwrap();
        assert_eq!((summary.requests, summary.status[4], summary.timed), (270, 90, 180));
        let services = test.services(&Pieces::whole(level, window)).await.unwrap();
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
    let read = async |from_s, to_s| {
        test.summary(&Pieces::whole(Level::Minute, Window { from_s, to_s })).await.unwrap().requests
    };
    assert_eq!(read(NOON - 60, NOON).await, 2);
    assert_eq!(read(NOON - 120, NOON - 60).await, 1);
    assert_eq!(read(NOON, NOON + 3_600).await, 0);
    assert_eq!(
        test.summary(&Pieces::whole(Level::Minute, Window { from_s: NOON, to_s: NOON + 60 })).await.unwrap(),
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
async fn totals_and_sparklines_are_cut_alike() {
    let test = filled().await;
    test.run("UPDATE setting SET roll_up_rows = 100").await;
    test.roll_up().await.unwrap();
    let [(_, hours), _, _, (_, month)] = everything();
    let (web, db) = (EndpointName::new("web", "GET", "/").id(), EndpointName::new("db", "GET", "/q").id());
    for (window, level, step_s) in
        [(hours, Level::Minute, 5_400), (hours, Level::Hour, 3_600), (day(), Level::Day, DAY), (month, Level::Month, 1)]
    {
        let mut both = test.series(web, window, level, step_s).await.unwrap();
        let db_steps = test.series(db, window, level, step_s).await.unwrap();
        assert_eq!(test.total_series(window, level, step_s, Some("db")).await.unwrap(), db_steps);
        let sparks = test.sparklines(&[web, db], window, level, step_s).await.unwrap();
        let expected = |id, steps: &[(i64, Figures)]| {
            let spark = |(start_s, figures): &(i64, Figures)| (id, *start_s, figures.requests, figures.status[4]);
            steps.iter().map(spark).collect::<Vec<_>>()
        };
        let mut all = [expected(web, &both), expected(db, &db_steps)].concat();
        all.sort_unstable();
        assert_eq!(sparks, all, "{level:?}");
        for (step, db) in both.iter_mut().zip(&db_steps) {
            assert_eq!(step.0, db.0);
            step.1.add(&db.1);
        }
        assert_eq!(test.total_series(window, level, step_s, None).await.unwrap(), both, "{level:?}");
    }
    assert_eq!(test.sparklines(&[], hours, Level::Minute, 60).await.unwrap(), []);
}

#[tokio::test]
async fn the_span_is_as_fine_as_what_is_kept() {
    let test = TestStore::new().await;
    assert_eq!(test.span().await.unwrap(), None);
    let test = filled().await;
    assert_eq!(test.span().await.unwrap(), Some((NOON - 10_800, NOON - 60)));
    while test.roll_up().await.unwrap().more {}
    assert_eq!(test.span().await.unwrap(), Some((NOON - 10_800, NOON - 60)));
    test.set_clock(NOON + 30 * DAY).await;
    test.maintain(&Keep::default()).await.unwrap();
    assert_eq!(test.span().await.unwrap(), Some((NOON - 10_800, NOON - 3_600)), "minutes are gone");
}

#[tokio::test]
async fn pieces_answer_what_their_minutes_say() {
    let test = filled().await;
    test.run("UPDATE setting SET roll_up_rows = 100").await;
    test.roll_up().await.unwrap();
    for (from_s, to_s) in [(NOON - 9_000, NOON - 1_020), (NOON - 10_800, NOON - 3_000), (NOON - 3_540, NOON - 120)] {
        let minutes = Pieces::whole(Level::Minute, Window { from_s, to_s });
        // Forced to hours, as if the window were longer than minutes answer.
        let (first, last) = (Level::Hour.ceil(from_s), Level::Hour.floor(to_s));
        let parts = [
            (Level::Minute, from_s, first.min(to_s)),
            (Level::Hour, first, last),
            (Level::Minute, last.max(first), to_s),
        ];
        let parts = parts.into_iter().filter(|part| part.1 < part.2);
        let parts = parts.map(|(level, from_s, to_s)| (level, Window { from_s, to_s }));
        let pieces = Pieces::checked(parts.collect()).unwrap();
        let query = |pieces: &Pieces| EndpointQuery { cover: pieces.clone().into(), service: None };
        let expected = test.endpoints(&query(&minutes)).await.unwrap();
        assert_eq!(test.endpoints(&query(&pieces)).await.unwrap(), expected);
        assert_eq!(test.summary(&pieces).await.unwrap(), test.summary(&minutes).await.unwrap());
        assert_eq!(test.services(&pieces).await.unwrap(), test.services(&minutes).await.unwrap());
    }
}

/// The table by its fewest rows, which must be what the pieces say as they are.
async fn assert_covered(test: &TestStore, pieces: &Pieces) {
    for service in [None, Some("web".to_owned())] {
        let plain = EndpointQuery { cover: pieces.clone().into(), service: service.clone() };
        let fewest = EndpointQuery { cover: Cover::fewest(pieces), service };
        assert!(fewest.cover.end.is_some());
        assert_eq!(test.endpoints(&fewest).await.unwrap(), test.endpoints(&plain).await.unwrap(), "{fewest:?}");
    }
}

#[tokio::test]
async fn a_unit_stands_for_its_beginning_until_more_is_in_it() {
    let test = filled().await;
    let pieces = |to_s| Window { from_s: NOON - DAY + 300, to_s }.pieces(|_| i64::MIN);
    let ends = [NOON - 4_020, NOON - 1_020, NOON, NOON + 120];
    test.run("UPDATE setting SET roll_up_rows = 100").await;
    for _ in 0..4 {
        for to_s in ends {
            assert_covered(&test, &pieces(to_s)).await;
        }
        test.roll_up().await.unwrap();
    }
    // What is read: the day, where nothing later is in it, else its hours and minutes.
    let requests = async |to_s| {
        let query = EndpointQuery { cover: Cover::fewest(&pieces(to_s)), service: Some("web".to_owned()) };
        test.endpoints(&query).await.unwrap().iter().map(|row| row.figures.requests).sum::<u64>()
    };
    test.run("DELETE FROM endpoint_hour").await;
    assert_eq!([requests(NOON).await, requests(NOON - 1_020).await], [180, 43]);
}

#[tokio::test]
async fn reads_run_on_any_task() {
    let test = filled().await;
    let store = test.store.clone();
    let task = tokio::spawn(async move {
        let query = EndpointQuery { cover: Pieces::whole(Level::Day, day()).into(), service: None };
        (store.endpoints(&query).await, store.probe(&TestLog::new(0).next(tally(&[]))).await)
    });
    assert_eq!(task.await.unwrap().0.unwrap().len(), 2);
}

#[tokio::test]
async fn a_table_is_read_again_after_the_server_closed_its_connection() {
    let test = filled().await;
    let query = EndpointQuery { cover: Pieces::whole(Level::Day, day()).into(), service: None };
    assert_eq!(test.endpoints(&query).await.unwrap().len(), 2);
    let closed = test
        .number(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
             WHERE query LIKE '%ARRAY[service, method, route]%' AND pid <> pg_backend_pid() AND datname = current_database()",
        )
        .await;
    assert_eq!(closed, 1, "it was kept");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    assert_eq!(test.endpoints(&query).await.unwrap().len(), 2);
}
