//! What an answer of the append script means to those who wait.

use redis::Value;
use tally_model::Position;

use super::Appended;
use super::flight::{Call, Unit};
use super::queue::Pending;
use crate::error::{Error, Refused};
use crate::reply::Parts;

/// Numbers that the script answers for each unit.
const REPLY_NUMBERS: usize = 5;

/// What is to be done with a call after its answer.
pub(super) enum Settled {
    /// Everyone was answered.
    Answered,
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
        answer => {
            answer_units(call, answer);
            return Settled::Answered;
        }
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
    Settled::Answered
}

/// Gives all who wait for a call the same refusal.
fn refuse(call: Call, refused: &Refused) {
    let units = call.groups.into_iter().flat_map(|group| group.units);
    for pending in units.flat_map(|unit| unit.waiting) {
        let _ = pending.answer.send(Err(refused.clone()));
    }
}

fn answer_units(call: Call, answer: Value) {
    let count = call.units().count();
    match replies(answer, count) {
        Ok(replies) => {
            let units = call.groups.into_iter().flat_map(|group| group.units);
            units.zip(replies).for_each(|(unit, reply)| answer_unit(unit, reply));
        }
        Err(error) => {
            tracing::error!(%error, "appends were answered with something else");
            refuse(call, &Refused::Unknown);
        }
    }
}

/// The numbers of each unit; what Redis said of shards that failed goes to the log.
fn replies(answer: Value, count: usize) -> Result<Vec<[u64; REPLY_NUMBERS]>, Error> {
    let mut parts = Parts::of(answer)?;
    let replies = (0..count).map(|_| unit_reply(&mut parts)).collect();
    while !parts.is_empty() {
        let said = parts.text()?;
        tracing::error!(said, "Redis refused the appends of a shard");
    }
    replies
}

fn unit_reply(parts: &mut Parts) -> Result<[u64; REPLY_NUMBERS], Error> {
    Ok([parts.number()?, parts.number()?, parts.number()?, parts.number()?, parts.number()?])
}

fn answer_unit(unit: Unit, reply: [u64; REPLY_NUMBERS]) {
    for pending in unit.waiting {
        let answer = answer_of(&pending, reply);
        // Whoever is gone needs no answer.
        let _ = pending.answer.send(answer);
    }
}

fn answer_of(
    pending: &Pending,
    [code, epoch, seq, received_ms, events]: [u64; REPLY_NUMBERS],
) -> Result<Appended, Refused> {
    let at = Position::new(epoch, seq);
    match code {
        0 => Ok(Appended::Accepted { at, received_ms: pending.received_ms, events: pending.body.events() }),
        1 => Ok(Appended::Duplicate {
            at,
            received_ms: received_ms.cast_signed(),
            events: u32::try_from(events).unwrap_or(u32::MAX),
        }),
        2 => Ok(Appended::NothingToAppend),
        3 => Err(Refused::KeyReused),
        4 => Err(Refused::Backlog { events: epoch, bytes: seq }),
        5 => Err(Refused::DedupeFull),
        6 => Err(Refused::NotOpen),
        _ => Err(Refused::Unknown),
    }
}
