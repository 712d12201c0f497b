//! The table of endpoints: a window in, figures out. Whatever the window, a bounded number of rows of an endpoint is read: the
//! caller cuts it (`tally_model::Window::pieces`), and covers it with the coarsest (`tally_model::Cover`). Levels above minutes
//! include the minutes not yet rolled up.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;
use tally_model::{Cover, EndpointId, EndpointName, Level, SketchError, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::blocks::Blocks;
use crate::figures::{COUNTS, COUNTS_LEN};
use crate::store::column;
use crate::{EndpointFigures, Error, Figures, Store};

const READ: &str = "endpoints";
/// Bytes of an endpoint's sketches that are kept before they are merged.
const RUNS_BYTES: usize = 2 << 10;

/// Which figures to read.
#[derive(Debug, Clone)]
pub struct EndpointQuery {
    /// The window, and what it is added up from.
    pub cover: Cover,
    /// Only endpoints of this service.
    pub service: Option<String>,
}

impl Store {
    /// Figures of every endpoint that had a request in the window, by id.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn endpoints(&self, query: &EndpointQuery) -> Result<Vec<EndpointFigures>, Error> {
        let (store, query) = (self.clone(), query.clone());
        self.tables().at_home(async move { store.read_table(&query).await }).await
    }

    async fn read_table(&self, query: &EndpointQuery) -> Result<Vec<EndpointFigures>, Error> {
        let stretches = stretches(&query.cover);
        let sql = endpoints_sql(&query.cover, &stretches, query.service.is_some());
        let mut numbers = bounds(stretches.iter().map(|stretch| stretch.window));
        numbers.extend(query.cover.end.as_ref().map(|end| end.later.1));
        let mut parameters = parameters(&numbers);
        parameters.extend(query.service.as_ref().map(|service| (service as &(dyn ToSql + Sync), Type::TEXT)));
        let mut table = Table::new(query.cover.level(), &stretches);
        let place = self.tables().place(self.connect_timeout()).await?;
        self.query_table(READ, &sql, &parameters, |row| table.take(row)).await?;
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
    name: Option<EndpointName>,
    counts: Figures,
    /// Its sketches, one behind the other.
    runs: Vec<u8>,
    /// How many bytes of them are one run that was merged from many.
    merged: usize,
}

/// What a window's rows say, by endpoint.
struct Table<'a> {
    /// The coarsest level that is read, for what is said of damage.
    level: Level,
    stretches: &'a [Stretch],
    /// Where an endpoint is in `found`. Apart, because most of what is looked for then lies in the processor's cache; and ids are
    /// chance enough to be their own hash.
    places: HashMap<EndpointId, usize, FxBuildHasher>,
    found: Vec<(EndpointId, Found)>,
    /// What merges an endpoint's sketches; of nothing in between.
    merging: SketchSum,
    bins: SketchSum,
    /// The endpoint whose blocks are being added up: those of minutes come one behind the other.
    unpacking: Option<EndpointId>,
}

impl<'a> Table<'a> {
    fn new(level: Level, stretches: &'a [Stretch]) -> Self {
        let (places, found) = (HashMap::default(), Vec::new());
        let (merging, bins) = (SketchSum::new(), SketchSum::new());
        Self { level, stretches, places, found, merging, bins, unpacking: None }
    }

    /// What came of an endpoint so far, and what merges its sketches.
    fn found(&mut self, id: EndpointId) -> (&mut Found, &mut SketchSum) {
        let place = *self.places.entry(id).or_insert_with(|| {
            self.found.push((id, Found::default()));
            self.found.len() - 1
        });
        (&mut self.found[place].1, &mut self.merging)
    }

    fn take(&mut self, row: &Row) -> Result<(), Error> {
        let fail = |source| Error::Database { statement: READ, source };
        let id = EndpointId::from_raw(row.try_get(0).map_err(fail)?);
        let Some(bytes) = row.try_get::<_, Option<&[u8]>>(BYTES).map_err(fail)? else {
            let name: Vec<&str> = row.try_get(BYTES + 3).map_err(fail)?;
            if let [service, method, route] = name[..] {
                self.found(id).0.name = Some(EndpointName::new(service, method, route));
            }
            return Ok(());
        };
        let Some(block_s) = row.try_get::<_, Option<i64>>(BYTES + 1).map_err(fail)? else {
            let counts = Figures::counts(READ, row, 1)?;
            let damaged = damaged(self.level, id);
            let (found, merging) = self.found(id);
            found.counts.add_counts(&counts);
            return found.push(bytes, merging).map_err(damaged);
        };
        let i: i32 = row.try_get(BYTES + 2).map_err(fail)?;
        let stretch = usize::try_from(i).ok().and_then(|i| self.stretches.get(i));
        let Some(Stretch { source: Source::Blocks(blocks), window, .. }) = stretch.copied() else {
            return Err(Error::Answer { statement: READ, answer: format!("stretch {i}") });
        };
        self.unpack(id, bytes, (blocks, block_s, window))
    }

    fn unpack(&mut self, id: EndpointId, block: &[u8], at: (Blocks, i64, Window)) -> Result<(), Error> {
        let (blocks, block_s, window) = at;
        let damaged = damaged(self.level, id);
        if self.unpacking != Some(id) {
            self.end_unpacking()?;
        }
        let mut counts = None;
        for unit in blocks.units(block, block_s, window) {
            let (_, unit) = unit.map_err(&damaged)?;
            counts.get_or_insert_with(Figures::default).add_counts(&Figures::of_unit(&unit));
            self.bins.add(unit.sketch).map_err(&damaged)?;
        }
        if let Some(counts) = counts {
            self.unpacking = Some(id);
            self.found(id).0.counts.add_counts(&counts);
        }
        Ok(())
    }

    fn end_unpacking(&mut self) -> Result<(), Error> {
        let Some(id) = self.unpacking.take() else { return Ok(()) };
        let (sketch, damaged) = (self.bins.take().encode(), damaged(self.level, id));
        let (found, merging) = self.found(id);
        found.push(&sketch, merging).map_err(damaged)
    }

    fn figures(mut self) -> Result<Vec<EndpointFigures>, Error> {
        self.end_unpacking()?;
        let (mut bins, level) = (self.merging, self.level);
        // Names are of all endpoints.
        let found = self.found.into_iter().filter(|row| row.1.counts.requests > 0);
        found.map(|(id, found)| found.figures(id, level, &mut bins)).collect()
    }
}

impl Found {
    /// Adds sketches. They are merged as they come, while the database reads on: kept until the end they would take tens of
    /// megabytes, and the answer would wait for them.
    fn push(&mut self, sketch: &[u8], merging: &mut SketchSum) -> Result<(), SketchError> {
        self.runs.extend_from_slice(sketch);
        if self.runs.len() - self.merged > RUNS_BYTES {
            merging.add(&self.runs)?;
            self.runs.clear();
            self.runs.extend(merging.take().encode());
            self.merged = self.runs.len();
        }
        Ok(())
    }

    fn figures(self, id: EndpointId, level: Level, bins: &mut SketchSum) -> Result<EndpointFigures, Error> {
        bins.add(&self.runs).map_err(damaged(level, id))?;
        let figures = Figures { sketch: bins.take(), ..self.counts };
        let answer = || format!("endpoint {id} without a name");
        let name = self.name.ok_or_else(|| Error::Answer { statement: READ, answer: answer() })?;
        Ok(EndpointFigures { id, name, figures })
    }
}

fn damaged(level: Level, id: EndpointId) -> impl Fn(SketchError) -> Error {
    move |source| Error::Sketch { level: level.name(), whose: format!("endpoint {id}"), source }
}

/// Where a row of the statement holds a sketch or a block; behind it come the start and the stretch of a block, and a name. Before
/// it, the id and counts.
const BYTES: usize = 1 + COUNTS_LEN;

/// Rows of one table that start in a window.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    source: Source,
    window: Window,
    /// What else must be so, with an `AND` before it.
    when: &'static str,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    Level(Level),
    /// Minutes that are in no coarser level yet.
    Fresh,
    /// What of a level is sealed.
    Blocks(Blocks),
}

/// All that a cover is read from, both ways of its end.
fn stretches(cover: &Cover) -> Vec<Stretch> {
    let mut stretches = stretches_of(&cover.parts, "");
    if let Some(end) = &cover.end {
        stretches.extend(stretches_of(&[end.unit], "AND (SELECT is_over FROM counted)"));
        stretches.extend(stretches_of(&end.parts, "AND NOT (SELECT is_over FROM counted)"));
    }
    stretches
}

fn stretches_of(parts: &[(Level, Window)], when: &'static str) -> Vec<Stretch> {
    let stretch = |source, window| Stretch { source, window, when };
    let mut stretches: Vec<Stretch> = parts.iter().map(|part| stretch(Source::Level(part.0), part.1)).collect();
    let sealed = parts.iter().filter_map(|part| Some((Blocks::of(part.0)?, part.1)));
    stretches.extend(sealed.map(|(blocks, window)| stretch(Source::Blocks(blocks), window)));
    // Parts are adjacent, and minutes only first or last.
    let mut coarser = parts.iter().filter(|part| part.0 > Level::Minute).map(|part| part.1);
    if let Some(first) = coarser.next() {
        let to_s = coarser.next_back().map_or(first.to_s, |last| last.to_s);
        stretches.push(stretch(Source::Fresh, Window { from_s: first.from_s, to_s }));
    }
    stretches
}

/// All stretches in one statement, so from one snapshot: names, then the rows of endpoints as they are, for the database adds up
/// at more than it costs to send them, and the blocks of what is sealed, those of an endpoint's minutes one behind the other. The
/// bounds of the stretches are the first parameters, the second up to which nothing later may be counted the next, if any, the
/// service the last. Rows are read in the order they lie in: a look-up of each endpoint in the primary key costs more, for its
/// rows lie far apart.
fn endpoints_sql(cover: &Cover, stretches: &[Stretch], one_service: bool) -> String {
    let (none, last) =
        ("NULL::bigint, ".repeat(COUNTS_LEN), 2 * stretches.len() + 1 + usize::from(cover.end.is_some()));
    let (mut ours, mut endpoints) = (String::new(), String::new());
    if one_service {
        ours = format!("WHERE service_id = service_id(${last})");
        endpoints = format!("AND endpoint IN (SELECT id FROM endpoint {ours})");
    }
    let parts = stretches.iter().enumerate().map(|(i, stretch)| stretch.sql(i, &endpoints));
    format!(
        "{}SELECT id, {none}NULL::bytea, NULL::bigint, NULL::integer, ARRAY[service, method, route] FROM endpoint {ours}{}",
        counted_sql(cover, 2 * stretches.len() + 1),
        parts.collect::<String>()
    )
}

/// Whether nothing that was rolled up is later than the window. What was not is in no unit yet.
fn counted_sql(cover: &Cover, parameter: usize) -> String {
    cover.end.as_ref().map_or_else(String::new, |end| {
        format!(
            "WITH counted AS MATERIALIZED (SELECT NOT EXISTS ( \
                 SELECT FROM service_{} WHERE start >= to_timestamp(${parameter}::bigint)) AS is_over) ",
            end.later.0.name()
        )
    })
}

impl Stretch {
    /// Its rows, as the `i`th of the statement.
    fn sql(&self, i: usize, endpoints: &str) -> String {
        let (first, when) = (2 * i + 1, self.when);
        let rows = |level: Level, fresh: &str| {
            format!(
                " UNION ALL SELECT endpoint, {COUNTS}, sketch, NULL, NULL, NULL FROM endpoint_{} WHERE {fresh}{} {when} {endpoints}",
                level.name(),
                between(first)
            )
        };
        match self.source {
            Source::Level(level) => rows(level, ""),
            Source::Fresh => rows(Level::Minute, "NOT rolled AND "),
            Source::Blocks(blocks) => format!(
                " UNION ALL (SELECT endpoint, {}{}, extract(epoch FROM start)::bigint, {i}, NULL FROM {} WHERE {} {when} {endpoints} {})",
                "NULL, ".repeat(COUNTS_LEN),
                blocks.column(),
                blocks.table(),
                blocks.between(first),
                // The others are few of an endpoint, and long.
                if blocks.level() == Level::Minute { "ORDER BY endpoint" } else { "" }
            ),
        }
    }
}

/// The bounds of windows, as [`between`] takes them.
pub(crate) fn bounds(windows: impl Iterator<Item = Window>) -> Vec<i64> {
    windows.flat_map(|window| [window.from_s, window.to_s]).collect()
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
