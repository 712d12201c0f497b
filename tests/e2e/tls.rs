//! The real programs, all of them over TLS, with an authority of their own.

use serde_json::json;
use tally_servers::{Authority, Postgres, PostgresOptions, Redis, RedisOptions, TestServers, free_port};

use crate::system::{System, event};

#[tokio::test]
async fn everything_goes_through_tls() {
    let dir = TestServers::shared().await.unwrap().fresh_dir("encrypted").unwrap();
    let authority = Authority::create(&dir.join("authority")).unwrap();
    let certificate = authority.certify("localhost").unwrap();
    let port = free_port().unwrap();
    let extra = certificate.redis_arguments(&dir.join("certificate"), port).unwrap();
    let redis = Redis::start(&dir.join("redis"), RedisOptions { extra, ..RedisOptions::default() }).await.unwrap();
    let options = PostgresOptions { durable: true, port: None };
    let postgres = Postgres::start(&dir.join("postgres"), options).await.unwrap();
    postgres.create_database("tally").await.unwrap();
    // From here on it lets nobody in without TLS, migrate and pg_dump included.
    postgres.require_tls(&certificate).await.unwrap();
    let authority = authority.file();
    let system = System::start_with(&[
        ("TALLY_REDIS_URL", &format!("rediss://localhost:{port}/")),
        ("TALLY_REDIS_CA_FILE", authority.to_str().unwrap()),
        ("TALLY_DATABASE_URL", &format!("{}?sslmode=require", postgres.url("tally").replace("127.0.0.1", "localhost"))),
        ("TALLY_DATABASE_CA_FILE", authority.to_str().unwrap()),
    ])
    .await;
    system.post_events(&json!([event("shop", "/cart", 200, 12.0), event("shop", "/cart", 500, 3.0)])).await;
    assert_eq!(system.counted().await["counted"], 2);
    assert_eq!(postgres.psql("tally", "SELECT sum(requests) FROM endpoint_minute").await.unwrap(), "2");
    let (succeeded, said) = system.consumer_command(&["backup", "--to", dir.join("backups").to_str().unwrap()]).await;
    assert!(succeeded, "{said}");
    drop(redis);
}
