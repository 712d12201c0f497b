//! `tally-bench`: limit and product in the same rounds, and one table. `make bench` runs it.

mod args;
mod error;

mod data;
mod limits;
mod load;
mod machine;
mod xadd;

mod database;
mod run;
mod system;

mod figures;
mod rounds;
mod table;

mod chart;
mod chart_axis;
mod growth;

mod peers;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Arguments, Bench, Command};
use crate::error::Error;
use crate::table::Origin;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (asked, parts) = match &arguments.command {
        Some(Command::Growth(growth)) => (&growth.asked, &growth::PARTS[..]),
        Some(Command::Peers(peers)) => (&peers.asked, &peers::PARTS[..]),
        _ => (&arguments.bench.asked, &figures::PARTS[..]),
    };
    if !parts.iter().any(|part| asked.wants(part)) {
        let parts = parts.join(", ");
        let error = Arguments::command().error(
            clap::error::ErrorKind::InvalidValue,
            format!("--filter: no part is called that; there are {parts}"),
        );
        error.exit();
    }
    let outcome = match arguments.command {
        Some(Command::ServeLimits { port, workers }) => limits::serve(port, workers).await,
        Some(Command::Growth(growth)) => growth::run(&growth).await,
        Some(Command::Peers(peers)) => peers::run(&peers).await,
        None => bench(&arguments.bench).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("tally-bench: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench(bench: &Bench) -> Result<(), Error> {
    let origin = Origin { command: bench.asked.command("bench", &bench.asked.filter), versions: machine::versions() };
    let parts = figures::PARTS.into_iter().filter(|part| bench.asked.wants(part));
    table::LATEST.fill(&bench.out, &origin, parts, async |part| figures::measure(part, bench.effort()).await).await
}

/// Tells the person at the terminal how far it is.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
