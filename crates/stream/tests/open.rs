//! Making a shard, and making it again.

use tally_model::{HASH_NAMES, Position, Step, judge};
use tally_servers::RedisOptions;
use tally_stream::{Appended, Config, EntryBody, Error, Log, OpenRequest, Opened, Refused};

use crate::support::{CLUSTER, SHARD, TestLog, accept, config, genesis, keyed, limits, raw, redis, request};

#[tokio::test]
async fn opening_again_changes_nothing() {
    let test = TestLog::open().await;
    accept(&test.log.appender(limits()), request(3)).await;
    let before = test.log.status(SHARD).await.unwrap();
    let later = OpenRequest { above_epoch: u64::from(u32::MAX), generation: 9, ..genesis() };
    assert_eq!(test.log.open(SHARD, &later).await.unwrap(), Opened::Already);
    let after = test.log.status(SHARD).await.unwrap();
    assert_eq!((after.totals, after.generation, after.last), (before.totals, 1, before.last));
    assert_eq!((after.cluster_id.as_str(), after.layout), (CLUSTER, format!("1 {HASH_NAMES}")));
}

#[tokio::test]
async fn another_cluster_or_layout_is_refused() {
    let test = TestLog::open().await;
    let foreign = OpenRequest { cluster_id: "cluster-b".into(), ..genesis() };
    match test.log.open(SHARD, &foreign).await {
        Err(Error::Mismatch { what: "cluster id", ours, theirs }) => {
            assert_eq!((ours.as_str(), theirs.as_str()), ("cluster-b", CLUSTER));
        }
        other => panic!("{other:?}"),
    }
    let wider = Log::connect(&Config { shards: 4, ..config(&test.redis.url()) }).await.unwrap();
    let refused = wider.open(SHARD, &genesis()).await;
    assert!(matches!(refused, Err(Error::Mismatch { what: "layout", .. })), "{refused:?}");
    assert_eq!(
        wider.statuses().await.unwrap().iter().map(|shard| shard.open).collect::<Vec<_>>(),
        [true, false, false, false]
    );
}

#[tokio::test]
async fn a_wiped_redis_is_not_open_until_it_is_opened_above() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let applied = accept(&appender, request(3)).await;
    raw(&test.redis, &["FLUSHALL"]).await;
    assert_eq!(appender.append(request(1)).await, Err(Refused::NotOpen));
    assert!(matches!(test.log.set_cursor(SHARD, applied, 2).await, Err(Error::NotOpen)));

    // PostgreSQL may know a higher epoch than this Redis's clock gives.
    let above = OpenRequest { above_epoch: applied.epoch + 1_000_000_000, applied, generation: 2, ..genesis() };
    let Opened::Created { header } = test.log.open(SHARD, &above).await.unwrap() else { panic!("it was open") };
    assert_eq!(header, Position::new(above.above_epoch + 1, 0));
    let entries = test.entries().await;
    let EntryBody::Header(first) = &entries[0].body else { panic!("{:?}", entries[0]) };
    assert_eq!(judge(applied, header, Some(first.prev)), Step::Regress { kept: Position::GENESIS });
    assert_eq!((first.totals.events, entries[0].totals.entries), (0, 1));
    assert_eq!(accept(&appender, request(1)).await, Position::new(header.epoch, 1));
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.generation, status.applied), (2, applied));
}

#[tokio::test]
async fn a_lost_stream_is_not_open_and_starts_above_its_past() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let last = accept(&appender, request(3)).await;
    raw(&test.redis, &["DEL", "events:{0}"]).await;
    assert_eq!(appender.append(request(1)).await, Err(Refused::NotOpen));
    let Opened::Created { header } = test.log.open(SHARD, &genesis()).await.unwrap() else { panic!("it was open") };
    assert!(header.epoch > last.epoch);
    assert_eq!(test.log.status(SHARD).await.unwrap().totals.events, 0);
}

#[tokio::test]
async fn a_stream_that_lost_only_its_meta_goes_on() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let last = accept(&appender, keyed("k", 1, 3)).await;
    raw(&test.redis, &["DEL", "events:{0}:meta"]).await;
    assert_eq!(appender.append(request(1)).await, Err(Refused::NotOpen));
    let Opened::Created { header } = test.log.open(SHARD, &genesis()).await.unwrap() else { panic!("it was open") };
    let entries = test.entries().await;
    let EntryBody::Header(second) = &entries[2].body else { panic!("{:?}", entries[2]) };
    assert_eq!((judge(last, header, Some(second.prev)), second.totals), (Step::NewEpoch, entries[1].totals));
    assert!(matches!(appender.append(keyed("k", 1, 3)).await, Ok(Appended::Duplicate { .. })));
    accept(&appender, request(1)).await;
    assert_eq!(test.log.status(SHARD).await.unwrap().totals.events, 4);
}

#[tokio::test]
async fn settings_that_cannot_be_used_say_so_without_the_password() {
    for url in ["nonsense", "redis://:hunter2@", "http://:hunter2@127.0.0.1"] {
        let Err(error) = Log::connect(&config(url)).await else { panic!("{url}") };
        assert!(matches!(error, Error::Settings(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
    let none = Log::connect(&Config { shards: 0, ..config("redis://127.0.0.1:1") }).await;
    assert!(matches!(none, Err(Error::Settings(_))));
    let away = Log::connect(&config("redis://127.0.0.1:1")).await;
    assert!(matches!(away, Err(Error::Away(_))), "{away:?}");
}

#[tokio::test]
async fn weak_settings_are_named() {
    let redis = redis(RedisOptions::default()).await;
    let log = Log::connect(&config(&redis.url())).await.unwrap();
    assert_eq!(log.durability(1 << 30).await.unwrap(), Vec::<String>::new());
    raw(&redis, &["CONFIG", "SET", "appendfsync", "everysec", "maxmemory-policy", "allkeys-lru"]).await;
    assert_eq!(log.durability(1 << 30).await.unwrap().len(), 2);
    // As managed services do.
    raw(&redis, &["ACL", "SETUSER", "default", "-config"]).await;
    let said = log.durability(1 << 30).await.unwrap();
    assert!(said.len() == 1 && said[0].contains("does not say"), "{said:?}");
}

/// The users that `docs/operations.md` gives to API and consumer, and the chart makes: their rights are enough, nothing is needed
/// beyond `events:*`, and neither can do what only the other does.
#[tokio::test]
async fn users_with_the_documented_rights_are_enough_and_no_more() {
    let documented = include_str!("../../../docs/operations.md").lines().filter(|line| line.starts_with("user tally_"));
    let lines: Vec<_> = documented.map(|line| line.replacen("#…", ">secret", 1)).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let dir = tally_servers::TestServers::shared().await.unwrap().fresh_dir("acl").unwrap();
    let file = dir.join("users.acl");
    std::fs::write(&file, format!("user default on nopass ~* &* +@all\n{}\n", lines.join("\n"))).unwrap();
    let extra = vec!["--aclfile".to_owned(), file.to_string_lossy().into_owned()];
    let redis = redis(RedisOptions { extra, ..RedisOptions::default() }).await;
    let log_of =
        async |user: &str| Log::connect(&config(&format!("redis://{user}@127.0.0.1:{}", redis.port()))).await.unwrap();
    let (api, consumer) = (log_of("tally_api:secret").await, log_of("tally_consumer:secret").await);
    for log in [&api, &consumer] {
        assert_eq!(log.durability(0).await.unwrap(), Vec::<String>::new());
        let memory = log.memory().await.unwrap();
        assert!(memory.used_bytes > 0 && memory.append_fsync.as_deref() == Some("always"), "{memory:?}");
        assert!(!log.status(SHARD).await.unwrap().open);
    }
    assert!(api.open(SHARD, &genesis()).await.is_err(), "only the consumer opens");
    consumer.open(SHARD, &genesis()).await.unwrap();
    let appender = api.appender(limits());
    let at = accept(&appender, keyed("k", 1, 3)).await;
    assert!(matches!(appender.append(keyed("k", 1, 3)).await, Ok(Appended::Duplicate { .. })));
    // An append to another incarnation opens an epoch.
    redis.restart().await.unwrap();
    accept(&appender, request(1)).await;
    assert_eq!(api.first_after(SHARD, at).await.unwrap().map(|stamp| stamp.position.seq), Some(0));
    let entry = consumer.entry_at(SHARD, at).await.unwrap().unwrap();
    let anchor = tally_model::Anchor { position: at, totals: entry.totals, ..tally_model::Anchor::default() };
    assert!(consumer.set_generation(SHARD, 2, &anchor).await.unwrap());
    assert_eq!(consumer.mirror(SHARD, 2, &anchor).await.unwrap(), tally_stream::Mirrored::Moved);
    consumer.trim(SHARD, 2, at).await.unwrap();
    assert!(api.trim(SHARD, 2, at).await.is_err(), "only the consumer trims");
    consumer.set_cursor(SHARD, at, 2).await.unwrap();
    let read = consumer.reader(SHARD, "c1").read_batch(std::time::Duration::from_millis(100)).await.unwrap();
    assert_eq!(read.len(), 2);
    // Redis made anew: the shard is opened above every epoch that is known.
    raw(&redis, &["FLUSHALL"]).await;
    consumer.open(SHARD, &genesis()).await.unwrap();
}
