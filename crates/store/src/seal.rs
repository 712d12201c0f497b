//! Minutes of hours that are over, from their rows into one block for each endpoint and hour.

use std::collections::{BTreeMap, VecDeque};

use deadpool_postgres::{Object, Transaction};
use tally_model::{BlockMinute, EndpointId, Level, SketchSum, Window};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::store::{amount, column, within};
use crate::{Error, Store};

const SEAL: &str = "seal_v1";
/// Minutes that one transaction seals: some tens of milliseconds, in which late events for them wait.
const MINUTES_MAX: usize = 4_000;
/// The key orders them, so that a pass goes once through its index; a sort of everything before the limit would go through all
/// of the day for each transaction.
const BY_KEY: &str = "SET LOCAL enable_sort = off";
/// Those locked by an apply at this moment wait for the next pass, and the apply for nobody.
const TAKE: &str = "SELECT endpoint, extract(epoch FROM start)::bigint AS start_s, requests, status_1xx, status_2xx, \
    status_3xx, status_4xx, status_5xx, timed, duration_sum_us, coalesce(duration_min_us, 0) AS duration_min_us, \
    coalesce(duration_max_us, 0) AS duration_max_us, sketch FROM endpoint_minute \
    WHERE rolled AND start >= to_timestamp($1::bigint) AND start < to_timestamp($2::bigint) AND endpoint >= $3 \
        AND start >= (SELECT at FROM kept_from WHERE level = 'minute') \
    ORDER BY endpoint, start LIMIT $4 FOR UPDATE SKIP LOCKED";

/// How far sealing has come; of meaning to [`Store::seal`] only. A new one begins at the beginning, which costs a look at what
/// is sealed already.
#[derive(Debug, Clone, Default)]
pub struct SealPlace {
    /// What lies before this was looked through, in seconds since the Unix epoch.
    before_s: i64,
    /// Starts of the days still to be looked through.
    days: VecDeque<i64>,
    /// In the first of them, endpoints before this one are done; `None` before it is begun.
    from: Option<i64>,
}

/// What one call sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sealed {
    /// Minutes that went into blocks.
    pub minutes: u64,
    /// Whether more may be waiting: call again.
    pub more: bool,
}

impl SealPlace {
    /// The first day in question: rows of it from which endpoint on, and between which times.
    fn next(&self) -> Option<(i64, Window)> {
        let from_s = *self.days.front()?;
        let day_end_s = Level::Day.next(from_s);
        Some((self.from.unwrap_or(i64::MIN), Window { from_s, to_s: day_end_s.min(self.before_s) }))
    }

    /// Goes on behind what was taken: all there was, unless it was as much as one transaction takes.
    fn pass(&mut self, packed: &Packed) {
        self.from = packed.endpoints.last().copied().filter(|_| packed.endpoints.len() >= MINUTES_MAX);
        if self.from.is_none() {
            self.days.pop_front();
        }
    }
}

impl Store {
    /// Packs a bounded number of minutes of hours that ended ten minutes ago, or longer, and were rolled up. What they say stays:
    /// they leave their rows and come to their block in one transaction. Any consumer may call it at any time; while one
    /// seals, the others are told that there is nothing to do.
    ///
    /// # Errors
    /// Whatever the database says; [`Error::Sketch`] names a row that cannot be read.
    pub async fn seal(&self, place: &mut SealPlace) -> Result<Sealed, Error> {
        if place.days.is_empty() {
            self.find_due(place).await?;
        }
        let Some((from, window)) = place.next() else { return Ok(Sealed::default()) };
        if place.from.is_none() {
            self.make_missing_of("block", window.from_s).await?;
        }
        let mut connection = self.connection().await?;
        let packed = within(self.answer_timeout(), SEAL, seal_some(&mut connection, from, window)).await;
        if packed.is_err() {
            // What is left of the transaction ends with the connection.
            drop(Object::take(connection));
        }
        let Some(packed) = packed?? else { return Ok(Sealed::default()) };
        place.pass(&packed);
        Ok(Sealed { minutes: packed.endpoints.len() as u64, more: !place.days.is_empty() })
    }

    /// What there is to do since another hour ended.
    async fn find_due(&self, place: &mut SealPlace) -> Result<(), Error> {
        const DUE: &str = "seal_due_v1";
        let row = self.query_one(DUE, "SELECT before_s, days_s FROM seal_due_v1()", &[]).await?;
        let before_s = column(DUE, &row, "before_s")?;
        if before_s > place.before_s {
            *place = SealPlace { before_s, days: column::<Vec<i64>>(DUE, &row, "days_s")?.into(), from: None };
        }
        Ok(())
    }
}

/// One transaction; `None` while another seals. Dropped without a commit, it is rolled back.
async fn seal_some(
    connection: &mut Object,
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
    let limit = i64::try_from(MINUTES_MAX).unwrap_or(i64::MAX);
    let bounds = [window.from_s, window.to_s, from, limit];
    let parameters: Vec<_> = bounds.iter().map(|bound| (bound as &(dyn ToSql + Sync), Type::INT8)).collect();
    let rows = transaction.query_typed(TAKE, &parameters).await?;
    let packed = match Packed::of(&rows) {
        Ok(packed) => packed,
        Err(error) => return Ok(Err(error)),
    };
    packed.put(&transaction).await?;
    transaction.commit().await?;
    Ok(Ok(Some(packed)))
}

/// Rows of minutes, and the blocks that say the same.
#[derive(Default)]
struct Packed {
    endpoints: Vec<i64>,
    starts_s: Vec<i64>,
    requests: u64,
    /// By endpoint and start of the hour.
    blocks: BTreeMap<(i64, i64), Vec<u8>>,
}

impl Packed {
    fn of(rows: &[Row]) -> Result<Self, Error> {
        let (mut packed, mut bins) = (Self::default(), SketchSum::new());
        for row in rows {
            let (endpoint, start_s): (i64, i64) = (column(SEAL, row, "endpoint")?, column(SEAL, row, "start_s")?);
            let hour_s = Level::Hour.floor(start_s);
            let damaged = |source| {
                let whose = format!("endpoint {}", EndpointId::from_raw(endpoint));
                Error::Sketch { level: Level::Minute.name(), whose, source }
            };
            bins.add(column(SEAL, row, "sketch")?).map_err(damaged)?;
            let sketch = bins.take().encode();
            let minute = read_minute(row, u8::try_from((start_s - hour_s) / 60).unwrap_or(0), &sketch)?;
            packed.requests = packed.requests.saturating_add(minute.requests);
            minute.push(packed.blocks.entry((endpoint, hour_s)).or_default());
            packed.endpoints.push(endpoint);
            packed.starts_s.push(start_s);
        }
        Ok(packed)
    }

    async fn put(&self, transaction: &Transaction<'_>) -> Result<(), tokio_postgres::Error> {
        if self.endpoints.is_empty() {
            return Ok(());
        }
        let endpoints: Vec<i64> = self.blocks.keys().map(|key| key.0).collect();
        let hours_s: Vec<i64> = self.blocks.keys().map(|key| key.1).collect();
        let blocks: Vec<&[u8]> = self.blocks.values().map(Vec::as_slice).collect();
        let requests = self.requests.to_string();
        let put = transaction.prepare_cached("SELECT seal_v1($1, $2, $3, $4, $5, $6::text::numeric)").await?;
        transaction.execute(&put, &[&endpoints, &hours_s, &blocks, &self.endpoints, &self.starts_s, &requests]).await?;
        Ok(())
    }
}

fn read_minute<'a>(row: &Row, minute: u8, sketch: &'a [u8]) -> Result<BlockMinute<'a>, Error> {
    let amount = |name| amount(SEAL, row, name);
    Ok(BlockMinute {
        minute,
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
