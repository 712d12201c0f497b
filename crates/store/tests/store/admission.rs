//! The limits of admission: what is admitted stays, the rest counts under `<other>`.

use tally_model::{EndpointName, Tally};
use tally_store::{EndpointFigures, EndpointQuery};

use crate::fixture::{NOON, TestLog, TestStore, apply_all, tally};

async fn limited(services: i64, endpoints: i64) -> TestStore {
    let test = TestStore::new().await;
    test.run(&format!("UPDATE setting SET services_max = {services}, endpoints_max = {endpoints}, folded_max = 3"))
        .await;
    test
}

fn routes(service: &str, routes: std::ops::Range<u32>) -> Tally {
    let names: Vec<String> = routes.map(|i| format!("/{i}")).collect();
    let events: Vec<_> =
        names.iter().map(|route| (service, "GET", route.as_str(), 200, NOON - 60, Some(100))).collect();
    tally(&events)
}

async fn counted(test: &TestStore) -> Vec<EndpointFigures> {
    let window = tally_model::Window { from_s: NOON - 3_600, to_s: NOON };
    let query =
        EndpointQuery { cover: tally_model::Pieces::whole(tally_model::Level::Minute, window).into(), service: None };
    test.endpoints(&query).await.unwrap()
}

fn requests_of(rows: &[EndpointFigures], service: &str, route: &str) -> u64 {
    let sought = |row: &&EndpointFigures| row.name.service() == service && row.name.route() == route;
    rows.iter().find(sought).map_or(0, |row| row.figures.requests)
}

#[tokio::test]
async fn endpoints_over_the_limit_count_under_other() {
    let test = limited(10, 4).await;
    let mut log = TestLog::new(0);
    test.count(&log.next(routes("web", 0..3))).await;
    test.count(&log.next(routes("web", 0..10))).await;
    test.count(&log.next(routes("web", 0..10))).await;
    test.count(&log.next(routes("db", 0..2))).await;
    let rows = counted(&test).await;
    assert_eq!(rows.iter().filter(|row| row.name.service() == "web").count(), 5);
    assert!((0..3).all(|i| requests_of(&rows, "web", &format!("/{i}")) == 3));
    let other = rows.iter().find(|row| row.name.route() == "<other>").unwrap();
    assert_eq!((other.id, other.name.clone()), (other.name.id(), EndpointName::new("web", "<other>", "<other>")));
    assert_eq!((other.figures.requests, other.figures.sketch.count()), (12, 12));
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, 25);
    assert_eq!(test.number("SELECT endpoints FROM service WHERE name = 'web'").await, 4);
    let folded = test.folded(100).await.unwrap();
    assert_eq!(folded.len(), 3, "a bounded sample");
    assert!(folded.iter().all(|f| f.requests == 2 && f.name.service() == "web" && f.last_s == NOON - 60), "{folded:?}");
}

#[tokio::test]
async fn services_over_the_limit_count_under_other() {
    let test = limited(2, 10).await;
    let mut log = TestLog::new(0);
    for service in ["a", "b", "c", "d", "a"] {
        test.count(&log.next(routes(service, 0..2))).await;
    }
    let rows = counted(&test).await;
    assert_eq!(requests_of(&rows, "<other>", "<other>"), 4);
    assert_eq!(requests_of(&rows, "a", "/1"), 2);
    assert_eq!(test.number("SELECT count(*) FROM service").await, 2);
    assert_eq!(test.endpoint(EndpointName::new("c", "GET", "/0").id()).await.unwrap(), None);
    // One batch with more new services than there is room for admits some of them.
    let test = limited(2, 10).await;
    let mut many = tally_model::Fold::new();
    let mut block = tally_model::EventBlock::new();
    ["a", "b", "c"].iter().for_each(|service| block.push(service, "GET", "/", (200, NOON * 1_000, None)));
    many.add(tally_model::Payload::Events(block));
    test.count(&TestLog::new(0).next(many.take())).await;
    assert_eq!(test.number("SELECT count(*) FROM service").await, 2);
    assert_eq!(test.number("SELECT count(*) FROM endpoint").await, 3);
}

#[tokio::test]
async fn a_replay_admits_the_same() {
    let (first, second) = (limited(2, 3).await, limited(2, 3).await);
    let batches: Vec<_> = {
        let mut log = TestLog::new(0);
        [("a", 0..2), ("b", 0..5), ("c", 0..3), ("a", 1..9)]
            .map(|(service, range)| log.next(routes(service, range)))
            .into()
    };
    for batch in &batches {
        first.count(batch).await;
        second.count(batch).await;
    }
    assert_eq!(first.fingerprint().await, second.fingerprint().await);
    // Rebuilt: positions and counts go, what was admitted stays, and decides the same.
    second
        .run(
            "TRUNCATE endpoint_minute, folded_route, dead_letter, position_history, request_ledger; DELETE FROM shard_position; \
             INSERT INTO shard_position (shard) SELECT generate_series(0, 3)",
        )
        .await;
    for batch in &batches {
        second.count(batch).await;
    }
    let minutes = "SELECT string_agg(m::text, '|' ORDER BY endpoint) FROM (SELECT endpoint, start, requests, sketch FROM \
                   endpoint_minute) m";
    let admitted = "SELECT string_agg(id::text, '|' ORDER BY id) FROM endpoint";
    assert_eq!(first.text(admitted).await, second.text(admitted).await);
    assert_eq!(first.text(minutes).await, second.text(minutes).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_holds_when_shards_race_for_it() {
    let test = limited(3, 7).await;
    test.count(&TestLog::new(3).next(routes("warm", 0..1))).await;
    let mut tasks = Vec::new();
    for shard in 0..3 {
        let store = test.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut log = TestLog::new(shard);
            for i in 0..15_u32 {
                let service = ["warm", "x", "y", "z"][usize::try_from((i + u32::from(shard)) % 4).unwrap()];
                let first = i * 2 + u32::from(shard);
                apply_all(&store, &log.next(routes(service, first..first + 4))).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, 1 + 3 * 15 * 4);
    assert_eq!(test.number("SELECT count(*) FROM service").await, 3);
    assert_eq!(test.number("SELECT max(endpoints) FROM service").await, 7);
    let differ = "SELECT count(*) FROM service s WHERE s.endpoints <> \
                  (SELECT count(*) FROM endpoint e WHERE e.service_id = s.id AND e.route <> '<other>')";
    assert_eq!(test.number(differ).await, 0);
    let orphans =
        "SELECT count(*) FROM endpoint_minute m WHERE NOT EXISTS (SELECT FROM endpoint e WHERE e.id = m.endpoint)";
    assert_eq!(test.number(orphans).await, 0);
}

#[tokio::test]
async fn long_routes_are_no_obstacle() {
    let test = TestStore::new().await;
    let long = format!("/{}", "ß".repeat(2_047));
    test.count(&TestLog::new(0).next(tally(&[("web", "GET", &long, 200, NOON - 60, None)]))).await;
    let id = EndpointName::new("web", "GET", &long).id();
    assert_eq!(test.endpoint(id).await.unwrap().unwrap().route(), long);
    assert_eq!(test.number("SELECT endpoint_id(service, method, route) FROM endpoint").await, id.raw());
}
