//! The order in which the parts stop: first who writes, then where it is written.

use tally_servers::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::part::Part;
use super::start::Parts;
use super::{Problem, say};

/// The signals that ask for the end: Ctrl-C, SIGTERM, and a terminal that was closed.
pub(super) struct Stop {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Stop {
    /// Listens from now on, so that no later signal ends this process without an order.
    pub(super) fn listen() -> Result<Stop, Problem> {
        let listen = |kind| signal(kind).map_err(Problem::Signals);
        Ok(Stop {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Stops all parts in order. Another signal meanwhile kills what is left: what was accepted is on the disk.
pub(super) async fn stop(parts: &Parts, stop: &mut Stop) -> Result<(), Error> {
    let order = [&parts.api, &parts.consumer, &parts.redis, &parts.postgres];
    let orderly = async {
        let mut outcome = Ok(());
        for part in order {
            outcome = outcome.and(part.stop().await);
        }
        outcome
    };
    let stopped = tokio::select! {
        stopped = orderly => stopped,
        () = stop.asked() => hurry(order).await,
    };
    if stopped.is_ok() {
        say("stopped");
    }
    stopped
}

async fn hurry(order: [&Part; 4]) -> Result<(), Error> {
    let mut outcome = Ok(());
    for part in order {
        outcome = outcome.and(part.kill9().await);
    }
    outcome
}
