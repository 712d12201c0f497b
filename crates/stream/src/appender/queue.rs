//! What waits to be sent, in the order it came, and the one clock that all who wait are refused by.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout_at};

use super::flight::Call;
use super::pending::Pending;
use crate::error::Refused;

/// Requests that were not sent, or are to be sent anew. A timer for each would cost more than its place here.
pub(super) struct Queue {
    arriving: UnboundedReceiver<Pending>,
    pub(super) waiting: VecDeque<Pending>,
    /// How long each request may wait from its arrival on.
    patience: Duration,
}

impl Queue {
    pub(super) fn new(arriving: UnboundedReceiver<Pending>, patience: Duration) -> Self {
        Self { arriving, waiting: VecDeque::new(), patience }
    }

    /// Waits until there is something to send, and takes in all who came; false when no one can come any more.
    pub(super) async fn gather(&mut self) -> bool {
        if self.waiting.is_empty() {
            let Some(first) = self.arriving.recv().await else { return false };
            self.waiting.push_back(first);
            // Whoever is ready by now joins: a first request that left alone would make all others wait for the next call.
            yield_now().await;
        }
        self.take_in();
        true
    }

    fn take_in(&mut self) {
        while let Ok(pending) = self.arriving.try_recv() {
            self.waiting.push_back(pending);
        }
    }

    /// Puts back what had no effect, before all that came since.
    pub(super) fn put_back(&mut self, returning: impl DoubleEndedIterator<Item = Pending>) {
        returning.rev().for_each(|pending| self.waiting.push_front(pending));
    }

    /// Waits for `work`, and meanwhile refuses whoever's deadline passes: what waits here was not sent, what `calls` carry may
    /// have been appended.
    pub(super) async fn meanwhile<T>(&mut self, calls: &mut [Call], work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let Ok(done) = timeout_at(self.next_deadline(calls), &mut work).await else {
                self.refuse_late(calls);
                continue;
            };
            return done;
        }
    }

    /// No deadline is earlier, but by what passed between two calls: those who are not here yet came after all who are, or are yet
    /// to come.
    fn next_deadline(&self, calls: &[Call]) -> Instant {
        let under_way = calls.iter().flat_map(Call::first_of_each);
        let known = under_way.chain(self.waiting.front()).map(|pending| pending.deadline).min();
        known.unwrap_or_else(|| Instant::now() + self.patience)
    }

    fn refuse_late(&mut self, calls: &mut [Call]) {
        self.take_in();
        let now = Instant::now();
        let late = self.waiting.iter().take_while(|pending| pending.deadline <= now).count();
        for late in self.waiting.drain(..late) {
            late.answer(Err(Refused::Unavailable));
        }
        for late in calls.iter_mut().flat_map(|call| call.extract_late(now)) {
            late.answer(Err(Refused::Unknown));
        }
    }
}
