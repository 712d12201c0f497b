//! A private PostgreSQL.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::{Cluster, SUPERUSER};
use crate::process::Launch;
use crate::{Certificate, Error, Process, free_port, ports, process, running};

/// How long a start may take; most of it would be recovery after a crash.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// How long an orderly stop may take before it is an error: it writes a checkpoint.
const STOP_DEADLINE: Duration = Duration::from_secs(60);

/// How often a starting server's state is read.
const READY_INTERVAL: Duration = Duration::from_millis(20);

/// How long one statement given to [`Postgres::psql`] may take.
const STATEMENT_DEADLINE: Duration = Duration::from_secs(60);

/// The line of `postmaster.pid` where the server says whether it accepts connections.
const STATUS_LINE: usize = 7;

/// The name that the server runs under.
pub(crate) const POSTGRES_NAMES: [&str; 1] = ["postgres"];

/// How a PostgreSQL is started. The default is durable, on a free port.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// Whether commits survive a power cut. `false` turns fsync off, which is much faster; killing the *server* loses
    /// nothing then, but a crash of the machine may lose all.
    pub durable: bool,
    /// The port on 127.0.0.1; a free one when `None`.
    pub port: Option<u16>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        PostgresOptions { durable: true, port: None }
    }
}

/// A running PostgreSQL with a data directory of its own; its superuser is `tally`. Dropping it kills it (SIGKILL); see
/// [`Postgres::stop`].
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
    log: PathBuf,
    port: u16,
    options: PostgresOptions,
    process: Mutex<Arc<Process>>,
}

impl Postgres {
    /// Starts a server on the data in `dir` and waits until it accepts connections. Without data there, it makes them
    /// first. A server that an earlier run left on this directory is stopped first.
    ///
    /// Root cannot run PostgreSQL: it then runs as the owner of the data, for new data as `postgres`. Where that account
    /// cannot enter a parent of `dir`, another directory is used; [`Postgres::data_dir`] tells which.
    pub async fn start(dir: &Path, options: PostgresOptions) -> Result<Postgres, Error> {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        Postgres::start_logging_to(dir, options, &dir.with_file_name(format!("{name}.log"))).await
    }

    /// Like [`Postgres::start`], with the log file of your choice (not in `dir`, which must start empty).
    pub async fn start_logging_to(dir: &Path, options: PostgresOptions, log: &Path) -> Result<Postgres, Error> {
        let cluster = Cluster::open(dir, options.durable, log).await?;
        let port = options.port.map_or_else(free_port, Ok)?;
        let process = Mutex::new(Arc::new(launch(&cluster, log, port, options.durable).await?));
        Ok(Postgres { cluster, log: log.to_owned(), port, options, process })
    }

    /// `postgres://tally:PASSWORD@127.0.0.1:PORT/DATABASE`
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{SUPERUSER}:{}@127.0.0.1:{}/{database}", self.cluster.password, self.port)
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

    /// Where its data are: the directory asked for, or the one used in its place.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.cluster.directory
    }

    /// The file that its log goes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Kills the server and all its backends (SIGKILL) and waits until they are gone. [`Postgres::restart`] starts it again.
    pub async fn kill9(&self) -> Result<(), Error> {
        self.process().kill9().await
    }

    /// Stops the server in an orderly way (clients are disconnected) and waits for its end.
    pub async fn stop(&self) -> Result<(), Error> {
        let process = self.process();
        process.resume()?;
        process.signal(Signal::INT)?;
        process.wait(STOP_DEADLINE).await.map(drop)
    }

    /// Starts the server again on the same port and data; one that still runs is stopped first.
    pub async fn restart(&self) -> Result<(), Error> {
        self.stop().await?;
        let process = launch(&self.cluster, &self.log, self.port, self.options.durable).await?;
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(process);
        Ok(())
    }

    /// Restarts the server with TLS: from then on nobody comes in without.
    pub async fn require_tls(&self, certificate: &Certificate) -> Result<(), Error> {
        self.psql("postgres", "ALTER SYSTEM SET ssl = on").await?;
        self.cluster.require_tls(certificate)?;
        self.restart().await
    }

    /// Freezes the server and its backends (SIGSTOP): connections stay open, nothing answers.
    pub fn pause(&self) -> Result<(), Error> {
        self.process().pause()
    }

    /// Lets a frozen server go on (SIGCONT).
    pub fn resume(&self) -> Result<(), Error> {
        self.process().resume()
    }

    /// Makes a database unless it exists.
    pub async fn create_database(&self, name: &str) -> Result<(), Error> {
        let known =
            self.psql("postgres", &format!("SELECT 1 FROM pg_database WHERE datname = {}", literal(name))).await?;
        if known.is_empty() {
            self.psql("postgres", &format!("CREATE DATABASE {}", identifier(name))).await?;
        }
        Ok(())
    }

    /// Runs one SQL statement with `psql` and answers its rows: a line each, columns divided by `|`, no header.
    pub async fn psql(&self, database: &str, statement: &str) -> Result<String, Error> {
        let mut command = Command::from(self.psql_command(database, statement));
        let run = timeout(STATEMENT_DEADLINE, command.kill_on_drop(true).output()).await;
        let output = run.map_err(|_| self.process().late("answer a statement", STATEMENT_DEADLINE))?;
        let output = output.map_err(Error::process("start", "psql"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        let tail = format!("    {}\n    {statement}\n", text(&output.stderr));
        Err(Error::Failed { program: "psql".to_owned(), status: output.status.to_string(), tail })
    }

    pub(crate) fn psql_command(&self, database: &str, statement: &str) -> std::process::Command {
        let mut command = std::process::Command::new(self.cluster.bin.join("psql"));
        command.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password"]);
        command.args(["--set", "ON_ERROR_STOP=1", "--host", "127.0.0.1", "--port", &self.port.to_string()]);
        command.args(["--username", SUPERUSER, "--dbname", database, "--command", statement]);
        process::forget_postgres_settings(&mut command);
        command.env("PGPASSWORD", &self.cluster.password).stdin(Stdio::null());
        command
    }

    fn process(&self) -> Arc<Process> {
        Arc::clone(&self.process.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A name as SQL writes it when it may hold anything.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn launch(cluster: &Cluster, log: &Path, port: u16, durable: bool) -> Result<Process, Error> {
    running::stop_orphans(&POSTGRES_NAMES, &cluster.directory, Signal::INT).await?;
    ports::require_free(port)?;
    remove_stale_lock(cluster)?;
    let program = cluster.bin.join("postgres");
    let process = Process::launch(&Launch {
        arguments: arguments(cluster, port, durable),
        environment: vec![("LC_ALL".to_owned(), "C".to_owned())],
        death_signal: if durable { "INT" } else { "QUIT" },
        account: cluster.account,
        ..Launch::of(&program, log)
    })?;
    wait_until_ready(&process, cluster).await?;
    Ok(process)
}

fn arguments(cluster: &Cluster, port: u16, durable: bool) -> Vec<String> {
    let mut settings = vec!["listen_addresses=127.0.0.1", "unix_socket_directories=", "logging_collector=off"];
    if durable {
        settings.extend(["shared_buffers=256MB", "max_connections=100", "max_wal_size=2GB"]);
    } else {
        settings.extend(["fsync=off", "full_page_writes=off", "max_connections=400"]);
    }
    let directory = cluster.directory.to_string_lossy().into_owned();
    let mut arguments = vec!["-D".to_owned(), directory, "-p".to_owned(), port.to_string()];
    arguments.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting.to_owned()]));
    arguments
}

/// A lock file that a crash left names a process id which anything may have by now; PostgreSQL would refuse to start
/// beside it. No server runs on these data (that was made sure of before), so the file says nothing any more.
fn remove_stale_lock(cluster: &Cluster) -> Result<(), Error> {
    let lock = cluster.directory.join("postmaster.pid");
    match fs::remove_file(&lock) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::path("remove", &lock)(error)),
        _ => Ok(()),
    }
}

async fn wait_until_ready(process: &Process, cluster: &Cluster) -> Result<(), Error> {
    let until = Instant::now() + START_DEADLINE;
    while !is_ready(process, cluster) {
        if let Some(status) = process.exit_status()? {
            return Err(process.failed(status));
        }
        if Instant::now() >= until {
            return Err(process.late("become ready", START_DEADLINE));
        }
        sleep(READY_INTERVAL).await;
    }
    Ok(())
}

/// What `pg_ctl --wait` looks at: the server itself notes in its lock file when it accepts connections.
fn is_ready(process: &Process, cluster: &Cluster) -> bool {
    let lock = fs::read_to_string(cluster.directory.join("postmaster.pid")).unwrap_or_default();
    let mut lines = lock.lines();
    lines.next().is_some_and(|pid| pid.trim() == process.pid().to_string())
        && lines.nth(STATUS_LINE - 1).is_some_and(|status| status.trim() == "ready")
}
