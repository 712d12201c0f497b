//! TLS: who is believed, and that everything goes through it, PostgreSQL's programs too.

use std::path::PathBuf;
use std::process::Stdio;

use tally_model::Shard;
use tally_servers::{Authority, Postgres, PostgresOptions, TestServers};
use tally_store::{Config, Error, Store};

use crate::fixture::{config, settings};

/// What the server is called in its certificate.
const NAME: &str = "localhost";

/// A PostgreSQL that lets nobody in without TLS.
struct Encrypted {
    postgres: Postgres,
    authority: Authority,
}

impl Encrypted {
    async fn start() -> Self {
        let options = PostgresOptions { durable: false, port: None };
        let postgres = Postgres::start(&fresh("tls").await.join("postgres"), options).await.unwrap();
        let authority = authority().await;
        postgres.require_tls(&authority.certify(NAME).unwrap()).await.unwrap();
        Self { postgres, authority }
    }

    fn config(&self, host: &str, mode: &str, ca_file: Option<PathBuf>) -> Config {
        let url = self.postgres.url("postgres").replace("@127.0.0.1:", &format!("@{host}:"));
        Config { ca_file, ..config(&format!("{url}{mode}")) }
    }

    /// Why no connection is made.
    async fn refusal(&self, host: &str, mode: &str, ca_file: Option<PathBuf>) -> String {
        let error = Store::connect(&self.config(host, mode, ca_file)).await.unwrap_err();
        assert!(matches!(error, Error::Connect(_)), "{error}");
        error.to_string()
    }
}

async fn fresh(name: &str) -> PathBuf {
    TestServers::shared().await.unwrap().fresh_dir(name).unwrap()
}

async fn authority() -> Authority {
    Authority::create(&fresh("authority").await).unwrap()
}

#[tokio::test]
async fn schema_positions_and_backups_go_through_tls() {
    let server = Encrypted::start().await;
    let ours = || Some(server.authority.file());
    let store = Store::connect(&server.config(NAME, "?sslmode=require", ours())).await.unwrap();
    store.migrate(&settings(2)).await.unwrap();
    let before = store.position(Shard::new(1)).await.unwrap();
    let file = fresh("dump").await.join("dump");
    let mut out = tokio::fs::File::create(&file).await.unwrap();
    assert!(store.dump(&mut out).await.unwrap() > 0);
    store.restore(Stdio::from(std::fs::File::open(&file).unwrap())).await.unwrap();
    assert_eq!(store.position(Shard::new(1)).await.unwrap(), before);
    for mode in ["?sslmode=prefer", "?sslmode=verify-full"] {
        let store = Store::connect(&server.config(NAME, mode, ours())).await.unwrap();
        assert_eq!(store.layout().await.unwrap().shards, 2, "{mode}");
    }
}

#[tokio::test]
async fn strangers_are_not_believed() {
    let server = Encrypted::start().await;

    for mode in ["?sslmode=prefer", "?sslmode=require"] {
        let said = server.refusal(NAME, mode, Some(authority().await.file())).await;
        assert!(said.contains("UnknownIssuer"), "another authority, {mode}: {said}");
        let said = server.refusal(NAME, mode, None).await;
        assert!(said.contains("UnknownIssuer"), "the public ones do not know it, {mode}: {said}");
        let said = server.refusal("127.0.0.1", mode, Some(server.authority.file())).await;
        assert!(said.contains("not valid for name"), "another name, {mode}: {said}");
    }
    for mode in ["", "?sslmode=disable"] {
        let said = server.refusal(NAME, mode, None).await;
        assert!(said.contains("no encryption"), "in clear, {mode}: {said}");
    }
}

#[tokio::test]
async fn require_does_not_go_on_in_clear() {
    let database = TestServers::shared().await.unwrap().test_database().await.unwrap();
    let error = Store::connect(&config(&format!("{}?sslmode=require", database.url))).await.unwrap_err();
    assert!(error.to_string().contains("does not support TLS"), "{error}");
    Store::connect(&config(&format!("{}?sslmode=prefer", database.url))).await.unwrap();
}
