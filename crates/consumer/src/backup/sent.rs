//! Backups that a command takes away: to an object store, to another machine.

use std::process::Stdio;
use std::time::Duration;

use tally_store::Store;
use tokio::process::{Child, ChildStdin, Command};

use super::{name_of_now, under_barrier};
use crate::error::Error;
use crate::shutdown::Shutdown;

/// Longest wait for the end of a command that has all of the backup.
const END_TIMEOUT: Duration = Duration::from_secs(3_600);

/// A command under way. Dropped in this order: it is killed before its input ends.
struct Receiver {
    child: Child,
    input: ChildStdin,
}

/// A command that reads a backup.
pub(super) struct Sent<'a> {
    program: &'a str,
    arguments: &'a [String],
}

impl<'a> Sent<'a> {
    pub(super) fn new(command: &'a [String]) -> Result<Self, Error> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| Error::Setting("--command needs a command".into()))?;
        Ok(Self { program, arguments })
    }

    pub(super) async fn back_up(&self, store: &Store, keep: usize, shutdown: &Shutdown) -> Result<(), Error> {
        let name = name_of_now();
        let label = format!("{}{name}", self.prefix());
        let bytes = under_barrier(store, &label, shutdown, async || self.send(store, &name).await).await?;
        tracing::info!(backup = label, bytes, "backed up");
        let ours = store.barriers().await?.into_iter().filter(|b| b.holds && b.label.starts_with(&self.prefix()));
        // The oldest come first.
        let labels: Vec<String> = ours.map(|barrier| barrier.label).collect();
        for label in &labels[..labels.len().saturating_sub(keep)] {
            store.release_barrier(label).await?;
        }
        Ok(())
    }

    fn prefix(&self) -> String {
        format!("{}: ", self.program)
    }

    /// Gives the command the dump. It sees the end of its input only when that is the end of the dump: before that it is
    /// killed, and cannot take a part for the whole.
    async fn send(&self, store: &Store, name: &str) -> Result<u64, Error> {
        let arguments = self.arguments.iter().map(|argument| argument.replace("{name}", name));
        let mut command = Command::new(self.program);
        command.args(arguments).stdin(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| self.failed(&error.to_string()))?;
        let Some(input) = child.stdin.take() else { return Err(self.failed("it has no input")) };
        let mut receiver = Receiver { child, input };
        let bytes = store.dump(&mut receiver.input).await.map_err(|error| match error {
            tally_store::Error::Copy(error) => self.failed(&format!("it stopped reading ({error})")),
            other => other.into(),
        })?;
        let Receiver { mut child, input } = receiver;
        drop(input);
        let status = tokio::time::timeout(END_TIMEOUT, child.wait()).await;
        let status = status.map_err(|_| self.failed(&format!("it did not end within {} s", END_TIMEOUT.as_secs())))?;
        let status = status.map_err(|error| self.failed(&error.to_string()))?;
        if status.success() { Ok(bytes) } else { Err(self.failed(&status.to_string())) }
    }

    fn failed(&self, reason: &str) -> Error {
        Error::Command { program: self.program.to_owned(), reason: reason.to_owned() }
    }
}
