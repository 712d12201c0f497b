//! One part of a run: watched, and started again when it dies.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tally_servers::{Error, Postgres, Process, Redis, tail};
use tokio::time::{Instant, sleep};

use super::{log, say};

/// How often a part is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(100);

/// How often its log's size is looked at, in looks at the part.
const LOG_LOOKS: u32 = 100;

/// The wait before the first new start; it doubles with each end in a row, up to the most.
const BACKOFF_FIRST: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(10);

/// A part that ran this long was well; its next end is the first in a row again.
const WELL_AFTER: Duration = Duration::from_secs(30);

/// From this many ends in a row on, the last lines of the log are shown too.
const CRASH_LOOP_ENDS: u32 = 3;

/// How long a binary may take to stop in an orderly way before it is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(40);

/// A part under supervision.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) server: Server,
}

/// What a part is.
pub(super) enum Server {
    Redis(Redis),
    Postgres(Postgres),
    Binary(Binary),
}

/// A program of ours and how it is started.
pub(super) struct Binary {
    pub(super) program: PathBuf,
    pub(super) arguments: &'static [&'static str],
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) log: PathBuf,
    process: Mutex<Arc<Process>>,
}

impl Binary {
    /// Starts it.
    pub(super) fn start(
        program: PathBuf,
        arguments: &'static [&'static str],
        environment: Vec<(&'static str, String)>,
        log: PathBuf,
    ) -> Result<Binary, Error> {
        let process = Mutex::new(Arc::new(spawn(&program, arguments, &environment, &log)?));
        Ok(Binary { program, arguments, environment, log, process })
    }

    fn restart(&self) -> Result<(), Error> {
        let process = spawn(&self.program, self.arguments, &self.environment, &self.log)?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(process);
        Ok(())
    }

    async fn stop(&self) -> Result<(), Error> {
        let process = self.process();
        process.resume()?;
        process.terminate()?;
        match process.wait(STOP_DEADLINE).await {
            Err(Error::Deadline { .. }) => process.kill9().await,
            other => other.map(drop),
        }
    }

    fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Part {
    /// Watches the part for ever, and starts it again whenever it has ended.
    pub(super) async fn keep(&self) {
        let mut ends = 0;
        let mut since = Instant::now();
        for look in (1..=LOG_LOOKS).cycle() {
            sleep(WATCH_INTERVAL).await;
            if look == LOG_LOOKS {
                log::bound(self.log());
            }
            if self.is_running() {
                continue;
            }
            ends = if since.elapsed() >= WELL_AFTER { 1 } else { ends + 1 };
            self.start_again(ends).await;
            since = Instant::now();
        }
    }

    /// Stops the part in an orderly way and waits for its end.
    pub(super) async fn stop(&self) -> Result<(), Error> {
        match &self.server {
            Server::Redis(redis) => redis.stop().await,
            Server::Postgres(postgres) => postgres.stop().await,
            Server::Binary(binary) => binary.stop().await,
        }
    }

    /// Kills the part (SIGKILL).
    pub(super) async fn kill9(&self) -> Result<(), Error> {
        match &self.server {
            Server::Redis(redis) => redis.kill9().await,
            Server::Postgres(postgres) => postgres.kill9().await,
            Server::Binary(binary) => binary.process().kill9().await,
        }
    }

    /// Its log file.
    pub(super) fn log(&self) -> &Path {
        match &self.server {
            Server::Redis(redis) => redis.log(),
            Server::Postgres(postgres) => postgres.log(),
            Server::Binary(binary) => &binary.log,
        }
    }

    async fn start_again(&self, ends: u32) {
        let ended = self.ended();
        let wait = backoff(ends);
        if ends >= CRASH_LOOP_ENDS {
            let lines = tail(self.log());
            let name = self.name;
            say(&format!(
                "{name} keeps ending ({ends} times in a row, now with {ended}); next start in {} s. Its last lines:\n{lines}",
                wait.as_secs_f32()
            ));
        }
        sleep(wait).await;
        match self.restart().await {
            Ok(()) => say(&format!("{} ended ({ended}) and was started again (process {})", self.name, self.pid())),
            Err(problem) => say(&format!("{} ended ({ended}) and could not be started again: {problem}", self.name)),
        }
    }

    async fn restart(&self) -> Result<(), Error> {
        match &self.server {
            Server::Redis(redis) => redis.restart().await,
            Server::Postgres(postgres) => postgres.restart().await,
            Server::Binary(binary) => binary.restart(),
        }
    }

    fn is_running(&self) -> bool {
        match &self.server {
            Server::Redis(redis) => redis.is_running(),
            Server::Postgres(postgres) => postgres.is_running(),
            Server::Binary(binary) => binary.process().is_running(),
        }
    }

    fn pid(&self) -> u32 {
        match &self.server {
            Server::Redis(redis) => redis.pid(),
            Server::Postgres(postgres) => postgres.pid(),
            Server::Binary(binary) => binary.process().pid(),
        }
    }

    /// How it ended, in words.
    fn ended(&self) -> String {
        let status = match &self.server {
            Server::Redis(redis) => redis.exit_status(),
            Server::Postgres(postgres) => postgres.exit_status(),
            Server::Binary(binary) => binary.process().exit_status(),
        };
        status.ok().flatten().map_or("unknown".to_owned(), |status| status.to_string())
    }
}

fn spawn(
    program: &Path,
    arguments: &[&str],
    environment: &[(&'static str, String)],
    log: &Path,
) -> Result<Process, Error> {
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Process::spawn(program, &environment, arguments, log)
}

fn backoff(ends: u32) -> Duration {
    let doubled = BACKOFF_FIRST.saturating_mul(1 << ends.saturating_sub(1).min(16));
    doubled.min(BACKOFF_MAX)
}
