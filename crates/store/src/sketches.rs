//! Keeping sketches short: the database only appends, we merge.

use tally_model::{EndpointId, Level, Sketch};
use tokio_postgres::Row;

use crate::apply::level_named;
use crate::store::column;
use crate::{Error, Store};

/// Rows that one call of compaction sends at most; the rest in further calls.
const COMPACT_ROWS_MAX: usize = 1_000;

/// A row whose sketch has grown long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrownSketch {
    /// Level of the row.
    pub level: Level,
    /// Endpoint of the row.
    pub endpoint: EndpointId,
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
            let levels: Vec<&str> = part.iter().map(|row| row.level.name()).collect();
            let endpoints: Vec<i64> = part.iter().map(|row| row.endpoint.raw()).collect();
            let starts: Vec<i64> = part.iter().map(|row| row.start_s).collect();
            let olds: Vec<&[u8]> = part.iter().map(|row| row.sketch.as_slice()).collect();
            let news = part.iter().map(GrownSketch::merged).collect::<Result<Vec<_>, _>>()?;
            self.query("compact_v1", sql, &[&levels, &endpoints, &starts, &olds, &news]).await?;
        }
        Ok(())
    }

    /// Up to `limit` recent rows that grew and were left so by a crash.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn sweep_grown(&self, limit: u32) -> Result<Vec<GrownSketch>, Error> {
        const SWEEP: &str = "sweep_grown_v1";
        let sql = "SELECT level, endpoint, start_s, sketch FROM sweep_grown_v1($1)";
        let rows = self.query(SWEEP, sql, &[&i32::try_from(limit).unwrap_or(i32::MAX)]).await?;
        let read = |row: &Row| {
            Ok(GrownSketch {
                level: level_named(SWEEP, column(SWEEP, row, "level")?)?,
                endpoint: EndpointId::from_raw(column(SWEEP, row, "endpoint")?),
                start_s: column(SWEEP, row, "start_s")?,
                sketch: column(SWEEP, row, "sketch")?,
            })
        };
        rows.iter().map(read).collect()
    }
}

impl GrownSketch {
    /// One run in place of many.
    fn merged(&self) -> Result<Vec<u8>, Error> {
        Ok(decode(self.level, self.endpoint, &self.sketch)?.encode())
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
            let endpoint = EndpointId::from_raw(endpoint);
            Ok(Self { level: level_named(statement, level)?, endpoint, start_s, sketch })
        });
        grown.collect()
    }
}

/// Reads a stored sketch; the error names its row.
pub(crate) fn decode(level: Level, endpoint: EndpointId, bytes: &[u8]) -> Result<Sketch, Error> {
    let damaged = |source| Error::Sketch { level: level.name(), endpoint: endpoint.raw(), source };
    Sketch::decode(bytes).map_err(damaged)
}
