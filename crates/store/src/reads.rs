//! The table of endpoints: a window in, figures out. Whatever the window, a bounded number of rows of an endpoint is read: the
//! caller cuts it (`tally_model::Window::pieces`). Levels above minutes include the minutes not yet rolled up.

use std::collections::HashMap;

use tally_model::{EndpointId, EndpointName, Level, Pieces, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::figures::{COUNT_SUMS, COUNTS};
use crate::store::column;
use crate::{EndpointFigures, Error, Figures, Store};

const READ: &str = "endpoints";

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
        let sql = endpoints_sql(&query.pieces, query.service.is_some());
        let bounds = bounds(&query.pieces);
        let mut parameters = parameters(&bounds);
        parameters.extend(query.service.as_ref().map(|service| (service as &(dyn ToSql + Sync), Type::TEXT)));
        let mut found = HashMap::<EndpointId, Found>::new();
        let take = |row: &Row| {
            let fail = |source| Error::Database { statement: READ, source };
            let id = EndpointId::from_raw(row.try_get(0).map_err(fail)?);
            let found = found.entry(id).or_default();
            if let Some(runs) = row.try_get::<_, Option<&[u8]>>(3).map_err(fail)? {
                found.runs.extend_from_slice(runs);
                return Ok(());
            }
            found.name = row.try_get(1).map_err(fail)?;
            found.counts = row.try_get(2).map_err(fail)?;
            Ok(())
        };
        let place = self.table_place().await?;
        self.query_each(READ, &sql, &parameters, take).await?;
        let (mut bins, level) = (SketchSum::new(), query.pieces.level());
        let figures = found.into_iter().map(|(id, found)| found.figures(id, level, &mut bins));
        let mut figures = figures.collect::<Result<Vec<_>, _>>()?;
        drop(place);
        figures.sort_unstable_by_key(|endpoint| endpoint.id);
        Ok(figures)
    }

    /// The name of an endpoint, if it was ever admitted.
    ///
    /// # Errors
    /// Whatever the database says.
    pub async fn endpoint(&self, id: EndpointId) -> Result<Option<EndpointName>, Error> {
        let rows = self.query(READ, "SELECT service, method, route FROM endpoint WHERE id = $1", &[&id.raw()]).await?;
        rows.first().map(name_of).transpose()
    }
}

/// What came of an endpoint so far.
#[derive(Default)]
struct Found {
    /// Service, method, route.
    name: Vec<String>,
    counts: Vec<Option<i64>>,
    /// Its sketches, one behind the other.
    runs: Vec<u8>,
}

impl Found {
    fn figures(self, id: EndpointId, level: Level, bins: &mut SketchSum) -> Result<EndpointFigures, Error> {
        let damaged = |source| Error::Sketch { level: level.name(), whose: format!("endpoint {id}"), source };
        bins.add(&self.runs).map_err(damaged)?;
        let figures = Figures::of_counts(READ, &self.counts, bins.take())?;
        let [service, method, route] = &self.name[..] else {
            return Err(Error::Answer { statement: READ, answer: format!("endpoint {id} without a name") });
        };
        Ok(EndpointFigures { id, name: EndpointName::new(service, method, route), figures })
    }
}

/// All pieces, and the minutes that a level does not hold yet, in one statement, so from one snapshot: a row of counts for each
/// endpoint, then all sketches as they are, for the database adds bytes up at more than it costs to send them. The bounds of
/// the pieces are the first parameters, the service the last. Rows are read in the order they lie in: a look-up of each
/// endpoint in the primary key costs more, for its rows lie far apart.
fn endpoints_sql(pieces: &Pieces, one_service: bool) -> String {
    format!(
        "SELECT e.id, ARRAY[e.service, e.method, e.route], ARRAY[{COUNTS}], NULL::bytea FROM ( \
             SELECT endpoint, {COUNT_SUMS} FROM ({}) AS rows GROUP BY endpoint) AS f JOIN endpoint e ON e.id = f.endpoint \
         UNION ALL SELECT endpoint, NULL, NULL, sketch FROM ({}) AS rows WHERE sketch <> ''",
        rows_sql(pieces, one_service, COUNTS),
        rows_sql(pieces, one_service, "sketch")
    )
}

fn rows_sql(pieces: &Pieces, one_service: bool, columns: &str) -> String {
    let last = 2 * pieces.iter().len() + 1;
    let ours = format!("AND endpoint IN (SELECT id FROM endpoint e WHERE e.service_id = service_id(${last}))");
    let service = if one_service { ours.as_str() } else { "" };
    let piece = |(i, (level, _)): (usize, (Level, Window))| {
        let between = between(2 * i + 1);
        let kept = format!("SELECT endpoint, {columns} FROM endpoint_{} WHERE {between} {service}", level.name());
        let fresh = format!("SELECT endpoint, {columns} FROM endpoint_minute WHERE NOT rolled AND {between} {service}");
        if level == Level::Minute { kept } else { format!("{kept} UNION ALL {fresh}") }
    };
    pieces.iter().enumerate().map(piece).collect::<Vec<_>>().join(" UNION ALL ")
}

/// The bounds of all pieces, as [`between`] takes them.
pub(crate) fn bounds(pieces: &Pieces) -> Vec<i64> {
    pieces.iter().flat_map(|(_, window)| [window.from_s, window.to_s]).collect()
}

/// Bounds as parameters of a statement.
pub(crate) fn parameters(bounds: &[i64]) -> Vec<(&(dyn ToSql + Sync), Type)> {
    bounds.iter().map(|bound| (bound as &(dyn ToSql + Sync), Type::INT8)).collect()
}

/// Whether a row starts between the bounds that the parameters `first` and the next one are.
pub(crate) fn between(first: usize) -> String {
    format!("start >= to_timestamp(${first}::bigint) AND start < to_timestamp(${}::bigint)", first + 1)
}

fn name_of(row: &Row) -> Result<EndpointName, Error> {
    let text = |name| column::<&str>(READ, row, name);
    Ok(EndpointName::new(text("service")?, text("method")?, text("route")?))
}
