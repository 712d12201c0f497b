//! `tally-api`: settings, logging, bind, serve, end in order.

use std::process::ExitCode;

use clap::Parser;
use tally_api::config::Config;
use tally_api::server::ServerError;
use tally_api::{logging, server};
use tokio::signal::unix::{SignalKind, signal};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code for settings that are missing or wrong.
const EXIT_SETTINGS: u8 = 2;

/// Accepts events and votes into the log, and answers what was counted.
#[derive(Parser)]
#[command(name = "tally-api", version, after_long_help = include_str!("help.txt"))]
struct Arguments {}

fn main() -> ExitCode {
    // Huge pages take up to two fifths more memory (docs/adr/0020-small-pages.md). A kernel without them refuses, to the same end.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let Arguments {} = Arguments::parse();
    let config = match Config::from_env().and_then(|config| logging::start(&config).map(|()| config)) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("tally-api: {error}");
            return ExitCode::from(EXIT_SETTINGS);
        }
    };
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(config: Config) -> Result<(), ServerError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server::bind(config)?.serve(stop).await
}
