//! Whatever the order of apply, roll-up, compaction, late events and dropped partitions, every level equals the fold of
//! all accepted events.

use proptest::prelude::*;
use tally_model::{Tally, Window};
use tally_store::{Applied, Keep, SealPlace};

use crate::fixture::{DAY, NOON, TestLog, TestStore, tally};
use crate::plain_fold::{PlainFold, assert_levels, assert_rolled, assert_window};

/// Databases that the property is tried on.
const CASES: u32 = 24;
/// Short, so that a few steps of the clock pass every floor.
const KEEP: Keep = Keep { minutes_days: 2, hours_days: 40, days_days: 400, dedupe_seconds: 3_600 };

/// One event, relative to the clock: route, seconds ago, status class, duration.
type Relative = (u8, i64, u16, Option<u64>);

#[derive(Debug, Clone)]
enum Step {
    Apply { shard: u16, events: Vec<Relative> },
    RollUp,
    Compact,
    Seal,
    Advance { seconds: i64 },
    Maintain,
}

fn event() -> impl Strategy<Value = Relative> {
    let ago = prop_oneof![
        // Few minutes, so that events often come to one that was rolled up before.
        8 => (-2..12_i64).prop_map(|minutes| minutes * 60),
        3 => 0..7_200_i64,
        2 => 0..4 * DAY,
        1 => 0..60 * DAY,
        1 => 0..700 * DAY,
    ];
    let duration = prop::option::of(prop_oneof![Just(0), 1..5_000_u64, 1..86_400_000_000_u64]);
    (0..4_u8, ago, 1..6_u16, duration)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..3_u16, prop::collection::vec(event(), 1..12)).prop_map(|(shard, events)| Step::Apply { shard, events }),
        4 => Just(Step::RollUp),
        2 => Just(Step::Compact),
        3 => Just(Step::Seal),
        3 => prop_oneof![60..600_i64, 3_600..2 * DAY, 5 * DAY..40 * DAY].prop_map(|seconds| Step::Advance { seconds }),
        2 => Just(Step::Maintain),
    ]
}

pub(crate) fn tally_at(now_s: i64, events: &[Relative]) -> Tally {
    let endpoints = [("web", "/a"), ("web", "/b"), ("db", "/a"), ("db", "/d")];
    let absolute: Vec<_> = events
        .iter()
        .map(|&(i, ago, class, us)| {
            let (service, route) = endpoints[usize::from(i)];
            (service, "GET", route, class * 100 + 1, now_s - ago, us)
        })
        .collect();
    tally(&absolute)
}

struct World {
    test: TestStore,
    plain: PlainFold,
    logs: Vec<TestLog>,
    place: SealPlace,
    now_s: i64,
}

impl World {
    async fn new() -> Self {
        let test = TestStore::new().await;
        // Small enough that a handful of rows asks for several roll-ups and for compaction.
        test.run("UPDATE setting SET roll_up_rows = 5, sketch_bytes = 24").await;
        let logs = (0..3).map(TestLog::new).collect();
        Self { test, plain: PlainFold::default(), logs, place: SealPlace::default(), now_s: NOON }
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Apply { shard, events } => {
                let tally = tally_at(self.now_s, events);
                self.plain.add(&tally);
                let batch = self.logs[usize::from(*shard)].next(tally);
                let outcome = crate::fixture::apply_all(&self.test, &batch).await;
                let Applied::Done { counted, dead_lettered: 0, .. } = outcome else { panic!("{outcome:?}") };
                assert_eq!(counted, events.len() as u64);
            }
            Step::RollUp => drop(self.test.roll_up().await.unwrap()),
            Step::Compact => {
                let grown = self.test.sweep_grown(100).await.unwrap();
                self.test.compact(&grown).await.unwrap();
            }
            Step::Seal => while self.test.seal(&mut self.place).await.unwrap().more {},
            Step::Advance { seconds } => {
                self.now_s += seconds;
                self.test.set_clock(self.now_s).await;
            }
            Step::Maintain => drop(self.test.maintain(&KEEP).await.unwrap()),
        }
    }

    async fn settle(&mut self) {
        self.now_s += 600;
        self.test.set_clock(self.now_s).await;
        while self.test.roll_up().await.unwrap().more {}
    }
}

/// A window: how long ago it ends, and how long it is, in seconds.
fn window() -> impl Strategy<Value = (i64, i64)> {
    let seconds = || prop_oneof![0..7_200_i64, 0..4 * DAY, 0..700 * DAY];
    (seconds(), seconds())
}

#[test]
fn every_level_equals_the_fold() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut config = ProptestConfig::with_cases(CASES);
    config.failure_persistence = None;
    let windows = prop::collection::vec(window(), 6);
    proptest!(config, |(steps in prop::collection::vec(step(), 1..30), windows in windows)| {
        runtime.block_on(async {
            let mut world = World::new().await;
            for step in &steps {
                world.take(step).await;
            }
            assert_levels(&world.test, &world.plain).await;
            for (ago_s, length_s) in windows {
                let to_s = world.now_s - ago_s + 600;
                assert_window(&world.test, &world.plain, Window { from_s: to_s - length_s - 1, to_s }).await;
            }
            world.settle().await;
            assert_rolled(&world.test, &world.plain).await;
        });
    });
}

/// The consumer was away for a week: its backlog goes to the levels that still keep its time.
#[tokio::test]
async fn a_week_old_backlog_loses_nothing() {
    let mut world = World::new().await;
    world.test.maintain(&KEEP).await.unwrap();
    let posted = tally_at(world.now_s, &[(0, 30, 2, Some(900)), (1, 90, 5, None), (0, 100 * DAY, 2, Some(7))]);
    let batch = world.logs[0].next(posted.clone());
    world.take(&Step::Advance { seconds: 7 * DAY }).await;
    world.take(&Step::Maintain).await;
    assert_eq!(world.test.count(&batch).await, (3, 0));
    world.plain.add(&posted);
    assert_levels(&world.test, &world.plain).await;
    assert_eq!(world.test.number("SELECT count(*) FROM endpoint_minute").await, 0);
    assert_eq!(world.test.number("SELECT sum(requests) FROM endpoint_hour").await, 2);
    assert_eq!(world.test.number("SELECT sum(requests) FROM endpoint_month").await, 3);
}

/// Ids are hashes, so that rows in their order would lay those of a service on every page.
#[tokio::test]
async fn rows_of_a_service_lie_together() {
    const SERVICES: i64 = 10;
    let test = TestStore::new().await;
    let names: Vec<_> = (0..SERVICES * 60).map(|i| (format!("service-{}", i % SERVICES), format!("/{i}"))).collect();
    let event = |at_s| names.iter().map(move |(service, route)| (&**service, "GET", &**route, 200, at_s, Some(900)));
    let mut log = TestLog::new(0);
    for ago_s in [120, 60] {
        test.count(&log.next(tally(&event(NOON - ago_s).collect::<Vec<_>>()))).await;
        while test.roll_up().await.unwrap().more {}
    }
    let pages = "(h.ctid::text::point)[0]";
    let all = test.number(&format!("SELECT count(DISTINCT {pages}) FROM endpoint_hour h")).await;
    let of_services = format!(
        "SELECT sum(pages)::bigint FROM (SELECT count(DISTINCT {pages}) AS pages FROM endpoint_hour h \
         JOIN endpoint e ON e.id = h.endpoint GROUP BY e.service_id) AS services"
    );
    let of_services = test.number(&of_services).await;
    assert!(all > SERVICES, "{all} pages");
    assert!(of_services < all + SERVICES, "{of_services} pages of services, {all} in all: two share one at most");
    assert_eq!(test.number("SELECT count(*) FROM endpoint_hour WHERE requests = 2").await, SERVICES * 60);
}
