//! The body of a block of events.
//!
//! ```text
//! services, methods   count, texts                       distinct, in order of first use
//! endpoints           count, (service, method, route)…   indexes into the two above; the route is a text
//! statuses            count, values                      distinct, in order of first use
//! rows                count
//! endpoint column     index…                             absent when there is one endpoint
//! status column       index…                             absent when there is one status
//! time column         zigzag differences in ms
//! duration column     a byte: 0 no row has one, 1 all have, 2 a bitmap says which (lowest bit first); then µs…
//! ```

use rustc_hash::FxHashMap;
use tally_model::{DURATION_US_MAX, EventBlock, EventRow, RawBlock, RawEndpoint, varint};

use super::pack::{Unpack, push_text, push_times};
use super::{CodecError, ENTRY_EVENTS_MAX};

const DURATIONS_NONE: u8 = 0;
const DURATIONS_ALL: u8 = 1;
const DURATIONS_SOME: u8 = 2;
/// Bounds of a status, and how many there are.
const STATUS_MIN: u16 = 100;
const STATUS_MAX: u16 = 599;
const STATUSES_MAX: usize = 500;

pub(super) fn pack(block: &EventBlock) -> Vec<u8> {
    let mut body = Vec::with_capacity(64 + block.endpoints().len() * 48 + block.len() * 8);
    pack_endpoints(&mut body, block);
    let statuses = Statuses::of(block.rows());
    varint::push(&mut body, statuses.order.len() as u64);
    statuses.order.iter().for_each(|status| varint::push(&mut body, u64::from(*status)));
    varint::push(&mut body, block.len() as u64);
    if block.endpoints().len() > 1 {
        block.rows().iter().for_each(|row| varint::push(&mut body, u64::from(row.endpoint)));
    }
    if statuses.order.len() > 1 {
        block.rows().iter().for_each(|row| varint::push(&mut body, statuses.place(row.status)));
    }
    push_times(&mut body, block.rows().iter().map(|row| row.time_ms));
    pack_durations(&mut body, block.rows());
    body
}

/// Statuses in order of first use, and the place of each.
struct Statuses {
    order: Vec<u16>,
    /// One more than the place in `order`; 0 for a status that does not occur.
    places: [u16; STATUSES_MAX],
}

impl Statuses {
    fn of(rows: &[EventRow]) -> Self {
        let mut found = Self { order: Vec::new(), places: [0; STATUSES_MAX] };
        for row in rows {
            let place = &mut found.places[Self::slot(row.status)];
            if *place == 0 {
                found.order.push(row.status);
                *place = found.order.len() as u16;
            }
        }
        found
    }

    /// Place in `order` of a status that occurs.
    fn place(&self, status: u16) -> u64 {
        u64::from(self.places[Self::slot(status)]).saturating_sub(1)
    }

    fn slot(status: u16) -> usize {
        usize::from(status.clamp(STATUS_MIN, STATUS_MAX) - STATUS_MIN)
    }
}

/// Names in order of first use, and for each occurrence its place among them.
struct Distinct<'a> {
    order: Vec<&'a str>,
    indexes: Vec<u64>,
}

fn distinct<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Distinct<'a> {
    let mut places: FxHashMap<&str, u64> = FxHashMap::default();
    let mut found = Distinct { order: Vec::new(), indexes: Vec::with_capacity(names.len()) };
    for name in names {
        let next = found.order.len() as u64;
        let place = *places.entry(name).or_insert(next);
        if place == next {
            found.order.push(name);
        }
        found.indexes.push(place);
    }
    found
}

fn pack_endpoints(body: &mut Vec<u8>, block: &EventBlock) {
    let services = distinct(block.endpoints().iter().map(|endpoint| endpoint.service()));
    let methods = distinct(block.endpoints().iter().map(|endpoint| endpoint.method()));
    for names in [&services, &methods] {
        varint::push(body, names.order.len() as u64);
        names.order.iter().for_each(|name| push_text(body, name));
    }
    varint::push(body, block.endpoints().len() as u64);
    for ((endpoint, service), method) in block.endpoints().iter().zip(&services.indexes).zip(&methods.indexes) {
        varint::push(body, *service);
        varint::push(body, *method);
        push_text(body, endpoint.route());
    }
}

fn pack_durations(body: &mut Vec<u8>, rows: &[EventRow]) {
    let timed = rows.iter().filter(|row| row.duration_us.is_some()).count();
    body.push(match timed {
        0 => DURATIONS_NONE,
        all if all == rows.len() => DURATIONS_ALL,
        _ => DURATIONS_SOME,
    });
    if timed > 0 && timed < rows.len() {
        let bit = |i: usize, row: &EventRow| u8::from(row.duration_us.is_some()) << i;
        body.extend(rows.chunks(8).map(|rows| rows.iter().enumerate().fold(0, |byte, (i, row)| byte | bit(i, row))));
    }
    rows.iter().filter_map(|row| row.duration_us).for_each(|us| varint::push(body, us));
}

/// Unpacks a body: the dictionary borrows it, the rows go to `rows`.
pub(super) fn unpack<'a>(body: &mut Unpack<'a>, rows: &'a mut Vec<EventRow>) -> Result<RawBlock<'a>, CodecError> {
    let endpoints = unpack_endpoints(body)?;
    let statuses = unpack_statuses(body)?;
    let count = body.count_of_bytes(ENTRY_EVENTS_MAX)?;
    rows.clear();
    rows.resize(count, EventRow { endpoint: 0, status: 0, time_ms: 0, duration_us: None });
    unpack_indexes(body, endpoints.len(), rows, |row, index| row.endpoint = index as u32)?;
    match statuses.first() {
        None if count > 0 => return Err(CodecError("a row without a status")),
        first => rows.iter_mut().for_each(|row| row.status = first.copied().unwrap_or_default()),
    }
    unpack_indexes(body, statuses.len(), rows, |row, index| row.status = statuses[index])?;
    body.times(rows.iter_mut().map(|row| &mut row.time_ms))?;
    unpack_durations(body, rows)?;
    RawBlock::new(endpoints, rows).ok_or(CodecError("a row without an endpoint"))
}

/// The names are looked at by whoever takes them: they need not be more than once.
fn unpack_endpoints<'a>(body: &mut Unpack<'a>) -> Result<Vec<RawEndpoint<'a>>, CodecError> {
    let services = body.slices(ENTRY_EVENTS_MAX)?;
    let methods = body.slices(ENTRY_EVENTS_MAX)?;
    let count = body.count_of_bytes(ENTRY_EVENTS_MAX)?;
    let endpoint = |_| {
        let (service, method) = (name_at(body, &services)?, name_at(body, &methods)?);
        Ok(RawEndpoint { service, method, route: body.slice()? })
    };
    (0..count).map(endpoint).collect()
}

fn name_at<'a>(body: &mut Unpack<'_>, names: &[&'a [u8]]) -> Result<&'a [u8], CodecError> {
    let index = usize::try_from(body.varint()?).unwrap_or(usize::MAX);
    names.get(index).copied().ok_or(CodecError("a name is missing"))
}

fn unpack_statuses(body: &mut Unpack<'_>) -> Result<Vec<u16>, CodecError> {
    let count = body.count_of_bytes(STATUSES_MAX)?;
    let status = |_| match u16::try_from(body.varint()?) {
        Ok(status @ STATUS_MIN..=STATUS_MAX) => Ok(status),
        _ => Err(CodecError("a status is not within 100 to 599")),
    };
    (0..count).map(status).collect()
}

/// A column of indexes below `choices`; it is absent when there is no choice.
fn unpack_indexes(
    body: &mut Unpack<'_>,
    choices: usize,
    rows: &mut [EventRow],
    set: impl Fn(&mut EventRow, usize),
) -> Result<(), CodecError> {
    if choices <= 1 {
        return Ok(());
    }
    for row in rows {
        match usize::try_from(body.varint()?) {
            Ok(index) if index < choices => set(row, index),
            _ => return Err(CodecError("an index is beyond its dictionary")),
        }
    }
    Ok(())
}

fn unpack_durations(body: &mut Unpack<'_>, rows: &mut [EventRow]) -> Result<(), CodecError> {
    let present: &[u8] = match body.byte()? {
        DURATIONS_NONE => return Ok(()),
        DURATIONS_ALL => &[],
        DURATIONS_SOME => body.take(rows.len().div_ceil(8))?,
        _ => return Err(CodecError("unknown form of durations")),
    };
    for (i, row) in rows.iter_mut().enumerate() {
        if present.get(i / 8).is_some_and(|byte| byte >> (i % 8) & 1 == 0) {
            continue;
        }
        let us = body.varint()?;
        if us > DURATION_US_MAX {
            return Err(CodecError("a duration is above 24 hours"));
        }
        row.duration_us = Some(us);
    }
    Ok(())
}
