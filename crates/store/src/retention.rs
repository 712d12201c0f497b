//! What is kept and for how long: partitions made ahead, floors raised, partitions dropped.

use tally_model::Level;

use crate::{Error, Store};

/// How long each level is kept, in days. Months stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// Minutes, in days.
    pub minutes_days: u32,
    /// Hours, in days.
    pub hours_days: u32,
    /// Days, in days.
    pub days_days: u32,
}

impl Default for Keep {
    fn default() -> Self {
        Self { minutes_days: 7, hours_days: 90, days_days: 731 }
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
    pub async fn make_partition(&self, _level: Level, _start_s: i64) -> Result<(), Error> {
        unimplemented!()
    }

    /// Makes partitions ahead, drops those no longer kept (after rolling up what is in them), and expires ledger and
    /// history. Any consumer may call it at any time; at start, and every few minutes.
    ///
    /// # Errors
    /// [`Error::KeepOrder`]; whatever the database says.
    pub async fn maintain(&self, _keep: &Keep) -> Result<Maintained, Error> {
        unimplemented!()
    }

    /// From when on each level is kept.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn floors(&self) -> Result<Floors, Error> {
        unimplemented!()
    }
}
