//! From minutes to hours, days and months.

use crate::apply::level_named;
use crate::store::{amount, column};
use crate::{Error, GrownSketch, Store};

const ROLL_UP: &str = "roll_up_v1";
/// Partitions that one call makes at most, where minutes are older than what was made ahead.
const PARTITIONS_MAX: usize = 64;

/// What one call rolled up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RolledUp {
    /// Minute rows added to the coarser levels.
    pub rows: u64,
    /// Whether more are waiting: call again.
    pub more: bool,
    /// Rows to compact, see [`Store::compact`].
    pub grown: Vec<GrownSketch>,
}

impl Store {
    /// Adds a bounded number of minutes that are over to hour, day and month, and to those of their services, each once. Any consumer may call it at any
    /// time, several at once.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn roll_up(&self) -> Result<RolledUp, Error> {
        for _ in 0..PARTITIONS_MAX {
            let row = self.query_one(ROLL_UP, "SELECT * FROM roll_up_v1()", &[]).await?;
            let Some(level) = column::<Option<&str>>(ROLL_UP, &row, "need_level")? else {
                let (rows, more) = (amount(ROLL_UP, &row, "rolled_rows")?, column(ROLL_UP, &row, "more")?);
                let mut grown = GrownSketch::read(ROLL_UP, &row)?;
                // Those that late applies added to as well.
                grown.extend(self.grown_services().await?);
                return Ok(RolledUp { rows, more, grown });
            };
            self.make_partition(level_named(ROLL_UP, level)?, column(ROLL_UP, &row, "need_start_s")?).await?;
        }
        Ok(RolledUp { more: true, ..RolledUp::default() })
    }
}
