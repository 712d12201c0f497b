//! A request that waits to be appended, or is under way.

use std::sync::Arc;

use tally_model::{ENTRY_BYTES_MAX, Payload, Shard};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::room::{Place, Room};
use super::{AppendRequest, Appended, ClientKey};
use crate::codec::{self, ENTRY_EVENTS_MAX, Encoded};
use crate::entry::Kind;
use crate::error::Refused;

/// From here on a request is packed by its caller, on the caller's thread, and stays an entry of its own.
const LARGE_EVENTS_MIN: usize = 64;

/// A request in the queue.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) shard: Shard,
    pub(super) key: Option<ClientKey>,
    pub(super) received_ms: i64,
    pub(super) body: Body,
    /// When its caller is refused, if it has no answer by then.
    pub(super) deadline: Instant,
    answer: oneshot::Sender<Result<Appended, Refused>>,
    /// Given back when the request is gone.
    #[allow(dead_code)] // held, never read
    place: Place,
    /// How often a full shard turned it away.
    pub(super) moves: u16,
}

/// Where the answer to a request comes.
pub(super) type Answered = oneshot::Receiver<Result<Appended, Refused>>;

impl Pending {
    /// A request with a place in the queue, and where its answer comes.
    pub(super) fn admit(
        request: AppendRequest,
        room: &Arc<Room>,
        deadline: Instant,
    ) -> Result<(Self, Answered), Refused> {
        let AppendRequest { shard, key, received_ms, payload } = request;
        let body = Body::of(payload, key.is_some())?;
        let place = Room::take(room, body.bytes()).ok_or(Refused::Overloaded)?;
        let (answer, answered) = oneshot::channel();
        Ok((Self { shard, key, received_ms, body, deadline, answer, place, moves: 0 }, answered))
    }

    /// The same for another shard.
    pub(super) fn moved_to(self, shard: Shard) -> Self {
        Self { shard, moves: self.moves + 1, ..self }
    }

    /// Answers its caller. Whoever is gone needs no answer.
    pub(super) fn answer(self, answer: Result<Appended, Refused>) {
        let _ = self.answer.send(answer);
    }

    /// Whether its caller still waits.
    pub(super) fn is_awaited(&self) -> bool {
        !self.answer.is_closed()
    }

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
    /// Packs what is large or has a client's key; the rest is packed with others later.
    fn of(payload: Payload, has_key: bool) -> Result<Self, Refused> {
        if payload.is_empty() {
            return Ok(Self::Ask);
        }
        let loose = packed_bytes_max(&payload);
        if !has_key && payload.len() < LARGE_EVENTS_MIN && loose <= ENTRY_BYTES_MAX {
            return Ok(Self::Loose { payload, bytes_max: loose });
        }
        let packed = codec::encode(&payload);
        if packed.bytes.len() > ENTRY_BYTES_MAX || payload.len() > ENTRY_EVENTS_MAX {
            return Err(Refused::TooLarge { bytes: packed.bytes.len() });
        }
        Ok(Self::Packed(packed))
    }

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
fn packed_bytes_max(payload: &Payload) -> usize {
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
                let names =
                    |e: &tally_model::EndpointName| e.service().len() + e.method().len() + e.route().len() + ENDPOINT;
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tally_model::{DURATION_US_MAX, EventBlock, Vote};

    use super::*;

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
            prop_assert!(codec::encode(&payload).bytes.len() <= packed_bytes_max(&payload));
        }
    }
}
