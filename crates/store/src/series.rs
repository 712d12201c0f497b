//! Figures over time, by steps; the database adds up what falls into one.

use tally_model::{EndpointId, Level, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::figures::{COUNT_SUMS, COUNTS};
use crate::reads::{between, parameters};
use crate::services::fresh_sql;
use crate::store::{amount, column};
use crate::{Error, Figures, Store};

const SERIES: &str = "series";
const SPARKLINES: &str = "sparklines";

impl Store {
    /// Figures of one endpoint by steps of `step_s` seconds from the start of the window, empty steps left out: start of
    /// the step in seconds since the Unix epoch, ascending. At [`Level::Month`] a step is a month, whatever `step_s`.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn series(
        &self,
        endpoint: EndpointId,
        window: Window,
        level: Level,
        step_s: i64,
    ) -> Result<Vec<(i64, Figures)>, Error> {
        let rows = endpoint_rows(level, "endpoint = $4", &format!("{COUNTS}, sketch"));
        let sql = format!(
            "SELECT {} AS start_s, {COUNT_SUMS}, string_agg(sketch, '') AS sketch FROM ({rows}) AS rows GROUP BY 1 ORDER BY 1",
            step(level)
        );
        let whose = || format!("endpoint {endpoint}");
        let numbers = [window.from_s, window.to_s, step_s.max(1), endpoint.raw()];
        self.steps(level, &sql, &parameters(&numbers), whose).await
    }

    /// Figures of everything, or of one service, by steps as in [`Self::series`].
    ///
    /// # Errors
    /// As [`Self::series`].
    pub async fn total_series(
        &self,
        window: Window,
        level: Level,
        step_s: i64,
        service: Option<&str>,
    ) -> Result<Vec<(i64, Figures)>, Error> {
        let (between, name) = (between(1), level.name());
        let (kept, fresh) = match service {
            Some(_) => ("AND service = service_id($4)", "AND e.service_id = service_id($4)"),
            None => ("", ""),
        };
        let fresh = fresh_sql("start, ", &format!("{between} {fresh}"));
        let rows = format!(
            "SELECT start, service, {COUNTS}, sketch FROM service_{name} WHERE {between} {kept} UNION ALL {fresh}"
        );
        let sql = format!(
            "SELECT {} AS start_s, {COUNT_SUMS}, string_agg(sketch, '') AS sketch FROM ({rows}) AS rows GROUP BY 1 ORDER BY 1",
            step(level)
        );
        let numbers = [window.from_s, window.to_s, step_s.max(1)];
        let mut parameters = parameters(&numbers);
        parameters.extend(service.as_ref().map(|service| (service as &(dyn ToSql + Sync), Type::TEXT)));
        self.steps(level, &sql, &parameters, || {
            service.map_or_else(|| "services".to_owned(), |name| format!("service {name}"))
        })
        .await
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
        let rows = endpoint_rows(level, "endpoint = ANY ($4)", "requests, status_5xx");
        let sql = format!(
            "SELECT endpoint, {} AS start_s, sum(requests)::bigint AS requests, sum(status_5xx)::bigint AS errors \
             FROM ({rows}) AS rows GROUP BY 1, 2 ORDER BY 1, 2",
            step(level)
        );
        let numbers = [window.from_s, window.to_s, step_s.max(1)];
        let mut parameters = parameters(&numbers);
        parameters.push((&ids, Type::INT8_ARRAY));
        let mut found = Vec::new();
        let take = |row: &Row| {
            let id = EndpointId::from_raw(column(SPARKLINES, row, "endpoint")?);
            let amount = |name| amount(SPARKLINES, row, name);
            found.push((id, column(SPARKLINES, row, "start_s")?, amount("requests")?, amount("errors")?));
            Ok(())
        };
        self.query_each(SPARKLINES, &sql, &parameters, take).await?;
        Ok(found)
    }

    async fn steps(
        &self,
        level: Level,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        whose: impl Fn() -> String,
    ) -> Result<Vec<(i64, Figures)>, Error> {
        let (mut steps, mut bins) = (Vec::new(), SketchSum::new());
        let take = |row: &Row| {
            let start_s = column(SERIES, row, "start_s")?;
            steps.push((start_s, Figures::read((SERIES, level), row, &mut bins, &whose)?));
            Ok(())
        };
        self.query_each(SERIES, sql, parameters, take).await?;
        Ok(steps)
    }
}

/// The rows of endpoints that start between parameters 1 and 2 and meet `filter`, minutes not yet rolled up included.
fn endpoint_rows(level: Level, filter: &str, columns: &str) -> String {
    let part = |level: Level, extra: &str| {
        let (between, name) = (between(1), level.name());
        format!("SELECT endpoint, start, {columns} FROM endpoint_{name} WHERE {filter} AND {between} {extra}")
    };
    match level {
        Level::Minute => part(level, ""),
        _ => format!("{} UNION ALL {}", part(level, ""), part(Level::Minute, "AND NOT rolled")),
    }
}

/// Start of the step that a row lies in: counted from parameter 1 in steps of parameter 3, or its calendar month.
fn step(level: Level) -> &'static str {
    match level {
        // Parameter 3 stands here too, for it is given.
        Level::Month => "extract(epoch FROM date_trunc('month', start, 'UTC'))::bigint + 0 * $3::bigint",
        _ => "$1::bigint + (extract(epoch FROM start)::bigint - $1::bigint) / $3::bigint * $3::bigint",
    }
}
