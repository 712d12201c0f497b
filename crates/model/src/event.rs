//! Events as they travel: a block of rows that name each endpoint once.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::endpoint::EndpointName;
use crate::vote::Vote;

/// One request that a service answered; its endpoint is an index into the block's [`EventBlock::endpoints`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRow {
    /// Index into the endpoints of the block.
    pub endpoint: u32,
    /// HTTP status, 100–599.
    pub status: u16,
    /// When it happened, in milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// How long it took in microseconds, if the service measured it: 0 … 24 h.
    pub duration_us: Option<u64>,
}

/// Up to so many endpoints are looked through, which costs less than hashing; from then on there is an index.
const LOOKED_THROUGH_MAX: usize = 8;

/// Accepted events with a dictionary of their endpoints. Equal blocks have equal dictionaries in equal order.
#[derive(Debug, Clone, Default)]
pub struct EventBlock {
    endpoints: Vec<EndpointName>,
    rows: Vec<EventRow>,
    /// All endpoints, or none while they are few.
    index: HashTable<u32>,
}

impl PartialEq for EventBlock {
    fn eq(&self, other: &Self) -> bool {
        self.endpoints == other.endpoints && self.rows == other.rows
    }
}

impl Eq for EventBlock {}

impl EventBlock {
    /// An empty block.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for so many more events, and for what endpoints so many may have.
    pub fn reserve(&mut self, events: usize) {
        /// More are mostly not needed, and then cost as much as growing does.
        const ENDPOINTS_MAX: usize = 64;
        self.rows.reserve(events);
        let endpoints = (events / 2).min(ENDPOINTS_MAX);
        self.endpoints.reserve(endpoints);
        let names = &self.endpoints;
        self.index.reserve(endpoints, |i| hash_of_name(&names[*i as usize]));
    }

    /// Adds one event. The texts must have been parsed ([`crate::Service`], [`crate::Method`],
    /// [`crate::RouteTemplate`]).
    pub fn push(&mut self, service: &str, method: &str, route: &str, event: (u16, i64, Option<u64>)) {
        let endpoint = self.intern(service, method, route);
        let (status, time_ms, duration_us) = event;
        self.rows.push(EventRow { endpoint, status, time_ms, duration_us });
    }

    /// Adds a row whose endpoint is already in the dictionary, as a decoder does.
    ///
    /// Returns false, and adds nothing, if the index is out of range.
    #[must_use]
    pub fn push_row(&mut self, row: EventRow) -> bool {
        let known = (row.endpoint as usize) < self.endpoints.len();
        if known {
            self.rows.push(row);
        }
        known
    }

    /// The index of an endpoint in this block, if it is there. Its texts were then parsed before.
    #[must_use]
    pub fn find(&self, service: &str, method: &str, route: &str) -> Option<u32> {
        let sought = [service, method, route].map(str::as_bytes);
        let same = |name: &EndpointName| name.bytes() == sought;
        if self.endpoints.len() <= LOOKED_THROUGH_MAX {
            return self.endpoints.iter().position(same).map(place);
        }
        self.index.find(hash_of(service, method, route), |i| same(&self.endpoints[*i as usize])).copied()
    }

    /// The index of an endpoint in this block, added if it is new.
    pub fn intern(&mut self, service: &str, method: &str, route: &str) -> u32 {
        self.find(service, method, route).unwrap_or_else(|| self.add(EndpointName::new(service, method, route)))
    }

    fn intern_name(&mut self, name: &EndpointName) -> u32 {
        self.find(name.service(), name.method(), name.route()).unwrap_or_else(|| self.add(name.clone()))
    }

    fn add(&mut self, name: EndpointName) -> u32 {
        self.endpoints.push(name);
        let endpoints = self.endpoints.len();
        if endpoints > LOOKED_THROUGH_MAX {
            // The first time all that were looked through till now, then the new one.
            let first = if self.index.is_empty() { 0 } else { endpoints - 1 };
            (first..endpoints).map(place).for_each(|i| self.add_to_index(i));
        }
        place(endpoints - 1)
    }

    fn add_to_index(&mut self, i: u32) {
        let hash = |i: &u32| hash_of_name(&self.endpoints[*i as usize]);
        self.index.insert_unique(hash(&i), i, hash);
    }

    /// Appends all events of `other`, in order.
    pub fn merge(&mut self, other: &Self) {
        let places: Vec<u32> = other.endpoints.iter().map(|name| self.intern_name(name)).collect();
        self.rows.extend(other.rows.iter().map(|r| EventRow { endpoint: places[r.endpoint as usize], ..*r }));
    }

    /// The dictionary, in order of first use.
    #[must_use]
    pub fn endpoints(&self) -> &[EndpointName] {
        &self.endpoints
    }

    /// The events, in the order they were sent.
    #[must_use]
    pub fn rows(&self) -> &[EventRow] {
        &self.rows
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

fn place(i: usize) -> u32 {
    u32::try_from(i).unwrap_or(u32::MAX)
}

fn hash_of_name(name: &EndpointName) -> u64 {
    hash_of(name.service(), name.method(), name.route())
}

fn hash_of(service: &str, method: &str, route: &str) -> u64 {
    FxBuildHasher.hash_one((service, method, route))
}

/// What one log entry carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Request events.
    Events(EventBlock),
    /// Votes, in the order they were accepted.
    Votes(Vec<Vote>),
}

impl Payload {
    /// Number of events (a vote is an event).
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Events(block) => block.len(),
            Self::Votes(votes) => votes.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_kept_once() {
        let mut block = EventBlock::new();
        for i in 0..1000 {
            block.push("s", if i % 2 == 0 { "GET" } else { "PUT" }, "/x", (200, i, None));
        }
        assert_eq!((block.len(), block.endpoints().len()), (1000, 2));
    }

    #[test]
    fn what_was_interned_is_found() {
        let mut block = EventBlock::new();
        block.reserve(10);
        assert_eq!(block.find("s", "GET", "/x"), None);
        for i in 0..1000 {
            let route = format!("/{i}");
            assert_eq!(block.intern("s", "GET", &route), i);
            assert_eq!(block.find("s", "GET", &route), Some(i));
        }
        assert_eq!(block.find("s", "PUT", "/1"), None);
        assert!(block.is_empty());
    }

    #[test]
    fn merge_equals_pushing() {
        let (mut a, mut b, mut both) = (EventBlock::new(), EventBlock::new(), EventBlock::new());
        for (i, route) in ["/a", "/b", "/a", "/c"].into_iter().enumerate() {
            let event = (200, i as i64, Some(5));
            if i < 2 {
                a.push("s", "GET", route, event)
            } else {
                b.push("s", "GET", route, event)
            }
            both.push("s", "GET", route, event);
        }
        a.merge(&b);
        assert_eq!(a, both);
    }
}
