//! Reading as a member of the group.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use redis::Value;
use tally_model::{Position, Step, judge};
use tally_stream::{AppendRequest, Entry, EntryBody, Error};

use crate::support::{SHARD, TestLog, accept, keyed, limits, noise, payload_of, raw, request};

const BLOCK: Duration = Duration::from_millis(300);

#[tokio::test]
async fn a_reader_sees_all_in_order_while_appends_go_on() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let writer = tokio::spawn(async move {
        for i in 0..400_usize {
            accept(&appender, keyed(&format!("k{i}"), 1, i % 7 + 1)).await;
        }
    });
    let mut reader = test.log.reader(SHARD, "c1");
    test.log.set_cursor(SHARD, Position::GENESIS, 0).await.unwrap();
    let (mut at, mut seen, mut events) = (Position::GENESIS, 0, 0);
    while seen < 401 {
        for entry in reader.read_batch(BLOCK).await.unwrap() {
            let prev = match &entry.body {
                EntryBody::Header(header) => Some(header.prev),
                _ => None,
            };
            assert!(matches!(judge(at, entry.position, prev), Step::Next | Step::NewEpoch), "{at} {}", entry.position);
            events += payload_of(&entry).map_or(0, |payload| payload.len() as u64);
            assert_eq!(entry.totals.events, events);
            at = entry.position;
            seen += 1;
        }
    }
    writer.await.unwrap();
    assert_eq!(test.log.status(SHARD).await.unwrap().totals.events, events);
    assert!(reader.read_batch(BLOCK).await.unwrap().is_empty());
}

/// What one read is meant to bring at most, in bytes.
const READ_BYTES: usize = 1024 * 1024;

#[tokio::test]
async fn a_read_of_large_entries_stays_near_a_megabyte_once_their_size_is_known() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    for _ in 0..40 {
        accept(&appender, AppendRequest { payload: noise(100), ..request(0) }).await;
    }
    let mut reader = test.log.reader(SHARD, "c1");
    let mut seen = reader.read_batch(BLOCK).await.unwrap().len();
    while seen < 41 {
        let read = reader.read_batch(BLOCK).await.unwrap();
        let bytes: usize = read.iter().map(payload_bytes).sum();
        assert!(bytes > 0 && bytes <= READ_BYTES, "{bytes} bytes in {} entries", read.len());
        assert!(reader.is_behind() || seen + read.len() == 41, "it brought all that it asked for");
        seen += read.len();
    }
    assert!(reader.read_batch(BLOCK).await.unwrap().is_empty());
    assert!(!reader.is_behind());
}

fn payload_bytes(entry: &Entry) -> usize {
    match &entry.body {
        EntryBody::Request { payload, .. } => payload.len(),
        EntryBody::Header(_) | EntryBody::Damaged { .. } => 0,
    }
}

#[tokio::test]
async fn an_idle_read_waits_and_brings_nothing() {
    let test = TestLog::open().await;
    let mut reader = test.log.reader(SHARD, "c1");
    assert_eq!(reader.read(10, BLOCK).await.unwrap().len(), 1);
    let start = Instant::now();
    // Longer than the half second that the Redis crate would give it.
    assert!(reader.read(10, 3 * BLOCK).await.unwrap().is_empty());
    assert!(start.elapsed() >= 3 * BLOCK);
}

#[tokio::test]
async fn the_cursor_is_set_and_the_lag_is_known() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    for _ in 0..5 {
        accept(&appender, request(1)).await;
    }
    let at = test.anchor(Position::new(test.header.epoch, 2)).await;
    test.log.set_cursor(SHARD, at.position, at.totals.entries).await.unwrap();
    assert_eq!(group(&test).await["lag"], Value::Int(3));
    let mut reader = test.log.reader(SHARD, "c1");
    let read = reader.read(2, BLOCK).await.unwrap();
    assert_eq!(read.iter().map(|entry| entry.position.seq).collect::<Vec<_>>(), [3, 4]);
    let group_now = group(&test).await;
    assert_eq!(
        (&group_now["lag"], &group_now["entries-read"], &group_now["pending"]),
        (&Value::Int(1), &Value::Int(5), &Value::Int(0))
    );
    test.log.set_cursor(SHARD, Position::new(test.header.epoch, 5), 6).await.unwrap();
    assert_eq!(group(&test).await["lag"], Value::Int(0));
}

#[tokio::test]
async fn a_lost_group_is_told_and_made_again() {
    let test = TestLog::open().await;
    let at = accept(&test.log.appender(limits()), request(1)).await;
    let mut reader = test.log.reader(SHARD, "c1");
    raw(&test.redis, &["XGROUP", "DESTROY", "events:{0}", "aggregators"]).await;
    assert!(matches!(reader.read_batch(BLOCK).await, Err(Error::NoGroup)));
    assert!(!test.log.status(SHARD).await.unwrap().group);
    test.log.set_cursor(SHARD, test.header, 1).await.unwrap();
    assert_eq!(reader.read_batch(BLOCK).await.unwrap()[0].position, at);
    raw(&test.redis, &["DEL", "events:{0}"]).await;
    assert!(matches!(reader.read_batch(BLOCK).await, Err(Error::NoGroup)));
}

#[tokio::test]
async fn a_reader_connects_again() {
    let test = TestLog::open().await;
    let mut reader = test.log.reader(SHARD, "c1");
    assert_eq!(reader.read_batch(BLOCK).await.unwrap().len(), 1);
    test.redis.kill9().await.unwrap();
    assert!(matches!(reader.read_batch(BLOCK).await, Err(Error::Away(_))));
    test.redis.restart().await.unwrap();
    let at = accept(&test.log.appender(limits()), request(1)).await;
    test.log.set_cursor(SHARD, test.header, 1).await.unwrap();
    let read = reader.read_batch(BLOCK).await.unwrap();
    assert_eq!(read.last().map(|entry| entry.position), Some(at));
}

#[tokio::test]
async fn a_foreign_entry_is_damaged_and_fails_no_read() {
    let test = TestLog::open().await;
    raw(&test.redis, &["XADD", "events:{0}", &format!("{}-*", test.header.epoch), "who", "knows"]).await;
    let read = test.log.reader(SHARD, "c1").read_batch(BLOCK).await.unwrap();
    assert_eq!(read.len(), 2);
    assert!(matches!(read[1].body, EntryBody::Damaged { .. }));
    assert_eq!(test.entries().await, read);
    assert_eq!(test.log.first_after(SHARD, test.header).await.unwrap().unwrap().stamp_ms, 0);
}

#[tokio::test]
async fn the_first_after_brings_its_time_and_no_payload() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    let large = AppendRequest { payload: noise(200), ..request(0) };
    let at = accept(&appender, large).await;
    let sent_before = sent_bytes(&test).await;
    let first = test.log.first_after(SHARD, test.header).await.unwrap().unwrap();
    let sent = sent_bytes(&test).await - sent_before;
    let entry = test.log.entry_at(SHARD, at).await.unwrap().unwrap();
    assert_eq!((first.position, first.stamp_ms), (at, entry.stamp_ms));
    let EntryBody::Request { payload, .. } = &entry.body else { panic!("{entry:?}") };
    assert!(payload.len() > 200_000 && sent < 50_000, "{} bytes of payload, {sent} sent", payload.len());
    assert_eq!(test.log.first_after(SHARD, at).await.unwrap(), None);
}

#[tokio::test]
async fn reading_from_a_position_is_bounded_and_moves_no_cursor() {
    let test = TestLog::open().await;
    let appender = test.log.appender(limits());
    for i in 0..100 {
        accept(&appender, keyed(&i.to_string(), 1, 1)).await;
    }
    let seqs = async |after, count, bytes| {
        let entries = test.log.read_from(SHARD, Position::new(test.header.epoch, after), count, bytes).await.unwrap();
        entries.iter().map(|entry| entry.position.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(0, 70, usize::MAX).await, (1..=70).collect::<Vec<_>>());
    assert_eq!(seqs(95, 70, usize::MAX).await, [96, 97, 98, 99, 100]);
    assert_eq!(seqs(0, 100, 1).await.len(), 32, "one answer passes the bytes asked for");
    assert_eq!(test.log.reader(SHARD, "c1").read(1, BLOCK).await.unwrap()[0].position, test.header);
}

async fn group(test: &TestLog) -> BTreeMap<String, Value> {
    let Value::Array(groups) = raw(&test.redis, &["XINFO", "GROUPS", "events:{0}"]).await else { panic!("no groups") };
    let Value::Array(fields) = groups.into_iter().next().unwrap() else { panic!("no group") };
    let mut fields = fields.into_iter();
    let mut found = BTreeMap::new();
    while let (Some(Value::BulkString(name)), Some(value)) = (fields.next(), fields.next()) {
        found.insert(String::from_utf8(name).unwrap(), value);
    }
    found
}

async fn sent_bytes(test: &TestLog) -> u64 {
    let Value::BulkString(info) = raw(&test.redis, &["INFO", "stats"]).await else { panic!("no info") };
    let info = String::from_utf8(info).unwrap();
    info.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:")).unwrap().trim().parse().unwrap()
}
