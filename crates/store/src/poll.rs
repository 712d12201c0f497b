//! Polls and their results. Votes are counted by apply.

use tokio_postgres::Row;

use crate::store::column;
use crate::{Error, Store};

const POLL: &str = "poll";

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
    pub async fn put_poll(&self, poll: &str, options: &[&str]) -> Result<Poll, Error> {
        // The options that were there come from the snapshot, those added from the insert.
        let sql = "WITH made AS (INSERT INTO poll (name) VALUES ($1) ON CONFLICT DO NOTHING), \
                   added AS (INSERT INTO poll_option (poll, option) SELECT DISTINCT $1, o FROM unnest($2::text[]) AS o ORDER BY 2 \
                             ON CONFLICT DO NOTHING RETURNING option) \
                   SELECT $1::text AS name, array_agg(DISTINCT option ORDER BY option) AS options \
                   FROM (SELECT option FROM poll_option WHERE poll = $1 UNION SELECT option FROM added \
                         UNION SELECT unnest($2::text[])) AS known (option)";
        let row = self.query_one(POLL, sql, &[&poll, &options]).await?;
        // Without it others see the poll within a second.
        let _ = self.announce().await;
        Poll::read(&row)
    }

    /// All polls, by name.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn polls(&self) -> Result<Vec<Poll>, Error> {
        let sql = "SELECT p.name, array_agg(o.option ORDER BY o.option) FILTER (WHERE o.option IS NOT NULL) AS options \
                   FROM poll p LEFT JOIN poll_option o ON o.poll = p.name GROUP BY p.name ORDER BY p.name";
        self.query(POLL, sql, &[]).await?.iter().map(Poll::read).collect()
    }

    /// Votes by option, most first, then by name; `None` where there is no such poll.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn poll_results(&self, poll: &str) -> Result<Option<Vec<(String, i64)>>, Error> {
        // The left join gives a poll without options one row without an option; no row at all: no such poll.
        let sql = "SELECT r.option, r.votes FROM poll p LEFT JOIN get_vote_results($1) WITH ORDINALITY \
                       AS r (option, votes, percentage, n) ON true WHERE p.name = $1 ORDER BY r.n";
        let rows = self.query(POLL, sql, &[&poll]).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let mut results = Vec::with_capacity(rows.len());
        for row in &rows {
            if let Some(option) = column::<Option<String>>(POLL, row, "option")? {
                results.push((option, column(POLL, row, "votes")?));
            }
        }
        Ok(Some(results))
    }
}

impl Poll {
    fn read(row: &Row) -> Result<Self, Error> {
        let options: Option<Vec<String>> = column(POLL, row, "options")?;
        Ok(Self { name: column(POLL, row, "name")?, options: options.unwrap_or_default() })
    }
}
