//! Settings: environment variables with the prefix `TALLY_`, read once, checked once. Past this file nobody checks again.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use tally_stream::Limits;

/// Prefix of every setting.
const PREFIX: &str = "TALLY_";

/// Every name that one of the binaries knows. One environment serves both, so each accepts the other's names; a name that
/// neither knows is a typo, and refused.
pub const NAMES: &[&str] = &[
    "TALLY_REDIS_URL",
    "TALLY_REDIS_CA_FILE",
    "TALLY_DATABASE_URL",
    "TALLY_DATABASE_CA_FILE",
    "TALLY_SHARDS",
    "TALLY_LISTEN",
    "TALLY_WORKERS",
    "TALLY_DEADLINE_MS",
    "TALLY_DEDUPE_SECONDS",
    "TALLY_DEDUPE_BYTES",
    "TALLY_BACKLOG_EVENTS",
    "TALLY_BACKLOG_BYTES",
    "TALLY_TRUST_FORWARDED",
    "TALLY_CORS_ORIGINS",
    "TALLY_LIVE_MAX",
    "TALLY_REPORTS_DIR",
    "TALLY_REPORTS_DAYS",
    "TALLY_GRACE_SECONDS",
    "TALLY_CONSUMER_LISTEN",
    "TALLY_CONSUMER_GRACE_SECONDS",
    "TALLY_LEASE_SECONDS",
    "TALLY_FLUSH_MS",
    "TALLY_WAIT_SECONDS",
    "TALLY_RETENTION_SECONDS",
    "TALLY_RETENTION_BYTES",
    "TALLY_KEEP_MINUTES_DAYS",
    "TALLY_KEEP_HOURS_DAYS",
    "TALLY_KEEP_DAYS_DAYS",
    "TALLY_LOG",
    "TALLY_LOG_FORMAT",
];

/// A setting that is missing, unknown or wrong; the text names it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that neither binary knows.
    #[error("{0} is not a setting of Tally; see tally-api --help")]
    Unknown(String),
    /// A value that cannot be read, or a name that is missing.
    #[error("{0}")]
    Unreadable(String),
    /// A value out of its range.
    #[error("{name}: expected {expected}")]
    OutOfRange {
        /// Name of the setting.
        name: &'static str,
        /// What was expected.
        expected: &'static str,
    },
}

/// The settings as they stand in the environment.
#[derive(Deserialize)]
struct Raw {
    redis_url: String,
    #[serde(default)]
    redis_ca_file: String,
    database_url: String,
    #[serde(default)]
    database_ca_file: String,
    #[serde(default = "shards")]
    shards: u16,
    #[serde(default = "listen")]
    listen: String,
    #[serde(default)]
    workers: usize,
    #[serde(default = "deadline_ms")]
    deadline_ms: u64,
    #[serde(default = "dedupe_seconds")]
    dedupe_seconds: u64,
    #[serde(default = "dedupe_bytes")]
    dedupe_bytes: u64,
    #[serde(default = "backlog_events")]
    backlog_events: u64,
    #[serde(default = "backlog_bytes")]
    backlog_bytes: u64,
    #[serde(default)]
    trust_forwarded: bool,
    #[serde(default)]
    cors_origins: Vec<String>,
    #[serde(default = "live_max")]
    live_max: u32,
    #[serde(default)]
    reports_dir: String,
    #[serde(default = "reports_days")]
    reports_days: u32,
    #[serde(default = "grace_seconds")]
    grace_seconds: u64,
    #[serde(default = "retention_bytes")]
    retention_bytes: u64,
    #[serde(default = "keep_days_days")]
    keep_days_days: u32,
    #[serde(default = "log")]
    log: String,
    #[serde(default)]
    log_format: LogFormat,
}

const fn shards() -> u16 {
    8
}
fn listen() -> String {
    "127.0.0.1:8080".to_owned()
}
const fn deadline_ms() -> u64 {
    10_000
}
const fn dedupe_seconds() -> u64 {
    86_400
}
const fn dedupe_bytes() -> u64 {
    256 * 1024 * 1024
}
const fn backlog_events() -> u64 {
    50_000_000
}
const fn backlog_bytes() -> u64 {
    256 * 1024 * 1024
}
const fn live_max() -> u32 {
    2_000
}
const fn reports_days() -> u32 {
    7
}
const fn grace_seconds() -> u64 {
    20
}
const fn retention_bytes() -> u64 {
    256 * 1024 * 1024
}
const fn keep_days_days() -> u32 {
    731
}
fn log() -> String {
    "info".to_owned()
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings, checked.
#[derive(Clone)]
pub struct Config {
    /// Where Redis is; a secret.
    pub redis_url: String,
    /// PEM file of the authorities that are believed for Redis; none: the public ones.
    pub redis_ca_file: Option<PathBuf>,
    /// Where PostgreSQL is; a secret.
    pub database_url: String,
    /// PEM file of the authorities that are believed for PostgreSQL; none: the public ones.
    pub database_ca_file: Option<PathBuf>,
    /// Number of shards, fixed when the log is made.
    pub shards: u16,
    /// Address to serve on.
    pub listen: SocketAddr,
    /// Threads that serve HTTP; 0 for one each core.
    pub workers: usize,
    /// What the log may hold, and how long an append may take.
    pub limits: Limits,
    /// Whether `X-Forwarded-For` tells a voter's address, and `-Proto` and `-Host` how and where the client asked.
    pub trust_forwarded: bool,
    /// Origins whose pages may call from a browser; `*`: all.
    pub cors_origins: Vec<String>,
    /// Most open streams of `/v1/live`.
    pub live_max: u32,
    /// Directory of kept reports; none: no reports are kept.
    pub reports_dir: Option<PathBuf>,
    /// How long reports are kept, in days.
    pub reports_days: u32,
    /// How long requests under way may take to finish after SIGTERM.
    pub grace: Duration,
    /// What the consumers keep of the log beyond the backlog, in bytes; only to check Redis's maxmemory.
    pub retention_bytes: u64,
    /// How long days are kept, in days; older events are refused.
    pub keep_days: u32,
    /// Filter of the log, as `tracing` reads it.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("redis_url", &"(hidden)")
            .field("redis_ca_file", &self.redis_ca_file)
            .field("database_url", &"(hidden)")
            .field("database_ca_file", &self.database_ca_file)
            .field("shards", &self.shards)
            .field("listen", &self.listen)
            .field("workers", &self.workers)
            .field("limits", &self.limits)
            .field("trust_forwarded", &self.trust_forwarded)
            .field("cors_origins", &self.cors_origins)
            .field("live_max", &self.live_max)
            .field("reports_dir", &self.reports_dir)
            .field("reports_days", &self.reports_days)
            .field("grace", &self.grace)
            .field("retention_bytes", &self.retention_bytes)
            .field("keep_days", &self.keep_days)
            .field("log", &self.log)
            .field("log_format", &self.log_format)
            .finish()
    }
}

impl Config {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// [`ConfigError`], naming the variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        let text = |part: std::ffi::OsString| part.to_string_lossy().into_owned();
        Self::from_variables(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// Reads settings from pairs of name and value; those without the prefix are ignored.
    ///
    /// # Errors
    /// [`ConfigError`], naming the variable.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let mut ours = Vec::new();
        for (name, value) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if NAMES.contains(&name.as_str()) {
                ours.push((rest.to_owned(), value));
            } else if !is_service_link(rest) {
                return Err(ConfigError::Unknown(name));
            }
        }
        envy::from_iter::<_, Raw>(ours).map_err(|error| unreadable(&error))?.check()
    }

    /// Bytes that Redis must be able to hold: backlog, retention and request ids.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.limits.backlog_bytes.saturating_add(self.retention_bytes).saturating_add(self.limits.dedupe_bytes)
    }
}

/// Kubernetes tells every container about Services, in names made of theirs: a Service `tally-api` gives
/// `TALLY_API_SERVICE_HOST`, `TALLY_API_PORT_8080_TCP_ADDR` and more. They are no settings and no typos.
fn is_service_link(rest: &str) -> bool {
    rest.ends_with("_SERVICE_HOST")
        || rest.starts_with("SERVICE_")
        || rest.contains("_SERVICE_PORT")
        || rest == "PORT"
        || rest.ends_with("_PORT")
        || rest.starts_with("PORT_")
        || rest.contains("_PORT_")
}

/// Origins as a browser sends them, so that they compare; `*` for all.
fn origins(listed: &[String]) -> Result<Vec<String>, ConfigError> {
    let expected = "origins divided by commas, such as https://shop.example, or *";
    let listed: Vec<String> =
        listed.iter().map(|origin| origin.trim().to_owned()).filter(|origin| !origin.is_empty()).collect();
    let is_origin = |origin: &String| {
        let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        origin == "*" || authority.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ']))
    };
    if listed.iter().all(is_origin) {
        return Ok(listed);
    }
    Err(ConfigError::OutOfRange { name: "TALLY_CORS_ORIGINS", expected })
}

/// An empty name is none.
fn file(name: String) -> Option<PathBuf> {
    (!name.is_empty()).then(|| name.into())
}

fn unreadable(error: &envy::Error) -> ConfigError {
    ConfigError::Unreadable(match error {
        envy::Error::MissingValue(field) => format!("{PREFIX}{} is not set", field.to_uppercase()),
        envy::Error::Custom(text) if text.contains("variant") => format!("{PREFIX}LOG_FORMAT: expected text or json"),
        envy::Error::Custom(text) => text.replace("provided by ", &format!("provided by {PREFIX}")),
    })
}

fn within<T: PartialOrd>(
    value: T,
    range: std::ops::RangeInclusive<T>,
    name: &'static str,
    expected: &'static str,
) -> Result<T, ConfigError> {
    if range.contains(&value) { Ok(value) } else { Err(ConfigError::OutOfRange { name, expected }) }
}

impl Raw {
    fn check(self) -> Result<Config, ConfigError> {
        let wrong = |name, expected| ConfigError::OutOfRange { name, expected };
        let listen = self.listen.parse().map_err(|_| wrong("TALLY_LISTEN", "an address such as 127.0.0.1:8080"))?;
        if !(self.redis_url.starts_with("redis://") || self.redis_url.starts_with("rediss://")) {
            return Err(wrong("TALLY_REDIS_URL", "redis[s]://[user:password@]host:port/"));
        }
        if !(self.database_url.starts_with("postgres://") || self.database_url.starts_with("postgresql://")) {
            return Err(wrong("TALLY_DATABASE_URL", "postgres://user:password@host:port/database"));
        }
        Ok(Config {
            shards: within(self.shards, 1..=1024, "TALLY_SHARDS", "1 to 1024")?,
            workers: within(self.workers, 0..=256, "TALLY_WORKERS", "0 (one each core) to 256")?,
            grace: Duration::from_secs(within(self.grace_seconds, 1..=3600, "TALLY_GRACE_SECONDS", "1 to 3600")?),
            keep_days: within(self.keep_days_days, 1..=36_500, "TALLY_KEEP_DAYS_DAYS", "1 to 36500")?,
            limits: self.limits()?,
            redis_url: self.redis_url,
            redis_ca_file: file(self.redis_ca_file),
            database_url: self.database_url,
            database_ca_file: file(self.database_ca_file),
            listen,
            trust_forwarded: self.trust_forwarded,
            cors_origins: origins(&self.cors_origins)?,
            live_max: within(self.live_max, 1..=100_000, "TALLY_LIVE_MAX", "1 to 100000")?,
            reports_dir: file(self.reports_dir),
            reports_days: within(self.reports_days, 1..=3_650, "TALLY_REPORTS_DAYS", "1 to 3650")?,
            retention_bytes: self.retention_bytes,
            log: self.log,
            log_format: self.log_format,
        })
    }

    fn limits(&self) -> Result<Limits, ConfigError> {
        const EVENTS_EXPECTED: &str = "at least 10000";
        const BYTES_EXPECTED: &str = "at least 1048576 (1 MiB)";
        const MIB: u64 = 1024 * 1024;
        Ok(Limits {
            backlog_events: within(self.backlog_events, 10_000..=u64::MAX, "TALLY_BACKLOG_EVENTS", EVENTS_EXPECTED)?,
            backlog_bytes: within(self.backlog_bytes, MIB..=u64::MAX, "TALLY_BACKLOG_BYTES", BYTES_EXPECTED)?,
            dedupe_bytes: within(self.dedupe_bytes, MIB..=u64::MAX, "TALLY_DEDUPE_BYTES", BYTES_EXPECTED)?,
            dedupe_window: Duration::from_secs(within(
                self.dedupe_seconds,
                1..=31_536_000,
                "TALLY_DEDUPE_SECONDS",
                "1 to 31536000 (a year)",
            )?),
            deadline: Duration::from_millis(within(
                self.deadline_ms,
                100..=600_000,
                "TALLY_DEADLINE_MS",
                "100 to 600000",
            )?),
        })
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
