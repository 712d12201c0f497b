//! What must hold in every state, and what must be possible.

use std::ops::ControlFlow;

use stateright::Property;
use tally_model::{Position, Step};

use crate::consumer::Consumer;
use crate::database::rule;
use crate::redis::Request;
use crate::variant::{CONSUMERS, Profile, REQUESTS, Variant};
use crate::world::{Action, World};

/// No request is counted twice.
pub(crate) const AT_MOST_ONCE: &str = "no request is counted twice";
/// Nothing acknowledged is lost without a name.
pub(crate) const NO_SILENT_LOSS: &str = "what was acknowledged is counted, or ahead, or named as lost";
/// PostgreSQL is the fold of the log through the position.
pub(crate) const FOLD_OF_THE_LOG: &str = "PostgreSQL is the fold of the log through its position";
/// Ids only grow, headers chain.
pub(crate) const IDS_GROW: &str = "ids grow, and each header names the id before it";
/// Trimming stays below position and barrier.
pub(crate) const TRIMMED_BELOW: &str = "trimmed is below position and barrier, the anchor is kept";
/// The books balance.
pub(crate) const BALANCED: &str = "the total at the position is counted + filtered";
/// Nobody halts.
pub(crate) const NEVER_HALTS: &str = "no consumer halts";
/// One consumer, left alone, counts the rest.
pub(crate) const SETTLES: &str = "one consumer left alone counts all that is in the log";
/// Every request gets counted in some run: the model does something.
pub(crate) const ALL_COUNTED: &str = "all requests are counted";
/// Some run crosses a REGRESS.
pub(crate) const REGRESS: &str = "a REGRESS is recorded";
/// Some run loses an acknowledged request that had not reached the disk.
pub(crate) const LOSS: &str = "an acknowledged request is lost";
/// Some run loses one of which the record of REGRESSes knows nothing.
pub(crate) const LOSS_BESIDE_REGRESS: &str = "one is lost that no REGRESS covers, only a header's range";

/// Steps within which one consumer left alone must come to rest.
const SETTLE_STEPS_MAX: usize = 40;

/// Every property; a test says which of them it expects to be broken.
pub(crate) fn all() -> Vec<Property<Variant>> {
    vec![
        Property::always(AT_MOST_ONCE, |_, world: &World| {
            requests().all(|request| world.database.counts(request) <= 1)
        }),
        Property::always(NO_SILENT_LOSS, no_silent_loss),
        Property::always(FOLD_OF_THE_LOG, fold_of_the_log),
        Property::always(IDS_GROW, |_, world| ids_grow(world)),
        Property::always(TRIMMED_BELOW, |variant: &Variant, world: &World| {
            !variant.heeds_barrier || trimmed_below(world)
        }),
        Property::always(BALANCED, |_, world| balanced(world)),
        Property::always(NEVER_HALTS, |_, world: &World| !world.consumers.contains(&Consumer::Halted)),
        Property::always(SETTLES, settles),
        Property::sometimes(ALL_COUNTED, |_, world: &World| {
            requests().all(|request| world.database.counts(request) > 0)
        }),
        Property::sometimes(REGRESS, |_, world: &World| world.database.crossings.iter().any(|c| c.is_regress())),
        Property::sometimes(LOSS, |_, world: &World| requests().any(|request| lost(world, request).is_some())),
        Property::sometimes(LOSS_BESIDE_REGRESS, |_, world| loss_beside_regress(world)),
    ]
}

fn requests() -> impl Iterator<Item = Request> {
    0..REQUESTS as Request
}

/// Walks the log as a consumer at PostgreSQL's position would; breaks with true when it comes upon the request, with
/// false when the rule refuses to go on.
fn walk(world: &World, request: Request) -> ControlFlow<bool> {
    let mut at = world.database.row.position;
    for entry in world.redis.keys.read_from(at) {
        if rule(at, entry) == Step::Gap {
            return ControlFlow::Break(false);
        }
        if entry.request() == Some(request) {
            return ControlFlow::Break(true);
        }
        at = entry.at;
    }
    ControlFlow::Continue(())
}

/// The id in the answer to a request that was acknowledged and is neither counted, nor ahead, nor behind a GAP.
fn lost(world: &World, request: Request) -> Option<Position> {
    let answered = world.requests[usize::from(request)].answered?;
    let gone = world.database.counts(request) == 0 && walk(world, request).is_continue();
    gone.then_some(answered)
}

/// A GAP is not silent: the shard stands still and says so, and [`NEVER_HALTS`] tells where that must not be. With
/// `everysec` what had not reached the disk may go, but a header names the range that it was in (or will, at the next
/// append: the last id is then below it).
fn no_silent_loss(variant: &Variant, world: &World) -> bool {
    let named = |id| variant.profile == Profile::Everysec && named_as_cut(world, id);
    requests().filter_map(|request| lost(world, request)).all(named)
}

fn named_as_cut(world: &World, id: Position) -> bool {
    let keys = &world.redis.keys;
    let in_log = keys.log.iter().filter_map(|entry| Some((entry.prev()?, entry.at)));
    let crossed = world.database.crossings.iter().map(|c| (c.kept, c.header));
    let cut = in_log.chain(crossed).any(|(kept, header)| kept < id && id < header);
    keys.entry_at(id).is_none() && (cut || keys.last().at < id)
}

fn loss_beside_regress(world: &World) -> bool {
    let covered = |id| world.database.crossings.iter().any(|c| c.kept < id && id <= c.at);
    let crossed = |id| world.database.crossings.iter().any(|c| c.kept < id && id < c.header);
    requests().filter_map(|request| lost(world, request)).any(|id| crossed(id) && !covered(id))
}

/// Each request in the log through the position is counted once; and each count belongs to an entry of the log through
/// the position, with that very request, or (with `everysec`) to one that a crash cut off.
fn fold_of_the_log(variant: &Variant, world: &World) -> bool {
    let (keys, database) = (&world.redis.keys, &world.database);
    let position = database.row.position;
    let through = keys.log.iter().filter(|entry| entry.at <= position);
    let complete = through.filter_map(|entry| entry.request()).all(|request| database.counts(request) == 1);
    let founded = |at: Position, request: Request| match keys.entry_at(at) {
        Some(entry) => entry.request() == Some(request),
        None => variant.profile == Profile::Everysec,
    };
    complete && database.counted.iter().all(|(at, request)| *at <= position && founded(*at, *request))
}

fn ids_grow(world: &World) -> bool {
    world.redis.keys.log.windows(2).all(|pair| {
        let (before, entry) = (pair[0], pair[1]);
        match entry.prev() {
            Some(prev) => entry.at.is_header() && prev == before.at && entry.at.epoch > before.at.epoch,
            None => entry.at == Position::new(before.at.epoch, before.at.seq + 1),
        }
    })
}

fn trimmed_below(world: &World) -> bool {
    let (retained_from, database) = (world.redis.keys.retained_from, &world.database);
    let barrier = database.barrier.unwrap_or(database.row.position);
    retained_from <= database.row.position && retained_from <= barrier
}

fn balanced(world: &World) -> bool {
    let database = &world.database;
    usize::from(database.total) == database.counted.len() + usize::from(database.filtered)
}

/// Whatever happened: both consumers killed, one starts and runs on alone. As a kill is always possible, it is enough
/// to look at the states in which both are idle; what follows from there depends on Redis and PostgreSQL alone.
fn settles(variant: &Variant, world: &World) -> bool {
    if world.consumers != [const { Consumer::Idle }; CONSUMERS] {
        return true;
    }
    let mut world = world.clone();
    for _ in 0..SETTLE_STEPS_MAX {
        if !step_alone(variant, &mut world) {
            return at_rest(&world);
        }
    }
    false
}

/// The first consumer takes the first step that it can; false when there is none.
fn step_alone(variant: &Variant, world: &mut World) -> bool {
    let keys = &world.redis.keys;
    let action = match &world.consumers[0] {
        Consumer::Halted => return false,
        Consumer::Running(run) if run.has_room() && run.read(keys).is_some() => Action::Read(0),
        Consumer::Running(run) if !run.buffer.is_empty() => Action::Apply(0),
        Consumer::Running(run) if run.row.position > keys.mirror => Action::Mirror(0),
        Consumer::Running(_) => return false,
        _ => Action::Sync(0),
    };
    world.step(variant, action).is_some()
}

fn at_rest(world: &World) -> bool {
    let (keys, database) = (&world.redis.keys, &world.database);
    let in_flight = i16::from(keys.last().total) + i16::from(database.rebase) - i16::from(database.total);
    let told = (keys.generation, keys.mirror) == (database.row.generation, database.row.position);
    let all = keys.log.iter().filter_map(|entry| entry.request()).all(|request| database.counts(request) == 1);
    // Regressed, and no append since: the header that rebases the totals is still to come.
    let header_to_come = keys.last().at < database.row.position;
    told && all && (in_flight == 0 || header_to_come)
}
