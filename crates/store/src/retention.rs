//! What is kept and for how long: partitions made ahead, floors raised, partitions dropped.

use std::time::Duration;

use tally_model::Level;
use tokio_postgres::types::ToSql;

use crate::apply::level_named;
use crate::store::{amount, column};
use crate::{Error, Store};

/// Levels that have partitions, in the order their floors are raised.
const PARTITIONED: [Level; 3] = [Level::Minute, Level::Hour, Level::Day];
/// Roll-ups that one raising of a floor waits for at most; the next call goes on.
const ROLL_UPS_MAX: usize = 1_000;
/// Partitions that one call drops at most of each level.
const DROPS_MAX: usize = 64;
/// Rows of each table that one call expires at most.
const EXPIRED_MAX: i32 = 50_000;
/// How long positions can be looked up by time.
const HISTORY: Duration = Duration::from_secs(31 * 86_400);
/// SQLSTATE of a lock that was not to be had in time: the partition is being read or dumped.
const LOCK_NOT_AVAILABLE: &str = "55P03";

/// How long each level is kept, in days. Months stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Minutes, in days.
    pub minutes_days: u32,
    /// Hours, in days.
    pub hours_days: u32,
    /// Days, in days.
    pub days_days: u32,
    /// How long a request id is remembered, in seconds: the ledger lasts twice as long.
    pub dedupe_seconds: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { minutes_days: 7, hours_days: 90, days_days: 731, dedupe_seconds: 86_400 }
    }
}

/// What one call of [`Store::maintain`] did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Maintained {
    /// Partitions made ahead.
    pub made: u32,
    /// Levels whose floor was raised.
    pub raised: u32,
    /// Partitions dropped.
    pub dropped: u32,
    /// Partitions that were in use; the next call tries again.
    pub refused: u32,
    /// Rows of ledger, history and old evidence that expired.
    pub expired: u64,
}

/// From when on each level is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floors {
    /// By level, finest first, in seconds since the Unix epoch; `i64::MIN` for everything.
    pub from_s: [i64; 4],
}

impl Floors {
    /// First second that `level` keeps, since the Unix epoch; fits `Window::level`.
    #[must_use]
    pub fn of(&self, level: Level) -> i64 {
        self.from_s[level as usize]
    }
}

impl Store {
    /// Makes the partition of `level` that holds `start_s`, if it is not there.
    ///
    /// # Errors
    /// Class [`crate::Class::Poison`] where `start_s` lies further ahead than any event may.
    pub async fn make_partition(&self, level: Level, start_s: i64) -> Result<(), Error> {
        self.make_missing(level, start_s).await.map(drop)
    }

    /// Makes partitions ahead, drops those no longer kept (after rolling up what is in them) and those whose minutes are all
    /// sealed, and expires ledger and history. Any consumer may call it at any time; at start, and every few minutes.
    ///
    /// # Errors
    /// [`Error::KeepOrder`]; whatever the database says.
    pub async fn maintain(&self, keep: &Keep) -> Result<Maintained, Error> {
        if keep.minutes_days > keep.hours_days || keep.hours_days > keep.days_days {
            return Err(Error::KeepOrder);
        }
        let mut done = Maintained::default();
        let now_s = self.now_s().await?;
        for (level, start_s) in ahead_of(now_s) {
            done.made += u32::from(self.make_missing(level, start_s).await?);
        }
        for level in PARTITIONED {
            done.raised += u32::from(self.raise_floor(level, now_s - keep.seconds(level)).await?);
            self.drop_partitions("SELECT drop_partition_v1($1) AS name", &[&level.name()], &mut done).await?;
        }
        self.drop_partitions("SELECT drop_sealed_v1() AS name", &[], &mut done).await?;
        done.expired = self.expire(keep).await?;
        Ok(done)
    }

    /// From when on each level is kept.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn floors(&self) -> Result<Floors, Error> {
        const FLOORS: &str = "floors";
        let sql =
            "SELECT level, CASE WHEN at > '-infinity' THEN extract(epoch FROM at)::bigint END AS at_s FROM kept_floor";
        let mut floors = Floors { from_s: [i64::MIN; 4] };
        for row in self.query(FLOORS, sql, &[]).await? {
            let level = level_named(FLOORS, column(FLOORS, &row, "level")?)?;
            floors.from_s[level as usize] = column::<Option<i64>>(FLOORS, &row, "at_s")?.unwrap_or(i64::MIN);
        }
        Ok(floors)
    }

    /// Makes a partition; whether it was missing.
    async fn make_missing(&self, level: Level, start_s: i64) -> Result<bool, Error> {
        self.make_missing_of(level.name(), start_s).await
    }

    /// The same by the name of what is partitioned: a level, or its blocks.
    pub(crate) async fn make_missing_of(&self, name: &str, start_s: i64) -> Result<bool, Error> {
        const MAKE: &str = "make_partition_v1";
        let row = self.query_one(MAKE, "SELECT make_partition_v1($1, $2) AS made", &[&name, &start_s]).await?;
        column(MAKE, &row, "made")
    }

    /// The time that retention goes by, in seconds since the Unix epoch.
    async fn now_s(&self) -> Result<i64, Error> {
        let row = self.query_one("now", "SELECT extract(epoch FROM tally_now())::bigint AS now_s", &[]).await?;
        column("now", &row, "now_s")
    }

    /// Raises a floor to the partition that holds `to_s`, once all below it is rolled up.
    async fn raise_floor(&self, level: Level, to_s: i64) -> Result<bool, Error> {
        const RAISE: &str = "raise_floor_v1";
        let sql = "SELECT * FROM raise_floor_v1($1, to_timestamp($2::bigint))";
        for _ in 0..ROLL_UPS_MAX {
            let row = self.query_one(RAISE, sql, &[&level.name(), &to_s]).await?;
            if let Some(needed) = column::<Option<&str>>(RAISE, &row, "need_level")? {
                self.make_partition(level_named(RAISE, needed)?, column(RAISE, &row, "need_start_s")?).await?;
            } else if column(RAISE, &row, "again")? {
                let rolled = self.roll_up().await?;
                self.compact(&rolled.grown).await?;
            } else {
                return column(RAISE, &row, "raised");
            }
        }
        Ok(false)
    }

    /// Drops partitions, one a call of `sql`, until it names none.
    async fn drop_partitions(
        &self,
        sql: &'static str,
        parameters: &[&(dyn ToSql + Sync)],
        done: &mut Maintained,
    ) -> Result<(), Error> {
        const DROP: &str = "drop partitions";
        for _ in 0..DROPS_MAX {
            match self.query_one(DROP, sql, parameters).await {
                Err(error) if error.sql_state() == Some(LOCK_NOT_AVAILABLE) => {
                    done.refused += 1;
                    return Ok(());
                }
                Err(error) => return Err(error),
                Ok(row) if column::<Option<&str>>(DROP, &row, "name")?.is_none() => return Ok(()),
                Ok(_) => done.dropped += 1,
            }
        }
        Ok(())
    }

    async fn expire(&self, keep: &Keep) -> Result<u64, Error> {
        const EXPIRE: &str = "expire_v1";
        let sql = "SELECT expire_v1($1 * interval '1 second', $2 * interval '1 second', $3 * interval '1 second', $4) AS expired";
        let ledger_s = 2.0 * f64::from(keep.dedupe_seconds);
        let evidence_s = f64::from(keep.days_days) * 86_400.0;
        let row = self.query_one(EXPIRE, sql, &[&ledger_s, &HISTORY.as_secs_f64(), &evidence_s, &EXPIRED_MAX]).await?;
        amount(EXPIRE, &row, "expired")
    }
}

impl Keep {
    fn seconds(&self, level: Level) -> i64 {
        let days = match level {
            Level::Minute => self.minutes_days,
            Level::Hour => self.hours_days,
            Level::Day | Level::Month => self.days_days,
        };
        i64::from(days) * 86_400
    }
}

/// A time in each partition that should be there: three days of minutes, this month and the next of hours, this year and
/// the next of days.
fn ahead_of(now_s: i64) -> impl Iterator<Item = (Level, i64)> {
    let next_month = Level::Month.next(Level::Month.floor(now_s));
    let next_year = (0..12).fold(next_month, |month, _| Level::Month.next(month));
    let minutes = (0..4).map(move |days| (Level::Minute, now_s + days * 86_400));
    minutes.chain([(Level::Hour, now_s), (Level::Hour, next_month), (Level::Day, now_s), (Level::Day, next_year)])
}
