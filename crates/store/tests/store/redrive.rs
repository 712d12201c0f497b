//! Dead letters counted after all: exactly once, and the same as if they had been counted at once.

use std::time::Duration;

use futures_util::future::join_all;
use tally_model::{DeadLetter, Fold, Payload, Shard, Tally, Vote};
use tally_store::{Class, RedriveWork, Redriven, SetAside};

use crate::fixture::{DAY, NOON, TestLog, TestStore, tally};
use crate::plain_fold::{PlainFold, assert_levels};
use crate::votes::votes;

const REASON: &str = "undecodable";
const LEASE: Duration = Duration::from_secs(30);

/// Commits a letter for each number of events.
async fn set_aside(test: &TestStore, log: &mut TestLog, events: &[u64]) -> Vec<SetAside> {
    let mut batch = log.next(Tally::default());
    batch.last.totals.events += events.iter().sum::<u64>();
    log.totals = batch.last.totals;
    let letter = |events: &u64| DeadLetter {
        position: batch.last.position,
        index: None,
        events: *events,
        reason: REASON.into(),
        payload: b"packed".to_vec(),
    };
    batch.dead_letters = events.iter().map(letter).collect();
    test.count(&batch).await;
    test.dead_letters(100, None, Some(REASON)).await.unwrap()
}

async fn ask(test: &TestStore) -> RedriveWork {
    test.ask_redrive(REASON).await.unwrap();
    test.claim_redrive("c", LEASE).await.unwrap().unwrap()
}

async fn redrive(test: &TestStore, work: &RedriveWork, ids: &[i64], tally: &Tally) -> Result<(), tally_store::Error> {
    loop {
        match test.redrive(work, Shard::new(0), ids, tally).await? {
            Redriven::Done { .. } => return Ok(()),
            Redriven::NeedPartition { level, start_s } => test.make_partition(level, start_s).await?,
        }
    }
}

fn ids(letters: &[SetAside]) -> Vec<i64> {
    letters.iter().map(|letter| letter.id).collect()
}

#[tokio::test]
async fn letters_count_as_if_they_had_been_counted_at_once() {
    let test = TestStore::new().await;
    let (mut log, mut plain) = (TestLog::new(0), PlainFold::default());
    let first = tally(&[("web", "GET", "/", 200, NOON - 600, Some(5)), ("web", "GET", "/b", 500, NOON - 60, None)]);
    plain.add(&first);
    test.count(&log.next(first)).await;
    while test.roll_up().await.unwrap().more {}
    let letters = set_aside(&test, &mut log, &[3]).await;
    let before = test.position(log.shard).await.unwrap();
    assert_eq!((before.counted, before.dead_lettered, before.is_balanced()), (2, 3, true));

    // A minute that is rolled up already, one that is not, and a day without a partition.
    let late = tally(&[
        ("web", "GET", "/", 200, NOON - 600, Some(9)),
        ("new", "PUT", "/", 404, NOON, Some(1)),
        ("new", "PUT", "/", 204, NOON - 3 * DAY, Some(1)),
    ]);
    plain.add(&late);
    let work = ask(&test).await;
    redrive(&test, &work, &ids(&letters), &late).await.unwrap();
    let after = test.position(log.shard).await.unwrap();
    assert_eq!((after.counted, after.dead_lettered, after.is_balanced()), (5, 0, true));
    assert_eq!(
        (after.anchor, after.lineage, after.rebase_events),
        (before.anchor, before.lineage, before.rebase_events)
    );
    assert_levels(&test, &plain).await;
    assert_eq!(test.number("SELECT count(*) FROM position_history").await, 1, "no position but those of the log");
    let shown = test.last_redrive(REASON).await.unwrap().unwrap();
    assert_eq!((shown.asked, shown.redriven, shown.refused, shown.done_at_ms), (3, 3, 0, None));
    assert!(test.advance_redrive(&work, work.through, 0).await.unwrap());
    assert!(!test.advance_redrive(&work, work.through, 0).await.unwrap(), "once");
    assert!(test.claim_redrive("c", LEASE).await.unwrap().is_none(), "it is done");
    // The log goes on from where it was.
    test.count(&log.next(tally(&[("web", "GET", "/", 200, NOON, None)]))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_counts() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let letters = set_aside(&test, &mut log, &[1; 20]).await;
    let work = ask(&test).await;
    let counts = |range: std::ops::Range<usize>| {
        let (store, work, ids) = (test.store.clone(), work.clone(), ids(&letters[range.clone()]));
        let tally = tally(&vec![("web", "GET", "/", 200, NOON, Some(7)); range.len()]);
        tokio::spawn(async move {
            for _ in 0..50 {
                match store.redrive(&work, Shard::new(0), &ids, &tally).await {
                    Ok(Redriven::Done { .. }) => return tally.events,
                    Ok(Redriven::NeedPartition { level, start_s }) => {
                        store.make_partition(level, start_s).await.unwrap()
                    }
                    Err(error) if error.sql_state() == Some("40001") => return 0,
                    Err(error) => assert_eq!(error.class(), Class::Transient, "{error}"),
                }
            }
            panic!("no answer");
        })
    };
    // Whole, halves, and parts that cross them.
    let tries = [0..20, 0..10, 10..20, 5..15, 0..20, 15..20, 0..5, 5..15];
    let counted: u64 = join_all(tries.map(counts)).await.into_iter().map(Result::unwrap).sum();
    assert!(counted > 0);
    let row = test.position(log.shard).await.unwrap();
    assert_eq!((row.counted, row.dead_lettered, row.is_balanced()), (counted, 20 - counted, true));
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, i64::try_from(counted).unwrap());
    assert_eq!(test.number("SELECT count(*) FROM dead_letter").await, i64::try_from(20 - counted).unwrap());
    assert_eq!(test.last_redrive(REASON).await.unwrap().unwrap().redriven, counted);
}

#[tokio::test]
async fn figures_that_are_not_the_letters_change_nothing() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let letters = set_aside(&test, &mut log, &[2, 1]).await;
    let work = ask(&test).await;
    test.maintain(&tally_store::Keep::default()).await.unwrap();
    test.run("UPDATE kept_floor SET at = '2024-01-01Z' WHERE level = 'month'").await;
    let before = test.fingerprint().await;
    let event = ("web", "GET", "/", 200, NOON, None);
    let too_few = redrive(&test, &work, &ids(&letters), &tally(&[event; 2])).await.unwrap_err();
    let too_late = ("web", "GET", "/", 200, NOON - 1_000 * DAY, None);
    let too_late = redrive(&test, &work, &ids(&letters), &tally(&[event, event, too_late])).await.unwrap_err();
    let elsewhere = test.redrive(&work, Shard::new(1), &ids(&letters), &tally(&[event; 3])).await.unwrap_err();
    assert_eq!(
        [too_few.class(), too_late.class(), elsewhere.class()],
        [Class::Poison, Class::Poison, Class::Transient]
    );
    assert_eq!(test.fingerprint().await, before);
    assert_eq!(test.last_redrive(REASON).await.unwrap().unwrap().redriven, 0);
}

#[tokio::test]
async fn a_late_vote_does_not_undo_a_later_one() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    test.count(&log.next(votes(&[("p", Some("ann"), "x")]))).await;
    let letters = set_aside(&test, &mut log, &[4]).await;
    let cast = |voter: Option<&str>, option: &str, time_ms| Vote {
        poll: "p".into(),
        option: option.into(),
        voter: voter.map(Into::into),
        source_ip: None,
        user_agent: None,
        time_ms,
    };
    let (early, late) = ((NOON - 60) * 1_000, (NOON + 60) * 1_000);
    let mut fold = Fold::new();
    fold.add(Payload::Votes(vec![
        cast(Some("ann"), "y", early),
        cast(Some("bob"), "y", early),
        cast(Some("bob"), "x", late),
        cast(None, "y", early),
    ]));
    let work = ask(&test).await;
    redrive(&test, &work, &ids(&letters), &fold.take()).await.unwrap();
    let results = test.poll_results("p").await.unwrap().unwrap();
    assert_eq!(results, [("x".to_owned(), 2), ("y".to_owned(), 1)]);
    assert_eq!(test.number("SELECT count(*) FROM vote_event").await, 5, "every one is audited");
    assert!(test.position(log.shard).await.unwrap().is_balanced());
}

#[tokio::test]
async fn requests_are_one_at_a_time_and_bounded() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    assert_eq!(test.ask_redrive(REASON).await.unwrap(), None, "there is no letter");
    set_aside(&test, &mut log, &[2, 3]).await;
    assert_eq!(test.ask_redrive(REASON).await.unwrap(), Some(5));
    let letters = set_aside(&test, &mut log, &[7]).await;
    assert_eq!(test.ask_redrive(REASON).await.unwrap(), Some(5), "the open one");
    let work = test.claim_redrive("c", LEASE).await.unwrap().unwrap();
    assert_eq!(work.through, letters[1].id, "what came later was not asked for");
    assert!(test.claim_redrive("d", LEASE).await.unwrap().is_none(), "it is another's");
    test.set_clock(NOON + 31).await;
    assert_eq!(test.claim_redrive("d", LEASE).await.unwrap(), Some(work.clone()), "who died is followed");
    let of = async |letters, bytes| ids(&test.next_letters(&work, letters, bytes).await.unwrap());
    assert_eq!(of(10, 1_000).await, [letters[2].id, letters[1].id]);
    assert_eq!(of(1, 1_000).await, [letters[2].id]);
    assert_eq!(of(10, 0).await, [letters[2].id], "one at least");
    let reasons = test.dead_reasons(2).await.unwrap();
    assert_eq!((reasons[0].events, reasons[0].letters, reasons[0].samples.len()), (12, 3, 2));
    assert_eq!(reasons[0].redrive.as_ref().map(|redrive| redrive.asked), Some(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counting_and_redriving_one_shard_do_not_disturb_each_other() {
    let test = TestStore::new().await;
    let mut log = TestLog::new(0);
    let letters = set_aside(&test, &mut log, &[1; 30]).await;
    let work = ask(&test).await;
    test.count(&log.next(tally(&[("web", "GET", "/", 200, NOON, None)]))).await;
    let store = test.store.clone();
    let redriving = tokio::spawn(async move {
        let one = tally(&[("web", "GET", "/", 200, NOON, None)]);
        for letter in &letters {
            let done = store.redrive(&work, Shard::new(0), &[letter.id], &one).await.unwrap();
            assert!(matches!(done, Redriven::Done { .. }), "{done:?}");
        }
    });
    for _ in 0..30 {
        // Whoever counts finds its own position, whatever went on in between.
        test.count(&log.next(tally(&[("web", "GET", "/", 200, NOON, None); 2]))).await;
    }
    redriving.await.unwrap();
    let row = test.position(log.shard).await.unwrap();
    assert_eq!((row.position(), row.counted, row.dead_lettered, row.is_balanced()), (log.at, 91, 0, true));
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_minute").await, 91);
    let history = "SELECT count(*) FROM position_history h WHERE NOT EXISTS (SELECT FROM request_ledger l \
                   WHERE (l.to_epoch, l.to_seq) = (h.epoch, h.seq))";
    assert_eq!(test.number(history).await, 0, "no position but those of the log");
}
