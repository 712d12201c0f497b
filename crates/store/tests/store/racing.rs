//! The same with everything at once: appliers, roll-ups, compaction and retention on connections of their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use tally_model::Tally;
use tally_store::{Applied, Error, Keep, SealPlace, Store};

use crate::fixture::{DAY, NOON, TestLog, TestStore, apply_all};
use crate::levels::tally_at;
use crate::plain_fold::{PlainFold, assert_levels, assert_rolled};

const KEEP: Keep = Keep { minutes_days: 1, hours_days: 40, days_days: 400, dedupe_seconds: 3_600 };
/// Batches that each applier applies.
const BATCHES: u64 = 120;

/// Events around `now_s` that look random and are not: recent ones, late ones, and some older than minutes are kept.
fn scattered(seed: u64, now_s: i64) -> Tally {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let events: Vec<_> = (0..12)
        .map(|_| {
            let spread = [120, 120, 600, 7_200, 3 * 86_400, 50 * 86_400][usize::try_from(next(6)).unwrap()];
            let ago = i64::try_from(next(spread)).unwrap();
            let duration_us = (next(4) > 0).then(|| next(90_000));
            (u8::try_from(next(4)).unwrap(), ago, u16::try_from(1 + next(5)).unwrap(), duration_us)
        })
        .collect();
    tally_at(now_s, &events)
}

async fn apply_many(store: Store, shard: u16, now_s: Arc<AtomicI64>) -> Vec<Tally> {
    let mut log = TestLog::new(shard);
    let mut applied = Vec::new();
    for i in 0..BATCHES {
        let tally = scattered(u64::from(shard) * 10_000 + i, now_s.load(Ordering::Relaxed));
        applied.push(tally.clone());
        let Applied::Done { grown, dead_lettered: 0, .. } = apply_all(&store, &log.next(tally)).await else { panic!() };
        store.compact(&grown).await.unwrap();
    }
    applied
}

/// Repeats `work` until told to stop; the number of times.
fn repeat<W, F>(done: &Arc<AtomicBool>, work: W) -> tokio::task::JoinHandle<u32>
where
    W: Fn() -> F + Send + 'static,
    F: Future<Output = Result<(), Error>> + Send,
{
    let done = Arc::clone(done);
    tokio::spawn(async move {
        let mut times = 0;
        while !done.load(Ordering::Relaxed) {
            work().await.unwrap();
            times += 1;
        }
        times
    })
}

async fn all_of(appliers: Vec<tokio::task::JoinHandle<Vec<Tally>>>) -> Vec<Tally> {
    let mut applied = Vec::new();
    for applier in appliers {
        applied.extend(applier.await.unwrap());
    }
    applied
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn appliers_race_roll_ups_compaction_and_retention() {
    let test = TestStore::new().await;
    test.run("UPDATE setting SET roll_up_rows = 40, sketch_bytes = 60").await;
    let now_s = Arc::new(AtomicI64::new(NOON));
    let done = Arc::new(AtomicBool::new(false));
    let appliers: Vec<_> =
        (0..3).map(|shard| tokio::spawn(apply_many(test.store.clone(), shard, Arc::clone(&now_s)))).collect();
    // Two, so that roll-ups meet each other over the same minutes.
    let rolling = [(); 2].map(|()| {
        let store = test.store.clone();
        repeat(&done, move || {
            let store = store.clone();
            async move {
                let rolled = store.roll_up().await?;
                store.compact(&rolled.grown).await
            }
        })
    });
    let store = test.store.clone();
    let sweeping = repeat(&done, move || {
        let store = store.clone();
        async move {
            store.compact(&store.sweep_grown(50).await?).await?;
            store.maintain(&KEEP).await.map(drop)
        }
    });
    // Two here too.
    let sealing = [(); 2].map(|()| {
        let store = test.store.clone();
        repeat(&done, move || {
            let store = store.clone();
            async move {
                let mut place = SealPlace::default();
                while store.seal(&mut place).await?.more {}
                Ok(())
            }
        })
    });
    let mut plain = PlainFold::default();
    let ticking = async {
        // Each step passes a bound of minute partitions, so that floors rise and partitions go all the time.
        for _ in 0..12 {
            tokio::time::sleep(std::time::Duration::from_millis(60)).await;
            let now = now_s.fetch_add(DAY / 2, Ordering::Relaxed) + DAY / 2;
            test.set_clock(now).await;
        }
    };
    let ((), applied) = tokio::join!(ticking, all_of(appliers));
    done.store(true, Ordering::Relaxed);
    let [first, second] = rolling;
    let (rolled, swept) = (first.await.unwrap() + second.await.unwrap(), sweeping.await.unwrap());
    for sealing in sealing {
        assert!(sealing.await.unwrap() > 2);
    }
    assert!(test.number("SELECT count(*) FROM minute_block").await > 0);
    assert!(rolled > 5 && swept > 2, "hardly a race: {rolled} roll-ups, {swept} sweeps");
    applied.iter().for_each(|tally| plain.add(tally));
    assert_levels(&test, &plain).await;
    test.set_clock(now_s.load(Ordering::Relaxed) + DAY).await;
    while test.roll_up().await.unwrap().more {}
    assert_rolled(&test, &plain).await;
    assert!(test.number("SELECT count(*) FROM retention_floor WHERE at > '-infinity'").await >= 3);
    let events = i64::try_from(applied.iter().map(|tally| tally.events).sum::<u64>()).unwrap();
    assert_eq!(test.number("SELECT sum(requests) FROM endpoint_month").await, events);
    assert_eq!(test.number("SELECT sum(counted) FROM shard_position").await, events);
}
