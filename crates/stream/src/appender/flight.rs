//! What is sent together: a call, made of a group for each shard, made of units; a unit is one entry, or one question.

use std::collections::{BTreeMap, VecDeque};

use redis::Cmd;
use tally_model::{ENTRY_BYTES_MAX, Payload, REQUEST_EVENTS_MAX, Shard};
use tokio::time::Instant;

use super::pending::{Body, Pending};
use super::queue::Queue;
use super::sender::Sender;
use crate::codec;
use crate::config::Limits;
use crate::entry::Kind;
use crate::{keys, script};

/// Most bytes of payload in one call.
const CALL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Most requests in one call: the script holds up Redis for about 10 µs for each entry (measured), 10 ms in all.
const CALL_REQUESTS_MAX: usize = 1_000;
/// The script's word for a request that only asks.
const KIND_ASK: u8 = 3;

/// One call of the append script. What was sent and may have had an effect is frozen: repeated as it is, under the same
/// number, never merged with newer requests.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) groups: Vec<Group>,
    /// It was sent, and no answer came.
    pub(super) is_frozen: bool,
    pub(super) number: u64,
}

/// What goes to one shard.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) shard: Shard,
    pub(super) units: Vec<Unit>,
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

/// A group that grows: what is merged so far, of each kind.
#[derive(Default)]
struct Growing {
    units: Vec<Unit>,
    merging: [Option<Merged>; 2],
}

/// Requests of one kind that become one entry.
struct Merged {
    payload: Payload,
    bytes_max: usize,
    waiting: Vec<Pending>,
}

impl Call {
    /// Takes from the queue what fits one call; none when all that waited was given up.
    pub(super) fn take(queue: &mut VecDeque<Pending>, sender: &mut Sender) -> Option<Self> {
        let mut growing: BTreeMap<Shard, Growing> = BTreeMap::new();
        let (mut bytes, mut requests) = (0, 0);
        while let Some(next) = queue.front() {
            bytes += next.body.bytes();
            if requests > 0 && (bytes > CALL_BYTES_MAX || requests >= CALL_REQUESTS_MAX) {
                break;
            }
            let Some(next) = queue.pop_front() else { break };
            // A caller that is gone before its request was sent need not have it sent.
            if !next.is_awaited() {
                continue;
            }
            requests += 1;
            growing.entry(next.shard).or_default().add(next, sender);
        }
        let groups: Vec<_> =
            growing.into_iter().map(|(shard, growing)| Group { shard, units: growing.units(sender) }).collect();
        (!groups.is_empty()).then(|| Self { groups, is_frozen: false, number: sender.call_number() })
    }

    /// The same as a call for each shard, for a Redis that keeps shards on several nodes.
    pub(super) fn apart(self, sender: &mut Sender) -> impl Iterator<Item = Self> {
        let is_frozen = self.is_frozen;
        self.groups.into_iter().map(move |group| Self { groups: vec![group], is_frozen, number: sender.call_number() })
    }

    /// Gives everything back to the queue: it had no effect.
    pub(super) fn dissolve(self, queue: &mut Queue) {
        let units = self.groups.into_iter().flat_map(|group| group.units);
        let waiting: Vec<_> = units.flat_map(|unit| unit.waiting).collect();
        queue.put_back(waiting.into_iter());
    }

    /// Takes out those whose deadline has passed; what is sent stays as it is.
    pub(super) fn extract_late(&mut self, now: Instant) -> impl Iterator<Item = Pending> {
        let units = self.groups.iter_mut().flat_map(|group| &mut group.units);
        units.flat_map(move |unit| unit.waiting.extract_if(.., move |pending| pending.deadline <= now))
    }

    pub(super) fn command(&self, limits: &[u64; 5], sender: &Sender) -> Cmd {
        let streams: Vec<_> = self.groups.iter().map(|group| keys::stream(group.shard)).collect();
        let mut call = script::call(&script::APPEND, &streams);
        let numbers: Vec<u8> = limits.iter().chain([&self.number]).flat_map(|number| number.to_be_bytes()).collect();
        call.arg(numbers).arg(sender.name());
        for group in &self.groups {
            call.arg(group.units.len());
            group.units.iter().for_each(|unit| unit.add_to(&mut call));
        }
        call
    }

    pub(super) fn units(&self) -> impl Iterator<Item = &Unit> {
        self.groups.iter().flat_map(|group| &group.units)
    }

    pub(super) fn events(&self) -> u64 {
        self.units().map(|unit| u64::from(unit.events)).sum()
    }

    pub(super) fn requests(&self) -> usize {
        self.units().map(|unit| unit.waiting.len()).sum()
    }

    /// Who waits longest for each unit.
    pub(super) fn first_of_each(&self) -> impl Iterator<Item = &Pending> {
        self.units().filter_map(|unit| unit.waiting.first())
    }

    /// Whether anyone still waits for it.
    pub(super) fn is_awaited(&self) -> bool {
        self.units().flat_map(|unit| &unit.waiting).any(Pending::is_awaited)
    }
}

/// The numbers that every call begins with, as the script names them.
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

impl Growing {
    fn add(&mut self, next: Pending, sender: &mut Sender) {
        match &next.body {
            Body::Loose { payload, .. } => {
                let merged = &mut self.merging[usize::from(matches!(payload, Payload::Votes(_)))];
                self.units.extend(merge(merged, next, sender));
            }
            Body::Ask | Body::Packed(_) => self.units.push(Unit::alone(next, sender)),
        }
    }

    fn units(mut self, sender: &mut Sender) -> Vec<Unit> {
        self.units.extend(self.merging.into_iter().flatten().map(|merged| Unit::merged(merged, sender)));
        self.units
    }
}

/// Adds a request to what is being merged; a full one is returned as a unit.
fn merge(merged: &mut Option<Merged>, next: Pending, sender: &mut Sender) -> Option<Unit> {
    let Body::Loose { payload, bytes_max } = &next.body else { return Some(Unit::alone(next, sender)) };
    let (bytes_max, events) = (*bytes_max, payload.len());
    let fits =
        |m: &Merged| m.bytes_max + bytes_max <= ENTRY_BYTES_MAX && m.payload.len() + events <= REQUEST_EVENTS_MAX;
    let full = merged.take_if(|merged| !fits(merged)).map(|merged| Unit::merged(merged, sender));
    match merged {
        Some(merged) => {
            match (&mut merged.payload, payload) {
                (Payload::Events(block), Payload::Events(more)) => block.merge(more),
                (Payload::Votes(votes), Payload::Votes(more)) => votes.extend(more.iter().cloned()),
                // There is one for each kind.
                _ => return Some(Unit::alone(next, sender)),
            }
            merged.bytes_max += bytes_max;
            merged.waiting.push(next);
        }
        None => *merged = Some(Merged { payload: payload.clone(), bytes_max, waiting: vec![next] }),
    }
    full
}

impl Unit {
    fn alone(pending: Pending, sender: &mut Sender) -> Self {
        let packed = match &pending.body {
            Body::Ask => None,
            Body::Loose { payload, .. } => Some(codec::encode(payload)),
            Body::Packed(packed) => Some(packed.clone()),
        };
        let kind = packed.as_ref().map_or(KIND_ASK, |packed| packed.kind.byte());
        let (format, events, bytes) =
            packed.map_or((0, 0, Vec::new()), |packed| (packed.format, packed.events, packed.bytes));
        let id = pending.key.map_or_else(|| sender.request_id(), |key| key.id.0);
        let hash = pending.key.map(|key| key.body_hash);
        Self { id, hash, kind, received_ms: pending.received_ms, events, format, bytes, waiting: vec![pending] }
    }

    fn merged(merged: Merged, sender: &mut Sender) -> Self {
        let packed = codec::encode(&merged.payload);
        Self {
            id: sender.request_id(),
            hash: None,
            kind: packed.kind.byte(),
            received_ms: merged.waiting.first().map_or(0, |first| first.received_ms),
            events: packed.events,
            format: packed.format,
            bytes: packed.bytes,
            waiting: merged.waiting,
        }
    }

    fn add_to(&self, call: &mut Cmd) {
        let hash: &[u8] = self.hash.as_ref().map_or(&[], |hash| hash);
        call.arg(&self.head()[..]).arg(hash).arg(&self.bytes[..]);
    }

    /// What the envelope begins with, see `entry.rs`.
    fn head(&self) -> [u8; 30] {
        let mut head = [0; 30];
        head[..16].copy_from_slice(&self.id);
        head[16..18].copy_from_slice(&[self.kind, self.format]);
        head[18..26].copy_from_slice(&self.received_ms.to_be_bytes());
        head[26..].copy_from_slice(&self.events.to_be_bytes());
        head
    }

    /// Whether it appends an entry if the script lets it.
    pub(super) fn is_entry(&self) -> bool {
        self.kind == Kind::Events.byte() || self.kind == Kind::Votes.byte()
    }
}
