//! A Redis that restarts, loses its end, is wiped, or is trimmed by hand.

use crate::stage::{SHARD, Stage};

#[tokio::test]
async fn a_restart_opens_an_epoch_and_loses_nothing() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    let mut events = stage.append_many("before", 5).await;
    stage.count_all(&mut counter).await;
    let epoch = stage.last().await.epoch;
    stage.redis.kill9().await.unwrap();
    stage.redis.restart().await.unwrap();
    assert!(counter.step().await.is_err(), "the connection is gone");
    events += stage.append_many("after", 5).await;
    stage.count_all(&mut counter).await;
    assert!(stage.last().await.epoch > epoch);
    stage.check(events, 0, 0).await;
    let kinds = stage.psql("select kind from log_event order by at, epoch").await;
    assert_eq!(kinds.lines().collect::<Vec<_>>(), ["epoch_opened", "epoch_opened"]);
}

#[tokio::test]
async fn a_wiped_log_is_opened_again_and_what_comes_again_is_filtered() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("x", 5).await;
    stage.count_all(&mut counter).await;
    let before = stage.row().await;
    stage.redis(&[b"FLUSHALL"]).await;
    crate::stage::run(&mut stage.counter()).await;
    stage.append_many("x", 5).await;
    stage.append_many("y", 2).await;
    stage.count_all(&mut counter).await;
    let after = stage.row().await;
    assert!(after.position().epoch > before.position().epoch, "above every epoch that PostgreSQL knows");
    stage.check(5 * 3 + 2 * 3, 0, 5 * 3).await;
    assert_eq!(stage.requests().await, ["/x=15", "/y=6"]);
    assert_eq!(stage.psql("select count(*) from log_event where kind = 'regress'").await, "1");
}

/// Copies the append-only file, counts more, and puts the copy back: a Redis that lost its last second.
#[tokio::test]
async fn a_lost_end_is_recorded_and_what_comes_again_is_filtered() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("kept", 4).await;
    stage.count_all(&mut counter).await;
    let aof = aof_of(&stage);
    let saved = std::fs::read(&aof).unwrap();
    stage.append_many("lost", 3).await;
    stage.count_all(&mut counter).await;
    stage.redis.kill9().await.unwrap();
    std::fs::write(&aof, saved).unwrap();
    stage.redis.restart().await.unwrap();

    stage.append_many("new", 1).await;
    stage.append_many("lost", 3).await;
    stage.append_many("kept", 4).await;
    drop(counter);
    let mut counter = stage.counter();
    for _ in 0..3 {
        // The connection of before is found broken once or more.
        let _ = counter.step().await;
    }
    stage.count_all(&mut counter).await;
    stage.check(4 * 3 + 3 * 3 + 3, 0, 3 * 3).await;
    assert_eq!(stage.requests().await, ["/kept=12", "/lost=9", "/new=3"]);
    assert_eq!(stage.psql("select count(*) from log_event where kind = 'regress'").await, "1");
}

fn aof_of(stage: &Stage) -> std::path::PathBuf {
    let files = std::fs::read_dir(stage.redis.data_dir().join("appendonlydir")).unwrap();
    let mut paths = files.map(|file| file.unwrap().path());
    paths.find(|path| path.to_string_lossy().ends_with(".incr.aof")).unwrap()
}

#[tokio::test]
async fn entries_removed_before_they_were_counted_halt_the_shard() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    let events = stage.append_many("x", 3).await;
    stage.count_all(&mut counter).await;
    let at = stage.row().await.position();
    stage.append_many("y", 5).await;
    let past = format!("{}-{}", at.epoch, at.seq + 3);
    stage.redis(&[b"XTRIM", b"events:{0}", b"MINID", b"=", past.as_bytes()]).await;

    let reason = stage.until_halted(&mut counter).await;
    assert!(reason.contains("GAP") && reason.contains(&at.to_string()), "{reason}");
    assert_eq!(stage.row().await.halted, Some(reason.clone()));
    stage.append_many("z", 1).await;
    for _ in 0..5 {
        counter.step().await.unwrap();
    }
    assert_eq!(stage.row().await.position(), at, "nothing is skipped");
    // A fresh one comes to the same.
    assert_eq!(stage.until_halted(&mut stage.counter()).await, reason);
    stage.check(events, 0, 0).await;
}

#[tokio::test]
async fn one_entry_deleted_in_the_middle_halts_after_what_came_before() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("x", 5).await;
    let last = stage.last().await;
    let deleted = format!("{}-{}", last.epoch, last.seq - 1);
    stage.redis(&[b"XDEL", b"events:{0}", deleted.as_bytes()]).await;
    let reason = stage.until_halted(&mut counter).await;
    assert!(reason.contains("GAP"), "{reason}");
    let at = stage.row().await.position();
    assert_eq!((at.epoch, at.seq), (last.epoch, last.seq - 2));
    stage.check(9, 0, 0).await;
}

#[tokio::test]
async fn a_halt_clears_by_itself_when_the_log_is_mended() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    let mut events = stage.append_many("x", 5).await;
    stage.count_all(&mut counter).await;
    stage.redis(&[b"HSET", b"events:{0}:meta", b"cluster_id", b"another"]).await;
    let reason = stage.until_halted(&mut counter).await;
    assert!(reason.contains("cluster id"), "{reason}");
    events += stage.append_many("y", 5).await;
    let ours = stage.links.store.layout().await.unwrap().cluster_id;
    stage.redis(&[b"HSET", b"events:{0}:meta", b"cluster_id", ours.as_bytes()]).await;
    stage.count_all(&mut counter).await;
    assert_eq!(stage.row().await.halted, None);
    stage.check(events, 0, 0).await;
}

#[tokio::test]
async fn a_group_that_is_gone_is_made_again() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("x", 2).await;
    stage.count_all(&mut counter).await;
    stage.redis(&[b"XGROUP", b"DESTROY", b"events:{0}", b"aggregators"]).await;
    stage.append_many("y", 2).await;
    stage.count_all(&mut counter).await;
    stage.check(12, 0, 0).await;
    assert!(stage.links.log.status(SHARD).await.unwrap().group);
}

#[tokio::test]
async fn an_id_that_was_used_again_halts() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    let events = stage.append_many("x", 3).await;
    stage.count_all(&mut counter).await;
    let at = stage.last().await;
    stage.rewrite(at, "h = h:sub(1, 15) .. 'x' .. h:sub(17)").await;
    let reason = stage.until_halted(&mut stage.counter()).await;
    assert!(reason.contains("used again"), "{reason}");
    stage.check(events, 0, 0).await;
}

#[tokio::test]
async fn a_log_that_went_back_without_a_new_epoch_halts() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("x", 3).await;
    stage.count_all(&mut counter).await;
    let last = stage.last().await;
    let before = format!("{}-{}", last.epoch, last.seq - 1);
    stage.redis(&[b"XDEL", b"events:{0}", last.to_string().as_bytes()]).await;
    stage.redis(&[b"XSETID", b"events:{0}", before.as_bytes()]).await;
    let reason = stage.until_halted(&mut stage.counter()).await;
    assert!(reason.contains("below") && reason.contains(&last.to_string()), "{reason}");
}
