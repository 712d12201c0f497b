//! The compare-and-set, and that a batch is counted whole or not at all.

use tally_model::{DeadLetter, EndpointName, Level, Lineage, Position, Totals};
use tally_store::{Applied, Class, Error, ShardPosition};

use crate::fixture::{NOON, TestLog, TestStore, apply_all, tally};

const EVENTS: [crate::fixture::Event<'static>; 4] = [
    ("web", "GET", "/", 200, NOON - 30, Some(1_000)),
    ("web", "GET", "/", 503, NOON - 20, Some(3_000)),
    ("web", "GET", "/", 404, NOON - 90, None),
    ("web", "POST", "/x", 302, NOON - 90, Some(0)),
];

#[tokio::test]
async fn a_batch_is_counted() {
    let test = TestStore::new().await;
    let batch = TestLog::new(1).next(tally(&EVENTS));
    assert_eq!(test.count(&batch).await, (4, 0));
    let row = test.position(batch.shard).await.unwrap();
    assert_eq!(row.anchor, batch.last);
    assert_eq!((row.counted, row.dead_lettered, row.lineage.generation, row.is_balanced()), (4, 0, 1, true));
    let minute = &test
        .rows(
            "SELECT requests, status_2xx, status_5xx, timed, duration_sum_us, duration_min_us, duration_max_us, rolled \
             FROM endpoint_minute m JOIN endpoint e ON e.id = m.endpoint WHERE route = '/' ORDER BY start DESC LIMIT 1",
        )
        .await[0];
    let figures: Vec<i64> = (0..7).map(|i| minute.get(i)).collect();
    assert_eq!(figures, [2, 1, 1, 2, 4_000, 1_000, 3_000]);
    assert!(!minute.get::<_, bool>(7));
    assert_eq!(
        test.number("SELECT count(*) FROM endpoint_minute WHERE duration_min_us IS NULL AND timed = 0").await,
        1
    );
    let id = EndpointName::new("web", "GET", "/").id().raw();
    assert_eq!(test.number("SELECT endpoint_id('web', 'GET', '/')").await, id);
}

#[tokio::test]
async fn a_second_run_loses_and_changes_nothing() {
    let test = TestStore::new().await;
    let batch = TestLog::new(0).next(tally(&EVENTS));
    test.count(&batch).await;
    let before = test.fingerprint().await;
    let again = test.apply(&batch).await.unwrap();
    assert_eq!(
        again,
        Applied::Lost { current: batch.last.position, lineage: Lineage { generation: 1, regress_chain: 0 } }
    );
    assert_eq!(test.fingerprint().await, before);
}

#[tokio::test]
async fn a_batch_from_further_back_loses() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let batches: Vec<_> = (0..4).map(|_| log.next(tally(&EVENTS))).collect();
    for batch in &batches[..3] {
        test.count(batch).await;
    }
    let before = test.fingerprint().await;
    let current = batches[2].last.position;
    let mut longer = batches[1].clone();
    longer.last = batches[3].last;
    for late in [&batches[1], &longer] {
        assert_eq!(
            test.apply(late).await.unwrap(),
            Applied::Lost { current, lineage: Lineage { generation: 1, regress_chain: 0 } }
        );
    }
    assert_eq!(test.fingerprint().await, before);
}

#[tokio::test]
async fn another_generation_loses() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.next(tally(&EVENTS))).await;
    let read = test.position(log.shard).await.unwrap();
    assert!(test.raise_generation(log.shard, &read, 3).await.unwrap());
    assert!(!test.raise_generation(log.shard, &read, 4).await.unwrap(), "what was read is gone");
    let row = test.position(log.shard).await.unwrap();
    assert!(!test.raise_generation(log.shard, &row, 3).await.unwrap(), "not higher");
    let before = test.fingerprint().await;
    let outcome = test.apply(&log.clone().next(tally(&EVENTS))).await.unwrap();
    assert_eq!(outcome, Applied::Lost { current: log.at, lineage: Lineage { generation: 3, regress_chain: 0 } });
    assert_eq!(test.fingerprint().await, before);
    log.lineage.generation = 3;
    test.count(&log.next(tally(&EVENTS))).await;
    assert_eq!(
        test.text("SELECT string_agg(kind || ' ' || detail, ',') FROM log_event").await,
        "restored generation 3"
    );
}

#[tokio::test]
async fn a_missing_partition_changes_nothing() {
    let test = TestStore::new().await;
    let batch = TestLog::new(0).next(tally(&EVENTS));
    let before = test.fingerprint().await;
    let outcome = test.apply(&batch).await.unwrap();
    let Applied::NeedPartition { level: Level::Minute, start_s } = outcome else { panic!("{outcome:?}") };
    assert_eq!(test.fingerprint().await, before);
    test.make_partition(Level::Minute, start_s).await.unwrap();
    test.make_partition(Level::Minute, start_s).await.unwrap();
    assert_eq!(test.count(&batch).await, (4, 0));
}

#[tokio::test]
async fn partitions_far_ahead_are_refused() {
    let test = TestStore::new().await;
    for (level, days) in [(Level::Minute, 30), (Level::Hour, 200), (Level::Day, 3_000)] {
        let error = test.make_partition(level, NOON + days * crate::fixture::DAY).await.unwrap_err();
        assert_eq!(error.class(), Class::Poison, "{error}");
    }
    let error = test.make_partition(Level::Month, NOON).await.unwrap_err();
    assert_eq!(error.class(), Class::Poison, "{error}");
}

#[tokio::test]
async fn poison_leaves_nothing_behind() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.next(tally(&EVENTS))).await;
    let before = test.fingerprint().await;
    let mut poisoned = log.clone().next(tally(&[("web", "GET", "/a\0b", 200, NOON, None), EVENTS[0]]));
    poisoned.dead_letters.push(letter(poisoned.last.position));
    let error = test.apply(&poisoned).await.unwrap_err();
    assert_eq!((error.class(), error.sql_state()), (Class::Poison, Some("22021")), "{error}");
    assert!(error.is_certain());
    let error = test.probe(&poisoned).await.unwrap_err();
    assert_eq!(error.class(), Class::Poison, "{error}");
    test.probe(&log.clone().next(tally(&EVENTS))).await.unwrap();
    assert_eq!(test.fingerprint().await, before);
    let backwards = TestLog::new(0).next(tally(&EVENTS));
    let mut still = backwards.clone();
    still.last.position = still.prev;
    assert_eq!(test.apply(&still).await.unwrap_err().class(), Class::Poison);
}

fn letter(position: Position) -> DeadLetter {
    let payload = b"{\"broken".to_vec();
    DeadLetter { position, index: Some(2), events: 3, reason: "undecodable".into(), payload }
}

#[tokio::test]
async fn dead_letters_and_filtered_events_balance() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(2);
    let mut batch = log.next(tally(&EVENTS));
    batch.dead_letters.push(letter(batch.last.position));
    batch.dead_letters.push(DeadLetter {
        index: None,
        events: 1,
        reason: "too_large".into(),
        ..letter(batch.last.position)
    });
    batch.filtered = 5;
    batch.last.totals.events = 4 + 4 + 5;
    assert_eq!(test.count(&batch).await, (4, 4));
    let row = test.position(batch.shard).await.unwrap();
    assert_eq!((row.counted, row.dead_lettered, row.filtered, row.is_balanced()), (4, 4, 5, true));
    let letters = test.dead_letters(10, None, None).await.unwrap();
    let shown: Vec<_> = letters.iter().map(|l| (&*l.reason, l.index, l.events, l.position)).collect();
    assert_eq!(shown, [("too_large", None, 1, log.at), ("undecodable", Some(2), 3, log.at)]);
    assert_eq!(letters[1].payload, b"{\"broken");
    assert_eq!(test.dead_letters(10, Some(letters[0].id), None).await.unwrap(), letters[1..]);
}

#[tokio::test]
async fn crossings_are_logged_and_rebase() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.cross(7, Position::GENESIS, Totals::default())).await;
    test.count(&log.next(tally(&EVENTS))).await;
    let kept = (log.at, log.totals);
    let regretted = log.next(tally(&EVENTS[..3]));
    test.count(&regretted).await;
    assert_eq!(test.filter_ids(log.shard, std::time::Duration::from_secs(3_600)).await.unwrap(), []);
    // Redis lost the last entry; its three events were counted.
    test.count(&log.cross(9, kept.0, kept.1)).await;
    let row = test.position(log.shard).await.unwrap();
    assert_eq!((row.rebase_events, row.anchor.totals.events, row.counted, row.is_balanced()), (3, 4, 7, true));
    log.lineage = row.lineage;
    let ids = test.filter_ids(log.shard, std::time::Duration::from_secs(3_600)).await.unwrap();
    assert_eq!(ids, regretted.request_ids);
    // Redis was wiped: a new log from nothing.
    test.count(&log.cross(12, Position::GENESIS, Totals::default())).await;
    log.lineage = test.position(log.shard).await.unwrap().lineage;
    test.count(&log.next(tally(&EVENTS[..1]))).await;
    let row = test.position(log.shard).await.unwrap();
    assert_eq!((row.rebase_events, row.total_events(), row.counted, row.is_balanced()), (7, 8, 8, true));
    let kinds =
        test.text("SELECT string_agg(kind || ' ' || epoch || ' ' || detail, ', ' ORDER BY id) FROM log_event").await;
    assert_eq!(kinds, "epoch_opened 7 run-7, regress 9 run-9, regress 12 run-12");
    test.set_clock(NOON + 7_200).await;
    assert_eq!(test.filter_ids(log.shard, std::time::Duration::from_secs(3_600)).await.unwrap(), []);
}

#[tokio::test]
async fn the_same_position_by_another_way_is_another() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.cross(7, Position::GENESIS, Totals::default())).await;
    let kept = (log.at, log.totals);
    test.count(&log.next(tally(&EVENTS))).await;
    test.count(&log.cross(9, kept.0, kept.1)).await;
    let row = test.position(log.shard).await.unwrap();
    assert_ne!(row.lineage.regress_chain, 0);
    // Who crossed the same header from `kept`, with nothing lost to filter, stands at the same position.
    let unaware = log.clone().next(tally(&EVENTS));
    let lost = Applied::Lost { current: log.at, lineage: row.lineage };
    assert_eq!(test.apply(&unaware).await.unwrap(), lost);
    let blind = ShardPosition { lineage: Lineage { generation: 1, regress_chain: 0 }, ..row.clone() };
    assert!(!test.raise_generation(log.shard, &blind, 2).await.unwrap());
    log.lineage = row.lineage;
    test.count(&log.next(tally(&EVENTS))).await;
}

#[tokio::test]
async fn a_regress_must_open_its_batch() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.next(tally(&EVENTS))).await;
    let mut inside = log.clone().next(tally(&EVENTS));
    let crossing = log.cross(9, Position::GENESIS, Totals::default()).crossings.remove(0);
    inside.crossings.push(tally_model::Crossing { at: inside.last.position, ..crossing });
    let error = test.apply(&inside).await.unwrap_err();
    assert!(matches!(error, Error::RegressInside) && error.class() == Class::Poison);
}

#[tokio::test]
async fn replay_after_a_restore_gives_the_same_rows() {
    let test = TestStore::new().await;
    test.maintain(&tally_store::Keep::default()).await.unwrap();
    let batches: Vec<_> = {
        let mut log = TestLog::new(0);
        (0..4).map(|i| log.next(tally(&EVENTS[..=i]))).collect()
    };
    for batch in &batches[..2] {
        test.count(batch).await;
    }
    let restored = TestStore::new().await;
    restored.maintain(&tally_store::Keep::default()).await.unwrap();
    for batch in &batches[2..] {
        test.count(batch).await;
    }
    for batch in &batches {
        restored.count(batch).await;
    }
    assert_eq!(test.fingerprint().await, restored.fingerprint().await);
}

#[tokio::test]
async fn shards_do_not_wait_for_each_other() {
    let test = TestStore::new().await;
    test.count(&TestLog::new(0).next(tally(&EVENTS))).await;
    let mut tasks = Vec::new();
    for shard in 1..4 {
        let store = test.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut log = TestLog::new(shard);
            for _ in 0..20 {
                let outcome = apply_all(&store, &log.next(tally(&EVENTS))).await;
                assert!(matches!(outcome, Applied::Done { counted: 4, .. }));
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, 4 + 3 * 20 * 4);
}
