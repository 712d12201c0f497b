//! What is posted: events of 240 endpoints of 20 services, some of them far busier than others.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::error::Error;

/// Endpoints, and the services that they belong to.
pub(crate) const ENDPOINTS: usize = 240;
const SERVICES: usize = 20;
/// The n-th busiest endpoint has a share of n to the power of minus this.
const ZIPF_EXPONENT: f64 = 0.9;
/// There are at least so many events for each endpoint, on average.
const EVENTS_PER_ENDPOINT: usize = 4;
/// Events are as old as this, at most, when a body is made.
const AGE_MS_MAX: u64 = 2_000;
const METHODS: [&str; 5] = ["GET", "GET", "POST", "PUT", "DELETE"];

/// Service, method and route of an endpoint.
pub(crate) type Key = (String, String, String);

/// The endpoint of this number.
pub(crate) fn key(endpoint: usize) -> Key {
    let (service, method) = (endpoint % SERVICES, METHODS[endpoint % METHODS.len()]);
    (format!("service-{service:02}"), method.to_owned(), format!("/api/v1/resource-{endpoint:03}/{{id}}"))
}

/// Chance that can be repeated (`SplitMix64`).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 to 1, without 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// One event.
pub(crate) struct Event {
    pub(crate) endpoint: usize,
    pub(crate) status: u16,
    pub(crate) duration_us: u64,
    pub(crate) time_ms: i64,
}

/// A source of events.
pub(crate) struct Events {
    random: Random,
    shares: Vec<f64>,
    now_ms: i64,
}

impl Events {
    /// Events of the last two seconds, of so many endpoints.
    pub(crate) fn new(endpoints: usize, seed: u64) -> Self {
        let mut sum = 0.0;
        let mut share = |rank: usize| {
            sum += (rank as f64).powf(-ZIPF_EXPONENT);
            sum
        };
        let shares = (1..=endpoints).map(&mut share).collect();
        Self { random: Random(seed), shares, now_ms: Timestamp::now().as_millisecond() }
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Event {
        let total = self.shares.last().copied().unwrap_or_default();
        let at = self.random.unit() * total;
        let endpoint = self.shares.partition_point(|share| *share <= at).min(self.shares.len() - 1);
        let status = match self.random.next() % 100 {
            0..95 => 200,
            95..98 => 404,
            _ => 500,
        };
        // Most between 2 and 150 ms.
        let duration_us = (2_000.0 * (self.random.unit() * self.random.unit() * 6.0).exp()) as u64;
        let time_ms = self.now_ms - (self.random.next() % AGE_MS_MAX) as i64;
        Event { endpoint, status, duration_us, time_ms }
    }
}

/// Bodies in a file, and what is in them.
pub(crate) struct Bodies {
    /// For `load.lua`.
    pub(crate) file: PathBuf,
    /// Events of each.
    pub(crate) batch: usize,
    /// Endpoints that they are of.
    pub(crate) endpoints: usize,
    /// The endpoint of each event of each body.
    keys: Vec<Vec<u32>>,
}

impl Bodies {
    /// Writes bodies of `batch` events; one event is a JSON object, several are a line each.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(directory: &Path, batch: usize, endpoints: usize, seed: u64) -> Result<Self, Error> {
        let mut events = Events::new(endpoints, seed);
        let names: Vec<Key> = (0..endpoints).map(key).collect();
        let count = different(batch).max(EVENTS_PER_ENDPOINT * endpoints / batch);
        let (mut file_text, mut body, mut keys) = (String::new(), String::new(), Vec::with_capacity(count));
        for _ in 0..count {
            body.clear();
            let of_body = (0..batch).map(|_| push(&mut body, &events.next(), &names, batch > 1)).collect();
            keys.push(of_body);
            let _ = write!(file_text, "{}\n{body}", body.len());
        }
        let file = directory.join(format!("bodies-{batch}"));
        std::fs::write(&file, file_text).map_err(Error::io("write the bodies"))?;
        Ok(Self { file, batch, endpoints, keys })
    }

    /// One body of nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn empty(directory: &Path) -> Result<Self, Error> {
        let file = directory.join("bodies-0");
        std::fs::write(&file, "0\n").map_err(Error::io("write the bodies"))?;
        Ok(Self { file, batch: 1, endpoints: 0, keys: vec![Vec::new()] })
    }

    /// Events by endpoint, once this many bodies were sent in turn.
    pub(crate) fn posted(&self, sent: u64) -> Vec<u64> {
        let (times, rest) = (sent / self.keys.len() as u64, (sent % self.keys.len() as u64) as usize);
        self.events(|body| times + u64::from(body < rest))
    }

    /// Events by endpoint, once each body was sent as often as is told of it.
    pub(crate) fn events(&self, times: impl Fn(usize) -> u64) -> Vec<u64> {
        let mut counts = vec![0; self.endpoints];
        for (body, keys) in self.keys.iter().enumerate() {
            let sent = times(body);
            keys.iter().for_each(|key| counts[*key as usize] += sent);
        }
        counts
    }

    /// How many different bodies there are.
    pub(crate) fn count(&self) -> usize {
        self.keys.len()
    }

    /// The bodies.
    ///
    /// # Errors
    /// If the file cannot be read, or is another.
    pub(crate) fn read(&self) -> Result<Vec<Vec<u8>>, Error> {
        let text = std::fs::read_to_string(&self.file).map_err(Error::io("read the bodies"))?;
        let (mut rest, mut bodies) = (text.as_str(), Vec::with_capacity(self.count()));
        while let Some((length, after)) = rest.split_once('\n') {
            let Some((body, next)) = length.parse().ok().and_then(|length| after.split_at_checked(length)) else {
                return Error::wrong(format!("{} is not of bodies", self.file.display()));
            };
            bodies.push(body.as_bytes().to_vec());
            rest = next;
        }
        Ok(bodies)
    }

    /// Content type of a body.
    pub(crate) fn content_type(&self) -> &'static str {
        if self.batch > 1 { "application/x-ndjson" } else { "application/json" }
    }
}

/// How many different bodies there are of so many events.
const fn different(batch: usize) -> usize {
    match batch {
        1 => 65_536,
        2..=100 => 1_024,
        _ => 256,
    }
}

/// Writes one event, about 140 bytes, and tells its endpoint.
fn push(body: &mut String, event: &Event, names: &[Key], is_line: bool) -> u32 {
    let (service, method, route) = &names[event.endpoint];
    let time = Timestamp::from_millisecond(event.time_ms).unwrap_or_default();
    let (ms, us) = (event.duration_us / 1_000, event.duration_us % 1_000);
    let _ = write!(
        body,
        r#"{{"service":"{service}","method":"{method}","route":"{route}","status":{},"duration_ms":{ms}.{us:03},"timestamp":"{time:.3}"}}"#,
        event.status
    );
    if is_line {
        body.push('\n');
    }
    event.endpoint as u32
}
