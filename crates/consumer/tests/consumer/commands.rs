//! `drain`, `open`, `migrate` and `wait`, as functions.

use std::time::{Duration, Instant};

use tally_consumer::{Error, Secret, Shutdown, drain, migrate, open, wait};
use tally_model::Shard;

use crate::stage::{SHARD, SHARDS, Stage};

#[tokio::test]
async fn drain_opens_counts_and_returns() {
    let stage = Stage::start().await;
    open(&stage.config(), Shutdown::new()).await.unwrap();
    let events = stage.append_many("x", 50).await;
    drain(stage.config(), Shutdown::new()).await.unwrap();
    stage.check(events, 0, 0).await;
    let owners = stage.psql("select count(*) from shard_lease where owner is not null").await;
    assert_eq!(owners, "0", "its leases are released");
}

#[tokio::test]
async fn drain_makes_missing_shards() {
    let stage = Stage::start().await;
    drain(stage.config(), Shutdown::new()).await.unwrap();
    for status in stage.links.log.statuses().await.unwrap() {
        assert!(status.open, "{status:?}");
    }
}

#[tokio::test]
async fn drain_says_which_shard_cannot_go_on() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("x", 3).await;
    stage.count_all(&mut counter).await;
    stage.append_many("y", 3).await;
    let last = stage.last().await;
    stage.redis(&[b"XTRIM", b"events:{0}", b"MINID", b"=", last.to_string().as_bytes()]).await;
    let error = drain(stage.config(), Shutdown::new()).await.unwrap_err();
    assert!(matches!(&error, Error::Halted { shard: 0, reason } if reason.contains("GAP")), "{error}");
}

#[tokio::test]
async fn drain_does_not_wait_for_ever_for_redis() {
    let stage = Stage::start().await;
    stage.redis.stop().await.unwrap();
    let config = tally_consumer::Config { wait_seconds: 1, ..stage.config() };
    let started = Instant::now();
    let error = drain(config, Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("Redis"), "{error}");
    assert!(!error.is_setting() && started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn open_makes_all_shards_and_is_repeatable() {
    let stage = Stage::start().await;
    for _ in 0..2 {
        open(&stage.config(), Shutdown::new()).await.unwrap();
    }
    let status = stage.links.log.status(SHARD).await.unwrap();
    assert!(status.open && status.last.is_header());
    assert_eq!(
        stage.links.store.position(Shard::new(SHARDS - 1)).await.unwrap().position(),
        tally_model::Position::GENESIS
    );
}

#[tokio::test]
async fn a_log_of_another_cluster_is_refused() {
    let stage = Stage::start().await;
    open(&stage.config(), Shutdown::new()).await.unwrap();
    stage.redis(&[b"HSET", b"events:{1}:meta", b"cluster_id", b"another"]).await;
    let error = drain(stage.config(), Shutdown::new()).await.unwrap_err();
    assert!(error.to_string().contains("another cluster id"), "{error}");
}

#[tokio::test]
async fn another_number_of_shards_is_a_setting_to_mend() {
    let stage = Stage::start().await;
    let config = tally_consumer::Config { shards: SHARDS + 1, ..stage.config() };
    let error = drain(config.clone(), Shutdown::new()).await.unwrap_err();
    assert!(error.is_setting() && error.to_string().contains("shards"), "{error}");
    let error = migrate(&config, Shutdown::new()).await.unwrap_err();
    assert!(error.is_setting() && error.to_string().contains("shards"), "{error}");
}

#[tokio::test]
async fn migrate_makes_the_schema_and_is_repeatable() {
    let servers = tally_servers::TestServers::shared().await.unwrap();
    let database = servers.test_database().await.unwrap();
    let config = tally_consumer::Config {
        database_url: Secret(database.url.clone()),
        shards: 3,
        wait_seconds: 20,
        ..tally_consumer::Config::default()
    };
    for _ in 0..2 {
        migrate(&config, Shutdown::new()).await.unwrap();
    }
    let rows = database.postgres().psql(&database.name, "select count(*) from shard_position").await.unwrap();
    assert_eq!(rows, "3");
}

#[tokio::test]
async fn wait_ends_with_the_schema_and_not_before() {
    let stage = Stage::start().await;
    wait(&stage.config(), Shutdown::new()).await.unwrap();
    stage.psql("update layout set functions_version = functions_version + 1").await;
    let newer = tally_consumer::Config { redis_url: Secret::default(), ..stage.config() };
    wait(&newer, Shutdown::new()).await.unwrap();

    let database = tally_servers::TestServers::shared().await.unwrap().test_database().await.unwrap();
    let config = tally_consumer::Config { database_url: Secret(database.url.clone()), wait_seconds: 1, ..newer };
    let error = wait(&config, Shutdown::new()).await.unwrap_err();
    assert!(matches!(error, Error::Waited { what: "the schema", .. }), "{error}");
    let patient = tally_consumer::Config { wait_seconds: 60, ..config };
    let (waited, migrated) = tokio::join!(wait(&patient, Shutdown::new()), migrate(&patient, Shutdown::new()));
    assert!(waited.is_ok() && migrated.is_ok(), "{waited:?} {migrated:?}");
}
