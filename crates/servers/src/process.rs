//! A child process under supervision: a log file, signals, and an end that is always waited for.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::account::Account;
use crate::{Error, programs, running, spawner};

/// How often the end of a child is looked for.
const POLL: Duration = Duration::from_millis(10);

/// How long the kernel may take to end what was killed with SIGKILL.
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// How much of a log's end is read for an error message, in bytes.
const TAIL_BYTES: u64 = 16 * 1024;

/// How many lines of a log an error message shows.
const TAIL_LINES: usize = 20;

/// A running (or ended) child process. Dropping it kills what is still running.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    log: PathBuf,
    child: Mutex<Child>,
}

/// How a child is started.
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a Path,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) log: &'a Path,
    /// What Linux sends the child when this process is killed; see [`programs::setpriv`].
    pub(crate) death_signal: &'static str,
    /// Whom to run as, when not ourselves.
    pub(crate) account: Option<Account>,
}

impl<'a> Launch<'a> {
    /// Without arguments, as ourselves, killed with us.
    pub(crate) fn of(program: &'a Path, log: &'a Path) -> Launch<'a> {
        Launch { program, arguments: Vec::new(), environment: Vec::new(), log, death_signal: "KILL", account: None }
    }
}

impl Process {
    /// Starts `program`, with `environment` added to ours and its output appended to the file `log`. The child gets a
    /// process group of its own, so that a Ctrl-C at the terminal reaches only us.
    pub fn spawn(
        program: &Path,
        environment: &[(&str, &str)],
        arguments: &[&str],
        log: &Path,
    ) -> Result<Process, Error> {
        Process::launch(&Launch {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment: environment.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            ..Launch::of(program, log)
        })
    }

    pub(crate) fn launch(launch: &Launch<'_>) -> Result<Process, Error> {
        let name = launch.program.file_name().unwrap_or(OsStr::new("process")).to_string_lossy().into_owned();
        let output = open_log(launch.log)?;
        let errors = output.try_clone().map_err(Error::path("open", launch.log))?;
        let mut command = command_of(launch);
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = spawner::spawn(command).map_err(Error::process("start", &name))?;
        Ok(Process { pid: Pid::from_child(&child), name, log: launch.log.to_owned(), child: Mutex::new(child) })
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether it has not ended yet (a paused process is running).
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.exit_status(), Ok(None))
    }

    /// How it ended, or `None` while it is running.
    pub fn exit_status(&self) -> Result<Option<ExitStatus>, Error> {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        child.try_wait().map_err(Error::process("wait for", &self.name))
    }

    /// Waits until it has ended, at most `deadline`.
    pub async fn wait(&self, deadline: Duration) -> Result<ExitStatus, Error> {
        let until = Instant::now() + deadline;
        loop {
            if let Some(status) = self.exit_status()? {
                return Ok(status);
            }
            if Instant::now() >= until {
                return Err(self.late("end", deadline));
            }
            sleep(POLL).await;
        }
    }

    /// Asks it to end (SIGTERM). Does not wait. Nothing happens when it has ended already.
    pub fn terminate(&self) -> Result<(), Error> {
        self.signal(Signal::TERM)
    }

    /// Kills it and its children (SIGKILL), paused or not, and waits until they are gone.
    pub async fn kill9(&self) -> Result<(), Error> {
        let children = running::children(self.pid);
        self.signal(Signal::KILL)?;
        running::signal_all(&children, Signal::KILL);
        self.wait(KILL_DEADLINE).await?;
        let until = Instant::now() + KILL_DEADLINE;
        while children.iter().any(|child| running::is_alive(*child)) {
            if Instant::now() >= until {
                return Err(self.late("lose its children", KILL_DEADLINE));
            }
            sleep(POLL).await;
        }
        Ok(())
    }

    /// Stops it and its children where they stand (SIGSTOP), until [`Process::resume`].
    pub fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)?;
        running::signal_all(&running::children(self.pid), Signal::STOP);
        Ok(())
    }

    /// Lets it and its children go on after [`Process::pause`] (SIGCONT).
    pub fn resume(&self) -> Result<(), Error> {
        running::signal_all(&running::children(self.pid), Signal::CONT);
        self.signal(Signal::CONT)
    }

    /// The file that its output goes to.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        // Under the lock nobody reaps the child, so its id cannot have passed to another process.
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if child.try_wait().map_err(Error::process("wait for", &self.name))?.is_some() {
            return Ok(());
        }
        kill_process(self.pid, signal).map_err(|error| Error::process("signal", &self.name)(error.into()))
    }

    /// The error for something that it did not do in time.
    pub(crate) fn late(&self, action: &'static str, deadline: Duration) -> Error {
        Error::Deadline { program: self.name.clone(), action, deadline, tail: tail(&self.log) }
    }

    /// The error for having ended with `status` when it should not have.
    pub(crate) fn failed(&self, status: ExitStatus) -> Error {
        Error::Failed { program: self.name.clone(), status: status.to_string(), tail: tail(&self.log) }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(child.try_wait(), Ok(None)) {
            let children = running::children(self.pid);
            let _ = child.kill();
            running::signal_all(&children, Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// The last lines of a log file, for an error message; empty when it cannot be read.
#[must_use]
pub fn tail(log: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| format!("    {line}\n")).collect()
}

fn open_log(log: &Path) -> Result<File, Error> {
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory).map_err(Error::path("create", directory))?;
    }
    OpenOptions::new().create(true).append(true).open(log).map_err(Error::path("open", log))
}

fn command_of(launch: &Launch<'_>) -> Command {
    let mut command = match programs::setpriv() {
        Some(setpriv) => {
            let mut wrapped = Command::new(setpriv);
            wrapped.args(["--pdeathsig", launch.death_signal, "--"]).arg(launch.program);
            wrapped
        }
        None => Command::new(launch.program),
    };
    forget_postgres_settings(&mut command);
    command.args(&launch.arguments).envs(launch.environment.iter().map(|(name, value)| (name, value)));
    if let Some(account) = launch.account {
        account.take_over(&mut command);
    }
    command
}

/// Takes the user's PGHOST, PGDATA and the like from a child: they would lead PostgreSQL's programs to another server.
pub(crate) fn forget_postgres_settings(command: &mut Command) {
    let settings = env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"PG"));
    for name in settings {
        command.env_remove(name);
    }
}
