//! `tally-servers run`: all of Tally on one machine, with a Redis and a PostgreSQL of its own.

mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs Tally with private servers on this machine. Nothing of the system's Redis or PostgreSQL is touched.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start Redis, PostgreSQL, tally-consumer and tally-api, and keep them running until Ctrl-C.
    ///
    /// Everything listens on 127.0.0.1 only. The first start makes the data directory; later ones find their data again,
    /// also after a crash. A part that dies is started again. Ctrl-C (or SIGTERM) stops all in order; a second one hurries.
    ///
    /// The parts inherit the environment: TALLY_* settings of yours reach them, except the addresses, which are set here.
    /// For other tools the addresses are in DATA/env: `set -a; . .tally/env`.
    Run(RunArguments),
}

/// What `run` can be told.
#[derive(Debug, clap::Args)]
struct RunArguments {
    /// Directory for data, logs and the lock; made when missing.
    #[arg(long, value_name = "DIRECTORY", default_value = ".tally")]
    data: PathBuf,

    /// Port of the HTTP API on 127.0.0.1.
    #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,

    /// Memory limit of Redis in MiB. At the limit it refuses writes; nothing accepted is evicted.
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u64).range(16..))]
    redis_memory_mib: u64,

    /// Directory with the binaries tally-api and tally-consumer [default: where this program is].
    #[arg(long, value_name = "DIRECTORY")]
    binaries: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { command: Command::Run(arguments) } = Arguments::parse();
    match run::run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            run::say(&format!("error: {problem}"));
            ExitCode::FAILURE
        }
    }
}
