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
}
