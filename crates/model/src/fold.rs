//! Events to counts: one row for each endpoint and minute. Integers only, so the result does not depend on where
//! batches are cut.

use std::collections::HashMap;

use rustc_hash::FxHashMap;

use crate::endpoint::{EndpointId, EndpointName};
use crate::event::{EventBlock, EventRow, Payload};
use crate::sketch::Sketch;
use crate::vote::Vote;

/// Seconds in a minute, the finest level.
const MINUTE_S: i64 = 60;
/// Endpoints whose id is remembered between batches; beyond it the memory is cleared.
const KNOWN_ENDPOINTS_MAX: usize = 100_000;

/// What one endpoint did in one minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointMinute {
    /// Endpoint counted.
    pub endpoint: EndpointId,
    /// Start of the minute in seconds since the Unix epoch; a multiple of 60.
    pub start_s: i64,
    /// All requests.
    pub requests: u64,
    /// Requests by status class, 1xx … 5xx.
    pub status: [u64; 5],
    /// Requests that had a duration.
    pub timed: u64,
    /// Sum of the durations in microseconds.
    pub duration_sum_us: u64,
    /// Shortest duration in microseconds; of no meaning while `timed` is 0.
    pub duration_min_us: u64,
    /// Longest duration in microseconds; of no meaning while `timed` is 0.
    pub duration_max_us: u64,
    /// Distribution of the durations.
    pub sketch: Sketch,
}

impl EndpointMinute {
    fn new(endpoint: EndpointId, start_s: i64) -> Self {
        Self {
            endpoint,
            start_s,
            requests: 0,
            status: [0; 5],
            timed: 0,
            duration_sum_us: 0,
            duration_min_us: u64::MAX,
            duration_max_us: 0,
            sketch: Sketch::new(),
        }
    }

    fn add(&mut self, row: &EventRow) {
        self.requests += 1;
        self.status[usize::from((row.status / 100).clamp(1, 5)) - 1] += 1;
        if let Some(us) = row.duration_us {
            self.timed += 1;
            self.duration_sum_us = self.duration_sum_us.saturating_add(us);
            self.duration_min_us = self.duration_min_us.min(us);
            self.duration_max_us = self.duration_max_us.max(us);
            self.sketch.insert(us);
        }
    }

    /// Adds all that `other` counted of the same endpoint in the same minute.
    fn merge(&mut self, other: &Self) {
        self.requests += other.requests;
        self.status.iter_mut().zip(other.status).for_each(|(sum, more)| *sum += more);
        if other.timed > 0 {
            self.timed += other.timed;
            self.duration_sum_us = self.duration_sum_us.saturating_add(other.duration_sum_us);
            self.duration_min_us = self.duration_min_us.min(other.duration_min_us);
            self.duration_max_us = self.duration_max_us.max(other.duration_max_us);
            self.sketch.merge(&other.sketch);
        }
    }
}

/// What a run of entries adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Names of all endpoints in `minutes`, by id, ascending.
    pub endpoints: Vec<(EndpointId, EndpointName)>,
    /// Rows with unique keys, sorted by endpoint and minute.
    pub minutes: Vec<EndpointMinute>,
    /// Votes in log order.
    pub votes: Vec<Vote>,
    /// Events in all: the requests of the rows and the votes.
    pub events: u64,
}

/// Gathers entries until the tally is taken.
#[derive(Debug, Default)]
pub struct Fold {
    known: HashMap<EndpointName, EndpointId>,
    names: FxHashMap<EndpointId, EndpointName>,
    places: FxHashMap<(EndpointId, i64), usize>,
    minutes: Vec<EndpointMinute>,
    votes: Vec<Vote>,
    events: u64,
}

impl Fold {
    /// Nothing gathered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one entry's payload.
    pub fn add(&mut self, payload: Payload) {
        self.events += payload.len() as u64;
        match payload {
            Payload::Events(block) => self.add_events(&block),
            Payload::Votes(votes) => self.votes.extend(votes),
        }
    }

    /// Adds counts of an endpoint that were folded before.
    pub fn add_minute(&mut self, name: &EndpointName, minute: &EndpointMinute) {
        self.events += minute.requests;
        let id = self.id_of(name);
        let place = self.place_of(id, minute.start_s);
        self.minutes[place].merge(minute);
    }

    /// Number of distinct keys gathered: rows that an apply would write.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.minutes.len() + self.votes.len()
    }

    /// Number of events gathered.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Takes what was gathered and starts anew.
    pub fn take(&mut self) -> Tally {
        let mut minutes = std::mem::take(&mut self.minutes);
        minutes.sort_unstable_by_key(|m| (m.endpoint, m.start_s));
        let mut endpoints: Vec<_> = self.names.drain().collect();
        endpoints.sort_unstable_by_key(|e| e.0);
        self.places.clear();
        Tally { endpoints, minutes, votes: std::mem::take(&mut self.votes), events: std::mem::take(&mut self.events) }
    }

    fn add_events(&mut self, block: &EventBlock) {
        let ids: Vec<EndpointId> = block.endpoints().iter().map(|name| self.id_of(name)).collect();
        let mut last: Vec<Option<(i64, usize)>> = vec![None; ids.len()];
        for row in block.rows() {
            let endpoint = row.endpoint as usize;
            let start_s = row.time_ms.div_euclid(MINUTE_S * 1000) * MINUTE_S;
            let place = match last[endpoint] {
                Some((minute, place)) if minute == start_s => place,
                _ => self.place_of(ids[endpoint], start_s),
            };
            last[endpoint] = Some((start_s, place));
            self.minutes[place].add(row);
        }
    }

    fn id_of(&mut self, name: &EndpointName) -> EndpointId {
        if let Some(id) = self.known.get(name) {
            let id = *id;
            self.names.entry(id).or_insert_with(|| name.clone());
            return id;
        }
        if self.known.len() >= KNOWN_ENDPOINTS_MAX {
            self.known.clear();
        }
        let id = name.id();
        self.known.insert(name.clone(), id);
        self.names.insert(id, name.clone());
        id
    }

    fn place_of(&mut self, endpoint: EndpointId, start_s: i64) -> usize {
        *self.places.entry((endpoint, start_s)).or_insert_with(|| {
            self.minutes.push(EndpointMinute::new(endpoint, start_s));
            self.minutes.len() - 1
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(events: &[(u8, u16, i64, Option<u64>)]) -> Payload {
        let mut block = EventBlock::new();
        for &(route, status, time_ms, duration_us) in events {
            block.push("s", "GET", &format!("/{route}"), (status, time_ms, duration_us));
        }
        Payload::Events(block)
    }

    fn add_up(parts: &[Tally]) -> Tally {
        let mut sum = Tally::default();
        for part in parts {
            sum.events += part.events;
            sum.endpoints.extend(part.endpoints.clone());
            for minute in &part.minutes {
                match sum.minutes.iter_mut().find(|m| (m.endpoint, m.start_s) == (minute.endpoint, minute.start_s)) {
                    None => sum.minutes.push(minute.clone()),
                    Some(m) => {
                        m.requests += minute.requests;
                        (0..5).for_each(|i| m.status[i] += minute.status[i]);
                        m.timed += minute.timed;
                        m.duration_sum_us += minute.duration_sum_us;
                        m.duration_min_us = m.duration_min_us.min(minute.duration_min_us);
                        m.duration_max_us = m.duration_max_us.max(minute.duration_max_us);
                        m.sketch.merge(&minute.sketch);
                    }
                }
            }
        }
        sum.minutes.sort_unstable_by_key(|m| (m.endpoint, m.start_s));
        sum.endpoints.sort_unstable();
        sum.endpoints.dedup();
        sum
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(
            events in prop::collection::vec((0..4_u8, 100..600_u16, -200_000..200_000_i64, prop::option::of(0..9_000_000_u64)), 0..200),
            cuts in prop::collection::vec(0..200_usize, 0..6),
        ) {
            let mut whole = Fold::new();
            whole.add(block(&events));
            let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(events.len())).chain([0, events.len()]).collect();
            cuts.sort_unstable();
            let mut fold = Fold::new();
            let parts: Vec<Tally> = cuts.windows(2).map(|w| { fold.add(block(&events[w[0]..w[1]])); fold.take() }).collect();
            prop_assert_eq!(whole.take(), add_up(&parts));
        }
    }

    #[test]
    fn what_was_folded_before_adds_up_the_same() {
        let (first, second) =
            ([(1, 200, 5, Some(7)), (1, 500, 6, None)], [(1, 404, 8, Some(90)), (2, 200, 60_000, None)]);
        let mut whole = Fold::new();
        whole.add(block(&first));
        whole.add(block(&second));
        let mut fold = Fold::new();
        fold.add(block(&second));
        let folded = fold.take();
        fold.add(block(&first));
        let name = |id| folded.endpoints.iter().find(|endpoint| endpoint.0 == id).map(|endpoint| &endpoint.1).unwrap();
        folded.minutes.iter().for_each(|minute| fold.add_minute(name(minute.endpoint), minute));
        assert_eq!(fold.take(), whole.take());
    }

    #[test]
    fn no_duration_counts_but_pulls_nothing() {
        let mut fold = Fold::new();
        fold.add(block(&[(1, 200, 0, None), (1, 503, 59_999, Some(10)), (1, 404, -1, None)]));
        let tally = fold.take();
        assert_eq!(tally.minutes.len(), 2);
        assert_eq!(tally.minutes[0].start_s, -60);
        let minute = &tally.minutes[1];
        assert_eq!((minute.requests, minute.timed, minute.status), (2, 1, [0, 1, 0, 0, 1]));
        assert_eq!((minute.duration_min_us, minute.duration_max_us, minute.sketch.count()), (10, 10, 1));
        assert_eq!(fold.take(), Tally::default());
    }
}
