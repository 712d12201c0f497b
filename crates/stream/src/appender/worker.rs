//! The loop that sends what waits: one pipeline at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Value;
use tally_model::Shard;
use tokio::time::{Instant, sleep};

use super::flight::Call;
use super::pending::Pending;
use super::queue::Queue;
use super::room::Room;
use super::sender::Sender;
use super::settle::{Settled, settle};
use crate::error::Refused;
use crate::link::{Broken, Link};
use crate::script;

/// Pause after the first failure; it doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// Longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(1);
/// How long a shard that turned requests away is passed over.
const FULL_FOR: Duration = Duration::from_millis(100);

/// Owns a connection, and the queue of those who share it.
pub(super) struct Worker {
    link: Link,
    limits: [u64; 5],
    /// Until when each shard is taken for full.
    full_until: Vec<Instant>,
    room: Arc<Room>,
    queue: Queue,
    sender: Sender,
    in_flight: u64,
    /// Redis keeps the shards on several nodes, and wants a call for each.
    is_apart: bool,
    backoff: Backoff,
}

impl Worker {
    pub(super) fn new(link: Link, (limits, shards): ([u64; 5], u16), room: Arc<Room>, queue: Queue) -> Self {
        Self {
            link,
            limits,
            full_until: vec![Instant::now(); usize::from(shards)],
            room,
            queue,
            sender: Sender::new(),
            in_flight: 0,
            is_apart: false,
            backoff: Backoff::default(),
        }
    }

    /// Sends until no one can ask any more and all who asked were answered.
    pub(super) async fn run(mut self) {
        while self.queue.gather().await {
            let calls = self.take_calls();
            if !calls.is_empty() {
                self.deliver(calls).await;
                self.pause(&mut []).await;
            }
        }
    }

    fn take_calls(&mut self) -> Vec<Call> {
        let Some(call) = Call::take(&mut self.queue.waiting, &mut self.sender) else { return Vec::new() };
        let entries = call.units().filter(|unit| unit.is_entry());
        let (count, bytes) = entries.fold((0, 0), |(count, bytes), unit| (count + 1, bytes + unit.bytes.len() as u64));
        self.room.entries.fetch_add(count, Ordering::Relaxed);
        self.room.entry_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.room.flushes.fetch_add(1, Ordering::Relaxed);
        if self.is_apart { call.apart(&mut self.sender).collect() } else { vec![call] }
    }

    /// Sends calls until each is answered, back in the queue without effect, or awaited by no one. Only what may have had
    /// an effect is sent again from here, as it was; each caller leaves at its own deadline, and so this ends.
    async fn deliver(&mut self, mut calls: Vec<Call>) {
        loop {
            self.set_in_flight(calls.iter().map(Call::requests).sum::<usize>() as u64);
            calls = self.attempt(calls).await;
            calls.retain(Call::is_awaited);
            if calls.is_empty() {
                self.set_in_flight(0);
                return;
            }
            self.room.resends.fetch_add(1, Ordering::Relaxed);
            self.pause(&mut calls).await;
        }
    }

    async fn pause(&mut self, calls: &mut [Call]) {
        if !self.backoff.0.is_zero() {
            self.queue.meanwhile(calls, sleep(self.backoff.0)).await;
        }
    }

    /// Others count into the same figure, so only the difference is added.
    fn set_in_flight(&mut self, requests: u64) {
        self.room.in_flight.fetch_add(requests.wrapping_sub(self.in_flight), Ordering::Relaxed);
        self.in_flight = requests;
    }

    /// Sends calls once; what comes back is frozen.
    async fn attempt(&mut self, mut calls: Vec<Call>) -> Vec<Call> {
        let commands = calls.iter().map(|call| call.command(&self.limits, &self.sender)).collect();
        let answers = script::run(&self.link, &script::APPEND, commands);
        match self.queue.meanwhile(&mut calls, answers).await {
            Ok(answers) => self.settle(calls, answers).await,
            Err(Broken::NotSent(error)) => {
                tracing::warn!(%error, "Redis cannot be reached; appends wait");
                self.backoff.grow();
                calls.into_iter().filter_map(|call| self.later(call)).collect()
            }
            Err(Broken::NoAnswer(error)) => {
                tracing::warn!(%error, "Redis did not answer appends; they are repeated as they are");
                self.backoff.grow();
                calls.into_iter().map(|call| Call { is_frozen: true, ..call }).collect()
            }
        }
    }

    async fn settle(&mut self, calls: Vec<Call>, answers: Vec<Value>) -> Vec<Call> {
        let (mut unsettled, mut is_passing) = (Vec::new(), false);
        for (call, answer) in calls.into_iter().zip(answers) {
            match settle(call, answer) {
                Settled::Answered(turned_away) => self.pass_on(turned_away),
                Settled::Later(call) => {
                    is_passing = true;
                    unsettled.push(call);
                }
                Settled::Apart(call) => {
                    self.is_apart = true;
                    unsettled.push(call);
                }
            }
        }
        if is_passing {
            self.backoff.grow();
            // The node may have been demoted: another may stand behind the name by now.
            self.link.reset().await;
        } else {
            self.backoff.reset();
        }
        unsettled.into_iter().filter_map(|call| self.later(call)).collect()
    }

    /// What a full shard turned away goes to the next that may have room; a request is asked for as often as there are shards,
    /// at most.
    fn pass_on(&mut self, turned_away: Vec<(Pending, Refused)>) {
        let mut moved = Vec::new();
        for (pending, refused) in turned_away {
            self.full_until[usize::from(pending.shard.index())] = Instant::now() + FULL_FOR;
            let may_move = usize::from(pending.moves) + 1 < self.full_until.len();
            match self.with_room(pending.shard).filter(|_| may_move) {
                Some(shard) => moved.push(pending.moved_to(shard)),
                None => pending.answer(Err(refused)),
            }
        }
        self.queue.put_back(moved.into_iter());
    }

    /// The next shard after `full` that is not known to be full.
    fn with_room(&self, full: Shard) -> Option<Shard> {
        let (now, shards) = (Instant::now(), u16::try_from(self.full_until.len()).unwrap_or(u16::MAX));
        let others = (1..shards).map(|step| (full.index() + step) % shards);
        others.map(Shard::new).find(|shard| self.full_until[usize::from(shard.index())] <= now)
    }

    /// What had no effect goes back to the queue, to be sent with what came since.
    fn later(&mut self, call: Call) -> Option<Call> {
        if call.is_frozen {
            return Some(call);
        }
        call.dissolve(&mut self.queue);
        None
    }
}

impl Drop for Worker {
    /// The thread ends, and with it what was under way.
    fn drop(&mut self) {
        self.set_in_flight(0);
    }
}

/// How long to wait after failures in a row; nothing without one.
#[derive(Default)]
struct Backoff(Duration);

impl Backoff {
    fn grow(&mut self) {
        self.0 = (self.0 * 2).clamp(BACKOFF_MIN, BACKOFF_MAX);
    }

    fn reset(&mut self) {
        self.0 = Duration::ZERO;
    }
}
