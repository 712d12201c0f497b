//! Windows in, figures out. Whatever the window, a bounded number of rows of an endpoint is read: the caller picks the
//! level (`tally_model::Window::level`). Levels above minutes include the minutes not yet rolled up.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use tally_model::{EndpointId, EndpointName, Level, Pieces, Window};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::store::{amount, column};
use crate::{EndpointFigures, Error, Figures, Store};

const READ: &str = "endpoints";
const SERIES: &str = "series";
const SERVICES: &str = "service_names";
const SPAN: &str = "span";

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
    /// The window.
    pub pieces: Pieces,
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
    pub async fn summary(&self, pieces: &Pieces) -> Result<Figures, Error> {
        let mut sum = Figures::default();
        let everything = EndpointQuery { pieces: pieces.clone(), service: None };
        self.each_endpoint(&everything, |read| sum.add(&read.figures)).await?;
        Ok(sum)
    }

    /// Figures of every service that had a request in the window, by name.
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn services(&self, pieces: &Pieces) -> Result<Vec<(String, Figures)>, Error> {
        let mut sums: BTreeMap<String, Figures> = BTreeMap::new();
        let everything = EndpointQuery { pieces: pieces.clone(), service: None };
        self.each_endpoint(&everything, |read| sums.entry(read.name.service.into()).or_default().add(&read.figures))
            .await?;
        Ok(sums.into_iter().collect())
    }

    /// Figures of everything, or of one service, by steps as in [`Self::series`].
    ///
    /// # Errors
    /// As [`Self::endpoints`].
    pub async fn total_series(
        &self,
        window: Window,
        level: Level,
        step_s: i64,
        service: Option<&str>,
    ) -> Result<Vec<(i64, Figures)>, Error> {
        let of_service =
            "AND ($3::text IS NULL OR endpoint IN (SELECT id FROM endpoint e WHERE e.service_id = service_id($3)))";
        let sql = steps_sql(level, of_service, COLUMNS);
        self.steps(&sql, &[&window.from_s, &window.to_s, &service], (window, level, step_s)).await
    }

    /// Requests and errors (5xx) of some endpoints by steps as in [`Self::series`]: endpoint, start of the step, requests,
    /// errors; by endpoint and start, empty steps left out. No sketch is read.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn sparklines(
        &self,
        endpoints: &[EndpointId],
        window: Window,
        level: Level,
        step_s: i64,
    ) -> Result<Vec<(EndpointId, i64, u64, u64)>, Error> {
        let ids: Vec<i64> = endpoints.iter().map(|id| id.raw()).collect();
        let sql = steps_sql(level, "AND endpoint = ANY ($3)", "requests, status_5xx");
        let parameters: [&(dyn ToSql + Sync); 3] = [&window.from_s, &window.to_s, &ids];
        let mut steps: BTreeMap<(EndpointId, i64), (u64, u64)> = BTreeMap::new();
        for row in self.query(SERIES, &sql, &parameters).await? {
            let (endpoint, start_s) = place(&row)?;
            let sums = steps.entry((endpoint, step_start(window, level, step_s, start_s))).or_default();
            sums.0 = sums.0.saturating_add(amount(SERIES, &row, "requests")?);
            sums.1 = sums.1.saturating_add(amount(SERIES, &row, "status_5xx")?);
        }
        Ok(steps.into_iter().map(|((id, start_s), (requests, errors))| (id, start_s, requests, errors)).collect())
    }

    /// Starts of the first and the last unit that has a request, in seconds since the Unix epoch, each at the finest level that
    /// still keeps it; `None` before anything is counted.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn span(&self) -> Result<Option<(i64, i64)>, Error> {
        let floors = self.floors().await?;
        let mut found: Option<(i64, i64)> = None;
        for level in Level::ALL.into_iter().rev() {
            let sql = format!(
                "SELECT extract(epoch FROM min(start))::bigint AS first_s, extract(epoch FROM max(start))::bigint AS last_s \
                 FROM endpoint_{}",
                level.name()
            );
            let row = self.query_one(SPAN, &sql, &[]).await?;
            let bounds = column::<Option<i64>>(SPAN, &row, "first_s")?.zip(column(SPAN, &row, "last_s")?);
            let Some((first_s, last_s)) = bounds else { continue };
            found = Some(match found {
                // Finer, if all of the coarser unit is kept at this level.
                Some((coarse_s, last_coarse_s)) => (
                    if floors.of(level) <= coarse_s { first_s } else { coarse_s },
                    if floors.of(level) <= last_coarse_s { last_s } else { last_coarse_s.max(last_s) },
                ),
                None => (first_s, last_s),
            });
        }
        Ok(found)
    }

    /// The services with the number of their endpoints, by name.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn service_names(&self) -> Result<Vec<(String, i64)>, Error> {
        let sql = "SELECT service, count(*) AS endpoints FROM endpoint GROUP BY service ORDER BY service COLLATE \"C\"";
        let rows = self.query(SERVICES, sql, &[]).await?;
        let read = |row: &Row| Ok((column(SERVICES, row, "service")?, column(SERVICES, row, "endpoints")?));
        rows.iter().map(read).collect()
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
        let sql = steps_sql(level, "AND endpoint = $3", COLUMNS);
        self.steps(&sql, &[&window.from_s, &window.to_s, &endpoint.raw()], (window, level, step_s)).await
    }

    async fn steps(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
        (window, level, step_s): (Window, Level, i64),
    ) -> Result<Vec<(i64, Figures)>, Error> {
        let mut steps: BTreeMap<i64, Figures> = BTreeMap::new();
        for row in self.query(SERIES, sql, parameters).await? {
            let (endpoint, start_s) = place(&row)?;
            let figures = Figures::read(SERIES, level, endpoint, &row)?;
            steps.entry(step_start(window, level, step_s, start_s)).or_default().add(&figures);
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
        let sql = endpoints_sql(&query.pieces, query.service.is_some());
        let bounds: Vec<i64> = query.pieces.iter().flat_map(|(_, window)| [window.from_s, window.to_s]).collect();
        let mut parameters: Vec<&(dyn ToSql + Sync)> =
            bounds.iter().map(|bound| bound as &(dyn ToSql + Sync)).collect();
        parameters.extend(query.service.as_ref().map(|service| service as &(dyn ToSql + Sync)));
        let connection = self.connection().await?;
        let read = self.answer(READ, connection, async |connection| {
            let prepared = connection.prepare_cached(&sql).await?;
            let mut rows = std::pin::pin!(connection.query_raw(&prepared, parameters.iter().copied()).await?);
            while let Some(row) = rows.try_next().await? {
                match endpoint_figures(query.pieces.level(), &row) {
                    Ok(read) => take(read),
                    Err(error) => return Ok(Err(error)),
                }
            }
            Ok(Ok(()))
        });
        read.await?
    }
}

/// All pieces, and the minutes that a level does not hold yet, in one statement, so from one snapshot. The bounds of the
/// pieces are the first parameters, the service the last.
fn endpoints_sql(pieces: &Pieces, one_service: bool) -> String {
    let service = if one_service {
        format!("AND e.service_id = service_id(${})", 2 * pieces.iter().len() + 1)
    } else {
        String::new()
    };
    let piece = |(i, (level, _)): (usize, (Level, Window))| {
        let within = within(2 * i + 1);
        let kept = format!(
            "SELECT e.id, e.service, e.method, e.route, f.* FROM endpoint e CROSS JOIN LATERAL ( \
                 SELECT {SUMS} FROM endpoint_{} t WHERE t.endpoint = e.id AND {within}) AS f WHERE f.requests > 0 {service}",
            level.name()
        );
        if level == Level::Minute {
            return kept;
        }
        format!(
            "{kept} UNION ALL SELECT e.id, e.service, e.method, e.route, {COLUMNS} FROM ( \
                 SELECT endpoint, {SUMS} FROM endpoint_minute WHERE NOT rolled AND {within} GROUP BY endpoint) AS f \
             JOIN endpoint e ON e.id = f.endpoint WHERE true {service}"
        )
    };
    pieces.iter().enumerate().map(piece).collect::<Vec<_>>().join(" UNION ALL ")
}

/// Whether a row starts between the bounds that the parameters `first` and the next one are.
fn within(first: usize) -> String {
    format!("start >= to_timestamp(${first}::bigint) AND start < to_timestamp(${}::bigint)", first + 1)
}

/// `columns` of the rows that start between parameters 1 and 2 and meet `filter`, minutes not yet rolled up included.
fn steps_sql(level: Level, filter: &str, columns: &str) -> String {
    let part = |level: Level, extra: &str| {
        format!(
            "SELECT endpoint, extract(epoch FROM start)::bigint AS start_s, {columns} FROM endpoint_{} WHERE {} {filter} {extra}",
            level.name(),
            within(1)
        )
    };
    match level {
        Level::Minute => part(level, ""),
        _ => format!("{} UNION ALL {}", part(level, ""), part(Level::Minute, "AND NOT rolled")),
    }
}

/// Start of the step that `start_s` lies in.
fn step_start(window: Window, level: Level, step_s: i64, start_s: i64) -> i64 {
    match level {
        Level::Month => level.floor(start_s),
        _ => window.from_s + (start_s - window.from_s).div_euclid(step_s.max(1)) * step_s.max(1),
    }
}

fn place(row: &Row) -> Result<(EndpointId, i64), Error> {
    Ok((EndpointId::from_raw(column(SERIES, row, "endpoint")?), column(SERIES, row, "start_s")?))
}

fn endpoint_figures(level: Level, row: &Row) -> Result<EndpointFigures, Error> {
    let id = EndpointId::from_raw(column(READ, row, "id")?);
    Ok(EndpointFigures { id, name: name_of(row)?, figures: Figures::read(READ, level, id, row)? })
}

fn name_of(row: &Row) -> Result<EndpointName, Error> {
    let text = |name| column::<&str>(READ, row, name);
    Ok(EndpointName::new(text("service")?, text("method")?, text("route")?))
}
