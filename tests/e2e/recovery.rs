//! Servers that lose, restart or go back in time.

use serde_json::json;

use crate::system::{System, event};

async fn post_some(system: &System, service: &str, key: Option<&str>) {
    let events: Vec<_> = (0..50).map(|i| event(service, &format!("/{}", i % 5), 200, f64::from(i))).collect();
    let (status, answer) = system.post("/v1/events", key, &json!(events)).await;
    assert_eq!(status, 202, "{answer}");
}

#[tokio::test]
async fn a_restored_backup_is_counted_on_from_the_log() {
    let mut system = System::start().await;
    post_some(&system, "before", None).await;
    system.counted().await;
    let consumer = system.consumers.pop().unwrap();
    consumer.kill9().await.unwrap();
    alone(&system, "create database backup template tally").await;
    psql(&system, "alter database tally allow_connections true").await;
    system.add_consumer();
    for service in ["after", "later"] {
        post_some(&system, service, Some(service)).await;
        system.counted().await;
    }
    let before = system.requests().await;

    let consumer = system.consumers.pop().unwrap();
    consumer.kill9().await.unwrap();
    alone(&system, "drop database tally").await;
    psql(&system, "create database tally template backup").await;
    system.add_consumer();
    post_some(&system, "now", None).await;
    assert_eq!(system.counted().await["counted"], 200);
    let mut after = system.requests().await;
    after.retain(|key, _| key.0 != "now");
    assert_eq!(after, before);
}

async fn psql(system: &System, statement: &str) {
    system.postgres.psql("postgres", statement).await.unwrap();
}

/// Runs `statement` with nobody connected to `tally`, and nobody let in: the API's pool would come back at once.
async fn alone(system: &System, statement: &str) {
    psql(system, "alter database tally allow_connections false").await;
    psql(system, "select pg_terminate_backend(pid) from pg_stat_activity where datname = 'tally'").await;
    psql(system, statement).await;
}

#[tokio::test]
async fn a_wiped_redis_is_opened_again_and_doubles_nothing() {
    let system = System::start().await;
    post_some(&system, "kept", Some("k")).await;
    assert_eq!(system.counted().await["counted"], 50);
    wipe(&system).await;
    system.ready().await;
    // The client never saw its answer and sends again; Redis has forgotten it, PostgreSQL has not.
    post_some(&system, "kept", Some("k")).await;
    post_some(&system, "new", Some("k2")).await;
    let accounting = system.counted().await;
    let requests = system.requests().await;
    assert_eq!(requests.values().sum::<u64>(), 100, "{accounting}");
    assert_eq!(accounting["counted"], 100, "{accounting}");
}

/// FLUSHALL by hand, over a bare socket: what an operator's mistake does.
async fn wipe(system: &System) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", system.redis.port())).await.unwrap();
    socket.write_all(b"FLUSHALL\r\n").await.unwrap();
    let mut reply = [0; 5];
    socket.read_exact(&mut reply).await.unwrap();
    assert_eq!(&reply, b"+OK\r\n");
}

#[tokio::test]
async fn ingest_goes_on_while_postgresql_is_away() {
    let system = System::start().await;
    post_some(&system, "a", None).await;
    system.counted().await;
    system.postgres.stop().await.unwrap();
    post_some(&system, "b", None).await;
    let (status, problem) = {
        let answer = system.http.get(format!("{}/v1/endpoints", system.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_owned())
    };
    assert_eq!((status, problem.as_str()), (503, "application/problem+json"));
    system.ready().await;
    system.postgres.restart().await.unwrap();
    assert_eq!(system.counted().await["counted"], 100);
}

#[tokio::test]
async fn a_full_backlog_refuses_loudly_and_loses_nothing() {
    let mut system = System::start_with(&[("TALLY_BACKLOG_EVENTS", "10000")]).await;
    let consumer = system.consumers.pop().unwrap();
    consumer.terminate().unwrap();
    consumer.wait(crate::system::PATIENCE).await.unwrap();
    let mut accepted = 0;
    let refusal = loop {
        let events: Vec<_> = (0..500).map(|_| event("s", "/x", 200, 1.0)).collect();
        let (status, answer) = system.post("/v1/events", None, &json!(events)).await;
        match status {
            202 => accepted += 500,
            _ => break (status, answer),
        }
        // Each of eight shards takes a last request while it is below its part.
        assert!(accepted <= 10_000 + 8 * 500, "the limit holds");
    };
    assert!(accepted >= 10_000, "all of it can be used: {accepted}");
    assert_eq!(refusal.0, 503, "{}", refusal.1);
    assert_eq!(refusal.1["type"], "/problems/backlog-full", "{}", refusal.1);
    system.ready().await;
    system.add_consumer();
    assert_eq!(system.counted().await["counted"], accepted);
    post_some(&system, "s", None).await;
}
