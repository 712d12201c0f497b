//! One thread that starts every child of this process.
//!
//! Linux ties a child's "parent death signal" to the *thread* that forked it. Test threads and runtime workers come and
//! go; this thread lives exactly as long as the process, so a shared server dies with the process and not with the test
//! that happened to start it.

use std::io;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

type Order = (Command, Sender<io::Result<Child>>);

static SPAWNER: OnceLock<Option<Sender<Order>>> = OnceLock::new();

/// Starts `command` from the process-long thread.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    let stopped = || io::Error::other("the thread that starts processes is not running");
    let orders = SPAWNER.get_or_init(start).as_ref().ok_or_else(stopped)?;
    let (answer, answered) = channel();
    orders.send((command, answer)).map_err(|_| stopped())?;
    answered.recv().map_err(|_| stopped())?
}

fn start() -> Option<Sender<Order>> {
    let (orders, incoming) = channel();
    thread::Builder::new().name("tally-spawner".to_owned()).spawn(move || fulfil(&incoming)).ok()?;
    Some(orders)
}

fn fulfil(incoming: &Receiver<Order>) {
    for (mut command, answer) in incoming {
        let outcome = command.spawn();
        if let Err(unclaimed) = answer.send(outcome)
            && let Ok(mut child) = unclaimed.0
        {
            // Nobody waits for the answer any more, so nobody would ever end this child.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
