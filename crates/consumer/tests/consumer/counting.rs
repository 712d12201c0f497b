//! What is appended is counted, once, however many count it and whenever they stop.

use std::time::Duration;

use tally_consumer::{End, Grant, Permit};
use tokio::time::Instant;

use crate::stage::{Stage, run};

#[tokio::test]
async fn what_is_appended_is_counted() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append("/a", 5, None).await;
    stage.append("/b", 200, None).await;
    stage.append("/a", 2, Some("k")).await;
    stage.append("/a", 2, Some("k")).await;
    stage.count_all(&mut counter).await;
    assert_eq!(stage.requests().await, ["/a=7", "/b=200"]);
    stage.check(207, 0, 0).await;
    assert_eq!(stage.metrics.counted(), 207);
}

#[tokio::test]
async fn redis_is_told_and_the_group_shows_no_lag() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("x", 10).await;
    stage.count_all(&mut counter).await;
    let status = stage.links.log.status(crate::stage::SHARD).await.unwrap();
    assert_eq!((status.applied, status.applied_totals), (status.last, status.totals));
    let groups = stage.redis(&[b"XINFO", b"GROUPS", b"events:{0}"]).await;
    assert!(groups.contains("lag\r\n:0"), "{groups}");
    assert!(groups.contains("pending\r\n:0"), "{groups}");
}

#[tokio::test]
async fn two_counters_on_one_shard_do_no_harm() {
    let stage = Stage::start().await;
    let (mut one, mut two) = (stage.running().await, stage.counter());
    run(&mut two).await;
    let mut events = 0;
    for round in 0..20 {
        events += stage.append_many(&format!("r{round}"), 5).await;
        let (a, b) = tokio::join!(one.step(), two.step());
        a.unwrap();
        b.unwrap();
    }
    tokio::join!(stage.count_all(&mut one), stage.count_all(&mut two));
    stage.check(events, 0, 0).await;
    assert_eq!(stage.requests().await.len(), 20);
}

#[tokio::test]
async fn one_that_slept_with_a_batch_in_its_hands_forgets_it() {
    let stage = Stage::start().await;
    let (mut sleeper, mut other) = (stage.running().await, stage.counter());
    let mut events = stage.append_many("x", 10).await;
    sleeper.read_and_fold().await.unwrap();
    stage.count_all(&mut other).await;
    events += stage.append_many("y", 10).await;
    stage.count_all(&mut other).await;
    sleeper.apply().await.unwrap();
    assert!(!sleeper.is_running(), "it lost the compare-and-set: back to SYNC");
    stage.count_all(&mut sleeper).await;
    stage.check(events, 0, 0).await;
}

#[tokio::test]
async fn one_that_slept_before_it_read_finds_what_the_other_took() {
    let stage = Stage::start().await;
    let (mut sleeper, mut other) = (stage.running().await, stage.counter());
    run(&mut other).await;
    let events = stage.append_many("x", 10).await;
    // It takes entries from the group that both share, and dies with them.
    other.read_and_fold().await.unwrap();
    drop(other);
    stage.count_all(&mut sleeper).await;
    stage.check(events, 0, 0).await;
}

#[tokio::test]
async fn a_successor_that_trimmed_is_no_gap() {
    let stage = Stage::start().await;
    let (mut sleeper, mut other) = (stage.running().await, stage.counter());
    let events = stage.append_many("x", 300).await;
    stage.count_all(&mut other).await;
    let last = stage.last().await;
    stage.redis(&[b"XTRIM", b"events:{0}", b"MINID", b"=", last.to_string().as_bytes()]).await;
    let more = stage.append_many("y", 2).await;
    stage.count_all(&mut sleeper).await;
    stage.check(events + more, 0, 0).await;
    assert!(stage.metrics.text().contains("tally_consumer_halts_total 0"), "it halted on the way");
}

#[tokio::test]
async fn nothing_is_committed_without_a_lease() {
    let stage = Stage::start().await;
    let forever = Instant::now() + Duration::from_secs(1_000);
    let (give, permit) = Permit::new(Grant::until(forever));
    let mut counter = stage.counter_under(permit);
    run(&mut counter).await;
    stage.count_all(&mut counter).await;
    let before = stage.row().await.position();
    stage.append_many("x", 3).await;
    counter.read_and_fold().await.unwrap();
    give.send_replace(Grant::until(Instant::now()));
    assert!(tokio::time::timeout(Duration::from_millis(300), counter.apply()).await.is_err(), "it waits for its lease");
    give.send_replace(Grant { until: forever, end: Some(End::Forget) });
    assert_eq!(stage.row().await.position(), before);
}

#[tokio::test]
async fn a_batch_is_bounded_by_keys_and_by_events() {
    let mut stage = Stage::start().await;
    stage.tuning.batch_events = 10;
    let mut counter = stage.running().await;
    stage.count_all(&mut counter).await;
    let events = stage.append_many("x", 20).await;
    let before = stage.row().await;
    counter.step().await.unwrap();
    let after = stage.row().await;
    assert_eq!(after.counted - before.counted, 12, "four requests of three events reach the bound");
    stage.count_all(&mut counter).await;
    stage.check(events, 0, 0).await;
}
