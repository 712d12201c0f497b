//! How far a shard's log may be trimmed.

use std::time::Duration;

use tally_model::{Position, Shard};

use crate::store::{amount, bigint, column};
use crate::{Error, Store};

impl Store {
    /// The first position of a shard that must stay in Redis: everything below it was applied and is older than
    /// `retention` or further back than `retention_bytes` (of this shard). A backup barrier holds it back, within the
    /// bytes; a barrier beyond them is released, with an alarm. `None`: nothing to trim.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn trim_target(
        &self,
        shard: Shard,
        retention: Duration,
        retention_bytes: u64,
    ) -> Result<Option<Position>, Error> {
        const TRIM: &str = "trim_target_v1";
        let sql = "SELECT * FROM trim_target_v1($1, $2 * interval '1 second', $3)";
        let parameters = (i32::from(shard.index()), retention.as_secs_f64(), bigint(retention_bytes));
        let row = self.query_one(TRIM, sql, &[&parameters.0, &parameters.1, &parameters.2]).await?;
        for label in column::<Option<Vec<&str>>>(TRIM, &row, "released")?.into_iter().flatten() {
            tracing::error!(%shard, label, "backup can no longer be replayed: its log went beyond the bytes that are kept");
        }
        if column::<Option<i64>>(TRIM, &row, "to_epoch")?.is_none() {
            return Ok(None);
        }
        Ok(Some(Position::new(amount(TRIM, &row, "to_epoch")?, amount(TRIM, &row, "to_seq")?)))
    }

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
}
