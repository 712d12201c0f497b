//! Polls, their results, and the audit of votes. Votes are counted by apply.

use tokio_postgres::Row;

use crate::store::column;
use crate::{Error, Store};

const POLL: &str = "poll";
const VOTES: &str = "votes";

/// A poll and what can be voted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Its name.
    pub name: String,
    /// What it asks, if somebody said so.
    pub title: Option<String>,
    /// Its options, by name.
    pub options: Vec<String>,
}

/// A poll and how it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// What it asks, if somebody said so.
    pub title: Option<String>,
    /// Votes by option, most first, then by name.
    pub votes: Vec<(String, i64)>,
}

/// One vote as it was cast and counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedVote {
    /// When it was received, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// Poll it was cast in.
    pub poll: String,
    /// Option chosen.
    pub option: String,
    /// Who voted, masked: equal for equal voters, and no name. `None` for a vote without a voter.
    pub voter: Option<String>,
    /// What this voter had chosen before, if it was another option.
    pub changed_from: Option<String>,
}

impl Store {
    /// Makes a poll, or adds options to it; none is ever taken away. A title replaces the one before. The poll as it is then.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn put_poll(&self, poll: &str, title: Option<&str>, options: &[&str]) -> Result<Poll, Error> {
        // What was there comes from the snapshot, what was added from the insert.
        let sql = "WITH made AS (INSERT INTO poll (name, title) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE \
                             SET title = excluded.title WHERE excluded.title IS NOT NULL), \
                   added AS (INSERT INTO poll_option (poll, option) SELECT DISTINCT $1, o FROM unnest($3::text[]) AS o ORDER BY 2 \
                             ON CONFLICT DO NOTHING RETURNING option) \
                   SELECT $1::text AS name, coalesce($2::text, (SELECT title FROM poll WHERE name = $1)) AS title, \
                          array_agg(DISTINCT option ORDER BY option) AS options \
                   FROM (SELECT option FROM poll_option WHERE poll = $1 UNION SELECT option FROM added \
                          UNION SELECT unnest($3::text[])) AS known (option)";
        let row = self.query_one(POLL, sql, &[&poll, &title, &options]).await?;
        // Without it others see the poll within a second.
        let _ = self.announce().await;
        Poll::read(&row)
    }

    /// All polls, by name.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn polls(&self) -> Result<Vec<Poll>, Error> {
        let sql = "SELECT p.name, p.title, \
                          array_agg(o.option ORDER BY o.option) FILTER (WHERE o.option IS NOT NULL) AS options \
                   FROM poll p LEFT JOIN poll_option o ON o.poll = p.name GROUP BY p.name ORDER BY p.name";
        self.query(POLL, sql, &[]).await?.iter().map(Poll::read).collect()
    }

    /// Polls and how they stand, by name, after the name `after` if given: at most `limit`.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn standings(&self, limit: u32, after: Option<&str>) -> Result<Vec<Standing>, Error> {
        let sql = "SELECT p.name, p.title, o.option, o.votes \
                   FROM (SELECT name, title FROM poll WHERE name > $2 ORDER BY name LIMIT $1) AS p \
                   LEFT JOIN poll_option o ON o.poll = p.name ORDER BY p.name, o.votes DESC, o.option";
        let rows = self.query(POLL, sql, &[&i64::from(limit), &after.unwrap_or_default()]).await?;
        let mut standings: Vec<Standing> = Vec::new();
        for row in &rows {
            let name: String = column(POLL, row, "name")?;
            if standings.last().is_none_or(|last| last.name != name) {
                standings.push(Standing { name, title: column(POLL, row, "title")?, votes: Vec::new() });
            }
            // The left join gives a poll without options one row without an option.
            if let (Some(standing), Some(option)) = (standings.last_mut(), column(POLL, row, "option")?) {
                standing.votes.push((option, column(POLL, row, "votes")?));
            }
        }
        Ok(standings)
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

    /// The last votes that were counted, the latest first, their voters masked.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn audited_votes(&self, limit: u32) -> Result<Vec<AuditedVote>, Error> {
        let sql = "SELECT (extract(epoch FROM at) * 1000)::bigint AS at_ms, poll, option, voter, changed_from \
                   FROM vote_audit ORDER BY id DESC LIMIT $1";
        self.query(VOTES, sql, &[&i64::from(limit)]).await?.iter().map(AuditedVote::read).collect()
    }
}

impl Poll {
    fn read(row: &Row) -> Result<Self, Error> {
        let options: Option<Vec<String>> = column(POLL, row, "options")?;
        let (name, title) = (column(POLL, row, "name")?, column(POLL, row, "title")?);
        Ok(Self { name, title, options: options.unwrap_or_default() })
    }
}

impl AuditedVote {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            at_ms: column(VOTES, row, "at_ms")?,
            poll: column(VOTES, row, "poll")?,
            option: column(VOTES, row, "option")?,
            voter: column(VOTES, row, "voter")?,
            changed_from: column(VOTES, row, "changed_from")?,
        })
    }
}
