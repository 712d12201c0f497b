//! TLS: who is believed, and that everything goes through it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tally_model::Position;
use tally_servers::{Authority, Redis, RedisOptions, TestServers, free_port};
use tally_stream::{Config, Error, Log};

use crate::support::{SHARD, accept, config, genesis, limits, redis, request};

/// What the server is called in its certificate.
const NAME: &str = "localhost";

/// A Redis that speaks TLS on a port of its own.
struct Encrypted {
    redis: Redis,
    port: u16,
    authority: Authority,
}

impl Encrypted {
    async fn start() -> Self {
        let authority = authority().await;
        let certificate = authority.certify(NAME).unwrap();
        let port = free_port().unwrap();
        let extra = certificate.redis_arguments(&fresh("certificate").await, port).unwrap();
        let redis = redis(RedisOptions { extra, ..RedisOptions::default() }).await;
        Self { redis, port, authority }
    }

    fn config(&self, host: &str, ca_file: Option<PathBuf>) -> Config {
        Config { ca_file, ..config(&format!("rediss://{host}:{}/", self.port)) }
    }

    /// Why no connection is made.
    async fn refusal(&self, host: &str, ca_file: Option<PathBuf>) -> String {
        let error = Log::connect(&self.config(host, ca_file)).await.unwrap_err();
        assert!(matches!(error, Error::Away(_)), "{error}");
        error.to_string()
    }
}

async fn fresh(name: &str) -> PathBuf {
    TestServers::shared().await.unwrap().fresh_dir(name).unwrap()
}

async fn authority() -> Authority {
    Authority::create(&fresh("authority").await).unwrap()
}

/// Why the settings are refused, before anybody is called.
async fn mistake(url: &str, ca_file: Option<&Path>) -> String {
    match Log::connect(&Config { ca_file: ca_file.map(Path::to_owned), ..config(url) }).await.unwrap_err() {
        Error::Settings(text) => text,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_log_its_reader_and_its_appender_go_through_tls() {
    let server = Encrypted::start().await;
    let log = Log::connect(&server.config(NAME, Some(server.authority.file()))).await.unwrap();
    log.open(SHARD, &genesis()).await.unwrap();
    let appender = log.appender(limits());
    let at = accept(&appender, request(3)).await;
    let mut reader = log.reader(SHARD, "owner");
    let entries = reader.read(10, Duration::from_secs(1)).await.unwrap();
    assert_eq!(entries.last().unwrap().position, at);
    assert_eq!(log.read_from(SHARD, Position::GENESIS, 10, usize::MAX).await.unwrap().len(), entries.len());
    let clients = crate::support::raw(&server.redis, &["CLIENT", "LIST"]).await;
    let clients = format!("{clients:?}");
    let encrypted = clients.matches(&format!("laddr=127.0.0.1:{}", server.port)).count();
    let plain = clients.matches(&format!("laddr=127.0.0.1:{}", server.redis.port())).count();
    assert!(encrypted >= 3 && plain == 1, "the only plain one is the question itself: {clients}");
    server.redis.restart().await.unwrap();
    assert!(accept(&appender, request(1)).await > at, "connected anew");
}

#[tokio::test]
async fn another_authority_is_not_believed() {
    let server = Encrypted::start().await;
    let said = server.refusal(NAME, Some(authority().await.file())).await;
    assert!(said.contains("UnknownIssuer"), "{said}");
    let said = server.refusal(NAME, None).await;
    assert!(said.contains("UnknownIssuer"), "the public ones do not know it: {said}");
}

#[tokio::test]
async fn another_name_is_not_believed() {
    let server = Encrypted::start().await;
    let said = server.refusal("127.0.0.1", Some(server.authority.file())).await;
    assert!(said.contains("not valid for name"), "{said}");
}

#[tokio::test]
async fn mistakes_are_said_at_once() {
    let directory = fresh("mistakes").await;
    let (missing, empty) = (directory.join("missing"), directory.join("empty"));
    std::fs::write(&empty, "no certificate").unwrap();
    assert!(mistake("rediss://localhost:1/", Some(&missing)).await.contains("missing: No such file"));
    assert!(mistake("rediss://localhost:1/", Some(&empty)).await.contains("no certificate in it"));
    assert!(mistake("rediss://localhost:1/#insecure", None).await.contains("always verified"));
    assert!(mistake("redis://localhost:1/", Some(&authority().await.file())).await.contains("rediss://"));
}
