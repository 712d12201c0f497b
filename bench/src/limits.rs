//! The limits: the least that any program in this place would have to do. Each is served, or run, by a process of its own.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use jiff::Timestamp;
use serde::Deserialize;
use tally_model::{EventBlock, Fold, Payload};
use tally_stream::{Encoded, decode_with, encode};

use crate::data::{ENDPOINTS, Events, Key, key};
use crate::error::Error;

/// Largest body that the limits read, in bytes.
const BODY_BYTES_MAX: usize = 1 << 20;
/// How long decoding is repeated for one figure.
const FOLD_TIME: Duration = Duration::from_secs(1);
/// How much of an entry's work is done before the counts are taken, in events: about what a flush brings.
const TAKE_EVENTS: u64 = 1_000_000;
/// Different entries that are decoded in turn.
const ENTRIES: usize = 128;

/// An event as a program that trusts its clients would read it.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    route: Cow<'a, str>,
    status: u16,
    duration_ms: f64,
    #[serde(borrow)]
    timestamp: Cow<'a, str>,
}

/// Serves `/bare` (limit a), `/parse` (limit b) and `/pack` (limit c) until it is killed.
///
/// # Errors
/// If the address cannot be had.
pub(crate) async fn serve(port: u16, workers: usize) -> Result<(), Error> {
    let app = || {
        App::new()
            .app_data(web::PayloadConfig::new(BODY_BYTES_MAX))
            .route("/bare", web::post().to(async || HttpResponse::Accepted().finish()))
            .route("/parse", web::post().to(parse))
            .route("/pack", web::post().to(pack))
    };
    let server = HttpServer::new(app).workers(workers).bind(("127.0.0.1", port)).map_err(Error::io("listen"))?;
    server.run().await.map_err(Error::io("serve"))
}

async fn parse(body: web::Bytes) -> HttpResponse {
    let event = std::str::from_utf8(&body).ok().and_then(|text| serde_json::from_str::<Event<'_>>(text).ok());
    match event.and_then(|event| time_ms(&event.timestamp)) {
        Some(_) => HttpResponse::Accepted().finish(),
        None => HttpResponse::BadRequest().finish(),
    }
}

async fn pack(body: web::Bytes) -> HttpResponse {
    let Some(block) = std::str::from_utf8(&body).ok().and_then(block_of) else {
        return HttpResponse::BadRequest().finish();
    };
    let packed = encode(&Payload::Events(block));
    // What is not looked at need not be made.
    match std::hint::black_box(packed).bytes.len() {
        0 => HttpResponse::BadRequest().finish(),
        _ => HttpResponse::Accepted().finish(),
    }
}

fn block_of(text: &str) -> Option<EventBlock> {
    let mut block = EventBlock::new();
    for line in text.split_terminator('\n') {
        let event: Event<'_> = serde_json::from_str(line).ok()?;
        let duration_us = (event.duration_ms * 1_000.0).round() as u64;
        let counted = (event.status, time_ms(&event.timestamp)?, Some(duration_us));
        block.push(&event.service, &event.method, &event.route, counted);
    }
    Some(block)
}

/// Milliseconds since the Unix epoch of `YYYY-MM-DDTHH:MM:SS.mmmZ`; everything else is left to the library. Days that no
/// calendar has are taken: a limit may be wrong where a product may not.
fn time_ms(text: &str) -> Option<i64> {
    let by_library = || text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
    let Ok(bytes) = <&[u8; 24]>::try_from(text.as_bytes()) else { return by_library() };
    let number =
        |from: usize, to: usize| bytes[from..to].iter().fold(0_i64, |n, b| n * 10 + i64::from(b.wrapping_sub(b'0')));
    if bytes[23] != b'Z' {
        return by_library();
    }
    let (year, month) = (number(0, 4), number(5, 7));
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + number(8, 10) - 1 - 719_468;
    Some(((days * 24 + number(11, 13)) * 60 + number(14, 16)) * 60_000 + number(17, 19) * 1_000 + number(20, 23))
}

/// Limit (d): events a second of one core that decodes entries of `batch` events and adds them up.
pub(crate) fn fold_per_second(batch: usize) -> f64 {
    let mut events = Events::new(ENDPOINTS, batch as u64);
    let names: Vec<Key> = (0..ENDPOINTS).map(key).collect();
    let entries: Vec<Encoded> = (0..ENTRIES).map(|_| entry(&mut events, &names, batch)).collect();
    let (mut fold, mut folded, began) = (Fold::new(), 0_u64, Instant::now());
    for packed in entries.iter().cycle() {
        // As the consumer does it; an entry that cannot be read would be missed in `folded`.
        let _ = decode_with(packed.kind, packed.format, &packed.bytes, |payload| fold.add_raw(payload));
        if fold.events() >= TAKE_EVENTS {
            folded += std::hint::black_box(fold.take()).events;
            if began.elapsed() >= FOLD_TIME {
                break;
            }
        }
    }
    folded as f64 / began.elapsed().as_secs_f64()
}

fn entry(events: &mut Events, names: &[Key], batch: usize) -> Encoded {
    let mut block = EventBlock::new();
    for event in (0..batch).map(|_| events.next()) {
        let (service, method, route) = &names[event.endpoint];
        block.push(service, method, route, (event.status, event.time_ms, Some(event.duration_us)));
    }
    encode(&Payload::Events(block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_the_library_reads_them() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "2024-02-29T23:59:59.999Z",
            "2026-12-31T01:02:03.004Z",
            "2000-03-01T00:00:00.500Z",
        ] {
            assert_eq!(time_ms(text), text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond), "{text}");
        }
    }
}
