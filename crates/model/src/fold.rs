//! Events to counts: one row for each endpoint and minute. Integers only, so the result does not depend on where
//! batches are cut.

use rustc_hash::FxHashMap;

use crate::bins::bin_of;
use crate::endpoint::{EndpointId, EndpointName};
use crate::event::{EventRow, Payload};
use crate::known::KnownEndpoints;
use crate::name::FieldError;
use crate::raw::RawPayload;
use crate::sketch::{Sketch, SketchSum};
use crate::vote::Vote;

/// Seconds in a minute, the finest level.
const MINUTE_S: i64 = 60;

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

/// A row that is still being added to.
#[derive(Debug)]
struct Gathered {
    row: EndpointMinute,
    /// Bins of the durations as they came: to append is all that an event costs, and the sketch is made once, of all.
    bins: Vec<u16>,
}

impl Gathered {
    fn add(&mut self, event: &EventRow) {
        let row = &mut self.row;
        row.requests += 1;
        row.status[usize::from((event.status / 100).clamp(1, 5)) - 1] += 1;
        if let Some(us) = event.duration_us {
            row.timed += 1;
            row.duration_sum_us = row.duration_sum_us.saturating_add(us);
            row.duration_min_us = row.duration_min_us.min(us);
            row.duration_max_us = row.duration_max_us.max(us);
            self.bins.push(bin_of(us));
        }
    }

    fn finish(mut self, sum: &mut SketchSum) -> EndpointMinute {
        self.bins.iter().for_each(|bin| sum.insert(*bin));
        let gathered = sum.take();
        if self.row.sketch.is_empty() {
            self.row.sketch = gathered;
        } else {
            self.row.sketch.merge(&gathered);
        }
        self.row
    }
}

/// Where the last event of an endpoint was added.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The tally it belongs to; of another one, the place is of no meaning.
    turn: u64,
    start_s: i64,
    index: usize,
}

/// Gathers entries until the tally is taken.
#[derive(Debug)]
pub struct Fold {
    known: KnownEndpoints<Place>,
    /// The number of this tally, from 1.
    turn: u64,
    /// Known endpoints that this tally has rows of.
    used: Vec<usize>,
    /// The block's endpoints, as they are known.
    slots: Vec<usize>,
    places: FxHashMap<(EndpointId, i64), usize>,
    minutes: Vec<Gathered>,
    votes: Vec<Vote>,
    events: u64,
    sum: SketchSum,
}

impl Default for Fold {
    fn default() -> Self {
        Self {
            known: KnownEndpoints::default(),
            turn: 1,
            used: Vec::new(),
            slots: Vec::new(),
            places: FxHashMap::default(),
            minutes: Vec::new(),
            votes: Vec::new(),
            events: 0,
            sum: SketchSum::new(),
        }
    }
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
            Payload::Events(block) => {
                self.slots.clear();
                self.slots.extend(block.endpoints().iter().map(|name| self.known.trust(name)));
                self.add_rows(block.rows());
            }
            Payload::Votes(votes) => self.votes.extend(votes),
        }
    }

    /// Adds one entry's payload as it lies in the log; a name is checked when it is first seen.
    ///
    /// # Errors
    /// [`FieldError`], if a name is not valid; nothing is added then.
    pub fn add_raw(&mut self, payload: RawPayload<'_>) -> Result<(), FieldError> {
        let events = payload.len() as u64;
        match payload {
            RawPayload::Events(block) => {
                self.slots.clear();
                for endpoint in block.endpoints() {
                    self.slots.push(self.known.check(*endpoint)?);
                }
                self.add_rows(block.rows());
            }
            RawPayload::Votes(votes) => self.votes.extend(votes),
        }
        self.events += events;
        Ok(())
    }

    /// Adds counts of an endpoint that were folded before.
    pub fn add_minute(&mut self, name: &EndpointName, minute: &EndpointMinute) {
        self.events += minute.requests;
        let slot = self.known.trust(name);
        let index = self.index_of(slot, minute.start_s);
        self.minutes[index].row.merge(minute);
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

    /// Takes what was gathered and starts anew; what is known of endpoints stays.
    pub fn take(&mut self) -> Tally {
        let gathered = self.minutes.drain(..).map(|gathered| gathered.finish(&mut self.sum));
        let mut minutes: Vec<_> = gathered.collect();
        minutes.sort_unstable_by_key(|m| (m.endpoint, m.start_s));
        let used = self.used.drain(..).map(|slot| (self.known.id(slot), self.known.name(slot).clone()));
        let mut endpoints: Vec<_> = used.collect();
        endpoints.sort_unstable_by_key(|e| e.0);
        self.places.clear();
        self.turn += 1;
        self.known.forget_if_too_many();
        Tally { endpoints, minutes, votes: std::mem::take(&mut self.votes), events: std::mem::take(&mut self.events) }
    }

    /// Adds rows whose endpoints are in `slots`.
    fn add_rows(&mut self, rows: &[EventRow]) {
        for row in rows {
            let start_s = row.time_ms.div_euclid(MINUTE_S * 1000) * MINUTE_S;
            let index = self.index_of(self.slots[row.endpoint as usize], start_s);
            self.minutes[index].add(row);
        }
    }

    /// Where the row of an endpoint and a minute is gathered.
    fn index_of(&mut self, slot: usize, start_s: i64) -> usize {
        let place = *self.known.note(slot);
        if (place.turn, place.start_s) == (self.turn, start_s) { place.index } else { self.find(slot, start_s) }
    }

    #[cold]
    fn find(&mut self, slot: usize, start_s: i64) -> usize {
        let endpoint = self.known.id(slot);
        let index = *self.places.entry((endpoint, start_s)).or_insert_with(|| {
            self.minutes.push(Gathered { row: EndpointMinute::new(endpoint, start_s), bins: Vec::new() });
            self.minutes.len() - 1
        });
        let place = self.known.note_mut(slot);
        if place.turn != self.turn {
            self.used.push(slot);
        }
        *place = Place { turn: self.turn, start_s, index };
        index
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::event::EventBlock;

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
