//! The whole of one shard as a state, and every step that anything in it can take.

use stateright::{Model, Property};
use tally_model::Position;

use crate::consumer::{Consumer, Run};
use crate::database::Database;
use crate::properties;
use crate::redis::{Keys, Redis, Request};
use crate::variant::{CONSUMERS, Profile, REQUESTS, Reading, Variant};

/// A client's request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sending {
    /// Times it may still be sent; answered ones too (a late copy in the network).
    pub(crate) sends_left: u8,
    /// Id in the last answer that arrived: it was acknowledged.
    pub(crate) answered: Option<Position>,
}

/// Everything there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    pub(crate) redis: Redis,
    pub(crate) database: Database,
    pub(crate) backup: Option<Box<Database>>,
    /// Interchangeable, therefore kept sorted: half the states.
    pub(crate) consumers: [Consumer; CONSUMERS],
    pub(crate) requests: [Sending; REQUESTS],
    pub(crate) crashes_left: u8,
    pub(crate) restores_left: u8,
}

/// A step. The number is the place of a consumer in the sorted pair, so it may change hands between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A request reaches Redis; its answer reaches the client or does not.
    Send { request: Request, answered: bool },
    /// What Redis has answered reaches its disk.
    Fsync,
    /// Redis dies and starts from its disk.
    CrashRedis,
    /// PostgreSQL is copied; the copy's barrier is registered with it.
    Backup,
    /// The copy takes the place of PostgreSQL.
    Restore,
    /// A consumer dies and starts again, or forgets all and goes to SYNC.
    Kill(usize),
    /// The next step of SYNC.
    Sync(usize),
    /// Reads one entry from its own position.
    Read(usize),
    /// Reads one entry from the group's cursor.
    ReadGroup(usize),
    /// Sends its batch and hears the outcome.
    Apply(usize),
    /// Sends its batch, which is applied, and does not hear so.
    ApplyUnheard(usize),
    /// Mirrors its position to Redis.
    Mirror(usize),
    /// Works out a trim from position and barrier.
    PlanTrim(usize),
    /// Sends that trim.
    Trim(usize),
}

impl World {
    fn new(variant: &Variant) -> Self {
        let keys = Keys::opened();
        let loses = variant.profile == Profile::Everysec && variant.crashes > 0;
        let disk = loses.then(|| Box::new(keys.clone()));
        Self {
            redis: Redis { keys, disk, incarnation: 1 },
            database: Database::new(),
            backup: None,
            consumers: [const { Consumer::Idle }; CONSUMERS],
            requests: variant.sends.map(|sends_left| Sending { sends_left, answered: None }),
            crashes_left: variant.crashes,
            restores_left: variant.restores,
        }
    }

    fn send(&mut self, request: Request, answered: bool) {
        let id = self.redis.keys.append(self.redis.incarnation, request);
        let sending = &mut self.requests[usize::from(request)];
        sending.sends_left -= 1;
        if answered {
            sending.answered = Some(id);
        }
    }

    fn crash(&mut self) {
        self.redis.crash();
        self.crashes_left -= 1;
        if self.crashes_left == 0 {
            self.redis.disk = None; // Nothing will load it any more.
        }
    }

    fn back_up(&mut self) {
        self.database.barrier = Some(self.database.row.position);
        self.backup = Some(Box::new(self.database.clone()));
    }

    fn restore(&mut self) {
        if let Some(backup) = self.backup.take() {
            self.database = *backup;
            self.restores_left -= 1;
        }
    }

    /// One step of one consumer; `None` when it cannot take it.
    pub(crate) fn step(&mut self, variant: &Variant, action: Action) -> Option<()> {
        let (Redis { keys, .. }, database) = (&mut self.redis, &mut self.database);
        let (place, next) = match action {
            Action::Kill(c) => (c, Some(Consumer::Idle)),
            Action::Sync(c) => (c, self.consumers[c].sync(variant, keys, database)),
            Action::Read(c) => (c, self.consumers[c].run()?.read(keys)),
            Action::ReadGroup(c) => (c, self.consumers[c].run()?.read_group(keys, variant.reading)),
            Action::Apply(c) => (c, Some(self.consumers[c].run()?.apply(variant, database))),
            Action::ApplyUnheard(c) => {
                let run = self.consumers[c].run()?;
                database.apply(variant, run.row, &run.buffer, run.filter).ok()?;
                return Some(());
            }
            Action::Mirror(c) => (c, Some(self.consumers[c].run()?.mirror(keys))),
            Action::PlanTrim(c) => (c, Some(self.consumers[c].run()?.plan_trim(database, variant.heeds_barrier))),
            Action::Trim(c) => (c, Some(self.consumers[c].run()?.trim(keys))),
            _ => return None,
        };
        self.consumers[place] = next?;
        Some(())
    }

    fn client_actions(&self, variant: &Variant, actions: &mut Vec<Action>) {
        for request in 0..REQUESTS {
            // Requests are interchangeable: one is first sent after the one before it.
            let in_turn = (0..request).all(|earlier| self.requests[earlier].sends_left < variant.sends[earlier]);
            if in_turn && self.requests[request].sends_left > 0 {
                let request = request as Request;
                actions.extend([true, false].map(|answered| Action::Send { request, answered }));
            }
        }
    }

    fn fault_actions(&self, actions: &mut Vec<Action>) {
        if self.redis.disk.as_deref().is_some_and(|disk| *disk != self.redis.keys) {
            actions.push(Action::Fsync);
        }
        if self.crashes_left > 0 {
            actions.push(Action::CrashRedis);
        }
        if self.restores_left > 0 {
            actions.push(if self.backup.is_none() { Action::Backup } else { Action::Restore });
        }
    }

    fn consumer_actions(&self, variant: &Variant, place: usize, actions: &mut Vec<Action>) {
        match &self.consumers[place] {
            Consumer::Idle => actions.push(Action::Sync(place)),
            Consumer::Halted => actions.push(Action::Kill(place)),
            Consumer::Running(run) => {
                actions.push(Action::Kill(place));
                self.run_actions(variant, run, place, actions);
            }
            Consumer::Announcing { .. } | Consumer::Seeking { .. } => {
                actions.extend([Action::Kill(place), Action::Sync(place)]);
            }
            // It has only read so far: killed here it is the same as one that has not begun.
            Consumer::Seen { .. } | Consumer::Raising { .. } | Consumer::Doubting { .. } => {
                actions.push(Action::Sync(place));
            }
        }
    }

    fn run_actions(&self, variant: &Variant, run: &Run, place: usize, actions: &mut Vec<Action>) {
        let keys = &self.redis.keys;
        if run.has_room() && variant.reading != Reading::GroupUnruled {
            actions.push(Action::Read(place));
        }
        if run.has_room() && variant.reading != Reading::Position {
            actions.push(Action::ReadGroup(place));
        }
        if !run.buffer.is_empty() {
            actions.extend([Action::Apply(place), Action::ApplyUnheard(place)]);
        }
        if run.row.position > keys.mirror || run.row.generation != keys.generation {
            actions.push(Action::Mirror(place));
        }
        if variant.trims && run.trim_below.unwrap_or(run.row.position) > keys.retained_from {
            // Without backups there is no barrier to ask for, and a plan is as good as the position.
            let planned = variant.restores == 0 || run.trim_below.is_some();
            actions.push(if planned { Action::Trim(place) } else { Action::PlanTrim(place) });
        }
    }
}

impl Consumer {
    pub(crate) fn run(&self) -> Option<&Run> {
        match self {
            Self::Running(run) => Some(run),
            _ => None,
        }
    }
}

impl Model for Variant {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        world.client_actions(self, actions);
        world.fault_actions(actions);
        for place in 0..CONSUMERS {
            if place == 0 || world.consumers[place] != world.consumers[place - 1] {
                world.consumer_actions(self, place, actions);
            }
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Send { request, answered } => next.send(request, answered),
            Action::Fsync => next.redis.fsync(),
            Action::CrashRedis => next.crash(),
            Action::Backup => next.back_up(),
            Action::Restore => next.restore(),
            _ => next.step(self, action)?,
        }
        next.consumers.sort();
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::all()
    }
}
