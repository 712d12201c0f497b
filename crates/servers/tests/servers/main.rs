//! Starts, kills and restarts real servers.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod ordinary_user;
mod postgres;
mod process;
mod redis;
mod run;
mod shared;

use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A temporary directory that every account may pass through.
fn temporary() -> TempDir {
    let directory = tempfile::Builder::new().prefix("tally-servers-").tempdir().unwrap();
    chmod("711", directory.path());
    directory
}

fn chmod(mode: &str, path: &Path) {
    assert!(Command::new("chmod").arg(mode).arg(path).status().unwrap().success());
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}
