//! Keeping sketches short: the database only appends, we merge.

use std::fmt;

use tally_model::{EndpointId, Level, Sketch};
use tokio_postgres::Row;

use crate::apply::level_named;
use crate::store::column;
use crate::{Error, Store};

/// Rows that one call of compaction sends at most; the rest in further calls.
const COMPACT_ROWS_MAX: usize = 1_000;
/// Rows of services that are read to be merged at a time.
const SERVICES_MAX: i32 = 1_000;
/// Bytes of them that are read at a time, where one row alone is not longer: a minute of a service is as long as those of
/// all its endpoints until it is merged.
const SERVICES_BYTES: i64 = 16 << 20;
/// What stands before the level in the name of a level of services.
const OF_SERVICES: &str = "service_";

/// Whose counts a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Whose {
    /// An endpoint's.
    Endpoint(EndpointId),
    /// Those of all endpoints of a service, by the id that follows from its name.
    Service(i64),
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(id) => write!(f, "endpoint {id}"),
            Self::Service(id) => write!(f, "service {id}"),
        }
    }
}

/// A row whose sketch has grown long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrownSketch {
    /// Level of the row.
    pub level: Level,
    /// Whose row it is.
    pub whose: Whose,
    /// Start of the row in seconds since the Unix epoch.
    pub start_s: i64,
    /// The sketch as it was found.
    pub sketch: Vec<u8>,
}

impl Store {
    /// Merges the runs of each sketch and puts them back where the row still starts with the old bytes: the meaning of
    /// the row stays, so it needs no fence and may be run by anyone, late, or never.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn compact(&self, grown: &[GrownSketch]) -> Result<(), Error> {
        let sql = "SELECT compact_v1($1, $2, $3, $4, $5)";
        for part in grown.chunks(COMPACT_ROWS_MAX) {
            let levels: Vec<String> = part.iter().map(GrownSketch::level_name).collect();
            let ids: Vec<i64> = part.iter().map(GrownSketch::id).collect();
            let starts: Vec<i64> = part.iter().map(|row| row.start_s).collect();
            let olds: Vec<&[u8]> = part.iter().map(|row| row.sketch.as_slice()).collect();
            let news = part.iter().map(GrownSketch::merged).collect::<Result<Vec<_>, _>>()?;
            self.query("compact_v1", sql, &[&levels, &ids, &starts, &olds, &news]).await?;
        }
        Ok(())
    }

    /// Up to `limit` recent rows of endpoints that grew and were left so by a crash, and those of services.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn sweep_grown(&self, limit: u32) -> Result<Vec<GrownSketch>, Error> {
        const SWEEP: &str = "sweep_grown_v1";
        let sql = "SELECT level, endpoint AS id, start_s, sketch FROM sweep_grown_v1($1)";
        let rows = self.query(SWEEP, sql, &[&i32::try_from(limit).unwrap_or(i32::MAX)]).await?;
        let mut grown = rows.iter().map(|row| GrownSketch::found(SWEEP, row)).collect::<Result<Vec<_>, _>>()?;
        grown.extend(self.grown_services().await?);
        Ok(grown)
    }

    /// Rows of services that grew, the longest first: a bounded number of rows and bytes.
    pub(crate) async fn grown_services(&self) -> Result<Vec<GrownSketch>, Error> {
        const GROWN: &str = "grown_services_v1";
        let sql = "SELECT level, service AS id, start_s, sketch FROM grown_services_v1($1, $2)";
        let rows = self.query(GROWN, sql, &[&SERVICES_MAX, &SERVICES_BYTES]).await?;
        rows.iter().map(|row| GrownSketch::found(GROWN, row)).collect()
    }
}

impl GrownSketch {
    /// One run in place of many.
    fn merged(&self) -> Result<Vec<u8>, Error> {
        let sketch = Sketch::decode(&self.sketch);
        let damaged = |source| Error::Sketch { level: self.level.name(), whose: self.whose.to_string(), source };
        Ok(sketch.map_err(damaged)?.encode())
    }

    /// The name of its level, as the stored functions have it.
    fn level_name(&self) -> String {
        match self.whose {
            Whose::Endpoint(_) => self.level.name().to_owned(),
            Whose::Service(_) => format!("{OF_SERVICES}{}", self.level.name()),
        }
    }

    fn id(&self) -> i64 {
        match self.whose {
            Whose::Endpoint(id) => id.raw(),
            Whose::Service(id) => id,
        }
    }

    fn found(statement: &'static str, row: &Row) -> Result<Self, Error> {
        let (name, id): (&str, i64) = (column(statement, row, "level")?, column(statement, row, "id")?);
        let (name, whose) = match name.strip_prefix(OF_SERVICES) {
            Some(name) => (name, Whose::Service(id)),
            None => (name, Whose::Endpoint(EndpointId::from_raw(id))),
        };
        let (start_s, sketch) = (column(statement, row, "start_s")?, column(statement, row, "sketch")?);
        Ok(Self { level: level_named(statement, name)?, whose, start_s, sketch })
    }

    /// The rows that apply and roll-up return beside their answer.
    pub(crate) fn read(statement: &'static str, row: &Row) -> Result<Vec<Self>, Error> {
        let levels: Option<Vec<&str>> = column(statement, row, "grown_levels")?;
        let endpoints: Option<Vec<i64>> = column(statement, row, "grown_endpoints")?;
        let starts: Option<Vec<i64>> = column(statement, row, "grown_starts")?;
        let sketches: Option<Vec<Vec<u8>>> = column(statement, row, "grown_sketches")?;
        let rows = levels.into_iter().flatten().zip(endpoints.into_iter().flatten());
        let rows = rows.zip(starts.into_iter().flatten()).zip(sketches.into_iter().flatten());
        let grown = rows.map(|(((level, endpoint), start_s), sketch)| {
            let whose = Whose::Endpoint(EndpointId::from_raw(endpoint));
            Ok(Self { level: level_named(statement, level)?, whose, start_s, sketch })
        });
        grown.collect()
    }
}
