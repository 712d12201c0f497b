//! PostgreSQL's own programs, pointed at the database that a store is connected to.

use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio_postgres::config::Host;

use crate::{Error, Store};

/// What is kept of a program's complaints, in bytes.
const SAID_BYTES_MAX: usize = 4 * 1024;

/// A program under way. Dropping it kills it.
pub(crate) struct Program {
    name: &'static str,
    pub(crate) child: Child,
}

impl Store {
    /// Starts a program of PostgreSQL's with its address in the environment: a password never stands in an argument,
    /// where everyone on the machine could read it.
    pub(crate) fn start(
        &self,
        name: &'static str,
        arguments: &[&str],
        (stdin, stdout): (Stdio, Stdio),
    ) -> Result<Program, Error> {
        let mut command = Command::new(name);
        let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"PG"));
        for setting in ours {
            command.env_remove(setting);
        }
        command.envs(address(self.client_config())).envs(self.tls_environment()?).env("LC_ALL", "C").args(arguments);
        command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(|source| Error::Program { program: name, source })?;
        Ok(Program { name, child })
    }
}

impl Program {
    /// Waits for its end; an error with its last words where it did not succeed.
    pub(crate) async fn succeed(mut self) -> Result<(), Error> {
        let said = match self.child.stderr.take() {
            Some(stderr) => last_words(stderr).await,
            None => String::new(),
        };
        let status = self.child.wait().await.map_err(|source| Error::Program { program: self.name, source })?;
        self.judge(status, &said)
    }

    fn judge(&self, status: ExitStatus, said: &str) -> Result<(), Error> {
        if status.success() {
            return Ok(());
        }
        let said = if said.is_empty() { status.to_string() } else { said.to_owned() };
        Err(Error::ProgramFailed { program: self.name, said })
    }

    /// The error for a pipe to or from it that broke.
    pub(crate) fn broken(&self) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let program = self.name;
        move |source| Error::Program { program, source }
    }
}

/// The end of what a program complained, in one line. Reads to the end, or the program would block.
async fn last_words(mut stderr: impl AsyncRead + Unpin) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..length]);
        kept.drain(..kept.len().saturating_sub(SAID_BYTES_MAX));
    }
    let text = String::from_utf8_lossy(&kept);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The address as libpq reads it from the environment.
fn address(config: &tokio_postgres::Config) -> Vec<(&'static str, String)> {
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.to_string_lossy().into_owned(),
    });
    let ports = config.get_ports().iter().map(u16::to_string);
    let join = |parts: &mut dyn Iterator<Item = String>| parts.collect::<Vec<_>>().join(",");
    let mut settings = vec![
        ("PGHOST", join(&mut { hosts })),
        ("PGPORT", join(&mut { ports })),
        ("PGUSER", config.get_user().unwrap_or_default().to_owned()),
        ("PGPASSWORD", String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned()),
        ("PGDATABASE", config.get_dbname().unwrap_or_default().to_owned()),
        ("PGAPPNAME", "tally".to_owned()),
    ];
    let timeout =
        config.get_connect_timeout().map(|timeout| ("PGCONNECT_TIMEOUT", timeout.as_secs().max(2).to_string()));
    settings.extend(timeout);
    settings.retain(|(_, value)| !value.is_empty());
    settings
}
