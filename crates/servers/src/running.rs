//! What `/proc` knows about running processes: children, and servers that still run on a data directory.
//!
//! On systems without `/proc` nothing is found, and the servers' own checks must do.

use std::fs;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::time::{Instant, sleep};

use crate::Error;

/// How often the end of a foreign process is looked for.
const POLL: Duration = Duration::from_millis(10);

/// How long an orphan may take to end after an orderly request, and again after SIGKILL.
const ORPHAN_DEADLINE: Duration = Duration::from_secs(20);

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
    for signal in [orderly, Signal::KILL] {
        let orphans = servers_on(names, directory);
        signal_all(&orphans, signal);
        signal_all(&orphans, Signal::CONT);
        let until = Instant::now() + ORPHAN_DEADLINE;
        while servers_on(names, directory).iter().any(|pid| orphans.contains(pid)) && Instant::now() < until {
            sleep(POLL).await;
        }
    }
    match servers_on(names, directory).first() {
        None => Ok(()),
        Some(pid) => Err(Error::Deadline {
            program: format!("{} (process {pid})", names.join(" or ")),
            action: "end, although it was left over from an earlier run and was killed,",
            deadline: ORPHAN_DEADLINE * 2,
            tail: format!("it still runs on {}", directory.display()),
        }),
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
    let is_ours = |pid: &Pid| {
        let process = format!("/proc/{pid}");
        let name = fs::read_to_string(format!("{process}/comm")).unwrap_or_default();
        names.contains(&name.trim_end())
            && state_of(*pid) != Some('Z')
            && (fs::read_link(format!("{process}/cwd")).is_ok_and(|cwd| cwd == directory)
                || was_told(&process, &directory))
    };
    all().filter(is_ours).collect()
}

fn was_told(process: &str, directory: &Path) -> bool {
    let line = fs::read(format!("{process}/cmdline")).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|argument| argument == directory.as_os_str().as_encoded_bytes())
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
