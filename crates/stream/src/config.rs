//! Where the log is, and what it may hold.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where Redis is and how long it may take.
#[derive(Clone)]
pub struct Config {
    /// `redis://[user:password@]host:port/[db]`, or `rediss://…` for TLS. A secret: it is never shown.
    pub url: String,
    /// With TLS: the authorities that are believed, a PEM file, read once for each [`crate::Log`]; the public ones without.
    pub ca_file: Option<PathBuf>,
    /// Number of shards of the layout.
    pub shards: u16,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long one command, or one pipeline, may take to be answered.
    pub command_timeout: Duration,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &"(hidden)")
            .field("ca_file", &self.ca_file)
            .field("shards", &self.shards)
            .field("connect_timeout", &self.connect_timeout)
            .field("command_timeout", &self.command_timeout)
            .finish()
    }
}

/// What the whole log may hold; a shard's script gets its N-th part, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Accepted events that are not yet applied; from there on new ones are refused.
    pub backlog_events: u64,
    /// Bytes of entries that are not yet applied; from there on new ones are refused.
    pub backlog_bytes: u64,
    /// Bytes that clients' request ids may take.
    pub dedupe_bytes: u64,
    /// How long a client's request id is kept at least.
    pub dedupe_window: Duration,
    /// How long an append may take; after it the answer is that nobody knows.
    pub deadline: Duration,
}

impl Limits {
    /// One shard's part of a limit of the whole.
    pub(crate) fn part(whole: u64, shards: u16) -> u64 {
        whole.div_ceil(u64::from(shards.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_not_shown() {
        let config = Config {
            url: "redis://:hunter2@localhost".into(),
            ca_file: None,
            shards: 8,
            connect_timeout: Duration::from_secs(1),
            command_timeout: Duration::from_secs(1),
        };
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn parts_add_up_to_at_least_the_whole() {
        assert_eq!((Limits::part(10, 8), Limits::part(16, 8), Limits::part(0, 8)), (2, 2, 0));
    }
}
