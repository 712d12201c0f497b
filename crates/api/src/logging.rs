//! Log lines on stderr.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, LogFormat};

/// Starts logging as the settings say.
///
/// # Errors
/// [`ConfigError`] on `TALLY_LOG`.
pub fn start(config: &Config) -> Result<(), ConfigError> {
    let expected = "a level (error, warn, info, debug, trace), or a list such as info,tally_api=debug";
    let filter = EnvFilter::builder().parse(&config.log);
    let filter = filter.map_err(|_| ConfigError::OutOfRange { name: "TALLY_LOG", expected })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
    Ok(())
}
