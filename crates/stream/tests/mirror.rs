//! What the log is told about what was applied, and what it forgets.

use tally_model::{Anchor, Position};
use tally_stream::{Error, Mirrored, Trimmed};

use crate::support::{SHARD, TestLog, accept, limits, raw, request, totals};

#[tokio::test]
async fn mirrors_move_forward_only_and_for_one_generation() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    accept(&appender, request(2)).await;
    let second = accept(&appender, request(3)).await;
    let (low, high) = (test.anchor(Position::new(second.epoch, 1)).await, test.anchor(second).await);
    let applied = async || {
        let status = test.log.status(SHARD).await.unwrap();
        (status.applied, status.applied_totals)
    };
    assert_eq!(test.log.mirror(SHARD, 1, &high).await.unwrap(), Mirrored::Moved);
    assert_eq!(applied().await, (second, high.totals));
    assert_eq!(test.log.mirror(SHARD, 1, &low).await.unwrap(), Mirrored::Behind);
    assert_eq!(test.log.mirror(SHARD, 1, &high).await.unwrap(), Mirrored::Moved, "to where it is");
    for generation in [0, 2] {
        assert_eq!(test.log.mirror(SHARD, generation, &high).await.unwrap(), Mirrored::Fenced { generation: 1 });
    }
    assert_eq!(applied().await, (second, high.totals));
}

#[tokio::test]
async fn a_higher_generation_may_go_back_and_shuts_lower_ones_out() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let first = test.anchor(accept(&appender, request(2)).await).await;
    let second = test.anchor(accept(&appender, request(3)).await).await;
    assert_eq!(test.log.mirror(SHARD, 1, &second).await.unwrap(), Mirrored::Moved);
    assert!(test.log.set_generation(SHARD, 5, &first).await.unwrap());
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.generation, status.applied, status.applied_totals), (5, first.position, first.totals));
    assert!(!test.log.set_generation(SHARD, 4, &second).await.unwrap());
    assert_eq!(test.log.mirror(SHARD, 1, &second).await.unwrap(), Mirrored::Fenced { generation: 5 });
    assert_eq!(test.log.trim(SHARD, 1, first.position).await.unwrap(), Trimmed::Fenced { generation: 5 });
    assert!(test.log.set_generation(SHARD, 5, &first).await.unwrap(), "a repetition");
}

#[tokio::test]
async fn trimming_stops_at_the_mirror_and_keeps_the_anchor() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let mut last = test.header;
    for _ in 0..500 {
        last = accept(&appender, request(1)).await;
    }
    let at = test.anchor(Position::new(last.epoch, 400)).await;
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!(test.log.trim(SHARD, 1, last).await.unwrap(), Trimmed::AboveMirror { applied: status.applied });
    assert_eq!(test.log.mirror(SHARD, 1, &at).await.unwrap(), Mirrored::Moved);
    let above = Position::new(last.epoch, 401);
    assert_eq!(test.log.trim(SHARD, 1, above).await.unwrap(), Trimmed::AboveMirror { applied: at.position });
    let Trimmed::Done { entries } = test.log.trim(SHARD, 1, at.position).await.unwrap() else { panic!("not trimmed") };
    assert!(entries > 0 && entries <= 400, "{entries}");
    let anchor = test.log.entry_at(SHARD, at.position).await.unwrap().unwrap();
    assert_eq!(anchor.checksum, at.checksum);
    let status = test.log.status(SHARD).await.unwrap();
    assert_eq!((status.first.map(|first| first.seq), status.last, status.totals.entries), (Some(entries), last, 501));
}

#[tokio::test]
async fn what_is_not_open_takes_no_mirror() {
    let test = TestLog::open().await;
    raw(&test.redis, &["FLUSHALL"]).await;
    let anchor = Anchor { position: test.header, ..Anchor::default() };
    assert!(matches!(test.log.mirror(SHARD, 1, &anchor).await, Err(Error::NotOpen)));
    assert!(matches!(test.log.set_generation(SHARD, 1, &anchor).await, Err(Error::NotOpen)));
    assert!(matches!(test.log.trim(SHARD, 1, test.header).await, Err(Error::NotOpen)));
}

#[tokio::test]
async fn the_backlog_of_a_lost_suffix_is_none() {
    let test = TestLog::open().await;
    let appender = test.log.appender(tally_stream::Limits { backlog_events: 10, ..limits() });
    let at = accept(&appender, request(3)).await;
    // PostgreSQL counted more than Redis has now.
    let ahead = Anchor { position: Position::new(at.epoch, 50), totals: totals(51, 500, 50_000), ..Anchor::default() };
    assert_eq!(test.log.mirror(SHARD, 1, &ahead).await.unwrap(), Mirrored::Moved);
    accept(&appender, request(9)).await;
}
