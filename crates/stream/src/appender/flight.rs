//! What is sent together: a call for a shard, made of units; a unit is one entry, or one question.

use std::collections::VecDeque;

use redis::Cmd;
use tally_model::{ENTRY_BYTES_MAX, Payload, REQUEST_EVENTS_MAX, Shard};

use super::queue::{Body, Pending};
use crate::codec;
use crate::config::Limits;
use crate::entry::Kind;
use crate::{keys, script};

/// Most bytes of payload in one call.
const CALL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most units in one call: the script holds up Redis for about 10 µs for each (measured), 10 ms in all.
const CALL_UNITS_MAX: usize = 1_000;
/// The script's word for a request that only asks.
const KIND_ASK: u8 = 3;

/// One call of the append script. What was sent and may have had an effect is frozen: repeated as it is, under the same
/// ids, never merged with newer requests.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) shard: Shard,
    pub(super) units: Vec<Unit>,
    /// It was sent, and no answer came.
    pub(super) is_frozen: bool,
}

/// One entry, or one question, and who waits for it.
#[derive(Debug)]
pub(super) struct Unit {
    id: [u8; 16],
    hash: Option<[u8; 8]>,
    kind: u8,
    received_ms: i64,
    events: u32,
    format: u8,
    pub(super) bytes: Vec<u8>,
    pub(super) waiting: Vec<Pending>,
}

/// Requests of one kind that become one entry.
struct Merged {
    payload: Payload,
    bytes_max: usize,
    waiting: Vec<Pending>,
}

impl Call {
    /// Takes from a shard's queue what fits one call; none when all that waited was given up.
    pub(super) fn take(shard: Shard, queue: &mut VecDeque<Pending>) -> Option<Self> {
        let mut units = Vec::new();
        let mut merging: [Option<Merged>; 2] = [None, None];
        let mut bytes = 0;
        while let Some(next) = queue.front() {
            bytes += next.body.bytes();
            if !units.is_empty() && (bytes > CALL_BYTES_MAX || units.len() >= CALL_UNITS_MAX) {
                break;
            }
            let Some(next) = queue.pop_front() else { break };
            // A caller that is gone before its request was sent need not have it sent.
            if next.answer.is_closed() || !next.ticket.send() {
                continue;
            }
            match &next.body {
                Body::Loose { payload, .. } => {
                    let merged = &mut merging[usize::from(matches!(payload, Payload::Votes(_)))];
                    units.extend(merge(merged, next));
                }
                Body::Ask | Body::Packed(_) => units.push(Unit::alone(next)),
            }
        }
        units.extend(merging.into_iter().flatten().map(Unit::merged));
        (!units.is_empty()).then_some(Self { shard, units, is_frozen: false })
    }

    /// Gives everything back to the queue: it had no effect.
    pub(super) fn dissolve(self, queue: &mut VecDeque<Pending>) {
        for pending in self.units.into_iter().flat_map(|unit| unit.waiting).rev() {
            pending.ticket.unsend();
            queue.push_front(pending);
        }
    }

    pub(super) fn command(&self, limits: &[u64; 5]) -> Cmd {
        let keys = [keys::stream(self.shard), keys::meta(self.shard), keys::ids(self.shard), keys::own(self.shard)];
        let mut call = script::call(&script::APPEND, &keys);
        call.arg(&limits[..]).arg(u8::from(self.is_frozen));
        for unit in &self.units {
            let hash: &[u8] = unit.hash.as_ref().map_or(&[], |hash| hash);
            call.arg(unit.kind).arg(&unit.id[..]).arg(hash).arg(unit.received_ms).arg(unit.events);
            call.arg(unit.format).arg(&unit.bytes[..]);
        }
        call
    }

    pub(super) fn requests(&self) -> usize {
        self.units.iter().map(|unit| unit.waiting.len()).sum()
    }

    /// Drops the units that nobody waits for any more; false when none is left.
    pub(super) fn is_awaited(&mut self) -> bool {
        self.units.retain(|unit| unit.waiting.iter().any(|pending| !pending.answer.is_closed()));
        !self.units.is_empty()
    }
}

/// The numbers that every call of a shard begins with, as the script names them.
pub(super) fn limits_of_shard(limits: &Limits, shards: u16) -> [u64; 5] {
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1);
    [
        Limits::part(limits.backlog_events, shards),
        Limits::part(limits.backlog_bytes, shards),
        Limits::part(limits.dedupe_bytes, shards),
        ms(limits.dedupe_window),
        // Kept twice the deadline, so that no repetition comes after it was forgotten.
        ms(limits.deadline.saturating_mul(2)),
    ]
}

/// Adds a request to what is being merged; a full one is returned as a unit.
fn merge(merged: &mut Option<Merged>, next: Pending) -> Option<Unit> {
    let Body::Loose { payload, bytes_max } = &next.body else { return Some(Unit::alone(next)) };
    let (bytes_max, events) = (*bytes_max, payload.len());
    let fits =
        |m: &Merged| m.bytes_max + bytes_max <= ENTRY_BYTES_MAX && m.payload.len() + events <= REQUEST_EVENTS_MAX;
    let full = merged.take_if(|merged| !fits(merged)).map(Unit::merged);
    match merged {
        Some(merged) => {
            match (&mut merged.payload, payload) {
                (Payload::Events(block), Payload::Events(more)) => block.merge(more),
                (Payload::Votes(votes), Payload::Votes(more)) => votes.extend(more.iter().cloned()),
                // There is one for each kind.
                _ => return Some(Unit::alone(next)),
            }
            merged.bytes_max += bytes_max;
            merged.waiting.push(next);
        }
        None => *merged = Some(Merged { payload: payload.clone(), bytes_max, waiting: vec![next] }),
    }
    full
}

impl Unit {
    fn alone(pending: Pending) -> Self {
        let packed = match &pending.body {
            Body::Ask => None,
            Body::Loose { payload, .. } => Some(codec::encode(payload)),
            Body::Packed(packed) => Some(packed.clone()),
        };
        let kind = packed.as_ref().map_or(KIND_ASK, |packed| packed.kind.byte());
        let (format, events, bytes) =
            packed.map_or((0, 0, Vec::new()), |packed| (packed.format, packed.events, packed.bytes));
        let id = pending.key.map_or_else(own_id, |key| key.id.0);
        let hash = pending.key.map(|key| key.body_hash);
        Self { id, hash, kind, received_ms: pending.received_ms, events, format, bytes, waiting: vec![pending] }
    }

    fn merged(merged: Merged) -> Self {
        let packed = codec::encode(&merged.payload);
        Self {
            id: own_id(),
            hash: None,
            kind: packed.kind.byte(),
            received_ms: merged.waiting.first().map_or(0, |first| first.received_ms),
            events: packed.events,
            format: packed.format,
            bytes: packed.bytes,
            waiting: merged.waiting,
        }
    }

    /// Whether it appends an entry if the script lets it.
    pub(super) fn is_entry(&self) -> bool {
        self.kind == Kind::Events.byte() || self.kind == Kind::Votes.byte()
    }
}

/// An id of our own: random, so that two processes never make the same.
fn own_id() -> [u8; 16] {
    uuid::Uuid::new_v4().into_bytes()
}
