//! Migrations: twice, at once, over a newer schema, over another layout.

use tally_servers::TestServers;
use tally_store::{Class, Error, Keep, Migrated, SchemaState, Store};

use crate::fixture::{DAY, NOON, SHARDS, TestLog, TestStore, config, settings, tally};
use crate::plain_fold::{PlainFold, assert_levels, assert_rolled};

async fn empty() -> (Store, tally_servers::TestDatabase<'static>) {
    let database = TestServers::shared().await.unwrap().test_database().await.unwrap();
    (Store::connect(&config(&database.url)).await.unwrap(), database)
}

#[tokio::test]
async fn from_nothing_and_again() {
    let (store, _database) = empty().await;
    assert_eq!(store.schema_ready().await.unwrap(), SchemaState::Missing);
    assert!(matches!(store.layout().await, Err(Error::NotMigrated { found: 0, .. })));
    let first = store.migrate(&settings(8)).await.unwrap();
    assert!(first.from == 0 && first.to > 0, "{first:?}");
    let layout = store.layout().await.unwrap();
    assert_eq!((layout.shards, layout.cluster_id.len()), (8, 36));
    assert_eq!(store.positions().await.unwrap().len(), 8);
    assert_eq!(store.migrate(&settings(8)).await.unwrap(), Migrated { from: first.to, to: first.to });
    assert_eq!(store.layout().await.unwrap(), layout);
    assert_eq!(store.schema_ready().await.unwrap(), SchemaState::Ready { version: first.to });
}

#[tokio::test]
async fn several_at_once() {
    let (store, database) = empty().await;
    let runs = (0..4).map(|_| {
        let url = database.url.clone();
        tokio::spawn(async move { Store::connect(&config(&url)).await?.migrate(&settings(8)).await })
    });
    let mut versions = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        versions.push(run.await.unwrap().unwrap());
    }
    let to = versions[0].to;
    assert!(versions.iter().all(|v| v.to == to), "{versions:?}");
    assert_eq!(versions.iter().filter(|v| v.from == 0).count(), 1, "{versions:?}");
    assert_eq!(store.positions().await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let test = TestStore::new().await;
    test.run(
        "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
              VALUES (900, 'later', '2030-01-01T00:00:00Z', '1'); \
              UPDATE layout SET functions_version = 900; \
              CREATE OR REPLACE FUNCTION service_id(service text) RETURNS bigint LANGUAGE sql AS 'SELECT 42::bigint'",
    )
    .await;
    assert_eq!(test.migrate(&settings(SHARDS)).await.unwrap(), Migrated { from: 900, to: 900 });
    assert_eq!(test.number("SELECT service_id('x')").await, 42, "the newer function was replaced");
    assert_eq!(test.schema_ready().await.unwrap(), SchemaState::Ready { version: 900 });
}

#[tokio::test]
async fn an_older_schema_is_not_ready() {
    let test = TestStore::new().await;
    test.run("UPDATE layout SET functions_version = 1").await;
    assert!(matches!(test.schema_ready().await.unwrap(), SchemaState::Older { version: 1, .. }));
    test.migrate(&settings(SHARDS)).await.unwrap();
    assert!(matches!(test.schema_ready().await.unwrap(), SchemaState::Ready { .. }));
}

/// What a release without rows of services left behind comes into them, once, however it counts meanwhile.
#[tokio::test]
async fn services_are_filled_from_what_was_counted_before() {
    let test = TestStore::new().await;
    let (mut log, mut plain) = (TestLog::new(0), PlainFold::default());
    let mut count = async |ago_s: &[i64]| {
        let event = |ago_s: &i64| ["web", "db"].map(|service| (service, "GET", "/", 200, NOON - ago_s, Some(10)));
        let counted = tally(&ago_s.iter().flat_map(event).collect::<Vec<_>>());
        plain.add(&counted);
        test.count(&log.next(counted)).await;
    };
    count(&[600, 7_200, 3 * DAY, 60 * DAY, 300 * DAY]).await;
    while test.roll_up().await.unwrap().more {}
    // Too late for minutes, late for a minute that is rolled, and a minute that is not.
    test.maintain(&Keep::default()).await.unwrap();
    count(&[600, 20 * DAY, 0]).await;
    let rows = test.fingerprint().await;
    test.run("DROP TABLE service_minute, service_hour, service_day, service_month").await;
    test.run(include_str!("../../migrations/V4__service_rollups.sql")).await;
    let error = test.roll_up().await.map(|rolled| rolled.rows);
    assert_eq!(error.unwrap(), 0, "nothing was due");
    test.set_clock(NOON + 60).await;
    assert_eq!(test.roll_up().await.unwrap_err().class(), Class::Schema, "the former functions would pass services by");
    test.migrate(&settings(SHARDS)).await.unwrap();
    // The sums are those of before; only where sketches are cut into runs may differ.
    assert_levels(&test, &plain).await;
    let counts = |rows: &str| rows.lines().map(|line| line.matches('|').count()).collect::<Vec<_>>();
    assert_eq!(counts(&rows), counts(&test.fingerprint().await));
    while test.roll_up().await.unwrap().more {}
    assert_rolled(&test, &plain).await;
}

#[tokio::test]
async fn another_layout_is_refused_by_name() {
    let test = TestStore::new().await;
    let error = test.migrate(&settings(SHARDS + 1)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "this database was made with shards 4, but 5 is configured; it cannot be changed afterwards"
    );
    let mut other = settings(SHARDS);
    other.hash_names = "md5".to_owned();
    let error = test.migrate(&other).await.unwrap_err();
    assert!(matches!(error, Error::Layout { what: "hash names", .. }), "{error}");
    assert_eq!(test.positions().await.unwrap().len(), usize::from(SHARDS));
}

#[tokio::test]
async fn passwords_are_in_no_text() {
    let (store, _database) = empty().await;
    let texts = [
        format!("{:?}", Store::connect(&config("postgres://u:hunter2?@h:x/d")).await.unwrap_err()),
        Store::connect(&config("postgres://u:hunter2@127.0.0.1:1/d")).await.unwrap_err().to_string(),
        format!("{:?}", Store::connect(&config("postgres://u:hunter2@127.0.0.1:1/d")).await.unwrap_err()),
        format!("{:?}", config("postgres://u:hunter2@127.0.0.1:1/d")),
        format!("{store:?}"),
    ];
    assert!(texts.iter().all(|text| !text.contains("hunter2")), "{texts:?}");
}

#[tokio::test]
async fn without_a_schema_calls_say_so() {
    let (store, _database) = empty().await;
    let error = store.positions().await.unwrap_err();
    assert_eq!(error.class(), Class::Schema, "{error}");
}
