//! Barriers: what holds the log back so that a backup can be replayed.

use crate::store::column;
use crate::{Error, Store};

const BARRIERS: &str = "barriers";

/// A backup's hold on the log of every shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Barrier {
    /// What the backup is called.
    pub label: String,
    /// When it was raised, in milliseconds since the Unix epoch.
    pub made_at_ms: i64,
    /// Whether it still holds; one that was released, or whose log went beyond the bytes that are kept, does not.
    pub holds: bool,
}

impl Store {
    /// Keeps every shard's log from its present position on, so that the backup `label` can be replayed from it. Raised
    /// again under the same label, it moves up.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn raise_barrier(&self, label: &str) -> Result<(), Error> {
        let sql = "INSERT INTO backup_barrier (label, shard, epoch, seq, made_at) \
                   SELECT $1, shard, epoch, seq, tally_now() FROM shard_position ORDER BY shard \
                   ON CONFLICT (label, shard) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, \
                       made_at = excluded.made_at, released_at = NULL";
        self.query("raise_barrier", sql, &[&label]).await.map(drop)
    }

    /// Lets the log be trimmed again. False where there is no such barrier.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn release_barrier(&self, label: &str) -> Result<bool, Error> {
        let sql = "UPDATE backup_barrier SET released_at = tally_now() WHERE label = $1 AND released_at IS NULL RETURNING shard";
        Ok(!self.query("release_barrier", sql, &[&label]).await?.is_empty())
    }

    /// All barriers that are remembered, the oldest first. One that some shard has released holds no longer.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn barriers(&self) -> Result<Vec<Barrier>, Error> {
        let sql = "SELECT label, (extract(epoch FROM min(made_at)) * 1000)::bigint AS made_at_ms, \
                          bool_and(released_at IS NULL) AS holds \
                   FROM backup_barrier GROUP BY label ORDER BY min(made_at), label";
        let rows = self.query(BARRIERS, sql, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(Barrier {
                    label: column(BARRIERS, row, "label")?,
                    made_at_ms: column(BARRIERS, row, "made_at_ms")?,
                    holds: column(BARRIERS, row, "holds")?,
                })
            })
            .collect()
    }
}
