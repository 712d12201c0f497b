//! Made-up traffic of the [`shop`](crate::shop): latencies have a long tail, load follows the day, and in the history
//! there is one bad night.

use std::fmt::Write;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::random::Random;
use crate::shop::{self, Endpoint, Incident, Trouble};

/// Share of requests that take the slow way (a cold cache, a bank that thinks), and how much slower it is.
const SLOW: (f64, f64) = (0.035, 3.2);
/// The same where a bank is asked.
const SLOW_BANK: (f64, f64) = (0.11, 4.6);
/// When a client of payments gives up, in milliseconds.
const TIMEOUT_MS: f64 = 5_000.0;
/// How much more clients ask when their requests fail.
const RETRIES: f64 = 0.5;
/// How much an endpoint's load strays from the day's, as a share.
const DRIFT: f64 = 0.04;
/// How much slower the busiest hour is.
const LOAD_SLOWS: f64 = 0.12;
/// Characters of one event, about.
const EVENT_CHARS: usize = 140;
/// Voters; fewer than votes, so some change their mind.
const VOTERS: u64 = 2_000;

/// A source of live traffic; the same seed gives the same one.
pub(crate) struct Traffic {
    random: Random,
    endpoints: Vec<Endpoint>,
    /// The share of requests up to and with each endpoint, ending at 1.
    shares: Vec<f64>,
}

impl Traffic {
    /// Traffic from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let endpoints = shop::endpoints();
        let total: f64 = endpoints.iter().map(|endpoint| endpoint.weight).sum();
        let shares = endpoints.iter().scan(0.0, |sum, endpoint| {
            *sum += endpoint.weight / total;
            Some(*sum)
        });
        Self { random: Random::new(seed), shares: shares.collect(), endpoints }
    }

    /// NDJSON of `count` events that happened within `span` before `now`.
    pub(crate) fn events(&mut self, count: usize, now: Timestamp, span: SignedDuration) -> String {
        let mut body = String::with_capacity(count * EVENT_CHARS);
        for _ in 0..count {
            let at = now - SignedDuration::from_secs_f64(span.as_secs_f64() * self.random.unit());
            let draw = self.random.unit();
            let index = self.shares.partition_point(|share| *share < draw).min(self.endpoints.len() - 1);
            push_event(&mut body, &mut self.random, &self.endpoints[index], at, 0.0);
        }
        body
    }

    /// A vote for the poll of cats and dogs.
    pub(crate) fn vote(&mut self) -> Value {
        let option = if self.random.unit() < 0.53 { "cats" } else { "dogs" };
        json!({ "option": option, "voter": format!("demo-{}", self.random.next() % VOTERS) })
    }
}

/// Traffic of the past: what happened in a stretch of time follows from the seed and that stretch alone, so that it can be
/// made again to the byte.
pub(crate) struct Past {
    seed: u64,
    /// Events a second, on average over a day without incident.
    rate: f64,
    incident: Incident,
    endpoints: Vec<Endpoint>,
    total_weight: f64,
}

impl Past {
    /// The past of a seed, at so many events a second.
    pub(crate) fn new(seed: u64, rate: f64, incident: Incident) -> Self {
        let endpoints = shop::endpoints();
        let total_weight = endpoints.iter().map(|endpoint| endpoint.weight).sum();
        Self { seed, rate, incident, endpoints, total_weight }
    }

    /// How many events there are about, from `start_s` to `end_s` (seconds since 1970).
    pub(crate) fn expected(&self, start_s: i64, end_s: i64) -> f64 {
        self.rate * (end_s - start_s) as f64 * shop::busyness(start_s.midpoint(end_s))
    }

    /// The events from `start_s` to `end_s`, as NDJSON, at most `events_max` in each piece.
    pub(crate) fn events(&self, start_s: i64, end_s: i64, events_max: usize) -> Vec<String> {
        let (mut pieces, mut body, mut lines) = (Vec::new(), String::new(), 0);
        let middle_s = start_s.midpoint(end_s);
        let strength = self.incident.strength(middle_s);
        for (index, endpoint) in (0..).zip(&self.endpoints) {
            let mut random = Random::at(self.seed, [start_s.cast_unsigned(), index]);
            for _ in 0..self.count(&mut random, endpoint, (start_s, end_s), strength) {
                let second = (end_s - start_s) as f64 * random.unit();
                let at = Timestamp::from_millisecond(start_s * 1_000 + (second * 1_000.0) as i64);
                push_event(&mut body, &mut random, endpoint, at.unwrap_or_default(), strength);
                lines += 1;
                if lines == events_max {
                    pieces.push(std::mem::take(&mut body));
                    lines = 0;
                }
            }
        }
        pieces.extend((!body.is_empty()).then_some(body));
        pieces
    }

    fn count(&self, random: &mut Random, endpoint: &Endpoint, (start_s, end_s): (i64, i64), strength: f64) -> u32 {
        if !self.incident.is_open(endpoint, start_s) {
            return 0;
        }
        let retries = if endpoint.trouble.is_some_and(Trouble::is_retried) { 1.0 + RETRIES * strength } else { 1.0 };
        let share = endpoint.weight / self.total_weight;
        let drift = (1.0 + DRIFT * random.normal()).max(0.0);
        random.poisson(self.expected(start_s, end_s) * share * retries * drift)
    }
}

/// Adds one request to an endpoint, while the incident has this strength.
fn push_event(body: &mut String, random: &mut Random, endpoint: &Endpoint, at: Timestamp, strength: f64) {
    let Endpoint { service, method, route, .. } = endpoint;
    let (status, duration_ms) = answer(random, endpoint, shop::busyness(at.as_second()), strength);
    // No name of the shop has a character that JSON escapes.
    let _ = writeln!(
        body,
        r#"{{"service":"{service}","method":"{method}","route":"{route}","status":{status},"duration_ms":{duration_ms:.3},"timestamp":"{at:.3}"}}"#
    );
}

/// The status of an answer and how long it took, in milliseconds.
fn answer(random: &mut Random, endpoint: &Endpoint, busyness: f64, strength: f64) -> (u16, f64) {
    let calm = Trouble { failing: 0.0, timeouts: 0.0, slower: 1.0 };
    let trouble = endpoint.trouble.filter(|_| strength > 0.0).unwrap_or(calm);
    let failing = random.unit() < trouble.failing * strength;
    if failing && random.unit() < trouble.timeouts {
        return (504, TIMEOUT_MS + 25.0 * (0.8 * random.normal()).exp());
    }
    let (share, factor) = if endpoint.median_ms >= 160.0 && endpoint.sigma < 0.5 { SLOW_BANK } else { SLOW };
    let slow_way = if random.unit() < share { factor } else { 1.0 };
    let load = (1.0 + LOAD_SLOWS * (busyness - 1.0)) * (1.0 + (trouble.slower - 1.0) * strength * 0.55);
    let spread = (endpoint.sigma * (1.0 + 0.25 * strength) * random.normal()).exp();
    let status = if failing { 503 } else { status(random.unit(), endpoint) };
    (status, endpoint.median_ms * load * slow_way * spread)
}

/// The status of a request that the incident leaves alone.
fn status(draw: f64, Endpoint { method, shares: [moved, refused, failed], .. }: &Endpoint) -> u16 {
    match *method {
        _ if draw < *failed => 500,
        "POST" if draw < failed + refused => 422,
        _ if draw < failed + refused => 404,
        "GET" if draw < failed + refused + moved => 304,
        _ if draw < failed + refused + moved => 303,
        "POST" => 201,
        "DELETE" => 204,
        _ => 200,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const INCIDENT: Incident = Incident { start_s: 1_760_000_400 };

    fn parsed(body: &str) -> Vec<Value> {
        body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn failed(events: &[Value]) -> f64 {
        let failed = events.iter().filter(|event| event["status"].as_u64().unwrap() >= 500).count();
        failed as f64 / events.len() as f64
    }

    #[test]
    fn live_traffic_looks_like_traffic() {
        let (now, span) = (Timestamp::from_second(1_700_000_000).unwrap(), SignedDuration::from_secs(1));
        let events = parsed(&Traffic::new(7).events(20_000, now, span));
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for event in &events {
            *counts.entry(event["route"].as_str().unwrap()).or_default() += 1;
            let at: Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
            assert!(at <= now && at >= now - span - SignedDuration::from_millis(1));
            assert!(event["duration_ms"].as_f64().unwrap() > 0.0);
        }
        assert!(counts.len() > 30 && counts["/assets/{file}"] > 2_000, "the busiest leads");
        assert!((0.0..0.005).contains(&failed(&events)), "a good day");
    }

    #[test]
    fn the_past_can_be_made_again() {
        let start_s = INCIDENT.start_s + 1_800;
        let make = |seed| Past::new(seed, 10.0, INCIDENT).events(start_s, start_s + 300, 1_000);
        let pieces = make(1);
        assert_eq!(pieces, make(1));
        assert_ne!(pieces, make(2));
        assert!(pieces.iter().rev().skip(1).all(|piece| piece.lines().count() == 1_000));
        let events = parsed(&pieces.concat());
        let expected = Past::new(1, 10.0, INCIDENT).expected(start_s, start_s + 300);
        assert!((events.len() as f64 / expected - 1.0).abs() < 0.15, "{} of {expected}", events.len());
    }

    #[test]
    fn the_incident_is_a_timeout_of_charges_that_checkout_feels() {
        let past = Past::new(1, 200.0, INCIDENT);
        let at = |since_s: i64| {
            parsed(&past.events(INCIDENT.start_s + since_s, INCIDENT.start_s + since_s + 300, 1_000_000).concat())
        };
        let of = |events: &[Value], route: &str| -> Vec<Value> {
            events.iter().filter(|event| event["route"] == route && event["method"] == "POST").cloned().collect()
        };
        let (before, during) = (at(-600), at(2_400));
        assert!(failed(&before) < 0.002 && failed(&during) > 5.0 * failed(&before));
        let charges = of(&during, "/v1/charges");
        assert!((0.25..0.45).contains(&failed(&charges)) && failed(&of(&during, "/v1/orders")) > 0.1);
        let timeouts =
            charges.iter().filter(|event| event["status"] == 504).map(|event| event["duration_ms"].as_f64().unwrap());
        assert!(timeouts.clone().count() > 20 && timeouts.clone().all(|ms| (5_000.0..5_600.0).contains(&ms)));
        assert!(charges.len() > of(&before, "/v1/charges").len() * 12 / 10, "clients try again");
        assert!(of(&at(-30_000), "/v1/charges").is_empty(), "closed for a deploy: a true zero");
    }
}
