//! A private Redis keeps its data whatever is done to it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tally_servers::{AppendFsync, Error, Redis, RedisOptions, free_port};

use crate::temporary;

/// Sends one inline command and answers what comes back within two seconds.
pub(crate) fn ask(port: u16, command: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(2)))?;
    connection.write_all(format!("{command}\r\n").as_bytes())?;
    let mut answer = [0; 4096];
    let length = connection.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[tokio::test]
async fn keeps_its_data_over_kill_and_restart() {
    let directory = temporary();
    let redis = Redis::start(&directory.path().join("redis"), RedisOptions::default()).await.unwrap();
    let (port, pid) = (redis.port(), redis.pid());
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{port}/"));
    assert_eq!(ask(port, "SET color blue").unwrap(), "+OK\r\n");
    redis.kill9().await.unwrap();
    assert!(!redis.is_running());
    assert!(ask(port, "PING").is_err());
    redis.restart().await.unwrap();
    assert_ne!(redis.pid(), pid);
    assert_eq!(redis.port(), port);
    assert_eq!(ask(port, "GET color").unwrap(), "$4\r\nblue\r\n");
    redis.stop().await.unwrap();
    assert!(!redis.is_running());
}

#[tokio::test]
async fn is_durable_by_default_and_never_evicts() {
    let directory = temporary();
    let options = RedisOptions { maxmemory_bytes: Some(64 << 20), ..RedisOptions::default() };
    let redis = Redis::start(directory.path(), options).await.unwrap();
    for (setting, value) in [
        ("appendonly", "yes"),
        ("appendfsync", "always"),
        ("no-appendfsync-on-rewrite", "no"),
        ("maxmemory-policy", "noeviction"),
        ("maxmemory", "67108864"),
        ("save", ""),
        ("bind", "127.0.0.1"),
        ("unixsocket", ""),
        ("protected-mode", "yes"),
    ] {
        let answer = ask(redis.port(), &format!("CONFIG GET {setting}")).unwrap();
        assert_eq!(answer.lines().last(), Some(value), "{setting}");
    }
}

#[tokio::test]
async fn extra_arguments_win() {
    let directory = temporary();
    let extra = vec!["--hz".to_owned(), "50".to_owned()];
    let options = RedisOptions { append_fsync: AppendFsync::EverySec, extra, ..RedisOptions::default() };
    let redis = Redis::start(directory.path(), options).await.unwrap();
    assert_eq!(ask(redis.port(), "CONFIG GET hz").unwrap().lines().last(), Some("50"));
    assert_eq!(ask(redis.port(), "CONFIG GET appendfsync").unwrap().lines().last(), Some("everysec"));
}

#[tokio::test]
async fn a_paused_server_answers_when_resumed() {
    let directory = temporary();
    let redis = Redis::start(directory.path(), RedisOptions::default()).await.unwrap();
    redis.pause().unwrap();
    assert!(ask(redis.port(), "PING").is_err(), "a paused server answered");
    redis.resume().unwrap();
    assert_eq!(ask(redis.port(), "PING").unwrap(), "+PONG\r\n");
    redis.pause().unwrap();
    redis.stop().await.unwrap();
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let directory = temporary();
    let refused = Redis::start(directory.path(), RedisOptions { port: Some(port), ..RedisOptions::default() }).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains(&port.to_string()) && message.contains("taken"), "{message}");
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_its_log() {
    let directory = temporary();
    let extra = vec!["--no-such-setting".to_owned(), "1".to_owned()];
    let refused = Redis::start(directory.path(), RedisOptions { extra, ..RedisOptions::default() }).await.unwrap_err();
    assert!(matches!(&refused, Error::Failed { .. }), "{refused}");
    assert!(refused.to_string().contains("no-such-setting"), "{refused}");
}

/// What a killed supervisor leaves: a server that still runs on the data, whose process nobody holds any more.
#[tokio::test]
async fn an_orphan_on_the_same_data_is_stopped_first() {
    let directory = temporary();
    let data = directory.path().join("redis");
    let first = Redis::start(&data, RedisOptions::default()).await.unwrap();
    assert_eq!(ask(first.port(), "SET color green").unwrap(), "+OK\r\n");
    let second = Redis::start(&data, RedisOptions::default()).await.unwrap();
    assert!(!first.is_running());
    assert_eq!(ask(second.port(), "GET color").unwrap(), "$5\r\ngreen\r\n");
}

#[tokio::test]
async fn another_server_is_left_alone() {
    let directory = temporary();
    let neighbour = Redis::start(&directory.path().join("one"), RedisOptions::default()).await.unwrap();
    let redis = Redis::start(&directory.path().join("two"), RedisOptions::default()).await.unwrap();
    assert!(neighbour.is_running() && redis.is_running());
}

#[test]
fn ports_are_given_once() {
    let mut ports: Vec<u16> = (0..100).map(|_| free_port().unwrap()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 100);
}
