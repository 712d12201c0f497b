//! Figures over time, by steps; the database adds up what falls into one.

use std::collections::BTreeMap;

use tally_model::{BlockUnit, EndpointId, Level, SketchError, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::blocks::Blocks;
use crate::figures::{COUNT_SUMS, COUNTS, COUNTS_LEN};
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
        // As wide as a row of figures, and in the same places.
        let blocks = blocks(level, "endpoint = $4", "", &"0, ".repeat(COUNTS_LEN));
        let sql = format!(
            "SELECT NULL::bytea AS block, {} AS start_s, {COUNT_SUMS}, string_agg(sketch, '') AS sketch FROM ({rows}) AS rows \
             GROUP BY 2{blocks}",
            step(level)
        );
        let whose = || format!("endpoint {endpoint}");
        let numbers = [window.from_s, window.to_s, step_s.max(1), endpoint.raw()];
        self.steps((window, level, numbers[2]), &sql, &parameters(&numbers), whose).await
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
            "SELECT NULL::bytea AS block, {} AS start_s, {COUNT_SUMS}, string_agg(sketch, '') AS sketch FROM ({rows}) AS rows \
             GROUP BY 2",
            step(level)
        );
        let numbers = [window.from_s, window.to_s, step_s.max(1)];
        let mut parameters = parameters(&numbers);
        parameters.extend(service.as_ref().map(|service| (service as &(dyn ToSql + Sync), Type::TEXT)));
        self.steps((window, level, numbers[2]), &sql, &parameters, || {
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
        let blocks = blocks(level, "endpoint = ANY ($4)", "endpoint, ", "0, ");
        let sql = format!(
            "SELECT NULL::bytea AS block, endpoint, {} AS start_s, sum(requests)::bigint AS requests, \
             sum(status_5xx)::bigint AS errors FROM ({rows}) AS rows GROUP BY 2, 3{blocks}",
            step(level)
        );
        let numbers = [window.from_s, window.to_s, step_s.max(1)];
        let mut parameters = parameters(&numbers);
        parameters.push((&ids, Type::INT8_ARRAY));
        let mut found = BTreeMap::<(EndpointId, i64), (u64, u64)>::new();
        let take = |row: &Row| {
            let id = EndpointId::from_raw(column(SPARKLINES, row, "endpoint")?);
            let start_s = column(SPARKLINES, row, "start_s")?;
            let mut add = |start_s: i64, requests: u64, errors: u64| {
                let sums = found.entry((id, start_s)).or_default();
                *sums = (sums.0.saturating_add(requests), sums.1.saturating_add(errors));
            };
            let Some(block) = column::<Option<&[u8]>>(SPARKLINES, row, "block")? else {
                add(start_s, amount(SPARKLINES, row, "requests")?, amount(SPARKLINES, row, "errors")?);
                return Ok(());
            };
            for unit in units(level, block, start_s, window) {
                let (start_s, unit) = unit.map_err(damaged(level, || format!("endpoint {id}")))?;
                add(step_of(start_s, window, numbers[2]), unit.requests, unit.status[4]);
            }
            Ok(())
        };
        self.query_each(SPARKLINES, &sql, &parameters, take).await?;
        Ok(found.into_iter().map(|((id, start_s), (requests, errors))| (id, start_s, requests, errors)).collect())
    }

    async fn steps(
        &self,
        (window, level, step_s): (Window, Level, i64),
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        whose: impl Fn() -> String,
    ) -> Result<Vec<(i64, Figures)>, Error> {
        let (mut steps, mut bins) = (BTreeMap::<i64, Figures>::new(), SketchSum::new());
        let take = |row: &Row| {
            let start_s = column(SERIES, row, "start_s")?;
            let Some(block) = column::<Option<&[u8]>>(SERIES, row, "block")? else {
                let figures = Figures::read((SERIES, level), row, &mut bins, &whose)?;
                steps.entry(start_s).or_default().add(&figures);
                return Ok(());
            };
            for unit in units(level, block, start_s, window) {
                let (start_s, unit) = unit.map_err(damaged(level, &whose))?;
                bins.add(unit.sketch).map_err(damaged(level, &whose))?;
                let figures = Figures { sketch: bins.take(), ..Figures::of_unit(&unit) };
                steps.entry(step_of(start_s, window, step_s)).or_default().add(&figures);
            }
            Ok(())
        };
        self.query_each(SERIES, sql, parameters, take).await?;
        Ok(steps.into_iter().collect())
    }
}

/// The blocks that hold units between parameters 1 and 2 and meet `filter`, as further rows of a statement whose columns are
/// the block, those `before` the start, the start, those `after` it, and one more; none of a level that has none.
fn blocks(level: Level, filter: &str, before: &str, after: &str) -> String {
    let sql = |blocks: Blocks| {
        format!(
            " UNION ALL SELECT {}, {before}extract(epoch FROM start)::bigint, {after}NULL FROM {} WHERE {filter} AND {}",
            blocks.column(),
            blocks.table(),
            blocks.between(1)
        )
    };
    Blocks::of(level).map_or_else(String::new, sql)
}

/// What such a block holds.
fn units(
    level: Level,
    block: &[u8],
    block_s: i64,
    window: Window,
) -> impl Iterator<Item = Result<(i64, BlockUnit<'_>), SketchError>> {
    Blocks::of(level).into_iter().flat_map(move |blocks| blocks.units(block, block_s, window))
}

/// As [`step`] says it of a row.
fn step_of(start_s: i64, window: Window, step_s: i64) -> i64 {
    window.from_s + (start_s - window.from_s) / step_s * step_s
}

fn damaged(level: Level, whose: impl Fn() -> String) -> impl Fn(SketchError) -> Error {
    move |source| Error::Sketch { level: level.name(), whose: whose(), source }
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
