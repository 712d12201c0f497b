//! Starting, being ready, refusing while something is away, and stopping.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tally_servers::{Process, TestServers};
use tokio::time::sleep;

use crate::door::{Door, PATIENCE, start};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const EVENT: &str = r#"{"service":"s","method":"GET","route":"/","status":200}"#;

async fn exit_code(process: &Process) -> (Option<i32>, String) {
    let status = process.wait(PATIENCE).await.unwrap();
    (status.code(), tally_servers::tail(process.log()))
}

#[tokio::test]
async fn wrong_settings_end_it_with_a_sentence() {
    let dir = TestServers::shared().await.unwrap().fresh_dir("settings").unwrap();
    for (setting, value) in [("TALLY_SHARD", "8"), ("TALLY_DEADLINE_MS", "soon"), ("TALLY_LOG", "a=b=c")] {
        let (process, _) = start("redis://127.0.0.1:1/", "postgres://127.0.0.1:1/t", &[(setting, value)], &dir);
        let (code, said) = exit_code(&process).await;
        assert_eq!(code, Some(2), "{setting}");
        assert!(said.contains(setting), "{said}");
    }
    let (process, _) =
        start("redis://127.0.0.1:1/", "postgres://127.0.0.1:1/t", &[("TALLY_LISTEN", "192.0.2.1:80")], &dir);
    let (code, said) = exit_code(&process).await;
    assert!(code == Some(1) && said.contains("192.0.2.1:80"), "{code:?} {said}");
}

#[tokio::test]
async fn it_serves_while_it_waits() {
    let dir = TestServers::shared().await.unwrap().fresh_dir("waiting").unwrap();
    let (process, base) = start("redis://127.0.0.1:1/", "postgres://u:hunter2@127.0.0.1:1/t", &[], &dir);
    let http = reqwest::Client::new();
    let get = async |path: &str| loop {
        match http.get(format!("{base}{path}")).send().await {
            Ok(answer) => break crate::door::answer(answer).await,
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(get("/health").await.status, 200);
    let ready = get("/ready").await;
    assert_eq!((ready.status, &ready.body["redis"], &ready.body["ready"]), (503, &json!("away"), &json!(false)));
    assert_eq!(
        (ready.content_type.as_str(), &ready.body["type"]),
        ("application/problem+json", &json!("/problems/not-ready"))
    );
    assert_eq!(get("/v1/summary").await.body["type"], "/problems/database-unavailable");
    let posted = http.post(format!("{base}/v1/events")).header(JSON.0, JSON.1).body(EVENT).send().await.unwrap();
    let posted = crate::door::answer(posted).await;
    assert_eq!((posted.status, &posted.body["type"]), (503, &json!("/problems/redis-unavailable")));
    assert!(posted.retry_after.is_some());
    let said = tally_servers::tail(process.log());
    assert!(said.contains("waiting for Redis") && said.contains("waiting for PostgreSQL"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    let seen_by_kernel = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    assert!(!seen_by_kernel.contains("THP_enabled:\t1"), "it uses huge pages");
}

#[tokio::test]
async fn shards_that_are_not_open_make_it_unready() {
    let door = Door::closed_with(&[]).await;
    let ready = loop {
        let ready = door.get("/ready").await;
        if ready.body["redis"] == "ok" && ready.body["postgresql"].as_str().unwrap().starts_with("ok") {
            break ready;
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((ready.status, &ready.body["shards_not_open"]), (503, &json!([0, 1, 2, 3])));
    let refused = door.post("/v1/events", &[JSON], EVENT).await;
    assert_eq!((refused.status, &refused.body["type"]), (503, &json!("/problems/log-not-open")));
    door.open_shards().await;
    door.until("/ready", 200).await;
    assert_eq!(door.post("/v1/events", &[JSON], EVENT).await.status, 202);
}

#[tokio::test]
async fn another_layout_is_refused() {
    let door = Door::open().await;
    let (process, _) = start(&door.redis.url(), &door.database.url, &[("TALLY_SHARDS", "5")], &door.dir);
    let (code, said) = exit_code(&process).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("layout") || said.contains("TALLY_SHARDS"), "{said}");
}

#[tokio::test]
async fn a_full_backlog_is_refused_and_still_ready() {
    let door = Door::open_with(&[("TALLY_BACKLOG_EVENTS", "10000")]).await;
    let events = format!("[{}]", vec![EVENT; 1_500].join(","));
    // Each of the four shards takes two.
    for i in 0..8 {
        assert_eq!(door.post("/v1/events", &[JSON], events.clone()).await.status, 202, "{i}");
    }
    let last = door.post("/v1/events", &[JSON], events).await;
    assert_eq!((last.status, &last.body["type"]), (503, &json!("/problems/backlog-full")), "{last:?}");
    assert!(last.retry_after.is_some());
    assert_eq!(door.get("/ready").await.status, 200);
}

#[tokio::test]
async fn redis_comes_back() {
    let door = Door::open_with(&[("TALLY_DEADLINE_MS", "1000")]).await;
    assert_eq!(door.post("/v1/events", &[JSON], EVENT).await.status, 202);
    door.redis.stop().await.unwrap();
    let away = door.post("/v1/events", &[JSON], EVENT).await;
    assert_eq!((away.status, away.content_type.as_str()), (503, "application/problem+json"), "{away:?}");
    assert_eq!(door.get("/ready").await.status, 503);
    let summary = door.get("/v1/summary").await;
    assert_eq!(summary.status, 200, "reads go on: {summary:?}");
    door.redis.restart().await.unwrap();
    door.until("/ready", 200).await;
    assert_eq!(door.post("/v1/events", &[JSON], EVENT).await.status, 202);
    // What was sent and not answered may be in the log all the same; what was certainly refused is not.
    let at_most = if away.body["type"] == "/problems/outcome-unknown" { 3 } else { 2 };
    let accepted = door.accepted().await;
    assert!((2..=at_most).contains(&accepted), "{accepted} {away:?}");
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let door = Door::open().await;
    // An idle connection must not hold the end up.
    assert_eq!(door.get("/health").await.status, 200);
    door.redis.pause().unwrap();
    let request = door.request(Method::POST, "/v1/events").header(JSON.0, JSON.1).body(EVENT).send();
    let posting = tokio::spawn(request);
    sleep(Duration::from_millis(300)).await;
    door.api.terminate().unwrap();
    sleep(Duration::from_millis(300)).await;
    door.redis.resume().unwrap();
    assert_eq!(posting.await.unwrap().unwrap().status(), 202);
    let began = std::time::Instant::now();
    let (code, said) = exit_code(&door.api).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}
