//! The servers that the tests of one process share.

use std::sync::atomic::{AtomicU32, Ordering};

use tally_servers::{Postgres, PostgresOptions, RedisOptions, TestServers};

use crate::redis::ask;

static FILLED: AtomicU32 = AtomicU32::new(0);

async fn query(database: &tally_servers::TestDatabase<'_>, statement: &str) -> String {
    database.postgres().psql(&database.name, statement).await.unwrap()
}

#[tokio::test]
async fn each_test_has_a_database_of_its_own() {
    let servers = TestServers::shared().await.unwrap();
    let one = servers.test_database().await.unwrap();
    let two = servers.test_database().await.unwrap();
    assert_ne!(one.url, two.url);
    query(&one, "CREATE TABLE t (n int)").await;
    assert_eq!(query(&two, "SELECT count(*) FROM pg_tables WHERE tablename = 't'").await, "0");
}

async fn from_template() {
    let servers = TestServers::shared().await.unwrap();
    let postgres = servers.postgres().await.unwrap();
    let fill = async |url: String| {
        FILLED.fetch_add(1, Ordering::SeqCst);
        assert!(url.ends_with("/template_numbers"), "{url}");
        postgres.psql("template_numbers", "CREATE TABLE n AS SELECT 7 AS n").await.map(drop)
    };
    let database = servers.test_database_from("numbers", fill).await.unwrap();
    assert_eq!(query(&database, "SELECT n FROM n").await, "7");
    query(&database, "DELETE FROM n").await;
    assert_eq!(FILLED.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_template_is_filled_once() {
    from_template().await;
    from_template().await;
}

#[tokio::test]
async fn also_when_another_test_asks_at_the_same_time() {
    tokio::join!(from_template(), from_template());
}

#[tokio::test]
async fn a_dropped_database_goes() {
    let servers = TestServers::shared().await.unwrap();
    let database = servers.test_database().await.unwrap();
    let name = database.name.clone();
    drop(database);
    let postgres = servers.postgres().await.unwrap();
    let statement = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    for _ in 0..200 {
        if postgres.psql("postgres", &statement).await.unwrap() == "0" {
            return;
        }
    }
    panic!("{name} is still there");
}

#[tokio::test]
async fn a_private_redis_is_another_one() {
    let servers = TestServers::shared().await.unwrap();
    let shared = servers.redis().await.unwrap();
    let private = servers.private_redis(RedisOptions::default()).await.unwrap();
    assert_ne!(shared.port(), private.port());
    assert_eq!(ask(private.port(), "SET color pink").unwrap(), "+OK\r\n");
    assert_eq!(ask(shared.port(), "GET color").unwrap(), "$-1\r\n");
}

/// Also as root: PostgreSQL's account can enter the directories that tests are given.
#[tokio::test]
async fn a_private_postgres_lies_where_the_test_wants_it() {
    let servers = TestServers::shared().await.unwrap();
    let wanted = servers.fresh_dir("private").unwrap().join("postgres");
    let postgres = Postgres::start(&wanted, PostgresOptions { durable: false, port: None }).await.unwrap();
    assert_eq!(postgres.data_dir(), wanted);
}
