//! The real binary: signals, leases, exit codes, and what it says about itself over HTTP.

use std::time::Duration;

use tally_servers::{Process, TestServers, free_port, tail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::stage::Stage;

/// Longest wait for a process to do what it should.
const PATIENCE: Duration = Duration::from_secs(60);
/// Well within the grace of 20 s: an orderly stop does not use it up.
const PROMPT: Duration = Duration::from_secs(10);

fn spawn(environment: &[(&'static str, String)], arguments: &[&str], dir: &std::path::Path) -> Process {
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let log = dir.join(format!("{}.log", arguments.join("-")));
    Process::spawn(env!("CARGO_BIN_EXE_tally-consumer").as_ref(), &environment, arguments, &log).unwrap()
}

async fn scratch() -> std::path::PathBuf {
    TestServers::shared().await.unwrap().fresh_dir("program").unwrap()
}

async fn get(port: u16, path: &str) -> String {
    let Ok(mut socket) = TcpStream::connect(("127.0.0.1", port)).await else { return String::new() };
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = socket.read_to_string(&mut answer).await;
    answer
}

async fn until(process: &Process, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        assert!(process.is_running(), "ended before {what}\n{}", tail(process.log()));
        sleep(Duration::from_millis(100)).await;
    }
    panic!("not {what}\n{}", tail(process.log()));
}

async fn owners(stage: &Stage) -> String {
    stage.psql("select count(*) from shard_lease where owner is not null and until > clock_timestamp()").await
}

#[tokio::test]
async fn it_counts_says_so_and_ends_promptly_with_its_leases_released() {
    let stage = Stage::start().await;
    let (dir, port) = (scratch().await, free_port().unwrap());
    let mut environment = stage.environment();
    environment.push(("TALLY_CONSUMER_LISTEN", format!("127.0.0.1:{port}")));
    let process = spawn(&environment, &["run"], &dir);
    until(&process, "ready", async || get(port, "/ready").await.contains("200 OK")).await;
    until(&process, "open", async || stage.links.log.statuses().await.unwrap().iter().all(|s| s.open)).await;
    let events = stage.append_many("x", 20).await;
    until(&process, "counted", async || stage.row().await.counted == events).await;
    assert!(get(port, "/health").await.contains("200 OK"));
    let metrics = get(port, "/metrics").await;
    assert!(metrics.contains(&format!("tally_consumer_events_counted_total {events}")), "{metrics}");
    assert!(metrics.contains("tally_consumer_shards_owned{shard=\"0\"} 1"), "{metrics}");
    assert_eq!(owners(&stage).await, "2");
    let seen_by_kernel = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
    assert!(!seen_by_kernel.contains("THP_enabled:\t1"), "it uses huge pages");

    process.terminate().unwrap();
    let status = process.wait(PROMPT).await.unwrap();
    assert!(status.success(), "{}", tail(process.log()));
    assert_eq!(owners(&stage).await, "0");
    assert!(!tail(process.log()).contains("postgres://"), "no URL in a log");
    stage.check(events, 0, 0).await;
}

#[tokio::test]
async fn what_it_counts_is_announced() {
    let stage = Stage::start().await;
    let (dir, port) = (scratch().await, free_port().unwrap());
    let mut environment = stage.environment();
    environment.push(("TALLY_CONSUMER_LISTEN", format!("127.0.0.1:{port}")));
    let process = spawn(&environment, &["run"], &dir);
    until(&process, "open", async || stage.links.log.statuses().await.unwrap().iter().all(|s| s.open)).await;
    // The headers are counted first.
    until(&process, "counted", async || stage.row().await.position() == stage.last().await).await;
    sleep(Duration::from_secs(1)).await;
    let mut listener = stage.links.store.listen();
    listener.changed().await;
    stage.append("/a", 1, None).await;
    tokio::time::timeout(PATIENCE, listener.changed()).await.unwrap();
    assert_eq!(listener.connections(), 1, "heard, not connected again");
    until(&process, "counted", async || stage.row().await.counted == 1).await;
}

#[tokio::test]
async fn it_waits_for_its_servers_and_can_be_stopped_meanwhile() {
    let stage = Stage::start().await;
    let (dir, port) = (scratch().await, free_port().unwrap());
    stage.redis.stop().await.unwrap();
    let mut environment = stage.environment();
    environment.push(("TALLY_CONSUMER_LISTEN", format!("127.0.0.1:{port}")));
    let process = spawn(&environment, &["run"], &dir);
    until(&process, "waiting", async || tail(process.log()).contains("waiting for Redis")).await;
    assert!(get(port, "/health").await.contains("200 OK"));
    assert!(get(port, "/ready").await.contains("503"));
    stage.redis.restart().await.unwrap();
    until(&process, "ready", async || get(port, "/ready").await.contains("200 OK")).await;
    stage.redis.stop().await.unwrap();
    process.terminate().unwrap();
    assert!(process.wait(PROMPT).await.unwrap().success(), "{}", tail(process.log()));
}

#[tokio::test]
async fn two_share_the_shards_and_a_killed_one_is_followed() {
    let stage = Stage::start().await;
    let dir = scratch().await;
    let mut processes = Vec::new();
    for name in ["one", "two"] {
        let mut environment = stage.environment();
        environment.push(("TALLY_CONSUMER_LISTEN", format!("127.0.0.1:{}", free_port().unwrap())));
        std::fs::create_dir(dir.join(name)).unwrap();
        processes.push(spawn(&environment, &["run"], &dir.join(name)));
    }
    let distinct =
        "select count(distinct owner) from shard_lease where owner is not null and until > clock_timestamp()";
    until(&processes[0], "shared", async || stage.psql(distinct).await == "2").await;
    let before = stage.append_many("before", 20).await;
    processes.remove(0).kill9().await.unwrap();
    let after = stage.append_many("after", 20).await;
    until(&processes[0], "counted", async || stage.row().await.counted == before + after).await;
    until(&processes[0], "taken over", async || stage.psql(distinct).await == "1" && owners(&stage).await == "2").await;
    stage.check(before + after, 0, 0).await;
}

#[tokio::test]
async fn exit_codes_tell_settings_from_servers() {
    let stage = Stage::start().await;
    let dir = scratch().await;
    let code = async |extra: &[(&'static str, &str)], arguments: &[&str]| {
        let mut environment = stage.environment();
        environment.extend(extra.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let process = spawn(&environment, arguments, &dir);
        let status = process.wait(PATIENCE).await.unwrap();
        (status.code(), tail(process.log()))
    };
    let (unknown, said) = code(&[("TALLY_SHRADS", "8")], &["drain"]).await;
    assert!(unknown == Some(2) && said.contains("TALLY_SHRADS"), "{unknown:?} {said}");
    assert_eq!(code(&[], &["drian"]).await.0, Some(2));
    assert_eq!(code(&[], &["drain"]).await.0, Some(0));
    let free = free_port().unwrap();
    let away = format!("redis://127.0.0.1:{free}/");
    let (away, said) = code(&[("TALLY_REDIS_URL", &away), ("TALLY_WAIT_SECONDS", "1")], &["open"]).await;
    assert!(away == Some(1) && said.contains("Redis"), "{away:?} {said}");
}
