//! `tally-bench`: limit and product in the same rounds, and one table. `make bench` runs it.

mod args;
mod error;

mod data;
mod limits;
mod load;
mod machine;

mod database;
mod run;
mod system;

mod figures;
mod rounds;
mod table;

mod chart;
mod chart_axis;
mod growth;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::args::{Arguments, Bench, Command};
use crate::error::Error;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (parts, is_part) = match &arguments.command {
        Some(Command::Growth(growth)) => (&growth::PARTS[..], growth::PARTS.iter().any(|part| growth.wants(part))),
        _ => (&figures::PARTS[..], figures::PARTS.iter().any(|part| arguments.bench.wants(part))),
    };
    if !is_part {
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
    let mut all = Vec::new();
    for part in figures::PARTS.into_iter().filter(|part| bench.wants(part)) {
        say(&format!("{part}:"));
        let mut rows = figures::measure(part, bench.effort()).await?;
        table::sign(&mut rows, &bench.command());
        // Part by part: what is measured stays, whatever becomes of the rest.
        if !bench.out.as_os_str().is_empty() {
            table::keep(&bench.out, &rows)?;
        }
        all.extend(rows);
    }
    std::io::stdout().write_all(table::aligned(&all).as_bytes()).map_err(Error::io("write the table"))
}

/// Tells the person at the terminal how far it is.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
