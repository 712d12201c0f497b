//! The loop around a counter's steps: it ends only when it is told to.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::Instant;

use super::{Counter, GROUP_MEMBER, State};
use crate::backoff::Backoff;
use crate::error::Error;
use crate::lease::End;

/// Longest wait after a step that failed.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// Longest wait before a halted shard is looked at again.
const RECHECK_MAX: Duration = Duration::from_secs(30);
/// How often, at most, a failure that lasts is logged.
const REPEAT: Duration = Duration::from_secs(10);

/// Steps until the permit ends. Neither an error nor a panic ends it: both lead to SYNC, after a wait.
pub(crate) async fn keep_counting(mut counter: Counter) {
    let (mut backoff, mut recheck) = (Backoff::new(WAIT_MAX), Backoff::new(RECHECK_MAX));
    let mut reported: Option<Instant> = None;
    while counter.permit.end().is_none() {
        let was_running = counter.is_running();
        let outcome = AssertUnwindSafe(counter.step()).catch_unwind().await;
        let failure = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(counter.recover(panic.as_ref())),
        };
        if let Some(failure) = &failure {
            counter.desk.metrics.step_failures.inc();
            if reported.is_none_or(|at| at.elapsed() > REPEAT) {
                tracing::warn!(shard = %counter.shard, failure, "cannot count now; starting over");
                reported = Some(Instant::now());
            }
        }
        match (&counter.state, failure) {
            (State::Run(_), None) => {
                if was_running {
                    backoff.reset();
                }
                recheck.reset();
                reported = None;
            }
            (State::Halted { .. }, _) => counter.permit.sleep(recheck.next()).await,
            _ => counter.permit.sleep(backoff.next()).await,
        }
    }
    counter.finish().await;
}

impl Counter {
    /// Applies what is folded, if it may; then there is nothing in memory.
    async fn finish(&mut self) {
        let finished: Result<(), Error> = match self.permit.end() {
            Some(End::Finish) => self.apply().await,
            Some(End::Forget) | None => Ok(()),
        };
        if let Err(error) = finished {
            tracing::info!(shard = %self.shard, %error, "the last batch is left to the next owner");
        }
        self.forget();
        self.desk.metrics.disown(self.shard);
    }

    /// After a panic nothing in memory is trusted, the connection included.
    fn recover(&mut self, panic: &(dyn std::any::Any + Send)) -> String {
        self.state = State::Sync;
        self.reader = self.desk.log.reader(self.shard, GROUP_MEMBER);
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        tracing::error!(shard = %self.shard, text, "a panic while counting");
        format!("panic: {text}")
    }
}
