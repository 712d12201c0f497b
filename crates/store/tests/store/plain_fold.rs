//! The plain truth: every event added up in memory, by level, to compare the database with.

use std::collections::BTreeMap;

use tally_model::{Cover, EndpointName, Level, Sketch, Tally, Window};
use tally_store::{EndpointQuery, Figures};
use tokio_postgres::Row;

use crate::fixture::TestStore;

/// A level's rows by endpoint and start in seconds.
pub(crate) type Rows = BTreeMap<(EndpointName, i64), Figures>;
/// A level's rows of services by name and start in seconds.
pub(crate) type ServiceRows = BTreeMap<(String, i64), Figures>;

/// All events that were applied, by level.
#[derive(Clone, Default)]
pub(crate) struct PlainFold {
    levels: [Rows; 4],
}

impl PlainFold {
    pub(crate) fn add(&mut self, tally: &Tally) {
        for minute in &tally.minutes {
            let name = &tally.endpoints.iter().find(|e| e.0 == minute.endpoint).unwrap().1;
            let timed = minute.timed > 0;
            let figures = Figures {
                requests: minute.requests,
                status: minute.status,
                timed: minute.timed,
                duration_sum_us: minute.duration_sum_us,
                duration_min_us: timed.then_some(minute.duration_min_us),
                duration_max_us: timed.then_some(minute.duration_max_us),
                sketch: minute.sketch.clone(),
            };
            for level in Level::ALL {
                let key = (name.clone(), level.floor(minute.start_s));
                self.levels[level as usize].entry(key).or_default().add(&figures);
            }
        }
    }

    /// What each endpoint did in a window of whole minutes.
    pub(crate) fn within(&self, window: Window) -> BTreeMap<EndpointName, Figures> {
        let mut sums = BTreeMap::<EndpointName, Figures>::new();
        for ((name, start_s), figures) in &self.levels[Level::Minute as usize] {
            if (window.from_s..window.to_s).contains(start_s) {
                sums.entry(name.clone()).or_default().add(figures);
            }
        }
        sums
    }

    /// The rows of a level from `from_s` on.
    pub(crate) fn rows(&self, level: Level, from_s: i64) -> Rows {
        self.levels[level as usize]
            .iter()
            .filter(|row| row.0.1 >= from_s)
            .map(|row| (row.0.clone(), row.1.clone()))
            .collect()
    }
}

/// From the fourth column of a row on.
const COLUMNS: &str = "requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx, timed, duration_sum_us, \
                       duration_min_us, duration_max_us, sketch, extract(epoch FROM start)::bigint";

/// Start and figures of a row that ends with [`COLUMNS`].
fn read(row: &Row) -> (i64, Figures) {
    let amount = |i: usize| u64::try_from(row.get::<_, i64>(i)).unwrap();
    let us = |i: usize| row.get::<_, Option<i64>>(i).map(|us| u64::try_from(us).unwrap());
    let figures = Figures {
        requests: amount(3),
        status: [amount(4), amount(5), amount(6), amount(7), amount(8)],
        timed: amount(9),
        duration_sum_us: amount(10),
        duration_min_us: us(11),
        duration_max_us: us(12),
        sketch: Sketch::decode(row.get(13)).unwrap(),
    };
    (row.get(14), figures)
}

/// What the database holds of a level from `from_s` on: its own rows, and the minutes that are not yet rolled up.
pub(crate) async fn stored(test: &TestStore, level: Level, from_s: i64) -> Rows {
    let part = |table: &str, filter: &str| {
        format!(
            "SELECT service, method, route, {COLUMNS} FROM endpoint_{table} t JOIN endpoint e ON e.id = t.endpoint WHERE {filter}"
        )
    };
    let sql = match level {
        Level::Minute => part("minutes", "true"),
        Level::Day => format!("{} UNION ALL {}", part("days", "true"), part("minute", "NOT rolled")),
        _ => format!("{} UNION ALL {}", part(level.name(), "true"), part("minute", "NOT rolled")),
    };
    let mut rows = Rows::new();
    for row in test.rows(&sql).await {
        let (start_s, figures) = read(&row);
        let start_s = level.floor(start_s);
        if start_s >= from_s {
            rows.entry((EndpointName::new(row.get(0), row.get(1), row.get(2)), start_s)).or_default().add(&figures);
        }
    }
    rows
}

/// The same of services: the rows of a level, and the minutes that are in none of them yet.
pub(crate) async fn stored_services(test: &TestStore, level: Level, from_s: i64) -> ServiceRows {
    let sql = format!(
        "SELECT coalesce(s.name, '<other>'), '', '', {COLUMNS} FROM service_{} t LEFT JOIN service s ON s.id = t.service \
         UNION ALL SELECT service, '', '', {COLUMNS} FROM endpoint_minute t JOIN endpoint e ON e.id = t.endpoint \
         WHERE NOT rolled",
        level.name()
    );
    let mut rows = ServiceRows::new();
    for row in test.rows(&sql).await {
        let (start_s, figures) = read(&row);
        let start_s = level.floor(start_s);
        if start_s >= from_s {
            rows.entry((row.get(0), start_s)).or_default().add(&figures);
        }
    }
    rows
}

/// Panics unless every level equals the plain fold, from its floor on, of endpoints and of services.
pub(crate) async fn assert_levels(test: &TestStore, plain: &PlainFold) {
    let floors = test.floors().await.unwrap();
    for level in Level::ALL {
        let from_s = floors.of(level);
        let (found, expected) = (stored(test, level, from_s).await, plain.rows(level, from_s));
        assert_eq!(found.len(), expected.len(), "rows of {level:?}");
        let mut services = ServiceRows::new();
        for (key, figures) in expected {
            assert_eq!(found.get(&key), Some(&figures), "{level:?} {key:?}");
            services.entry((key.0.service().into(), key.1)).or_default().add(&figures);
        }
        assert_eq!(stored_services(test, level, from_s).await, services, "services by {level:?}");
    }
}

/// Panics unless every event went to a level, rolled up once: each coarser level alone equals the plain fold.
pub(crate) async fn assert_rolled(test: &TestStore, plain: &PlainFold) {
    assert_eq!(test.number("SELECT count(*) FROM endpoint_minute WHERE NOT rolled").await, 0);
    assert_levels(test, plain).await;
}

/// Panics unless the reads of a window answer what its minutes add up to, whatever levels its pieces are of.
pub(crate) async fn assert_window(test: &TestStore, plain: &PlainFold, asked: Window) {
    let floors = test.floors().await.unwrap();
    let pieces = asked.pieces(|level| floors.of(level));
    let expected = plain.within(pieces.window());
    for cover in [pieces.clone().into(), Cover::fewest(&pieces)] {
        let query = EndpointQuery { cover, service: None };
        let found = test.endpoints(&query).await.unwrap().into_iter().map(|row| (row.name, row.figures));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), expected, "{query:?}");
    }
    let (mut everything, mut services) = (Figures::default(), BTreeMap::<String, Figures>::new());
    for (name, figures) in &expected {
        everything.add(figures);
        services.entry(name.service().to_string()).or_default().add(figures);
    }
    assert_eq!(test.summary(&pieces).await.unwrap(), everything, "{pieces:?}");
    assert_eq!(test.services(&pieces).await.unwrap(), services.into_iter().collect::<Vec<_>>(), "{pieces:?}");
    for (level, window) in pieces.iter() {
        let steps = test.total_series(window, level, level.next(0), None).await.unwrap();
        let requests: u64 = plain.within(window).values().map(|figures| figures.requests).sum();
        assert_eq!(steps.iter().map(|step| step.1.requests).sum::<u64>(), requests, "{level:?} {window:?}");
    }
}
