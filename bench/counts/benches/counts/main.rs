//! `make bench-counts`: runs each hot loop under callgrind, and shows its instructions beside the committed baseline. The
//! same program is what runs under callgrind, called with the name of one loop.

mod events;
mod loops;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use tally_counts::{Callgrind, Count, Counts, Error, table};

use crate::loops::{LOOPS, Loop, Work};

/// As in the programs that ship.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often a loop runs: once to warm up, which is not counted, then once more.
const CALLS: usize = 2;
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks/counts.json");

/// Counts the instructions of the hot loops.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only figures with this in their name
    #[arg(default_value = "")]
    filter: String,
    /// Write what is counted as the new baseline
    #[arg(long)]
    update: bool,
    /// Run the loop of this name, to be counted
    #[arg(long, hide = true)]
    run: Option<String>,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(figure) = arguments.run {
        let ran = LOOPS.iter().find(|one| one.figure == figure).is_some_and(run);
        return if ran { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    match compare(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("counts: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether the loop did all that it should have done.
fn run(one: &Loop) -> bool {
    let mut work = (one.prepare)();
    let warm = work();
    let counted = counted_loop(&mut work);
    if (warm, counted) != (one.units, one.units) {
        say(&format!("did {warm} and {counted} of {} units", one.units));
    }
    (warm, counted) == (one.units, one.units)
}

/// Callgrind counts what happens in here; its name is all that callgrind knows.
#[inline(never)]
fn counted_loop(work: &mut Work) -> usize {
    std::hint::black_box(work())
}

fn compare(arguments: &Arguments) -> Result<(), Error> {
    let here = |source| Error::Io { what: "find this program".into(), source };
    let callgrind = Callgrind {
        program: std::env::current_exe().map_err(here)?,
        function: "counts::counted_loop",
        profiles: PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    };
    let mut now = Counts { tools: tools(), counts: Vec::new() };
    for one in LOOPS.iter().filter(|one| one.figure.contains(&arguments.filter)) {
        say(&format!("{} …", one.figure));
        now.counts.push(count(&callgrind, one)?);
    }
    let baseline = Counts::read(Path::new(BASELINE))?;
    let is_whole = now.counts.len() == LOOPS.len();
    let table = table::compared(&baseline, &now, is_whole);
    std::io::stdout()
        .write_all(table.as_bytes())
        .map_err(|source| Error::Io { what: "write the table".into(), source })?;
    match arguments.update {
        true if is_whole => now.write(Path::new(BASELINE)),
        true => Err(Error::Part),
        false => Ok(()),
    }
}

fn count(callgrind: &Callgrind, one: &Loop) -> Result<Count, Error> {
    let instructions = callgrind.count(one.figure, &["--run", one.figure])?;
    Ok(Count { figure: one.figure.into(), unit: one.unit.into(), units: one.units as u64, instructions })
}

/// What a count depends on beside the code. Libraries choose their code by what the processor can do.
fn tools() -> String {
    let version = |program: &str| {
        let output = Command::new(program).arg("--version").output().ok();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
        text.lines().next().unwrap_or(program).to_owned()
    };
    #[cfg(target_arch = "x86_64")]
    let vectors = if std::arch::is_x86_feature_detected!("avx2") { " with AVX2" } else { " without AVX2" };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    format!("{}, {}, {}{vectors}", version("rustc"), version("valgrind"), std::env::consts::ARCH)
}

/// Tells the person at the terminal how far it is, and what went wrong.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
