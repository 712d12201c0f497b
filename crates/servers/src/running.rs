//! What `/proc` knows about running processes: children, and servers that still run on a data directory.
//!
//! On systems without `/proc` servers are found by their pid files, and children are not found.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use crate::Error;

/// How often the end of a foreign process is looked for.
const POLL: Duration = Duration::from_millis(10);

/// How long an orphan may take to end after an orderly request, and again after SIGKILL.
const ORPHAN_DEADLINE: Duration = Duration::from_secs(20);

/// Where servers note their process id, in their data directory; the first line is the number.
const PID_FILES: [&str; 2] = [REDIS_PID_FILE, "postmaster.pid"];

/// Where we tell Redis to note it.
pub(crate) const REDIS_PID_FILE: &str = "redis.pid";

/// The direct children of a process.
pub(crate) fn children(parent: Pid) -> Vec<Pid> {
    all().filter(|pid| parent_of(*pid) == Some(parent.as_raw_nonzero().get())).collect()
}

/// Signals all of them; those that have ended meanwhile do not matter.
pub(crate) fn signal_all(processes: &[Pid], signal: Signal) {
    for pid in processes {
        let _ = kill_process(*pid, signal);
    }
}

/// Ends every process whose program name is one of `names` and whose data directory is `directory`: servers of an earlier
/// run whose supervisor was killed. First orderly with `orderly`, then with SIGKILL.
pub(crate) async fn stop_orphans(names: &[&str], directory: &Path, orderly: Signal) -> Result<(), Error> {
    stop_all(names, orderly, || servers_on(names, directory)).await
}

/// Ends (SIGTERM, then SIGKILL) every process whose program name is one of `names` and whose environment holds exactly
/// `marker`, a `NAME=value`: parts of an earlier run whose supervisor was killed.
pub async fn stop_marked(names: &[&str], marker: &str) -> Result<(), Error> {
    let is_marked = |pid: &Pid| has_name(*pid, names) && holds(*pid, "environ", marker.as_bytes());
    stop_all(names, Signal::TERM, || all().filter(is_marked).collect()).await
}

async fn stop_all(names: &[&str], orderly: Signal, find: impl Fn() -> Vec<Pid>) -> Result<(), Error> {
    for signal in [orderly, Signal::KILL] {
        let orphans = find();
        signal_all(&orphans, signal);
        signal_all(&orphans, Signal::CONT);
        let until = Instant::now() + ORPHAN_DEADLINE;
        while find().iter().any(|pid| orphans.contains(pid)) && Instant::now() < until {
            sleep(POLL).await;
        }
    }
    match find().first() {
        None => Ok(()),
        Some(pid) => Err(Error::Orphan { program: names.join(" or "), pid: pid.as_raw_nonzero().get() }),
    }
}

/// Whether a process exists and has not merely become a zombie.
pub(crate) fn is_alive(pid: Pid) -> bool {
    test_kill_process(pid).is_ok() && state_of(pid) != Some('Z')
}

/// A process is a server on `directory` when its name fits and it works in that directory or was told it: both servers
/// change into their data directory, and a process that merely inherited an old process id does neither.
fn servers_on(names: &[&str], directory: &Path) -> Vec<Pid> {
    let Ok(directory) = directory.canonicalize() else { return Vec::new() };
    if !Path::new("/proc/self").exists() {
        return by_pid_files(names, &directory);
    }
    let path = directory.as_os_str().as_encoded_bytes();
    let works_there = |pid: Pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory);
    all().filter(|pid| has_name(*pid, names) && (works_there(*pid) || holds(*pid, "cmdline", path))).collect()
}

/// The processes that the servers' own pid files in `directory` name, as far as they run under one of `names`.
fn by_pid_files(names: &[&str], directory: &Path) -> Vec<Pid> {
    let first_line = |file| fs::read_to_string(directory.join(file)).ok()?.lines().next()?.trim().parse().ok();
    let pids = PID_FILES.into_iter().filter_map(first_line).filter_map(Pid::from_raw);
    pids.filter(|pid| {
        let output = Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]).stderr(Stdio::null()).output();
        let name = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        Path::new(name.trim_end()).file_name().is_some_and(|name| names.iter().any(|wanted| *wanted == name))
    })
    .collect()
}

/// Whether a process that has not ended runs under one of these names (of which the system keeps 15 letters).
fn has_name(pid: Pid, names: &[&str]) -> bool {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    names.contains(&name.trim_end()) && state_of(pid) != Some('Z')
}

/// Whether one of the zero-ended texts in a file of the process is `wanted`.
fn holds(pid: Pid, file: &str, wanted: &[u8]) -> bool {
    let texts = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    texts.split(|byte| *byte == 0).any(|text| text == wanted)
}

fn all() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
}

fn parent_of(pid: Pid) -> Option<i32> {
    stat(pid)?.split(' ').nth(1)?.parse().ok()
}

fn state_of(pid: Pid) -> Option<char> {
    stat(pid)?.chars().next()
}

/// `/proc/PID/stat` after the name, which is in brackets and may itself hold spaces and brackets.
fn stat(pid: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_counts_only_with_the_name_of_a_server() {
        if Command::new("ps").output().is_err() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let own = std::process::id();
        fs::write(directory.path().join(REDIS_PID_FILE), format!("{own}\n")).unwrap();
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(by_pid_files(&[name.trim()], directory.path()).len(), 1);
        assert_eq!(by_pid_files(&["redis-server"], directory.path()).len(), 0);
    }
}
