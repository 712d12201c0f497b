//! The data directory of a run: its lock, the ports it remembers, the addresses it tells.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use tally_servers::{Error, free_port, is_port_free};

use super::Problem;

/// Holds the process id of the run that has it locked.
const LOCK_FILE: &str = "lock";

/// The ports of the parts, a line each: `redis 17001`.
const PORTS_FILE: &str = "ports";

/// The addresses as shell assignments, for `set -a; . .tally/env`.
const ENVIRONMENT_FILE: &str = "env";

/// A data directory that no other run uses while this value lives.
#[derive(Debug)]
pub(super) struct Data {
    directory: PathBuf,
    _lock: File,
}

impl Data {
    /// Makes the directory if missing, and locks it. A lock goes with its process, however that ended.
    pub(super) fn open(directory: &Path) -> Result<Data, Problem> {
        fs::create_dir_all(directory).map_err(problem("create", directory))?;
        let directory = directory.canonicalize().map_err(problem("enter", directory))?;
        let path = directory.join(LOCK_FILE);
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut lock = opened.map_err(problem("open", &path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(locked(directory, lock)),
            Err(TryLockError::Error(source)) => return Err(problem("lock", &path)(source)),
        }
        let pid = std::process::id();
        lock.set_len(0).and_then(|()| writeln!(lock, "{pid}")).map_err(problem("write", &path))?;
        Ok(Data { directory, _lock: lock })
    }

    /// The directory, absolute.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the data of a part go.
    pub(super) fn of(&self, part: &str) -> PathBuf {
        self.directory.join(part)
    }

    /// A free port for each part: that of the last run when it is still free.
    pub(super) fn ports<const N: usize>(&self, parts: [&'static str; N]) -> Result<[u16; N], Problem> {
        let path = self.directory.join(PORTS_FILE);
        let remembered = fs::read_to_string(&path).unwrap_or_default();
        let remembered: BTreeMap<&str, u16> = remembered
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(part, port)| Some((part, port.parse().ok()?)))
            .collect();
        let mut ports = [0; N];
        for (part, port) in parts.iter().zip(&mut ports) {
            *port = match remembered.get(part) {
                Some(&port) if is_port_free(port) => port,
                _ => free_port()?,
            };
        }
        let lines: String = parts.iter().zip(ports).map(|(part, port)| format!("{part} {port}\n")).collect();
        fs::write(&path, lines).map_err(problem("write", &path))?;
        Ok(ports)
    }

    /// Writes the addresses down for other tools, readable by the owner only: the database's password is among them.
    pub(super) fn tell(&self, environment: &[(&'static str, String)]) -> Result<(), Problem> {
        let path = self.directory.join(ENVIRONMENT_FILE);
        let lines: String = environment.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
        let opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        opened.and_then(|mut file| file.write_all(lines.as_bytes())).map_err(problem("write", &path))
    }
}

/// Says what could not be done with a path.
pub(super) fn problem(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Problem {
    let path = path.to_owned();
    move |source| Problem::Server(Error::Path { action, path, source })
}

fn locked(directory: PathBuf, mut lock: File) -> Problem {
    let mut pid = String::new();
    let _ = lock.read_to_string(&mut pid);
    let pid = match pid.trim() {
        "" => "unknown".to_owned(),
        pid => pid.to_owned(),
    };
    Problem::Locked { directory, pid }
}
