//! The machine: what its processes take of it, and what it is.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Ticks of the processor times in /proc a second: fixed on Linux, whatever the kernel's own timer.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a page in `statm`, on the machines that this bench runs on.
const PAGE_BYTES: u64 = 4_096;
/// The parent of all threads of the kernel.
const KTHREADD: u32 = 2;

/// One process as /proc shows it.
#[derive(Debug, Clone)]
struct Seen {
    parent: u32,
    /// Its own time and that of its ended children, in ticks.
    ticks: u64,
    /// Tells it from a later process of the same number.
    began: u64,
}

fn look() -> HashMap<u32, Seen> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, seen(pid)?))).collect()
}

fn seen(pid: u32) -> Option<Seen> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split(' ').collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let ticks = (11..15).map(number).sum::<Option<u64>>()?;
    Some(Seen { parent: fields.get(1)?.parse().ok()?, ticks, began: number(19)? })
}

/// `root` and all below it.
fn family(all: &HashMap<u32, Seen>, root: u32) -> HashSet<u32> {
    let mut family = HashSet::from([root]);
    loop {
        let before = family.len();
        family.extend(
            all.iter().filter(|(_, seen)| family.contains(&seen.parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if family.len() == before {
            return family;
        }
    }
}

/// Processor time of a process, its children and its ended children so far, in seconds.
pub(crate) fn cpu_seconds(root: u32) -> f64 {
    let all = look();
    let ticks: u64 = family(&all, root).iter().filter_map(|pid| all.get(pid)).map(|seen| seen.ticks).sum();
    ticks as f64 / TICKS_PER_SECOND
}

/// Memory of one process that is in use and its own, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0_u64);
    pages * PAGE_BYTES
}

/// The most that was ever resident of one process, in bytes.
pub(crate) fn peak_resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or_default() * 1_024
}

/// Looks at what everything but this program and its children takes, from now on.
pub(crate) struct Watch {
    at: Instant,
    before: HashMap<u32, Seen>,
    stolen: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        Self { at: Instant::now(), before: look(), stolen: stolen_ticks() }
    }

    /// How long it has been.
    pub(crate) fn length(&self) -> Duration {
        self.at.elapsed()
    }

    /// Cores that strangers took since.
    pub(crate) fn strangers_cores(&self) -> f64 {
        self.strangers_s() / self.length().as_secs_f64()
    }

    /// Processor seconds that strangers took since, and the host of a virtual machine, for others. The kernel's own threads are none:
    /// what they do, they do for us as well.
    pub(crate) fn strangers_s(&self) -> f64 {
        let now = look();
        let ours = family(&now, std::process::id());
        let strange =
            now.iter().filter(|(pid, seen)| !ours.contains(pid) && **pid != KTHREADD && seen.parent != KTHREADD);
        // A child that ended hands all its time to its parent, that from before this watch as well.
        let mut known: HashMap<u32, u64> = HashMap::new();
        for (pid, before) in &self.before {
            let lives = now.get(pid).is_some_and(|seen| seen.began == before.began);
            *known.entry(if lives { *pid } else { before.parent }).or_default() += before.ticks;
        }
        let ticks: u64 =
            strange.map(|(pid, seen)| seen.ticks.saturating_sub(known.get(pid).copied().unwrap_or_default())).sum();
        let ticks = ticks + stolen_ticks().saturating_sub(self.stolen);
        ticks as f64 / TICKS_PER_SECOND
    }
}

/// Processor time that the host did not give when it was wanted (proc(5), `steal`).
fn stolen_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    stat.split_ascii_whitespace().nth(8).and_then(|ticks| ticks.parse().ok()).unwrap_or_default()
}

/// What the machine is, in one line.
pub(crate) fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")).and_then(|rest| rest.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cores} cores ({}), {:.0} GiB, Linux {}", model.unwrap_or("unknown"), kib / 1_048_576.0, kernel.trim())
}

/// The first line of what a program says, if it can be asked.
pub(crate) fn first_line(program: impl AsRef<OsStr>, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    text.lines().next().map(str::to_owned)
}

/// Versions of what is measured and of what measures.
pub(crate) fn versions() -> String {
    let revision = || {
        let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
        output.status.success().then(|| format!("tally {}", String::from_utf8_lossy(&output.stdout).trim()))
    };
    let redis = first_line("redis-server", "--version").map(|line| {
        let version = line.split("v=").nth(1).and_then(|rest| rest.split(' ').next());
        version.map_or(line.clone(), |version| format!("Redis {version}"))
    });
    let postgres = first_line("psql", "--version")
        .map(|line| format!("PostgreSQL {}", line.split(' ').nth(2).unwrap_or_default()));
    let wrk = first_line("wrk", "--version").map(|line| line.split(" [").next().unwrap_or_default().to_owned());
    let known = [revision(), redis, postgres, first_line("rustc", "--version"), wrk];
    known.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
