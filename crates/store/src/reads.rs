//! The table of endpoints: a window in, figures out. Whatever the window, a bounded number of rows of an endpoint is read: the
//! caller cuts it (`tally_model::Window::pieces`). Levels above minutes include the minutes not yet rolled up.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tally_model::{EndpointId, EndpointName, Level, Pieces, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::figures::{COLUMNS, SUMS};
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
        let level = query.pieces.level();
        let (mut found, mut bins) = (HashMap::<EndpointId, EndpointFigures>::new(), SketchSum::new());
        let take = |row: &Row| {
            let id = EndpointId::from_raw(column(READ, row, "id")?);
            let figures = Figures::read((READ, level), row, &mut bins, || format!("endpoint {id}"))?;
            match found.entry(id) {
                Entry::Occupied(mut known) => known.get_mut().figures.add(&figures),
                Entry::Vacant(place) => drop(place.insert(EndpointFigures { id, name: name_of(row)?, figures })),
            }
            Ok(())
        };
        let place = self.table_place().await?;
        self.query_each(READ, &sql, &parameters, take).await?;
        drop(place);
        let mut found: Vec<EndpointFigures> = found.into_values().collect();
        found.sort_unstable_by_key(|endpoint| endpoint.id);
        Ok(found)
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

/// All pieces, and the minutes that a level does not hold yet, in one statement, so from one snapshot. The bounds of the
/// pieces are the first parameters, the service the last. Read in the order they lie in and added up in a hash: a look-up of
/// each endpoint in the primary key costs more, for its rows lie far apart.
fn endpoints_sql(pieces: &Pieces, one_service: bool) -> String {
    let last = 2 * pieces.iter().len() + 1;
    let ours = format!("AND endpoint IN (SELECT id FROM endpoint e WHERE e.service_id = service_id(${last}))");
    let service = if one_service { ours.as_str() } else { "" };
    let piece = |(i, (level, _)): (usize, (Level, Window))| {
        let between = between(2 * i + 1);
        let kept = format!("SELECT endpoint, {COLUMNS} FROM endpoint_{} WHERE {between} {service}", level.name());
        let fresh = format!("SELECT endpoint, {COLUMNS} FROM endpoint_minute WHERE NOT rolled AND {between} {service}");
        if level == Level::Minute { kept } else { format!("{kept} UNION ALL {fresh}") }
    };
    let rows = pieces.iter().enumerate().map(piece).collect::<Vec<_>>().join(" UNION ALL ");
    format!(
        "SELECT e.id, e.service, e.method, e.route, f.* FROM (SELECT endpoint, {SUMS} FROM ({rows}) AS rows GROUP BY endpoint) AS f \
         JOIN endpoint e ON e.id = f.endpoint"
    )
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
