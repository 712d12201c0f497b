//! Everything at once, and by service: from the rows of services, so few rows whatever the number of endpoints.

use tally_model::{Level, Pieces, SketchSum, Window};
use tokio_postgres::Row;

use crate::apply::level_named;
use crate::figures::{COUNT_SUMS, COUNTS};
use crate::reads::{between, bounds, parameters};
use crate::store::column;
use crate::{Error, Figures, Floors, Store};

const SUMMARY: &str = "summary";
const SERVICES: &str = "services";
const SPAN: &str = "span";

impl Store {
    /// Figures of everything in the window.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`], where a row cannot be read.
    pub async fn summary(&self, pieces: &Pieces) -> Result<Figures, Error> {
        let sql = format!(
            "SELECT {COUNT_SUMS}, string_agg(sketch, '') AS sketch FROM ({}) AS rows HAVING count(*) > 0",
            rows_sql(pieces)
        );
        let found = self.query_services(SUMMARY, &sql, pieces, |_| Ok(())).await?;
        Ok(found.into_iter().next().map(|found| found.1).unwrap_or_default())
    }

    /// Figures of every service that had a request in the window, by name.
    ///
    /// # Errors
    /// As [`Self::summary`].
    pub async fn services(&self, pieces: &Pieces) -> Result<Vec<(String, Figures)>, Error> {
        let sql = format!(
            "SELECT coalesce(s.name, '<other>') AS name, f.* FROM ( \
                 SELECT service, {COUNT_SUMS}, string_agg(sketch, '') AS sketch FROM ({}) AS rows GROUP BY service) AS f LEFT JOIN service s ON s.id = f.service",
            rows_sql(pieces)
        );
        let mut found = self.query_services(SERVICES, &sql, pieces, |row| column(SERVICES, row, "name")).await?;
        found.sort_unstable_by(|a: &(String, Figures), b| a.0.cmp(&b.0));
        Ok(found)
    }

    /// Starts of the first and the last unit that has a request, in seconds since the Unix epoch, each at the finest level that
    /// still keeps it; `None` before anything is counted.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn span(&self) -> Result<Option<(i64, i64)>, Error> {
        let floors = self.floors().await?;
        let rows = self.query(SPAN, &span_sql(), &[]).await?;
        let mut bounds = Vec::with_capacity(rows.len());
        for row in &rows {
            let found: Option<i64> = column(SPAN, row, "first_s")?;
            let Some(found) = found.zip(column(SPAN, row, "last_s")?) else { continue };
            bounds.push((level_named(SPAN, column(SPAN, row, "level")?)?, found));
        }
        Ok(span_of(&bounds, floors))
    }

    async fn query_services<T>(
        &self,
        statement: &'static str,
        sql: &str,
        pieces: &Pieces,
        name: impl Fn(&Row) -> Result<T, Error>,
    ) -> Result<Vec<(T, Figures)>, Error> {
        let bounds = bounds(pieces.iter().map(|piece| piece.1));
        let (mut found, mut bins) = (Vec::new(), SketchSum::new());
        let whose = || "services".to_owned();
        let take = |row: &Row| {
            found.push((name(row)?, Figures::read((statement, pieces.level()), row, &mut bins, whose)?));
            Ok(())
        };
        self.query_each(statement, sql, &parameters(&bounds), take).await?;
        Ok(found)
    }
}

/// The rows of services in all pieces, and the minutes of endpoints that are in none of them yet. The bounds of the pieces are
/// the first parameters.
fn rows_sql(pieces: &Pieces) -> String {
    let piece = |(i, (level, _)): (usize, (Level, Window))| {
        let between = between(2 * i + 1);
        format!(
            "SELECT service, {COUNTS}, sketch FROM service_{} WHERE {between} UNION ALL {}",
            level.name(),
            fresh_sql("", &between)
        )
    };
    pieces.iter().enumerate().map(piece).collect::<Vec<_>>().join(" UNION ALL ")
}

/// The minutes not yet rolled up, with the service of each; `before` stands before the columns.
pub(crate) fn fresh_sql(before: &str, filter: &str) -> String {
    format!(
        "SELECT {before}e.service_id, {COUNTS}, sketch FROM endpoint_minute m JOIN endpoint e ON e.id = m.endpoint \
         WHERE NOT rolled AND {filter}"
    )
}

/// First and last start of each level, those no longer kept left out, and of the minutes not yet rolled up.
fn span_sql() -> String {
    let bounds = "extract(epoch FROM min(start))::bigint AS first_s, extract(epoch FROM max(start))::bigint AS last_s";
    let level = |level: Level| {
        let name = level.name();
        format!(
            "SELECT '{name}' AS level, {bounds} FROM service_{name} \
             WHERE start >= (SELECT at FROM kept_floor WHERE level = '{name}')"
        )
    };
    let levels = Level::ALL.map(level).join(" UNION ALL ");
    format!("{levels} UNION ALL SELECT 'minute', {bounds} FROM endpoint_minute WHERE NOT rolled")
}

/// What each level has, from the coarsest down: a finer one says it better where it keeps the whole of the coarser unit.
fn span_of(found: &[(Level, (i64, i64))], floors: Floors) -> Option<(i64, i64)> {
    let mut span: Option<(i64, i64)> = None;
    for level in Level::ALL.into_iter().rev() {
        // A minute that is not rolled up yet will be in every level.
        let here = found.iter().filter(|row| row.0 == level || row.0 == Level::Minute);
        let (first_s, last_s) = here.clone().fold((i64::MAX, i64::MIN), |bounds, row| {
            (bounds.0.min(level.floor(row.1.0)), bounds.1.max(level.floor(row.1.1)))
        });
        if first_s > last_s {
            continue;
        }
        let floor_s = floors.of(level);
        span = Some(span.map_or((first_s, last_s), |coarse| {
            (
                if floor_s <= coarse.0 { first_s } else { coarse.0 },
                if floor_s <= coarse.1 { last_s } else { coarse.1.max(last_s) },
            )
        }));
    }
    span
}
