//! How to reach PostgreSQL.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where PostgreSQL is and how long to wait for it.
#[derive(Clone)]
pub struct Config {
    /// `postgres://user:password@host:port/database[?sslmode=disable|prefer|require|verify-full]`; a secret, never shown.
    /// Without `sslmode` nothing is encrypted. With TLS, certificate and name of the server are always verified.
    pub url: String,
    /// With TLS: the authorities that are believed, a PEM file, read once for each [`crate::Store`]; the public ones without.
    pub ca_file: Option<PathBuf>,
    /// Most connections at once.
    pub pool_size: usize,
    /// Longest wait for a connection: to open one, or for one of the pool.
    pub connect_timeout: Duration,
    /// Longest run of one statement, by the server's clock.
    pub statement_timeout: Duration,
    /// Longest wait of a statement for a lock, by the server's clock.
    pub lock_timeout: Duration,
}

impl Config {
    /// A configuration with the usual bounds: 8 connections, 5 s to connect, 30 s a statement, 5 s for a lock.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            ca_file: None,
            pool_size: 8,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("url", &"<hidden>")
            .field("ca_file", &self.ca_file)
            .field("pool_size", &self.pool_size)
            .field("connect_timeout", &self.connect_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("lock_timeout", &self.lock_timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_never_shown() {
        assert!(!format!("{:?}", Config::new("postgres://u:secret@h/d")).contains("secret"));
    }
}
