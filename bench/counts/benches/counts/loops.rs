//! The hot loops. Each is prepared outside of what is counted, and says how many units it did, so that a fast wrong answer
//! is found.

use std::hint::black_box;

use tally_api::block_of;
use tally_model::{Fold, Payload, Shard, Sketch, SketchSum};
use tally_stream::{AppendRequest, Encoded, decode, encode, frame};

use crate::events::{RECEIVED_MS, durations_us, events, json, payload};

/// Events that each loop is made of, however they are cut.
const EVENTS: usize = 8_000;
/// How often the same events are packed: its hash maps are seeded by chance, which must average out.
const PACKED: usize = 8;
/// Requests that gather while a call is in flight: as many as `make bench` has connections.
const GATHERED: usize = 64;
/// Sketches that are merged or read, and what each of them counted.
const SKETCHES: usize = 1_000;
const DURATIONS: usize = 100;
const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// A loop, ready to run: each call does the same, and returns the units it did.
pub(crate) type Work = Box<dyn FnMut() -> usize>;

/// What can be counted.
pub(crate) struct Loop {
    pub(crate) figure: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) units: usize,
    pub(crate) prepare: fn() -> Work,
}

/// All loops, in the order of an event's way.
pub(crate) const LOOPS: [Loop; 13] = [
    of_events("parse one event", || parse(1, Form::Object)),
    of_events("parse 1,000 lines", || parse(1_000, Form::Lines)),
    of_events("parse an array of 1,000", || parse(1_000, Form::Array)),
    of_packed("pack 100 events", || pack(100)),
    of_packed("pack 1,000 events", || pack(1_000)),
    of_packed("gather 64 requests into a call", gather),
    of_events("decode 100 events", || unpack(100)),
    of_events("decode 1,000 events", || unpack(1_000)),
    of_events("fold 1,000 events", || fold(1_000)),
    Loop { figure: "take what was folded", unit: "endpoint-minute", units: 240, prepare: take },
    Loop { figure: "merge sketches", unit: "sketch", units: SKETCHES, prepare: merge },
    Loop { figure: "add up encoded sketches", unit: "sketch", units: SKETCHES, prepare: add_up },
    Loop { figure: "read a quantile", unit: "quantile", units: SKETCHES * QUANTILES.len(), prepare: quantiles },
];

const fn of_events(figure: &'static str, prepare: fn() -> Work) -> Loop {
    Loop { figure, unit: "event", units: EVENTS, prepare }
}

const fn of_packed(figure: &'static str, prepare: fn() -> Work) -> Loop {
    Loop { figure, unit: "event", units: EVENTS * PACKED, prepare }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Object,
    Array,
    Lines,
}

fn parse(batch: usize, form: Form) -> Work {
    let lines: Vec<String> = events(EVENTS).iter().map(json).collect();
    let body = |lines: &[String]| match form {
        Form::Object | Form::Lines => lines.join("\n"),
        Form::Array => format!("[{}]", lines.join(",")),
    };
    let bodies: Vec<String> = lines.chunks(batch).map(body).collect();
    Box::new(move || {
        let block = |body: &String| block_of(black_box(body.as_bytes()), form == Form::Lines, RECEIVED_MS);
        bodies.iter().filter_map(|body| black_box(block(body))).map(|block| block.len()).sum()
    })
}

fn payloads(batch: usize) -> Vec<Payload> {
    events(EVENTS).chunks(batch).map(payload).collect()
}

fn pack(batch: usize) -> Work {
    let payloads = payloads(batch);
    Box::new(move || {
        let again = std::iter::repeat_n(&payloads, PACKED).flatten();
        again.map(|payload| black_box(encode(black_box(payload)))).map(|packed| packed.events as usize).sum()
    })
}

fn gather() -> Work {
    const SHARD: Shard = Shard::new(0);
    let request = |payload| AppendRequest { shard: SHARD, key: None, received_ms: RECEIVED_MS, payload };
    let requests: Vec<AppendRequest> = payloads(1).into_iter().map(request).collect();
    let again = || std::iter::repeat_n(&requests, PACKED).flat_map(|requests| requests.chunks(GATHERED));
    // What is appended is given away: a helping for each call.
    let helping = || again().map(<[_]>::to_vec).collect::<Vec<_>>();
    let mut helpings = [(); crate::CALLS].map(|()| helping()).into_iter();
    Box::new(move || {
        let framed = helpings.next().into_iter().flatten().filter_map(|requests| frame(requests).ok());
        framed.map(|framed| black_box(framed).events as usize).sum()
    })
}

fn decoded(packed: &Encoded) -> Option<Payload> {
    decode(packed.kind, packed.format, black_box(&packed.bytes)).ok()
}

fn unpack(batch: usize) -> Work {
    let entries: Vec<Encoded> = payloads(batch).iter().map(encode).collect();
    Box::new(move || entries.iter().filter_map(decoded).map(|payload| black_box(payload).len()).sum())
}

fn fold(batch: usize) -> Work {
    let entries: Vec<Encoded> = payloads(batch).iter().map(encode).collect();
    // Given away as well.
    let mut helpings = [(); crate::CALLS].map(|()| entries.iter().filter_map(decoded).collect::<Vec<_>>()).into_iter();
    let mut fold = Fold::new();
    Box::new(move || {
        let before = fold.events();
        helpings.next().into_iter().flatten().for_each(|payload| fold.add(payload));
        (black_box(&fold).events() - before) as usize
    })
}

fn take() -> Work {
    let folded = || {
        let mut fold = Fold::new();
        payloads(EVENTS).into_iter().for_each(|payload| fold.add(payload));
        fold
    };
    let mut folds = [(); crate::CALLS].map(|()| folded()).into_iter();
    Box::new(move || folds.next().map_or(0, |mut fold| black_box(fold.take()).minutes.len()))
}

fn sketches() -> Vec<Sketch> {
    let sketch = |durations: &Vec<u64>| {
        let mut sketch = Sketch::new();
        durations.iter().for_each(|us| sketch.insert(*us));
        sketch
    };
    durations_us(SKETCHES, DURATIONS).iter().map(sketch).collect()
}

fn merge() -> Work {
    let sketches = sketches();
    Box::new(move || {
        let mut sum = Sketch::new();
        sketches.iter().for_each(|sketch| sum.merge(black_box(sketch)));
        black_box(sum).count() as usize / DURATIONS
    })
}

fn add_up() -> Work {
    let encoded: Vec<Vec<u8>> = sketches().iter().map(Sketch::encode).collect();
    let mut sum = SketchSum::new();
    Box::new(move || {
        let added = encoded.iter().filter(|bytes| sum.add(black_box(bytes)).is_ok()).count();
        if black_box(sum.take()).count() as usize == added * DURATIONS { added } else { 0 }
    })
}

fn quantiles() -> Work {
    let sketches = sketches();
    Box::new(move || {
        let read = |sketch: &Sketch| QUANTILES.map(|q| black_box(sketch).quantile_us(q));
        sketches.iter().flat_map(read).filter(|us| black_box(us).is_some()).count()
    })
}
