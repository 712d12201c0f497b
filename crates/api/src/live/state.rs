//! The state that every stream carries: how far things are, and what is wrong.

use bytes::Bytes;
use serde::Serialize;

use super::health::{Consumers, Light, Place};
use super::rates::Speed;
use super::sight::Sight;
use crate::front::Front;
use crate::pages::assets;
use crate::reads::rfc3339_ms;

#[derive(Serialize)]
struct State<'a> {
    at: String,
    version: &'static str,
    /// The script that the page of this process loads: a page with another one should be loaded again.
    page: &'a str,
    counted_through: Option<String>,
    accepted: Option<u64>,
    counted: Option<u64>,
    dead_lettered: Option<u64>,
    in_flight: Option<u64>,
    duplicates: Option<u64>,
    balanced: Option<bool>,
    /// Accepted, over the last ten seconds.
    events_per_second: Option<f64>,
    catch_up_seconds: Option<f64>,
    redis: Light,
    postgres: Light,
    consumer: Consumers,
    halted: Vec<Halted>,
}

#[derive(Serialize)]
struct Halted {
    shard: u16,
    reason: String,
    counted_through: Option<String>,
}

/// The state as an event of a stream.
pub(super) async fn event(front: &Front, sight: &Sight, speed: &Speed) -> Bytes {
    let detail = front.live.details.last().await;
    let place = Place { in_kubernetes: front.live.in_kubernetes };
    let books = sight.books();
    let state = State {
        at: rfc3339_ms(sight.at_ms),
        version: env!("CARGO_PKG_VERSION"),
        page: assets::page_name(),
        counted_through: sight.counted_through_ms().map(rfc3339_ms),
        accepted: books.as_ref().map(|books| books.accepted),
        counted: books.as_ref().map(|books| books.counted),
        dead_lettered: books.as_ref().map(|books| books.dead_lettered),
        in_flight: books.as_ref().map(|books| books.in_flight),
        duplicates: books.as_ref().map(|books| books.duplicates),
        balanced: books.as_ref().map(|books| books.balanced),
        events_per_second: speed.accepting,
        catch_up_seconds: speed.catch_up_seconds(books.as_ref().map_or(0, |books| books.in_flight)),
        redis: place.redis(sight, &detail),
        postgres: place.postgres(sight, &detail),
        consumer: place.consumers(sight, front.config.shards),
        halted: halted(sight),
    };
    // What cannot be written would be a fault of ours; the stream then carries an event without data.
    let json = serde_json::to_string(&state).unwrap_or_default();
    Bytes::from(format!("event: state\ndata: {json}\n\n"))
}

fn halted(sight: &Sight) -> Vec<Halted> {
    let rows = sight.positions.iter().zip(&sight.through_ms);
    let halted = rows.filter_map(|(row, through_ms)| Some((row.shard, row.halted.clone()?, *through_ms)));
    halted
        .map(|(shard, reason, through_ms)| Halted {
            shard: shard.index(),
            reason,
            counted_through: (through_ms > 0).then(|| rfc3339_ms(through_ms)),
        })
        .collect()
}
