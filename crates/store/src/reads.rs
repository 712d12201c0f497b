//! Windows in, figures out. Whatever the window, a bounded number of rows of an endpoint is read: the caller picks the
//! level (`tally_model::Window::level`). Levels above minutes include the minutes not yet rolled up.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use tally_model::{EndpointId, EndpointName, Level, Window};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::column;
use crate::{EndpointFigures, Error, Figures, Store};

const READ: &str = "endpoints";
const SERIES: &str = "series";

/// The columns of a rollup, added up.
const SUMS: &str = "sum(requests)::bigint AS requests, sum(status_1xx)::bigint AS status_1xx, \
    sum(status_2xx)::bigint AS status_2xx, sum(status_3xx)::bigint AS status_3xx, sum(status_4xx)::bigint AS status_4xx, \
    sum(status_5xx)::bigint AS status_5xx, sum(timed)::bigint AS timed, \
    least(sum(duration_sum_us), 9223372036854775807)::bigint AS duration_sum_us, \
    min(duration_min_us) AS duration_min_us, max(duration_max_us) AS duration_max_us, string_agg(sketch, '') AS sketch";
/// The columns of a rollup.
const COLUMNS: &str = "requests, status_1xx, status_2xx, status_3xx, status_4xx, status_5xx, timed, duration_sum_us, \
    duration_min_us, duration_max_us, sketch";

/// Which figures to read.
#[derive(Debug, Clone)]
pub struct EndpointQuery {
    /// Window, snapped to the level.
    pub window: Window,
    /// Level to read.
    pub level: Level,
    /// Only endpoints of this service.
    pub service: Option<String>,
}

impl Store {
    /// Figures of every endpoint that had a request in the window, by id.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn endpoints(&self, query: &EndpointQuery) -> Result<Vec<EndpointFigures>, Error> {
        let mut found: BTreeMap<EndpointId, EndpointFigures> = BTreeMap::new();
        self.each_endpoint(query, |read| {
            if let Some(known) = found.get_mut(&read.id) {
                known.figures.add(&read.figures);
            } else {
                found.insert(read.id, read);
            }
        })
        .await?;
        Ok(found.into_values().collect())
    }

    /// Figures of everything in the window.
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn summary(&self, window: Window, level: Level) -> Result<Figures, Error> {
        let mut sum = Figures::default();
        let everything = EndpointQuery { window, level, service: None };
        self.each_endpoint(&everything, |read| sum.add(&read.figures)).await?;
        Ok(sum)
    }

    /// Figures of every service that had a request in the window, by name.
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn services(&self, window: Window, level: Level) -> Result<Vec<(String, Figures)>, Error> {
        let mut sums: BTreeMap<String, Figures> = BTreeMap::new();
        let everything = EndpointQuery { window, level, service: None };
        self.each_endpoint(&everything, |read| sums.entry(read.name.service.into()).or_default().add(&read.figures))
            .await?;
        Ok(sums.into_iter().collect())
    }

    /// Figures of one endpoint by steps of `step_s` seconds from the start of the window, empty steps left out: start of
    /// the step in seconds since the Unix epoch, ascending. At [`Level::Month`] a step is a month, whatever `step_s`.
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn series(
        &self,
        endpoint: EndpointId,
        window: Window,
        level: Level,
        step_s: i64,
    ) -> Result<Vec<(i64, Figures)>, Error> {
        let mut steps: BTreeMap<i64, Figures> = BTreeMap::new();
        let parameters: [&(dyn ToSql + Sync); 3] = [&endpoint.raw(), &window.from_s, &window.to_s];
        for row in self.query(SERIES, &series_sql(level), &parameters).await? {
            let start_s: i64 = column(SERIES, &row, "start_s")?;
            let step_start_s = match level {
                Level::Month => level.floor(start_s),
                _ => window.from_s + (start_s - window.from_s).div_euclid(step_s.max(1)) * step_s.max(1),
            };
            steps.entry(step_start_s).or_default().add(&Figures::read(SERIES, level, endpoint, &row)?);
        }
        Ok(steps.into_iter().collect())
    }

    /// The name of an endpoint, if it was ever admitted.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<EndpointName>, Error> {
        let rows = self.query(READ, "SELECT service, method, route FROM endpoint WHERE id = $1", &[&id.raw()]).await?;
        rows.first().map(name_of).transpose()
    }

    /// Gives `take` the figures of each endpoint, row by row as they arrive; an endpoint with minutes not yet rolled up
    /// comes twice.
    async fn each_endpoint(&self, query: &EndpointQuery, mut take: impl FnMut(EndpointFigures)) -> Result<(), Error> {
        let sql = endpoints_sql(query.level, query.service.is_some());
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&query.window.from_s, &query.window.to_s];
        parameters.extend(query.service.as_ref().map(|service| service as &(dyn ToSql + Sync)));
        let connection = self.connection().await?;
        let read = self.answer(READ, connection, async |connection| {
            let prepared = connection.prepare_cached(&sql).await?;
            let mut rows = std::pin::pin!(connection.query_raw(&prepared, parameters.iter().copied()).await?);
            while let Some(row) = rows.try_next().await? {
                match endpoint_figures(query.level, &row) {
                    Ok(read) => take(read),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(()))
        });
        read.await?
    }
}

/// The minutes that a level does not hold yet are read in the same statement, so from the same snapshot.
fn endpoints_sql(level: Level, one_service: bool) -> String {
    let level_name = level.name();
    let service = if one_service { "AND e.service_id = service_id($3)" } else { "" };
    let kept = format!(
        "SELECT e.id, e.service, e.method, e.route, f.* FROM endpoint e CROSS JOIN LATERAL ( \
             SELECT {SUMS} FROM endpoint_{level_name} t WHERE t.endpoint = e.id \
             AND t.start >= to_timestamp($1::bigint) AND t.start < to_timestamp($2::bigint)) AS f \
         WHERE f.requests > 0 {service}"
    );
    if level == Level::Minute {
        return kept;
    }
    format!(
        "{kept} UNION ALL SELECT e.id, e.service, e.method, e.route, {COLUMNS} FROM ( \
             SELECT endpoint, {SUMS} FROM endpoint_minute \
             WHERE NOT rolled AND start >= to_timestamp($1::bigint) AND start < to_timestamp($2::bigint) \
             GROUP BY endpoint) AS f JOIN endpoint e ON e.id = f.endpoint WHERE true {service}"
    )
}

fn series_sql(level: Level) -> String {
    let part = |level: Level, extra: &str| {
        format!(
            "SELECT extract(epoch FROM start)::bigint AS start_s, {COLUMNS} FROM endpoint_{} WHERE endpoint = $1 \
             AND start >= to_timestamp($2::bigint) AND start < to_timestamp($3::bigint) {extra}",
            level.name()
        )
    };
    if level == Level::Minute {
        return part(level, "");
    }
    format!("{} UNION ALL {}", part(level, ""), part(Level::Minute, "AND NOT rolled"))
}

fn endpoint_figures(level: Level, row: &Row) -> Result<EndpointFigures, Error> {
    let id = EndpointId::from_raw(column(READ, row, "id")?);
    Ok(EndpointFigures { id, name: name_of(row)?, figures: Figures::read(READ, level, id, row)? })
}

fn name_of(row: &Row) -> Result<EndpointName, Error> {
    let text = |name| column::<&str>(READ, row, name);
    Ok(EndpointName::new(text("service")?, text("method")?, text("route")?))
}
