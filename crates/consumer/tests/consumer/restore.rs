//! A PostgreSQL that went back in time.

use crate::stage::{SHARD, Stage};

/// Everything that a dump holds of what is counted.
const TABLES: [&str; 6] =
    ["shard_position", "endpoint_minute", "request_ledger", "log_event", "dead_letter", "position_history"];

async fn back_up(stage: &Stage) {
    for table in TABLES {
        stage.psql(&format!("create table backup_{table} as table {table}")).await;
    }
}

async fn restore(stage: &Stage) {
    let statements = TABLES
        .map(|table| format!("delete from {table}; insert into {table} overriding system value table backup_{table}"));
    stage.psql(&statements.join("; ")).await;
}

#[tokio::test]
async fn a_restored_database_is_counted_on_from_the_log_to_the_same_figures() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    let mut events = stage.append_many("before", 4).await;
    stage.count_all(&mut counter).await;
    back_up(&stage).await;
    events += stage.append_many("after", 6).await;
    stage.count_all(&mut counter).await;
    let (requests, row) = (stage.requests().await, stage.row().await);

    restore(&stage).await;
    assert_ne!(stage.requests().await, requests);
    // The running counter holds a later position; its next commit is refused, or its next look finds out.
    events += stage.append_many("now", 1).await;
    stage.count_all(&mut counter).await;
    stage.check(events, 0, 0).await;
    let mut expected = requests;
    expected.push("/now=3".into());
    assert_eq!(stage.requests().await, expected);

    let status = stage.links.log.status(SHARD).await.unwrap();
    let now = stage.row().await;
    assert!(now.lineage.generation > row.lineage.generation, "a new life of the database");
    assert_eq!((status.generation, status.applied), (now.lineage.generation, now.position()), "Redis knows of it");
}

#[tokio::test]
async fn found_at_start_too_and_the_former_life_may_not_trim() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("before", 4).await;
    stage.count_all(&mut counter).await;
    back_up(&stage).await;
    stage.append_many("after", 6).await;
    stage.count_all(&mut counter).await;
    let former = stage.row().await;
    drop(counter);
    restore(&stage).await;
    stage.count_all(&mut stage.counter()).await;
    stage.check(30, 0, 0).await;
    let trimmed = stage.links.log.trim(SHARD, former.lineage.generation, former.position()).await.unwrap();
    assert!(matches!(trimmed, tally_stream::Trimmed::Fenced { .. }), "{trimmed:?}");
}

#[tokio::test]
async fn a_log_trimmed_above_the_restored_position_halts() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append_many("before", 4).await;
    stage.count_all(&mut counter).await;
    back_up(&stage).await;
    stage.append_many("after", 6).await;
    stage.count_all(&mut counter).await;
    let last = stage.last().await;
    stage.redis(&[b"XTRIM", b"events:{0}", b"MINID", b"=", last.to_string().as_bytes()]).await;
    restore(&stage).await;
    let reason = stage.until_halted(&mut stage.counter()).await;
    assert!(reason.contains("GAP"), "{reason}");
    stage.check(12, 0, 0).await;
}
