//! `tally-consumer`: parse, read the settings, run one command, say how it ended.

mod arguments;

use std::process::ExitCode;

use clap::Parser;
use tally_consumer::{
    Config, Error, Shutdown, backup, drain, list_backups, migrate, open, redrive, restore, run, start_logging, wait,
};

use crate::arguments::{Arguments, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Exit code where a setting is at fault; clap uses the same for a wrong command line.
const EXIT_SETTINGS: u8 = 2;

fn main() -> ExitCode {
    // Huge pages take up to two fifths more memory (docs/adr/0020-small-pages.md). A kernel without them refuses, to the same end.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    let arguments = Arguments::parse();
    let outcome = Config::from_env().and_then(|config| {
        start_logging(&config)?;
        carry_out(arguments.command, config)
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tally-consumer: {error}");
            if error.is_setting() { ExitCode::from(EXIT_SETTINGS) } else { ExitCode::FAILURE }
        }
    }
}

fn carry_out(command: Command, config: Config) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::Runtime)?;
    runtime.block_on(async {
        let shutdown = Shutdown::on_signals()?;
        match command {
            Command::Run => run(config, shutdown).await,
            Command::Drain => drain(config, shutdown).await,
            Command::Migrate => migrate(&config, shutdown).await,
            Command::Open => open(&config, shutdown).await,
            Command::Wait => wait(&config, shutdown).await,
            Command::Backup(arguments) => match arguments.to_list() {
                Some(directory) => list_backups(&config, directory, shutdown).await,
                None => backup(&config, &arguments.into(), shutdown).await,
            },
            Command::Redrive { reason } => redrive(&config, reason, shutdown).await,
            Command::Restore(arguments) => restore(&config, &arguments.into(), shutdown).await,
        }
    })
}
