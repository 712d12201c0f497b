//! What stands beside the counts: history, trimming, barriers, halts, ledger.

use std::time::Duration;

use tally_model::{Batch, Position, Shard};
use tally_store::{Error, Keep};

use crate::fixture::{DAY, NOON, SHARDS, TestLog, TestStore, tally};

const HOUR: Duration = Duration::from_secs(3_600);
const MANY_BYTES: u64 = 1 << 40;

/// Applies an entry a minute, each of `bytes`, from [`NOON`] on.
async fn minutes(test: &TestStore, log: &mut TestLog, count: i64, bytes: u64) -> Vec<Position> {
    let mut positions = Vec::new();
    for _ in 0..count {
        log.stamp_ms += 60_000 - 200;
        log.totals.bytes += bytes - 1_000;
        test.count(&log.next(tally(&[("web", "GET", "/", 200, NOON, None)]))).await;
        positions.push(log.at);
    }
    positions
}

#[tokio::test]
async fn shards_outside_the_layout_are_named() {
    let test = TestStore::new().await;
    assert!(matches!(test.position(Shard::new(SHARDS)).await, Err(Error::NoShard(SHARDS))));
    let rows = test.positions().await.unwrap();
    let shards: Vec<_> =
        rows.iter().map(|row| (row.shard.index(), row.position(), row.lineage.generation, row.is_balanced())).collect();
    assert_eq!(shards, (0..SHARDS).map(|i| (i, Position::GENESIS, 1, true)).collect::<Vec<_>>());
    let batch: Batch = TestLog::new(SHARDS).next(tally(&[]));
    assert_eq!(test.apply(&batch).await.unwrap_err().class(), tally_store::Class::Schema);
}

#[tokio::test]
async fn a_halt_is_shown_until_it_is_cleared() {
    let test = TestStore::new().await;
    let shard = Shard::new(1);
    test.halt(shard, Some("gap after 7-3")).await.unwrap();
    assert_eq!(test.position(shard).await.unwrap().halted.as_deref(), Some("gap after 7-3"));
    assert_eq!(test.position(Shard::new(0)).await.unwrap().halted, None);
    test.halt(shard, None).await.unwrap();
    assert_eq!(test.position(shard).await.unwrap().halted, None);
}

#[tokio::test]
async fn history_has_a_row_a_minute_or_every_four_megabytes() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    for _ in 0..700 {
        test.count(&log.next(tally(&[]))).await;
    }
    // 700 entries 200 ms apart: 140 s.
    assert_eq!(test.number("SELECT count(*) FROM position_history").await, 3);
    log.totals.bytes += 5 << 20;
    test.count(&log.next(tally(&[]))).await;
    assert_eq!(test.number("SELECT count(*) FROM position_history").await, 4);
}

#[tokio::test]
async fn trimming_goes_by_time_and_by_bytes() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let positions = minutes(&test, &mut log, 120, 1_000_000).await;
    test.set_clock(NOON + 120 * 60).await;
    let target = async |retention, bytes| test.trim_target(log.shard, retention, bytes).await.unwrap();
    assert_eq!(target(Duration::from_secs(DAY as u64), MANY_BYTES).await, None);
    // Entry i (from 0) was stamped i + 1 minutes after noon.
    assert_eq!(target(HOUR, MANY_BYTES).await, Some(positions[59]));
    assert_eq!(target(Duration::ZERO, MANY_BYTES).await, Some(positions[119]), "never beyond the position");
    assert_eq!(target(Duration::from_secs(DAY as u64), 10_000_000).await, Some(positions[109]));
    assert_eq!(target(HOUR, 100_000_000).await, Some(positions[59]));
    assert_eq!(test.trim_target(Shard::new(1), HOUR, 0).await.unwrap(), None);
}

#[tokio::test]
async fn barriers_hold_trimming_back_within_the_bytes() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let before = minutes(&test, &mut log, 10, 1_000_000).await;
    test.raise_barrier("nightly").await.unwrap();
    let between = minutes(&test, &mut log, 10, 1_000_000).await;
    test.raise_barrier("later").await.unwrap();
    let after = minutes(&test, &mut log, 100, 1_000_000).await;
    test.set_clock(NOON + 120 * 60).await;
    let target = async |bytes| test.trim_target(log.shard, HOUR, bytes).await.unwrap();
    assert_eq!(target(MANY_BYTES).await, Some(before[9]), "the backup's own position stays");
    // The bytes reach back to the fifteenth entry only: the first backup is given up, the second still holds.
    assert_eq!(target(105_000_000).await, Some(between[9]));
    assert_eq!(
        test.text("SELECT string_agg(detail, ',') FROM log_event WHERE kind = 'barrier_released'").await,
        "nightly"
    );
    assert!(test.release_barrier("later").await.unwrap());
    assert!(!test.release_barrier("later").await.unwrap());
    assert_eq!(target(MANY_BYTES).await, Some(after[39]));
}

#[tokio::test]
async fn old_ledger_history_and_evidence_expire() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    minutes(&test, &mut log, 3, 1_000).await;
    let keep = Keep { dedupe_seconds: 3_600, ..Keep::default() };
    test.maintain(&keep).await.unwrap();
    assert_eq!(test.number("SELECT count(*) FROM request_ledger").await, 3);
    test.set_clock(NOON + 7_200 + 61).await;
    assert_eq!(test.maintain(&keep).await.unwrap().expired, 1);
    assert_eq!(test.number("SELECT count(*) FROM request_ledger").await, 2);
    test.set_clock(NOON + 32 * DAY).await;
    // Two of the ledger, three of the history, and the minute of the service.
    assert_eq!(test.maintain(&keep).await.unwrap().expired, 2 + 3 + 1);
    assert_eq!(test.number("SELECT count(*) FROM position_history").await, 0);
}
