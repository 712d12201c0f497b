//! Log lines go to standard error.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};
use crate::error::Error;

/// Starts logging for the life of the process.
///
/// # Errors
/// [`Error::Setting`] where `TALLY_LOG` is no filter.
pub fn start_logging(config: &Config) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| Error::Setting(format!("TALLY_LOG={} is no filter: {error}", config.log)))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match config.log_format {
        LogFormat::Text => lines.init(),
        LogFormat::Json => lines.json().init(),
    }
    Ok(())
}
