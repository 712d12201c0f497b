//! `/v1/live` and `/v1/pipeline`: what happens now, for many at the price of one.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::BoxStream;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tally_model::Shard;
use tally_servers::{TestServers, free_port};
use tokio::time::{Duration, timeout};

use crate::counting::count_all;
use crate::door::{Answer, Door, PATIENCE, start};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// States that are waited for before something must have happened: each comes within a second.
const STATES_MAX: usize = 60;

/// A page that watches.
struct Page {
    bytes: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    unread: String,
}

impl Page {
    async fn open(base: &str) -> Self {
        // No limit to the whole answer: it has no end.
        let answer = Client::new().get(format!("{base}/v1/live")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream; charset=utf-8");
        Self { bytes: answer.bytes_stream().boxed(), unread: String::new() }
    }

    /// The next event's lines; `None` at the end.
    async fn event(&mut self) -> Option<String> {
        loop {
            if let Some((event, rest)) = self.unread.split_once("\n\n") {
                let event = event.to_owned();
                self.unread = rest.to_owned();
                return Some(event);
            }
            let chunk = timeout(PATIENCE, self.bytes.next()).await.unwrap()?;
            self.unread += std::str::from_utf8(&chunk.ok()?).unwrap();
        }
    }

    /// The next state; `None` at the end.
    async fn state(&mut self) -> Option<Value> {
        loop {
            let event = self.event().await?;
            if let Some(data) = event.strip_prefix("event: state\ndata: ") {
                return Some(serde_json::from_str(data).unwrap());
            }
            assert_eq!(event, "retry: 1000");
        }
    }

    /// The first state that is as it should be.
    async fn until(&mut self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        for _ in 0..STATES_MAX {
            last = self.state().await.unwrap();
            if holds(&last) {
                return last;
            }
        }
        panic!("not {what}: {last}");
    }
}

fn events(count: usize) -> String {
    let event = json!({"service": "shop", "method": "GET", "route": "/", "status": 200, "duration_ms": 3});
    json!(vec![event; count]).to_string()
}

#[tokio::test]
async fn a_state_comes_at_once_and_after_each_commit() {
    let door = Door::open().await;
    let mut page = Page::open(&door.base).await;
    let first = page.until("found", |state| state["postgres"]["ok"] == true && state["redis"]["ok"] == true).await;
    let fields: BTreeSet<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
    let expected = "accepted at balanced catch_up_seconds consumer counted counted_through dead_lettered duplicates \
                    events_per_second halted in_flight page postgres redis version";
    assert_eq!(fields, expected.split_whitespace().collect());
    assert_eq!(first["consumer"]["ok"], false, "{first}");
    assert_eq!((&first["consumer"]["alive"], &first["consumer"]["shards"]), (&json!(0), &json!(4)));
    assert!(first["consumer"]["cure"].is_string());

    assert_eq!(door.post("/v1/events", &[JSON], events(7)).await.status, 202);
    let waiting = page.until("accepted", |state| state["accepted"] == 7).await;
    assert_eq!(
        (&waiting["in_flight"], &waiting["counted"], &waiting["balanced"]),
        (&json!(7), &json!(0), &json!(true))
    );
    count_all(&door).await;
    door.store.announce().await.unwrap();
    let counted = page.until("counted", |state| state["counted"] == 7).await;
    assert_eq!((&counted["in_flight"], &counted["catch_up_seconds"]), (&json!(0), &json!(0.0)));
    assert!(counted["counted_through"].as_str() > waiting["counted_through"].as_str(), "{waiting}\n{counted}");
}

#[tokio::test]
async fn a_commit_that_nobody_announced_is_seen_all_the_same() {
    let door = Door::open().await;
    let mut page = Page::open(&door.base).await;
    assert_eq!(door.post("/v1/events", &[JSON], events(1)).await.status, 202);
    page.until("accepted", |state| state["accepted"] == 1).await;
    count_all(&door).await;
    page.until("counted", |state| state["counted"] == 1).await;
}

#[tokio::test]
async fn lights_say_what_is_wrong_and_what_cures_it() {
    let dir = TestServers::shared().await.unwrap().fresh_dir("lights").unwrap();
    let nowhere = free_port().unwrap();
    let (redis, database) = (format!("redis://127.0.0.1:{nowhere}/"), format!("postgres://127.0.0.1:{nowhere}/t"));
    let (process, base) = start(&redis, &database, &[], &dir);
    while Client::new().get(format!("{base}/health")).send().await.is_err() {
        assert!(process.is_running());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let state = Page::open(&base).await.state().await.unwrap();
    for (light, word) in [("redis", "TALLY_REDIS_URL"), ("postgres", "TALLY_DATABASE_URL"), ("consumer", "PostgreSQL")]
    {
        assert_eq!(state[light]["ok"], false, "{state}");
        assert!(state[light]["detail"].as_str().unwrap().contains(word), "{state}");
    }
    assert!(state["redis"]["cure"].is_string() && state["postgres"]["cure"].is_string());
    assert_eq!((&state["accepted"], &state["counted_through"]), (&Value::Null, &Value::Null));

    let door = Door::open().await;
    let mut page = Page::open(&door.base).await;
    assert_eq!(door.post("/v1/events", &[JSON], events(3)).await.status, 202);
    count_all(&door).await;
    page.until("counted", |state| state["counted"] == 3).await;
    door.redis.stop().await.unwrap();
    let away = page.until("away", |state| state["redis"]["ok"] == false).await;
    assert!(away["redis"]["detail"].as_str().unwrap().contains("503"), "{away}");
    assert_eq!((&away["counted"], &away["accepted"]), (&json!(3), &json!(3)), "what was known goes on being told");
    door.redis.restart().await.unwrap();
    page.until("back", |state| state["redis"]["ok"] == true).await;
}

/// The shard that took a request, by its answer's id.
fn shard_of(answer: &Answer) -> Shard {
    let (shard, _) = answer.body["id"].as_str().unwrap().split_once('/').unwrap();
    Shard::new(shard.parse().unwrap())
}

#[tokio::test]
async fn a_halted_shard_is_named() {
    let door = Door::open().await;
    let shard = shard_of(&door.post("/v1/events", &[JSON], events(1)).await);
    count_all(&door).await;
    door.store.halt(shard, Some("GAP: for a test")).await.unwrap();
    let mut page = Page::open(&door.base).await;
    let state = page.until("halted", |state| state["halted"][0]["shard"] == json!(shard.index())).await;
    assert_eq!(state["halted"][0]["reason"], "GAP: for a test");
    assert!(state["halted"][0]["counted_through"].is_string());
    let pipeline = door.get("/v1/pipeline").await.body;
    let of_shard = &pipeline["shards"][usize::from(shard.index())];
    assert_eq!((&of_shard["state"], &of_shard["halted"]), (&json!("halted"), &json!("GAP: for a test")));
}

#[tokio::test]
async fn streams_end_at_once_when_the_process_stops() {
    let door = Door::open_with(&[("TALLY_GRACE_SECONDS", "3600")]).await;
    let mut pages = join_all((0..20).map(|_| Page::open(&door.base))).await;
    for page in &mut pages {
        page.state().await.unwrap();
    }
    door.api.terminate().unwrap();
    for page in &mut pages {
        while page.state().await.is_some() {}
    }
    // Far within its grace.
    assert_eq!(door.api.wait(PATIENCE).await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn streams_are_bounded() {
    let door = Door::open_with(&[("TALLY_LIVE_MAX", "2")]).await;
    let mut pages = join_all((0..2).map(|_| Page::open(&door.base))).await;
    let refused = door.get("/v1/live").await;
    assert_eq!((refused.status, &refused.body["type"]), (503, &json!("/problems/overloaded")));
    assert!(refused.retry_after.is_some() && refused.body["detail"].as_str().unwrap().contains("TALLY_LIVE_MAX"));
    let head = door.request(Method::HEAD, "/v1/live").send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap().as_str()), (200, ""), "without a stream");
    let metrics = door.get("/metrics").await.body;
    assert!(metrics.as_str().unwrap().contains("tally_api_live_streams 2"), "{metrics}");
    pages.pop();
    door.until("/metrics", 200).await;
    // The place is free once the end was noticed: with the next state.
    while !door.get("/metrics").await.body.as_str().unwrap().contains("tally_api_live_streams 1") {
        pages[0].state().await.unwrap();
    }
    Page::open(&door.base).await.state().await.unwrap();
}

/// Transactions that the database has ended.
async fn transactions(door: &Door) -> i64 {
    let sql =
        format!("select xact_commit + xact_rollback from pg_stat_database where datname = '{}'", door.database.name);
    door.database.postgres().psql("postgres", &sql).await.unwrap().parse().unwrap()
}

/// Transactions while the first of the pages gets so many states.
async fn cost(door: &Door, pages: &mut [Page], states: usize) -> i64 {
    let before = transactions(door).await;
    for _ in 0..states {
        for page in &mut *pages {
            page.state().await.unwrap();
        }
    }
    transactions(door).await - before
}

#[tokio::test]
async fn three_hundred_pages_cost_the_database_no_more_than_one() {
    let door = Door::open().await;
    let mut pages = vec![Page::open(&door.base).await];
    // The figures of a session come up to a second late.
    cost(&door, &mut pages, 3).await;
    let of_one = cost(&door, &mut pages, 8).await;
    pages.extend(join_all((1..300).map(|_| Page::open(&door.base))).await);
    cost(&door, &mut pages, 3).await;
    let of_all = cost(&door, &mut pages, 8).await;
    println!("transactions for 8 states: {of_one} with one page, {of_all} with {}", pages.len());
    assert!(of_one > 0, "nothing was looked at");
    assert!(of_all <= of_one * 3 + 20, "{of_one} with one page, {of_all} with {}", pages.len());
}

/// The pipeline with what is looked up less often.
async fn detailed(door: &Door) -> Value {
    loop {
        let pipeline = door.get("/v1/pipeline").await.body;
        if pipeline["redis"].is_object() && pipeline["since"].is_string() {
            return pipeline;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_pipeline_shard_by_shard() {
    let door = Door::open().await;
    let shard = shard_of(&door.post("/v1/events", &[JSON], events(5)).await);
    let lease = Duration::from_secs(60);
    door.store.heartbeat("counter", lease).await.unwrap();
    assert_eq!(door.store.claim("counter", 3, lease).await.unwrap().len(), 3);
    let mut page = Page::open(&door.base).await;
    page.until("owned", |state| state["consumer"]["owned"] == 3 && state["accepted"] == 5).await;
    let pipeline = detailed(&door).await;
    assert_eq!(
        (&pipeline["accepted"], &pipeline["in_flight"], &pipeline["balanced"]),
        (&json!(5), &json!(5), &json!(true))
    );
    assert_eq!((&pipeline["backlog"]["events"], &pipeline["consumers"]), (&json!(5), &json!(1)));
    assert_eq!(pipeline["backlog"]["limit_events"], 50_000_000);
    assert!(pipeline["backlog"]["bytes"].as_u64() > Some(0) && pipeline["append_p99_ms"].as_f64() > Some(0.0));
    assert!(pipeline["redis"]["used_bytes"].as_u64() > Some(0), "{pipeline}");
    assert!(pipeline["since"].is_string() && pipeline["retained_seconds"].is_u64(), "{pipeline}");
    let shards = pipeline["shards"].as_array().unwrap();
    assert_eq!(shards.len(), 4);
    assert_eq!(shards[3]["state"], "unowned");
    let busy = &shards[usize::from(shard.index())];
    assert_eq!(busy["in_flight"], 5, "{busy}");
    assert_eq!(shards[0]["consumer"], "counter");
    assert!((1..=60_000).contains(&shards[0]["lease_ends_in_ms"].as_i64().unwrap()));
    let history = &pipeline["history"];
    assert!(history["backlog"].as_array().unwrap().contains(&json!(5)), "{history}");
    assert_eq!(history["start_s"].as_array().unwrap().len(), history["freshness_ms"].as_array().unwrap().len());

    count_all(&door).await;
    page.until("counted", |state| state["counted"] == 5).await;
    let after = door.get("/v1/pipeline").await.body;
    assert_eq!((&after["in_flight"], &after["freshness_ms"]), (&json!(0), &json!(0)), "{after}");
    assert_eq!(after["shards"][0]["state"], "reading");
}
