//! Free TCP ports on 127.0.0.1 that stay ours for the life of the process.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::{Error, directory};

/// Below the range that systems hand to outgoing connections (32768 and up on Linux): such a connection could otherwise
/// take a server's port between its kill and its restart.
const PORTS: Range<u16> = 17_000..32_000;

/// How many ports are tried before giving up.
const TRIES_MAX: usize = 1_000;

/// The locks of the ports handed out, held until the process ends.
static RESERVED: LazyLock<Mutex<HashMap<u16, File>>> = LazyLock::new(Mutex::default);

/// A port on 127.0.0.1 where nothing listens, and which no other process that asks this function is given while this
/// process lives.
pub fn free_port() -> Result<u16, Error> {
    let directory = reservations()?;
    let start = RandomState::new().hash_one(std::process::id());
    let width = u64::from(PORTS.end - PORTS.start);
    for step in 0..TRIES_MAX as u64 {
        // 7919 is prime to the width, so the walk meets no port twice.
        let offset = (start.wrapping_add(step.wrapping_mul(7919)) % width) as u16;
        let port = PORTS.start + offset;
        if is_port_free(port) && reserve(port, directory.join(port.to_string()))? {
            return Ok(port);
        }
    }
    Err(Error::Port(format!("no free port on 127.0.0.1 was found between {} and {}", PORTS.start, PORTS.end)))
}

/// Whether a server could listen on this port of 127.0.0.1 right now.
#[must_use]
pub fn is_port_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

pub(crate) fn require_free(port: u16) -> Result<(), Error> {
    if is_port_free(port) {
        return Ok(());
    }
    Err(Error::Port(format!("port {port} of 127.0.0.1 is taken by another program")))
}

/// The directory of the locks. One that somebody else made is refused: we would write where its links lead.
fn reservations() -> Result<PathBuf, Error> {
    let user = rustix::process::geteuid().as_raw();
    let path = directory::create_private(&std::env::temp_dir().join(format!("tally-ports-{user}")))?;
    match directory::owner(&path) {
        Some(owner) if owner != user => Err(Error::ForeignDirectory { path, owner }),
        _ => Ok(path),
    }
}

fn reserve(port: u16, path: PathBuf) -> Result<bool, Error> {
    let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    if reserved.contains_key(&port) {
        return Ok(false);
    }
    let file = File::create(&path).map_err(Error::path("create", &path))?;
    match file.try_lock() {
        Ok(()) => {
            reserved.insert(port, file);
            Ok(true)
        }
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(Error::Path { action: "lock", path, source }),
    }
}
