//! What an answer of the append script means to those who wait.

use redis::Value;
use tally_model::Position;

use super::Appended;
use super::flight::{Call, Unit};
use super::pending::Pending;
use crate::entry::Fields;
use crate::error::{Error, Refused};
use crate::reply::{Parts, unexpected};

/// What is to be done with a call after its answer.
pub(super) enum Settled {
    /// Everyone was answered, but for those whom a full shard turned away and another may take, with what they are told if none does.
    Answered(Vec<(Pending, Refused)>),
    /// Redis refused it for now, before it had any effect.
    Later(Call),
    /// Redis keeps its shards on several nodes, and did nothing: each wants a call of its own.
    Apart(Call),
}

/// Refused before anything was done, and likely to pass: loading, a failover, another's slow script.
const PASSING: [&str; 9] =
    ["LOADING", "READONLY", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "MOVED", "ASK"];
/// Refused before anything was done, and not likely to pass within a deadline: no memory, no disk, no permission.
const LASTING: [&str; 6] = ["OOM", "MISCONF", "NOPERM", "NOAUTH", "WRONGPASS", "NOSCRIPT"];
/// Refused because its keys lie on several nodes.
const SEVERAL_NODES: &str = "CROSSSLOT";

/// Answers all who wait for a call, if its answer settles it.
pub(super) fn settle(call: Call, answer: Value) -> Settled {
    let error = match answer {
        Value::ServerError(error) => error,
        answer => return Settled::Answered(answer_units(call, answer)),
    };
    let code = error.code();
    if code == SEVERAL_NODES && call.groups.len() > 1 {
        return Settled::Apart(call);
    }
    if PASSING.contains(&code) {
        return Settled::Later(call);
    }
    // What was sent before and got no answer may have had an effect, whatever is said now.
    let is_certain = !call.is_frozen && LASTING.contains(&code);
    let details = error.details().unwrap_or_default();
    tracing::error!(code, details, "Redis refused appends");
    refuse(call, &if is_certain { Refused::Unavailable } else { Refused::Unknown });
    Settled::Answered(Vec::new())
}

/// Gives all who wait for a call the same refusal.
fn refuse(call: Call, refused: &Refused) {
    let units = call.groups.into_iter().flat_map(|group| group.units);
    for pending in units.flat_map(|unit| unit.waiting) {
        pending.answer(Err(refused.clone()));
    }
}

/// Answers those who wait; returns those who may be turned away.
fn answer_units(call: Call, answer: Value) -> Vec<(Pending, Refused)> {
    let count = call.units().count();
    match replies(answer, count) {
        Ok(replies) => {
            let units = call.groups.into_iter().flat_map(|group| group.units);
            units.zip(replies).flat_map(|(unit, reply)| answer_unit(unit, reply)).collect()
        }
        Err(error) => {
            tracing::error!(%error, "appends were answered with something else");
            refuse(call, &Refused::Unknown);
            Vec::new()
        }
    }
}

/// The reply to each unit, none if a later call came before; what Redis said of shards that failed goes to the log.
fn replies(answer: Value, count: usize) -> Result<Vec<Reply>, Error> {
    let mut parts = Parts::of(answer)?;
    let packed = parts.bytes()?;
    while !parts.is_empty() {
        let said = parts.text()?;
        tracing::error!(said, "Redis refused the appends of a shard");
    }
    if packed.is_empty() {
        return Ok(vec![Reply::UNKNOWN; count]);
    }
    let mut fields = Fields(&packed);
    let replies: Option<Vec<_>> = (0..count).map(|_| Reply::read(&mut fields)).collect();
    replies.filter(|_| fields.0.is_empty()).ok_or_else(|| unexpected("answers to another number of requests"))
}

/// What the script says of one request.
#[derive(Clone, Copy)]
struct Reply {
    code: u8,
    at: Position,
    received_ms: i64,
    events: u32,
}

impl Reply {
    const UNKNOWN: Self = Self { code: 7, at: Position::new(0, 0), received_ms: 0, events: 0 };

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let [code] = fields.next()?;
        let at = Position::new(fields.number()?, fields.number()?);
        let received_ms = i64::from_be_bytes(fields.next()?);
        Some(Self { code, at, received_ms, events: u32::from_be_bytes(fields.next()?) })
    }
}

fn answer_unit(unit: Unit, reply: Reply) -> impl Iterator<Item = (Pending, Refused)> {
    unit.waiting.into_iter().filter_map(move |pending| match answer_of(&pending, reply) {
        Err(refused @ Refused::Backlog { .. }) if pending.is_free() => Some((pending, refused)),
        answer => {
            pending.answer(answer);
            None
        }
    })
}

fn answer_of(pending: &Pending, Reply { code, at, received_ms, events }: Reply) -> Result<Appended, Refused> {
    match code {
        0 => {
            let Pending { shard, received_ms, .. } = *pending;
            Ok(Appended::Accepted { shard, at, received_ms, events: pending.body.events() })
        }
        1 => Ok(Appended::Duplicate { at, received_ms, events }),
        2 => Ok(Appended::NothingToAppend),
        3 => Err(Refused::KeyReused),
        4 => Err(Refused::Backlog { events: at.epoch, bytes: at.seq }),
        5 => Err(Refused::DedupeFull),
        6 => Err(Refused::NotOpen),
        _ => Err(Refused::Unknown),
    }
}
