//! Polls and their results. Votes are counted by apply.

use crate::{Error, Store};

/// A poll and what can be voted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Its name.
    pub name: String,
    /// Its options, by name.
    pub options: Vec<String>,
}

impl Store {
    /// Makes a poll, or adds options to it; none is ever taken away. The poll as it is then.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn put_poll(&self, _poll: &str, _options: &[&str]) -> Result<Poll, Error> {
        unimplemented!()
    }

    /// All polls, by name.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn polls(&self) -> Result<Vec<Poll>, Error> {
        unimplemented!()
    }

    /// Votes by option, most first, then by name; `None` where there is no such poll.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn poll_results(&self, _poll: &str) -> Result<Option<Vec<(String, i64)>>, Error> {
        unimplemented!()
    }
}
