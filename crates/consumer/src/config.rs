//! Settings: one flat struct, read from the environment, checked once.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tally_store::Keep;

use crate::error::Error;

/// What every variable of ours begins with.
const PREFIX: &str = "TALLY_";

/// Names that only `tally-api` needs; one environment may serve both programs.
const NAMES_OF_THE_API: [&str; 10] = [
    "TALLY_LISTEN",
    "TALLY_WORKERS",
    "TALLY_DEADLINE_MS",
    "TALLY_BACKLOG_EVENTS",
    "TALLY_TRUST_FORWARDED",
    "TALLY_CORS_ORIGINS",
    "TALLY_LIVE_MAX",
    "TALLY_REPORTS_DIR",
    "TALLY_REPORTS_DAYS",
    "TALLY_GRACE_SECONDS",
];

/// Names of this program's settings, as [`Config`] has them.
const NAMES: [&str; 20] = [
    "TALLY_REDIS_URL",
    "TALLY_REDIS_CA_FILE",
    "TALLY_DATABASE_URL",
    "TALLY_DATABASE_CA_FILE",
    "TALLY_SHARDS",
    "TALLY_CONSUMER_LISTEN",
    "TALLY_CONSUMER_GRACE_SECONDS",
    "TALLY_WAIT_SECONDS",
    "TALLY_LEASE_SECONDS",
    "TALLY_FLUSH_MS",
    "TALLY_RETENTION_SECONDS",
    "TALLY_RETENTION_BYTES",
    "TALLY_KEEP_MINUTES_DAYS",
    "TALLY_KEEP_HOURS_DAYS",
    "TALLY_KEEP_DAYS_DAYS",
    "TALLY_DEDUPE_SECONDS",
    "TALLY_DEDUPE_BYTES",
    "TALLY_BACKLOG_BYTES",
    "TALLY_LOG",
    "TALLY_LOG_FORMAT",
];

/// A text that must not be shown: a URL may hold a password.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The settings; each field is the variable `TALLY_<FIELD>`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Where Redis is. Required, but not by `migrate`.
    pub redis_url: Secret,
    /// PEM file of the authorities that are believed for Redis; empty: the public ones.
    pub redis_ca_file: PathBuf,
    /// Where PostgreSQL is. Required.
    pub database_url: Secret,
    /// PEM file of the authorities that are believed for PostgreSQL; empty: the public ones.
    pub database_ca_file: PathBuf,
    /// Number of shards; fixed when log and schema are made.
    pub shards: u16,
    /// Address of `/health`, `/ready` and `/metrics`.
    pub consumer_listen: SocketAddr,
    /// Longest time from SIGTERM to the end, in seconds.
    pub consumer_grace_seconds: u64,
    /// How long `drain`, `migrate` and `open` wait for what they need, in seconds.
    pub wait_seconds: u64,
    /// How long a shard stays with a consumer that is not heard of, in seconds.
    pub lease_seconds: u64,
    /// How often, at most, a shard's counts are written while it is busy, in milliseconds.
    pub flush_ms: u64,
    /// How long the log keeps what is counted, in seconds.
    pub retention_seconds: u64,
    /// Most bytes of the log that are kept after they were counted, all shards together.
    pub retention_bytes: u64,
    /// How long minutes are kept, in days.
    pub keep_minutes_days: u32,
    /// How long hours are kept, in days.
    pub keep_hours_days: u32,
    /// How long days are kept, in days; months stay.
    pub keep_days_days: u32,
    /// How long a client's key is remembered, in seconds.
    pub dedupe_seconds: u64,
    /// Most bytes of remembered keys; only to check that Redis has room.
    pub dedupe_bytes: u64,
    /// Most bytes of backlog; only to check that Redis has room.
    pub backlog_bytes: u64,
    /// What is logged: a filter of `tracing`.
    pub log: String,
    /// How it is logged.
    pub log_format: LogFormat,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            redis_url: Secret::default(),
            redis_ca_file: PathBuf::new(),
            database_url: Secret::default(),
            database_ca_file: PathBuf::new(),
            shards: 8,
            consumer_listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            consumer_grace_seconds: 20,
            wait_seconds: 60,
            lease_seconds: 15,
            flush_ms: 200,
            retention_seconds: 86_400,
            retention_bytes: 256 * 1024 * 1024,
            keep_minutes_days: 7,
            keep_hours_days: 90,
            keep_days_days: 731,
            dedupe_seconds: 86_400,
            dedupe_bytes: 256 * 1024 * 1024,
            backlog_bytes: 256 * 1024 * 1024,
            log: "info".into(),
            log_format: LogFormat::Text,
        }
    }
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// [`Error::Setting`] names the variable: unknown, not readable, or out of range.
    pub fn from_env() -> Result<Self, Error> {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let ours = variables.filter(|(name, _)| name.starts_with(PREFIX));
        let texts = ours.map(|(name, value)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(Error::Setting(format!("{name} is not UTF-8"))),
        });
        Self::from_variables(&texts.collect::<Result<Vec<_>, _>>()?)
    }

    /// Reads settings from names with their values; an empty value is the same as none.
    ///
    /// # Errors
    /// As [`Self::from_env`].
    pub fn from_variables(variables: &[(String, String)]) -> Result<Self, Error> {
        let known = |name: &str| NAMES.contains(&name) || NAMES_OF_THE_API.contains(&name) || is_service_link(name);
        if let Some((name, _)) = variables.iter().find(|(name, _)| !known(name)) {
            return Err(Error::Setting(format!(
                "unknown setting {name}: tally-consumer --help and .env.example list all of them"
            )));
        }
        let given = variables.iter().filter(|(name, value)| NAMES.contains(&name.as_str()) && !value.is_empty());
        for (name, value) in given.clone() {
            parse([(name.clone(), value.clone())])
                .map_err(|reason| Error::Setting(format!("{name} cannot be read: {reason}")))?;
        }
        let config = parse(given.cloned()).map_err(Error::Setting)?;
        config.check().map(|()| config)
    }

    fn check(&self) -> Result<(), Error> {
        let at_least_one = [
            ("TALLY_SHARDS", u64::from(self.shards)),
            ("TALLY_CONSUMER_GRACE_SECONDS", self.consumer_grace_seconds),
            ("TALLY_WAIT_SECONDS", self.wait_seconds),
            ("TALLY_FLUSH_MS", self.flush_ms),
            ("TALLY_DEDUPE_SECONDS", self.dedupe_seconds),
            ("TALLY_KEEP_MINUTES_DAYS", u64::from(self.keep_minutes_days)),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(Error::Setting(format!("{name} must be at least 1")));
        }
        if self.database_url.0.is_empty() {
            return Err(Error::Setting(
                "TALLY_DATABASE_URL is not set: postgres://user:password@host:port/database".into(),
            ));
        }
        if self.lease_seconds < 3 {
            return Err(Error::Setting(
                "TALLY_LEASE_SECONDS must be at least 3: it is renewed at a third of it".into(),
            ));
        }
        if self.flush_ms > 60_000 {
            return Err(Error::Setting("TALLY_FLUSH_MS must be at most 60000".into()));
        }
        if !(self.keep_minutes_days <= self.keep_hours_days && self.keep_hours_days <= self.keep_days_days) {
            return Err(Error::Setting(
                "TALLY_KEEP_MINUTES_DAYS must not be above TALLY_KEEP_HOURS_DAYS, nor that above TALLY_KEEP_DAYS_DAYS"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Where PostgreSQL is, with the usual bounds.
    #[must_use]
    pub fn database(&self) -> tally_store::Config {
        tally_store::Config { ca_file: file(&self.database_ca_file), ..tally_store::Config::new(&self.database_url.0) }
    }

    /// The authorities that are believed for Redis, if not the public ones.
    #[must_use]
    pub fn redis_authorities(&self) -> Option<PathBuf> {
        file(&self.redis_ca_file)
    }

    /// Life of a lease that is not renewed.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    /// How long the commands that end wait for what they need.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_secs(self.wait_seconds)
    }

    /// Longest time from SIGTERM to the end.
    #[must_use]
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.consumer_grace_seconds)
    }

    /// What Redis must have room for, in bytes: what waits, what is kept, and the keys.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.backlog_bytes.saturating_add(self.retention_bytes).saturating_add(self.dedupe_bytes)
    }

    /// How long each level is kept.
    #[must_use]
    pub fn keep(&self) -> Keep {
        Keep {
            minutes_days: self.keep_minutes_days,
            hours_days: self.keep_hours_days,
            days_days: self.keep_days_days,
            dedupe_seconds: u32::try_from(self.dedupe_seconds).unwrap_or(u32::MAX),
        }
    }
}

/// An empty name is none.
fn file(name: &Path) -> Option<PathBuf> {
    (!name.as_os_str().is_empty()).then(|| name.to_owned())
}

fn parse(variables: impl IntoIterator<Item = (String, String)>) -> Result<Config, String> {
    envy::prefixed(PREFIX).from_iter(variables).map_err(|error| match error {
        envy::Error::MissingValue(name) => format!("{name} is missing"),
        envy::Error::Custom(text) => text,
    })
}

/// Whether Kubernetes made this variable for a service whose name begins with `tally`: `TALLY_API_SERVICE_HOST`,
/// `TALLY_API_PORT_8080_TCP_ADDR`, and the like.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_PORT")
        || ["_SERVICE_HOST", "_SERVICE_PORT", "_TCP", "_TCP_"].iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, String> {
        let required = [("TALLY_DATABASE_URL", "postgres://u:hunter2@h/d"), ("TALLY_REDIS_URL", "redis://:hunter2@h")];
        let all: Vec<_> =
            required.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Config::from_variables(&all).map_err(|error| error.to_string())
    }

    #[test]
    fn bad_settings_are_named() {
        for (name, value, part) in [
            ("TALLY_SHRADS", "8", "TALLY_SHRADS"),
            ("TALLY_SHARDS", "eight", "TALLY_SHARDS"),
            ("TALLY_SHARDS", "0", "TALLY_SHARDS"),
            ("TALLY_SHARDS", "70000", "TALLY_SHARDS"),
            ("TALLY_CONSUMER_LISTEN", "8081", "TALLY_CONSUMER_LISTEN"),
            ("TALLY_LEASE_SECONDS", "2", "TALLY_LEASE_SECONDS"),
            ("TALLY_FLUSH_MS", "-1", "TALLY_FLUSH_MS"),
            ("TALLY_KEEP_MINUTES_DAYS", "100", "TALLY_KEEP_HOURS_DAYS"),
            ("TALLY_LOG_FORMAT", "xml", "TALLY_LOG_FORMAT"),
            ("TALLY_DATABASE_URL", "", "TALLY_DATABASE_URL"),
        ] {
            let mut variables = vec![("TALLY_DATABASE_URL".to_owned(), "postgres://h/d".to_owned())];
            variables.retain(|(given, _)| given != name);
            variables.push((name.to_owned(), value.to_owned()));
            let error = Config::from_variables(&variables).expect_err(name);
            assert!(error.is_setting() && error.to_string().contains(part), "{name}={value}: {error}");
        }
    }

    #[test]
    fn the_other_program_s_names_and_kubernetes_s_are_accepted() {
        let config = read(&[
            ("TALLY_WORKERS", "not ours to read"),
            ("TALLY_API_SERVICE_HOST", "10.0.0.1"),
            ("TALLY_API_PORT", "tcp://10.0.0.1:8080"),
            ("TALLY_API_PORT_8080_TCP_ADDR", "10.0.0.1"),
            ("TALLY_FLUSH_MS", "50"),
            ("TALLY_LOG", ""),
        ])
        .unwrap();
        assert_eq!((config.flush_ms, config.shards, config.log.as_str()), (50, 8, "info"));
    }

    #[test]
    fn secrets_are_not_shown() {
        assert!(!format!("{:?}", read(&[]).unwrap()).contains("hunter2"));
    }

    #[test]
    fn every_setting_is_read() {
        let values = [
            "redis://h",
            "/r.crt",
            "postgres://h/d",
            "/d.crt",
            "3",
            "127.0.0.1:9",
            "1",
            "2",
            "3",
            "4",
            "5",
            "6",
            "7",
            "8",
            "9",
            "10",
            "11",
            "12",
            "debug",
            "json",
        ];
        let variables: Vec<_> =
            NAMES.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value.to_owned())).collect();
        let shown = format!("{:?}", Config::from_variables(&variables).unwrap());
        let expected = "redis_ca_file: \"/r.crt\", database_url: (hidden), database_ca_file: \"/d.crt\", shards: 3, consumer_listen: 127.0.0.1:9, consumer_grace_seconds: 1, wait_seconds: 2, \
                        lease_seconds: 3, flush_ms: 4, retention_seconds: 5, retention_bytes: 6, keep_minutes_days: 7, \
                        keep_hours_days: 8, keep_days_days: 9, dedupe_seconds: 10, dedupe_bytes: 11, backlog_bytes: 12, log: \"debug\", log_format: Json";
        assert!(shown.contains(expected), "{shown}");
    }

    #[test]
    fn the_example_lists_them_all_with_their_defaults() {
        let example = include_str!("../../../.env.example");
        let lines: Vec<_> = example.lines().filter_map(|line| line.trim_start_matches("# ").split_once('=')).collect();
        let listed: Vec<_> = lines.iter().map(|(name, _)| *name).filter(|name| name.starts_with(PREFIX)).collect();
        for name in NAMES {
            assert!(listed.contains(&name), "{name} is not in .env.example");
        }
        for name in listed {
            assert!(NAMES.contains(&name) || NAMES_OF_THE_API.contains(&name), "{name} is in .env.example only");
        }
        let variables: Vec<_> = lines.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let ours: Vec<_> = variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        let required =
            |config: Config| Config { redis_url: Secret::default(), database_url: Secret::default(), ..config };
        let shown = format!("{:?}", required(Config::from_variables(&ours).unwrap()));
        assert_eq!(shown, format!("{:?}", Config::default()));
    }
}
