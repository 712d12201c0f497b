//! The loop that sends what waits: one pipeline at a time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::Value;
use tally_model::Shard;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep;

use super::flight::{Call, limits_of_shard};
use super::queue::{Pending, Room};
use super::settle::{Settled, settle};
use crate::config::Limits;
use crate::link::{Broken, Link};
use crate::script;

/// Pause after the first failure; it doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// Longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// Owns the connection and the queues of the shards of one Redis node.
pub(super) struct Worker {
    link: Link,
    limits: [u64; 5],
    room: Arc<Room>,
    pending: UnboundedReceiver<Pending>,
    queues: Vec<VecDeque<Pending>>,
    backoff: Backoff,
}

impl Worker {
    pub(super) fn new(
        link: Link,
        shards: u16,
        limits: &Limits,
        room: Arc<Room>,
        pending: UnboundedReceiver<Pending>,
    ) -> Self {
        let queues = Shard::all(shards).map(|_| VecDeque::new()).collect();
        Self { link, limits: limits_of_shard(limits, shards), room, pending, queues, backoff: Backoff::default() }
    }

    /// Sends until no one can ask any more and all who asked were answered.
    pub(super) async fn run(mut self) {
        loop {
            if self.queues.iter().all(VecDeque::is_empty) {
                let Some(pending) = self.pending.recv().await else { return };
                self.enqueue(pending);
            }
            while let Ok(pending) = self.pending.try_recv() {
                self.enqueue(pending);
            }
            let calls = self.take_calls();
            if !calls.is_empty() {
                self.deliver(calls).await;
                self.backoff.pause().await;
            }
        }
    }

    fn enqueue(&mut self, pending: Pending) {
        // `append` has refused shards that there are not.
        if let Some(queue) = self.queues.get_mut(usize::from(pending.shard.index())) {
            queue.push_back(pending);
        }
    }

    fn take_calls(&mut self) -> Vec<Call> {
        let shards = Shard::all(u16::MAX).zip(&mut self.queues);
        let calls: Vec<Call> = shards.filter_map(|(shard, queue)| Call::take(shard, queue)).collect();
        let entries = calls.iter().flat_map(|call| &call.units).filter(|unit| unit.is_entry());
        let (count, bytes) = entries.fold((0, 0), |(count, bytes), unit| (count + 1, bytes + unit.bytes.len() as u64));
        self.room.entries.fetch_add(count, Ordering::Relaxed);
        self.room.entry_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.room.flushes.fetch_add(u64::from(!calls.is_empty()), Ordering::Relaxed);
        calls
    }

    /// Sends calls until each is answered, back in its queue without effect, or awaited by no one. Only what may have had
    /// an effect is sent again from here, as it was; each caller leaves at its own deadline, and so this ends.
    async fn deliver(&mut self, mut calls: Vec<Call>) {
        loop {
            let requests = calls.iter().map(Call::requests).sum::<usize>() as u64;
            self.room.in_flight.store(requests, Ordering::Relaxed);
            calls = self.attempt(calls).await;
            calls.retain_mut(Call::is_awaited);
            if calls.is_empty() {
                self.room.in_flight.store(0, Ordering::Relaxed);
                return;
            }
            self.room.resends.fetch_add(1, Ordering::Relaxed);
            self.backoff.pause().await;
        }
    }

    /// Sends calls once; what comes back is frozen.
    async fn attempt(&mut self, calls: Vec<Call>) -> Vec<Call> {
        let commands = calls.iter().map(|call| call.command(&self.limits)).collect();
        match script::run(&self.link, &script::APPEND, commands).await {
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
        let settled = calls.into_iter().zip(answers).map(|(call, answer)| settle(call, answer));
        let later: Vec<Call> = settled.filter_map(Settled::later).collect();
        if later.is_empty() {
            self.backoff.reset();
        } else {
            self.backoff.grow();
            // The node may have been demoted: another may stand behind the name by now.
            self.link.reset().await;
        }
        later.into_iter().filter_map(|call| self.later(call)).collect()
    }

    /// What had no effect goes back to its queue, to be sent with what came since.
    fn later(&mut self, call: Call) -> Option<Call> {
        if call.is_frozen {
            return Some(call);
        }
        let queue = self.queues.get_mut(usize::from(call.shard.index()))?;
        call.dissolve(queue);
        None
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

    async fn pause(&self) {
        if !self.0.is_zero() {
            sleep(self.0).await;
        }
    }
}
