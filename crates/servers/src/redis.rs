//! A private Redis.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::process::Launch;
use crate::running::REDIS_PID_FILE;
use crate::{Error, Process, directory, free_port, ports, programs, running};

/// How long a start may take; most of it would be reading a large append-only file.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// How long an orderly stop may take before it is an error.
const STOP_DEADLINE: Duration = Duration::from_secs(30);

/// How often a starting server is asked whether it is ready, and how long it may take to answer.
const PING_INTERVAL: Duration = Duration::from_millis(10);
const PING_DEADLINE: Duration = Duration::from_secs(1);

/// The names that the server may run under.
pub(crate) const REDIS_NAMES: [&str; 2] = ["redis-server", "valkey-server"];

/// When Redis forces its log to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AppendFsync {
    /// Before it answers: an answered write survives a power cut.
    #[default]
    Always,
    /// Once a second: a power cut may cost the last second.
    EverySec,
    /// When the system sees fit.
    No,
}

impl AppendFsync {
    fn word(self) -> &'static str {
        match self {
            AppendFsync::Always => "always",
            AppendFsync::EverySec => "everysec",
            AppendFsync::No => "no",
        }
    }
}

/// How a Redis is started. The default is durable, on a free port, with no memory limit.
#[derive(Debug, Clone, Default)]
pub struct RedisOptions {
    /// When the append-only file is forced to the disk.
    pub append_fsync: AppendFsync,
    /// The port on 127.0.0.1; a free one when `None`.
    pub port: Option<u16>,
    /// `maxmemory` in bytes; at the limit writes are refused, nothing is evicted.
    pub maxmemory_bytes: Option<u64>,
    /// More arguments for the command line, such as `["--hz", "100"]`; they win over ours.
    pub extra: Vec<String>,
}

/// A running Redis with an append-only file in a directory of its own. Dropping it kills it (SIGKILL); see [`Redis::stop`].
#[derive(Debug)]
pub struct Redis {
    directory: PathBuf,
    log: PathBuf,
    port: u16,
    options: RedisOptions,
    process: Mutex<Arc<Process>>,
}

impl Redis {
    /// Starts a server on the data in `dir` (made when missing) and waits until it answers. A server that an earlier run
    /// left on this directory is stopped first.
    pub async fn start(dir: &Path, options: RedisOptions) -> Result<Redis, Error> {
        Redis::start_logging_to(dir, options, &dir.join("redis.log")).await
    }

    /// Like [`Redis::start`], with the log file of your choice.
    pub async fn start_logging_to(dir: &Path, options: RedisOptions, log: &Path) -> Result<Redis, Error> {
        let directory = directory::create_private(dir)?;
        let port = options.port.map_or_else(free_port, Ok)?;
        let process = Mutex::new(Arc::new(launch(&directory, log, port, &options).await?));
        Ok(Redis { directory, log: log.to_owned(), port, options, process })
    }

    /// `redis://127.0.0.1:PORT/`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The port on 127.0.0.1, the same for the life of this value.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the present server.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Whether the server has not ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.process().is_running()
    }

    /// How the server ended, or `None` while it runs.
    pub fn exit_status(&self) -> Result<Option<ExitStatus>, Error> {
        self.process().exit_status()
    }

    /// Where its data are.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.directory
    }

    /// The file that its log goes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Kills the server (SIGKILL) and waits until it is gone. [`Redis::restart`] starts it again.
    pub async fn kill9(&self) -> Result<(), Error> {
        self.process().kill9().await
    }

    /// Stops the server in an orderly way and waits for its end.
    pub async fn stop(&self) -> Result<(), Error> {
        let process = self.process();
        process.resume()?;
        process.terminate()?;
        process.wait(STOP_DEADLINE).await.map(drop)
    }

    /// Starts the server again on the same port and data; one that still runs is stopped first.
    pub async fn restart(&self) -> Result<(), Error> {
        self.stop().await?;
        let process = launch(&self.directory, &self.log, self.port, &self.options).await?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(process);
        Ok(())
    }

    /// Freezes the server (SIGSTOP): connections stay open, nothing answers.
    pub fn pause(&self) -> Result<(), Error> {
        self.process().pause()
    }

    /// Lets a frozen server go on (SIGCONT).
    pub fn resume(&self) -> Result<(), Error> {
        self.process().resume()
    }

    fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn launch(directory: &Path, log: &Path, port: u16, options: &RedisOptions) -> Result<Process, Error> {
    running::stop_orphans(&REDIS_NAMES, directory, Signal::TERM).await?;
    ports::require_free(port)?;
    let program = programs::redis_server()?;
    let process = Process::launch(&Launch {
        arguments: arguments(directory, port, options),
        death_signal: "TERM",
        ..Launch::of(&program, log)
    })?;
    wait_until_ready(&process, port).await?;
    Ok(process)
}

fn arguments(directory: &Path, port: u16, options: &RedisOptions) -> Vec<String> {
    let port = port.to_string();
    let pid_file = directory.join(REDIS_PID_FILE);
    let (directory, pid_file) = (directory.to_string_lossy(), pid_file.to_string_lossy());
    let maxmemory = options.maxmemory_bytes.unwrap_or(0).to_string();
    let settings = [
        ("--port", port.as_str()),
        ("--bind", "127.0.0.1"),
        ("--protected-mode", "yes"),
        ("--daemonize", "no"),
        ("--dir", &directory),
        ("--pidfile", &pid_file),
        ("--save", ""),
        ("--appendonly", "yes"),
        ("--appendfsync", options.append_fsync.word()),
        // Yes would mean: answered writes are not on the disk while the file is rewritten.
        ("--no-appendfsync-on-rewrite", "no"),
        ("--maxmemory", &maxmemory),
        ("--maxmemory-policy", "noeviction"),
    ];
    let ours = settings.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]);
    ours.chain(options.extra.iter().cloned()).collect()
}

async fn wait_until_ready(process: &Process, port: u16) -> Result<(), Error> {
    let until = Instant::now() + START_DEADLINE;
    while !matches!(timeout(PING_DEADLINE, ping(port)).await, Ok(Ok(true))) {
        if let Some(status) = process.exit_status()? {
            return Err(process.failed(status));
        }
        if Instant::now() >= until {
            return Err(process.late("become ready", START_DEADLINE));
        }
        sleep(PING_INTERVAL).await;
    }
    // Something else may have taken the port just now, and answered in place of our server.
    process.exit_status()?.map_or(Ok(()), |status| Err(process.failed(status)))
}

async fn ping(port: u16) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await?;
    connection.write_all(b"PING\r\n").await?;
    let mut answer = [0; 5];
    connection.read_exact(&mut answer).await?;
    Ok(&answer == b"+PONG")
}
