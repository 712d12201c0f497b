//! What the loops work on: always the same events, made of integers only. They are like those of `make bench`, but not its
//! own: a change there must not move a count.

use std::fmt::Write as _;

use jiff::Timestamp;
use tally_model::{EventBlock, Payload};

/// When all bodies are received, in milliseconds since the Unix epoch.
pub(crate) const RECEIVED_MS: i64 = 1_773_145_296_789;
const ENDPOINTS: usize = 240;
const SERVICES: usize = 20;
/// Events are at most this old.
const AGE_MS_MAX: u64 = 2_000;
const METHODS: [&str; 5] = ["GET", "GET", "POST", "PUT", "DELETE"];
const SEED: u64 = 6;

/// Chance that can be repeated (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// From 2 ms on, mostly below 130 ms, as many in each doubling.
    fn duration_us(&mut self) -> u64 {
        let doubled = 2_000 << self.below(6);
        doubled + self.below(doubled)
    }
}

/// One event.
pub(crate) struct Event {
    service: String,
    method: &'static str,
    route: String,
    status: u16,
    duration_us: u64,
    time_ms: i64,
}

/// So many events of 240 endpoints of 20 services; the n-th busiest has 1/n of what the busiest has.
pub(crate) fn events(count: usize) -> Vec<Event> {
    let mut random = Random(SEED);
    let mut sum = 0;
    let shares: Vec<u64> = (1..=ENDPOINTS as u64)
        .map(|rank| {
            sum += 1_000_000 / rank;
            sum
        })
        .collect();
    (0..count).map(|_| event(&mut random, &shares)).collect()
}

fn event(random: &mut Random, shares: &[u64]) -> Event {
    let at = random.below(shares[ENDPOINTS - 1]);
    let endpoint = shares.partition_point(|share| *share <= at);
    let status = match random.below(100) {
        0..95 => 200,
        95..98 => 404,
        _ => 500,
    };
    Event {
        service: format!("service-{:02}", endpoint % SERVICES),
        method: METHODS[endpoint % METHODS.len()],
        route: format!("/api/v1/resource-{endpoint:03}/{{id}}"),
        status,
        duration_us: random.duration_us(),
        time_ms: RECEIVED_MS - random.below(AGE_MS_MAX).cast_signed(),
    }
}

/// Durations in microseconds, a list of `each` for each of `count` sketches.
pub(crate) fn durations_us(count: usize, each: usize) -> Vec<Vec<u64>> {
    let mut random = Random(SEED);
    (0..count).map(|_| (0..each).map(|_| random.duration_us()).collect()).collect()
}

/// One event as JSON, about 140 bytes.
pub(crate) fn json(event: &Event) -> String {
    let Event { service, method, route, status, .. } = event;
    let (ms, us) = (event.duration_us / 1_000, event.duration_us % 1_000);
    let time = Timestamp::from_millisecond(event.time_ms).unwrap_or_default();
    let mut text = format!(r#"{{"service":"{service}","method":"{method}","route":"{route}","status":{status},"#);
    let _ = write!(text, r#""duration_ms":{ms}.{us:03},"timestamp":"{time:.3}"}}"#);
    text
}

/// The same as a block.
pub(crate) fn payload(events: &[Event]) -> Payload {
    let mut block = EventBlock::new();
    for event in events {
        let counted = (event.status, event.time_ms, Some(event.duration_us));
        block.push(&event.service, event.method, &event.route, counted);
    }
    Payload::Events(block)
}
