//! Minutes of hours that are over, and days of a week ago, from their rows into one block for each endpoint and hour or month.

use std::collections::{BTreeMap, VecDeque};

use deadpool_postgres::{Object, Transaction};
use tally_model::{BlockUnit, EndpointId, Level, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::apply::level_named;
use crate::blocks::Blocks;
use crate::store::{amount, column, within};
use crate::{Error, Store};

const SEAL: &str = "seal_v2";
/// Rows that one transaction seals: some tens of milliseconds, in which late events for them wait.
const ROWS_MAX: usize = 4_000;
/// The key orders them, so that a pass goes once through its index; a sort of everything before the limit would go through all
/// of the partition for each transaction.
const BY_KEY: &str = "SET LOCAL enable_sort = off";

/// How far sealing has come; of meaning to [`Store::seal`] only. A new one begins at the beginning, which costs a look at what
/// is sealed already.
#[derive(Debug, Clone, Default)]
pub struct SealPlace {
    /// What lies before this was looked through, in seconds since the Unix epoch.
    before_s: i64,
    /// What is still to be looked through: a partition each.
    parts: VecDeque<(Blocks, Window)>,
    /// In the first of them, endpoints before this one are done; `None` before it is begun.
    from: Option<i64>,
}

/// What one call sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    /// Rows that went into blocks.
    pub rows: u64,
    /// Whether more may be waiting: call again.
    pub more: bool,
}

impl SealPlace {
    /// Goes on behind what was taken: all there was, unless it was as much as one transaction takes.
    fn pass(&mut self, packed: &Packed) {
        self.from = packed.endpoints.last().copied().filter(|_| packed.endpoints.len() >= ROWS_MAX);
        if self.from.is_none() {
            self.parts.pop_front();
        }
    }
}

impl Store {
    /// Packs a bounded number of minutes of hours that ended ten minutes ago, or longer, and were rolled up, or of days that ended
    /// eight days ago. What they say stays: they leave their rows and come to their block in one transaction. Any consumer may
    /// call it at any time; while one seals, the others are told that there is nothing to do.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn seal(&self, place: &mut SealPlace) -> Result<Sealed, Error> {
        if place.parts.is_empty() {
            self.find_due(place).await?;
        }
        let Some(&(blocks, window)) = place.parts.front() else { return Ok(Sealed::default()) };
        if place.from.is_none() {
            self.make_missing_of(&blocks.table(), window.from_s).await?;
        }
        let mut connection = self.connection().await?;
        let from = place.from.unwrap_or(i64::MIN);
        let packed = within(self.answer_timeout(), SEAL, seal_some(&mut connection, blocks, from, window)).await;
        if packed.is_err() {
            // What is left of the transaction ends with the connection.
            drop(Object::take(connection));
        }
        let Some(packed) = packed?? else { return Ok(Sealed::default()) };
        place.pass(&packed);
        Ok(Sealed { rows: packed.endpoints.len() as u64, more: !place.parts.is_empty() })
    }

    /// What there is to do since another hour ended.
    async fn find_due(&self, place: &mut SealPlace) -> Result<(), Error> {
        const DUE: &str = "seal_due_v2";
        let mut parts = VecDeque::new();
        for row in self.query(DUE, "SELECT level, from_s, to_s FROM seal_due_v2()", &[]).await? {
            let level = level_named(DUE, column(DUE, &row, "level")?)?;
            let window = Window { from_s: column(DUE, &row, "from_s")?, to_s: column(DUE, &row, "to_s")? };
            parts.extend(Blocks::of(level).map(|blocks| (blocks, window)));
        }
        let before_s = parts.iter().map(|part| part.1.to_s).max();
        if let Some(before_s) = before_s.filter(|before_s| *before_s > place.before_s) {
            *place = SealPlace { before_s, parts, from: None };
        }
        Ok(())
    }
}

/// Rows of a level that start between parameters 1 and 2, from endpoint 3 on. Those locked by an apply at this moment wait for the
/// next pass, and the apply for nobody.
fn take_sql(level: Level) -> String {
    let (name, rolled) = (level.name(), if level == Level::Minute { "rolled AND" } else { "" });
    format!(
        "SELECT endpoint, extract(epoch FROM start)::bigint AS start_s, requests, status_1xx, status_2xx, status_3xx, \
         status_4xx, status_5xx, timed, duration_sum_us, coalesce(duration_min_us, 0) AS duration_min_us, \
         coalesce(duration_max_us, 0) AS duration_max_us, sketch FROM endpoint_{name} \
         WHERE {rolled} start >= to_timestamp($1::bigint) AND start < to_timestamp($2::bigint) AND endpoint >= $3 \
             AND start >= (SELECT at FROM kept_floor WHERE level = '{name}') \
         ORDER BY endpoint, start LIMIT $4 FOR UPDATE SKIP LOCKED"
    )
}

/// One transaction; `None` while another seals. Dropped without a commit, it is rolled back.
async fn seal_some(
    connection: &mut Object,
    blocks: Blocks,
    from: i64,
    window: Window,
) -> Result<Result<Option<Packed>, Error>, tokio_postgres::Error> {
    let transaction = connection.transaction().await?;
    transaction.batch_execute(BY_KEY).await?;
    let begun = transaction.prepare_cached("SELECT seal_begin_v1()").await?;
    if !transaction.query_one(&begun, &[]).await?.try_get::<_, bool>(0)? {
        return Ok(Ok(None));
    }
    // Planned for these times, so for their partition alone.
    let limit = i64::try_from(ROWS_MAX).unwrap_or(i64::MAX);
    let bounds = [window.from_s, window.to_s, from, limit];
    let parameters: Vec<_> = bounds.iter().map(|bound| (bound as &(dyn ToSql + Sync), Type::INT8)).collect();
    let rows = transaction.query_typed(&take_sql(blocks.level()), &parameters).await?;
    let packed = match Packed::of(blocks, &rows) {
        Ok(packed) => packed,
        Err(error) => return Ok(Err(error)),
    };
    packed.put(&transaction, blocks).await?;
    transaction.commit().await?;
    Ok(Ok(Some(packed)))
}

/// Rows, and the blocks that say the same.
#[derive(Default)]
struct Packed {
    endpoints: Vec<i64>,
    starts_s: Vec<i64>,
    requests: u64,
    /// By endpoint and start.
    blocks: BTreeMap<(i64, i64), Vec<u8>>,
}

impl Packed {
    fn of(blocks: Blocks, rows: &[Row]) -> Result<Self, Error> {
        let (mut packed, mut bins) = (Self::default(), SketchSum::new());
        for row in rows {
            let (endpoint, start_s): (i64, i64) = (column(SEAL, row, "endpoint")?, column(SEAL, row, "start_s")?);
            let (block_s, place) = blocks.place(start_s);
            let damaged = |source| {
                let whose = format!("endpoint {}", EndpointId::from_raw(endpoint));
                Error::Sketch { level: blocks.level().name(), whose, source }
            };
            bins.add(column(SEAL, row, "sketch")?).map_err(damaged)?;
            let sketch = bins.take().encode();
            let unit = read_unit(row, place, &sketch)?;
            packed.requests = packed.requests.saturating_add(unit.requests);
            unit.push(packed.blocks.entry((endpoint, block_s)).or_default());
            packed.endpoints.push(endpoint);
            packed.starts_s.push(start_s);
        }
        Ok(packed)
    }

    async fn put(&self, transaction: &Transaction<'_>, blocks: Blocks) -> Result<(), tokio_postgres::Error> {
        if self.endpoints.is_empty() {
            return Ok(());
        }
        let endpoints: Vec<i64> = self.blocks.keys().map(|key| key.0).collect();
        let blocks_s: Vec<i64> = self.blocks.keys().map(|key| key.1).collect();
        let units: Vec<&[u8]> = self.blocks.values().map(Vec::as_slice).collect();
        let (level, requests) = (blocks.level().name(), self.requests.to_string());
        let put = transaction.prepare_cached("SELECT seal_v2($1, $2, $3, $4, $5, $6, $7::text::numeric)").await?;
        transaction
            .execute(&put, &[&level, &endpoints, &blocks_s, &units, &self.endpoints, &self.starts_s, &requests])
            .await?;
        Ok(())
    }
}

fn read_unit<'a>(row: &Row, place: u8, sketch: &'a [u8]) -> Result<BlockUnit<'a>, Error> {
    let amount = |name| amount(SEAL, row, name);
    Ok(BlockUnit {
        place,
        requests: amount("requests")?,
        status: [
            amount("status_1xx")?,
            amount("status_2xx")?,
            amount("status_3xx")?,
            amount("status_4xx")?,
            amount("status_5xx")?,
        ],
        timed: amount("timed")?,
        duration_sum_us: amount("duration_sum_us")?,
        duration_min_us: amount("duration_min_us")?,
        duration_max_us: amount("duration_max_us")?,
        sketch,
    })
}
