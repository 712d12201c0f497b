//! The table of endpoints: a window in, figures out. Whatever the window, a bounded number of rows of an endpoint is read: the
//! caller cuts it (`tally_model::Window::pieces`). Levels above minutes include the minutes not yet rolled up.

use std::collections::HashMap;

use tally_model::{EndpointId, EndpointName, Level, Pieces, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::figures::{COUNTS, COUNTS_LEN, minutes_of};
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
        let mut table = Table::new(&query.pieces);
        let place = self.table_place().await?;
        self.query_each(READ, &sql, &parameters, |row| table.take(row)).await?;
        let mut figures = table.figures()?;
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
    counts: Figures,
    /// Its sketches, one behind the other.
    runs: Vec<u8>,
}

/// What a window's rows say, by endpoint.
struct Table {
    level: Level,
    pieces: Vec<Window>,
    found: HashMap<EndpointId, Found>,
    bins: SketchSum,
    /// The endpoint whose blocks are being added up: theirs come one behind the other.
    unpacking: Option<EndpointId>,
}

impl Table {
    fn new(pieces: &Pieces) -> Self {
        let (level, pieces) = (pieces.level(), pieces.iter().map(|piece| piece.1).collect());
        Self { level, pieces, found: HashMap::new(), bins: SketchSum::new(), unpacking: None }
    }

    fn take(&mut self, row: &Row) -> Result<(), Error> {
        let fail = |source| Error::Database { statement: READ, source };
        let id = EndpointId::from_raw(row.try_get(0).map_err(fail)?);
        let Some(bytes) = row.try_get::<_, Option<&[u8]>>(BYTES).map_err(fail)? else {
            self.found.entry(id).or_default().name = row.try_get(BYTES + 3).map_err(fail)?;
            return Ok(());
        };
        let Some(hour_s) = row.try_get::<_, Option<i64>>(BYTES + 1).map_err(fail)? else {
            let found = self.found.entry(id).or_default();
            found.counts.add_counts(&Figures::counts(READ, row, 1)?);
            found.runs.extend_from_slice(bytes);
            return Ok(());
        };
        let piece: i32 = row.try_get(BYTES + 2).map_err(fail)?;
        let window = usize::try_from(piece).ok().and_then(|piece| self.pieces.get(piece).copied());
        let unknown = || Error::Answer { statement: READ, answer: format!("piece {piece}") };
        self.unpack(id, bytes, (hour_s, window.ok_or_else(unknown)?))
    }

    fn unpack(&mut self, id: EndpointId, block: &[u8], (hour_s, window): (i64, Window)) -> Result<(), Error> {
        let level = self.level.name();
        let damaged = |source| Error::Sketch { level, whose: format!("endpoint {id}"), source };
        if self.unpacking != Some(id) {
            self.end_unpacking();
        }
        let mut counts = None;
        for minute in minutes_of(block, hour_s, window) {
            let (_, minute) = minute.map_err(damaged)?;
            counts.get_or_insert_with(Figures::default).add_counts(&Figures::of_minute(&minute));
            self.bins.add(minute.sketch).map_err(damaged)?;
        }
        if let Some(counts) = counts {
            self.unpacking = Some(id);
            self.found.entry(id).or_default().counts.add_counts(&counts);
        }
        Ok(())
    }

    fn end_unpacking(&mut self) {
        if let Some(found) = self.unpacking.take().and_then(|id| self.found.get_mut(&id)) {
            found.runs.extend(self.bins.take().encode());
        }
    }

    fn figures(mut self) -> Result<Vec<EndpointFigures>, Error> {
        self.end_unpacking();
        let (mut bins, level) = (self.bins, self.level);
        // Names are of all endpoints.
        let found = self.found.into_iter().filter(|row| row.1.counts.requests > 0);
        found.map(|(id, found)| found.figures(id, level, &mut bins)).collect()
    }
}

impl Found {
    fn figures(self, id: EndpointId, level: Level, bins: &mut SketchSum) -> Result<EndpointFigures, Error> {
        let damaged = |source| Error::Sketch { level: level.name(), whose: format!("endpoint {id}"), source };
        bins.add(&self.runs).map_err(damaged)?;
        let figures = Figures { sketch: bins.take(), ..self.counts };
        let [service, method, route] = &self.name[..] else {
            return Err(Error::Answer { statement: READ, answer: format!("endpoint {id} without a name") });
        };
        Ok(EndpointFigures { id, name: EndpointName::new(service, method, route), figures })
    }
}

/// Where a row of the statement holds a sketch or a block; behind it come the hour and the piece of a block, and a name. Before
/// it, the id and counts.
const BYTES: usize = 1 + COUNTS_LEN;

/// All pieces, and the minutes that a level does not hold yet, in one statement, so from one snapshot: names, then the rows of
/// endpoints as they are, for the database adds up at more than it costs to send them, then the blocks of sealed hours, those
/// of an endpoint one behind the other. The bounds of the pieces are the first parameters, the service the last. Rows are read
/// in the order they lie in: a look-up of each endpoint in the primary key costs more, for its rows lie far apart.
fn endpoints_sql(pieces: &Pieces, one_service: bool) -> String {
    let (none, last) = ("NULL::bigint, ".repeat(COUNTS_LEN), 2 * pieces.iter().len() + 1);
    let ours = if one_service { format!("WHERE service_id = service_id(${last})") } else { String::new() };
    format!(
        "SELECT id, {none}NULL::bytea, NULL::bigint, NULL::integer, ARRAY[service, method, route] FROM endpoint {ours} \
         UNION ALL {}{}",
        rows_sql(pieces, one_service),
        blocks_sql(pieces, one_service)
    )
}

/// The blocks in which minutes of the pieces lie, each with the number of its piece.
fn blocks_sql(pieces: &Pieces, one_service: bool) -> String {
    let (ours, none) = (of_service(pieces, one_service), "NULL, ".repeat(COUNTS_LEN));
    let piece = |(i, (level, _)): (usize, (Level, Window))| {
        let between = blocks_between(2 * i + 1);
        let blocks = format!(
            " UNION ALL (SELECT endpoint, {none}minutes, extract(epoch FROM start)::bigint, {i}, NULL FROM minute_block \
             WHERE {between} {ours} ORDER BY endpoint)"
        );
        if level == Level::Minute { blocks } else { String::new() }
    };
    pieces.iter().enumerate().map(piece).collect()
}

/// Only endpoints of the service that the last parameter names, where one is asked for.
fn of_service(pieces: &Pieces, one_service: bool) -> String {
    let last = 2 * pieces.iter().len() + 1;
    let ours = || format!("AND endpoint IN (SELECT id FROM endpoint e WHERE e.service_id = service_id(${last}))");
    if one_service { ours() } else { String::new() }
}

fn rows_sql(pieces: &Pieces, one_service: bool) -> String {
    let service = of_service(pieces, one_service);
    let piece = |(i, (level, _)): (usize, (Level, Window))| {
        let between = between(2 * i + 1);
        let part = |level: Level, fresh: &str| {
            let table = level.name();
            format!(
                "SELECT endpoint, {COUNTS}, sketch, NULL, NULL, NULL FROM endpoint_{table} WHERE {fresh}{between} {service}"
            )
        };
        let (kept, fresh) = (part(level, ""), part(Level::Minute, "NOT rolled AND "));
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

/// Whether a block holds minutes between those bounds.
pub(crate) fn blocks_between(first: usize) -> String {
    format!("start > to_timestamp(${first}::bigint - 3600) AND start < to_timestamp(${}::bigint)", first + 1)
}

fn name_of(row: &Row) -> Result<EndpointName, Error> {
    let text = |name| column::<&str>(READ, row, name);
    Ok(EndpointName::new(text("service")?, text("method")?, text("route")?))
}
