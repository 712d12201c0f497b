//! `tally-consumer`: parse, read the settings, run one command, say how it ended.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tally_consumer::{Config, Error, Shutdown, drain, migrate, open, run, start_logging};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code where a setting is at fault; clap uses the same for a wrong command line.
const EXIT_SETTINGS: u8 = 2;

/// The counting house of Tally: reads the log in Redis, counts, and writes the counts to PostgreSQL.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count until told to stop (SIGTERM or Ctrl-C). Any number of these share the shards between them.
    Run,
    /// Count what is in the log now, then exit: 0 when all of it is applied, 1 with a sentence when it cannot be.
    Drain,
    /// Bring the schema up to this program's version and exit. Safe to run twice, or from several places at once.
    Migrate,
    /// Make the shards that are missing in Redis and exit, for an API that has no running consumer yet.
    Open,
}

const AFTER_HELP: &str = "\
Settings are environment variables:
  TALLY_REDIS_URL               redis://[user:password@]host:port/ (required, but not by migrate)
  TALLY_DATABASE_URL            postgres://user:password@host:port/database (required)
  TALLY_SHARDS                  number of logs, fixed when they are made [8]
  TALLY_CONSUMER_LISTEN         address of /health, /ready and /metrics, for run [127.0.0.1:8081]
  TALLY_CONSUMER_GRACE_SECONDS  longest time from SIGTERM to the end [20]
  TALLY_WAIT_SECONDS            how long drain, migrate and open wait for Redis, PostgreSQL, the schema, or for
                                anything to move; run waits for ever [60]
  TALLY_LEASE_SECONDS           how long a shard stays with a consumer that is not heard of [15]
  TALLY_FLUSH_MS                how often, at most, counts are written while busy [200]
  TALLY_RETENTION_SECONDS       how long the log keeps what is counted [86400]
  TALLY_RETENTION_BYTES         and in how many bytes at most, all shards together [268435456]
  TALLY_KEEP_MINUTES_DAYS       how long minutes are kept [7]
  TALLY_KEEP_HOURS_DAYS         how long hours are kept [90]
  TALLY_KEEP_DAYS_DAYS          how long days are kept; months stay [731]
  TALLY_DEDUPE_SECONDS          how long a client's key is remembered, as for tally-api [86400]
  TALLY_DEDUPE_BYTES, TALLY_BACKLOG_BYTES
                                as for tally-api: to check that Redis has room [268435456 each]
  TALLY_LOG, TALLY_LOG_FORMAT   what is logged [info], and how: text or json [text]
Settings of tally-api are ignored, so that one environment serves both; any other TALLY_ name is refused.

Exit codes: 0 done, or stopped in order; 1 it could not, with a sentence; 2 a setting or the command line is wrong.";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Config::from_env().and_then(|config| {
        start_logging(&config)?;
        carry_out(&arguments.command, config)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tally-consumer: {error}");
            if error.is_setting() { ExitCode::from(EXIT_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

fn carry_out(command: &Command, config: Config) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        match command {
            Command::Run => run(config, shutdown).await,
            Command::Drain => drain(config, shutdown).await,
            Command::Migrate => migrate(&config, shutdown).await,
            Command::Open => open(&config, shutdown).await,
        }
    })
}
