//! What waits to be appended: its place in the bounded queue, and who knows whether it was sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use tally_model::{Payload, Shard};
use tokio::sync::oneshot;

use super::{Appended, AppenderStats, ClientKey};
use crate::codec::Encoded;
use crate::entry::Kind;
use crate::error::Refused;

/// Most requests that wait or are in flight.
const QUEUE_REQUESTS_MAX: u64 = 100_000;
/// Most bytes of requests that wait or are in flight.
const QUEUE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a waiting request takes beside its payload, in bytes.
const REQUEST_BYTES: usize = 256;

/// A request in the queue.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) shard: Shard,
    pub(super) key: Option<ClientKey>,
    pub(super) received_ms: i64,
    pub(super) body: Body,
    pub(super) ticket: Arc<Ticket>,
    pub(super) answer: oneshot::Sender<Result<Appended, Refused>>,
    /// Given back when the request is gone.
    #[allow(dead_code)] // held, never read
    pub(super) place: Place,
    /// How often a full shard turned it away.
    pub(super) moves: u16,
}

impl Pending {
    /// Whether any shard may take it: nothing is looked for there later, and no order is kept.
    pub(super) fn is_free(&self) -> bool {
        let is_votes = match &self.body {
            Body::Ask => return false,
            Body::Loose { payload, .. } => matches!(payload, Payload::Votes(_)),
            Body::Packed(packed) => packed.kind == Kind::Votes,
        };
        self.key.is_none() && !is_votes
    }
}

/// What a request appends.
#[derive(Debug)]
pub(super) enum Body {
    /// Nothing: it only asks what its key was answered.
    Ask,
    /// Few events: packed together with others, into at most this many bytes.
    Loose { payload: Payload, bytes_max: usize },
    /// An entry of its own.
    Packed(Encoded),
}

impl Body {
    /// Bytes that it takes in a call, at most.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Ask => 0,
            Self::Loose { bytes_max, .. } => *bytes_max,
            Self::Packed(packed) => packed.bytes.len(),
        }
    }

    pub(super) fn events(&self) -> u32 {
        match self {
            Self::Ask => 0,
            Self::Loose { payload, .. } => u32::try_from(payload.len()).unwrap_or(u32::MAX),
            Self::Packed(packed) => packed.events,
        }
    }
}

/// A bound on what a payload packs into, found without packing it; merging payloads adds bounds up.
pub(super) fn packed_bytes_max(payload: &Payload) -> usize {
    /// Checksum, counts, statuses' count.
    const FRAME: usize = 64;
    /// Indexes and lengths beside an endpoint's texts.
    const ENDPOINT: usize = 24;
    /// Endpoint 4, status 2 and its index 2, time 10, duration 6.
    const ROW: usize = 24;
    /// Five lengths and indexes of up to 4 each, time 10.
    const VOTE: usize = 50;
    let texts = |texts: [Option<&str>; 5]| texts.into_iter().flatten().map(str::len).sum::<usize>();
    FRAME
        + match payload {
            Payload::Events(block) => {
                let names = |e: &tally_model::EndpointName| e.service.len() + e.method.len() + e.route.len() + ENDPOINT;
                block.endpoints().iter().map(names).sum::<usize>() + block.len() * ROW
            }
            Payload::Votes(votes) => {
                let bytes = |vote: &tally_model::Vote| {
                    let optional = [&vote.voter, &vote.source_ip, &vote.user_agent].map(|text| text.as_deref());
                    texts([Some(&vote.poll), Some(&vote.option), optional[0], optional[1], optional[2]]) + VOTE
                };
                votes.iter().map(bytes).sum()
            }
        }
}

const WAITING: u8 = 0;
const SENT: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Settles between the caller, whose deadline passes, and the worker, who is about to send, what the caller may say: a
/// request that was given up is never sent, and one that was sent is never said to be certainly absent.
#[derive(Debug, Default)]
pub(super) struct Ticket(AtomicU8);

impl Ticket {
    /// The worker sends the request; false when the caller has given it up.
    pub(super) fn send(&self) -> bool {
        self.0.compare_exchange(WAITING, SENT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The worker knows that what it sent had no effect.
    pub(super) fn unsend(&self) {
        let _ = self.0.compare_exchange(SENT, WAITING, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The caller waits no longer; true when the request was never sent, and then it never will be.
    pub(super) fn give_up(&self) -> bool {
        self.0.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The bounds of the queue, and its figures.
#[derive(Debug, Default)]
pub(super) struct Room {
    requests: AtomicU64,
    bytes: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) flushes: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) entry_bytes: AtomicU64,
    pub(super) resends: AtomicU64,
}

impl Room {
    /// A place for a request, or none.
    pub(super) fn take(room: &Arc<Self>, bytes: usize) -> Option<Place> {
        let place = Place { room: Arc::clone(room), bytes: (bytes + REQUEST_BYTES) as u64 };
        let requests = room.requests.fetch_add(1, Ordering::Relaxed);
        let held = room.bytes.fetch_add(place.bytes, Ordering::Relaxed);
        // Dropping the place gives it back.
        (requests < QUEUE_REQUESTS_MAX && held + place.bytes <= QUEUE_BYTES_MAX).then_some(place)
    }

    pub(super) fn stats(&self) -> AppenderStats {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        AppenderStats {
            queued_requests: read(&self.requests),
            queued_bytes: read(&self.bytes),
            in_flight_requests: read(&self.in_flight),
            flushes: read(&self.flushes),
            entries: read(&self.entries),
            bytes: read(&self.entry_bytes),
            resends: read(&self.resends),
        }
    }
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    bytes: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.requests.fetch_sub(1, Ordering::Relaxed);
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tally_model::{DURATION_US_MAX, EventBlock, Vote};

    use super::*;
    use crate::codec::encode;

    /// The worst for the bound: times far apart, long durations, names that do not repeat.
    fn payloads() -> impl Strategy<Value = Payload> {
        let event = (
            "[a-z]{1,5}",
            "[A-Z]{1,3}",
            "/[a-z]{0,9}",
            100..600_u16,
            any::<i64>(),
            prop::option::of(0..=DURATION_US_MAX),
        );
        let events = prop::collection::vec(event, 1..64).prop_map(|events| {
            let mut block = EventBlock::new();
            for (service, method, route, status, time_ms, duration_us) in events {
                block.push(&service, &method, &route, (status, time_ms, duration_us));
            }
            Payload::Events(block)
        });
        let text = || "[a-z]{1,9}".prop_map(Box::from);
        let maybe = || prop::option::of("[a-z]{1,9}".prop_map(Box::from));
        let vote = (text(), text(), maybe(), maybe(), maybe(), any::<i64>()).prop_map(
            |(poll, option, voter, source_ip, user_agent, time_ms)| Vote {
                poll,
                option,
                voter,
                source_ip,
                user_agent,
                time_ms,
            },
        );
        prop_oneof![events, prop::collection::vec(vote, 1..64).prop_map(Payload::Votes)]
    }

    proptest! {
        #[test]
        fn no_payload_packs_into_more_than_its_bound(payload in payloads()) {
            prop_assert!(encode(&payload).bytes.len() <= packed_bytes_max(&payload));
        }
    }

    #[test]
    fn a_ticket_is_given_up_or_sent() {
        let ticket = Ticket::default();
        assert!(ticket.send() && !ticket.give_up());
        ticket.unsend();
        assert!(ticket.give_up() && !ticket.send());
        ticket.unsend();
        assert!(!ticket.send());
    }

    #[test]
    fn the_queue_is_bounded() {
        let room = Arc::new(Room::default());
        let large = Room::take(&room, 40_000_000);
        assert!(large.is_some() && Room::take(&room, 40_000_000).is_none());
        drop(large);
        let places: Vec<_> = (0..QUEUE_REQUESTS_MAX).map(|_| Room::take(&room, 0)).collect();
        assert!(places.iter().all(Option::is_some) && Room::take(&room, 0).is_none());
        drop(places);
        assert_eq!(room.stats(), AppenderStats::default());
    }
}
