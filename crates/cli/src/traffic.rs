//! Made-up traffic of a shop, with the habits of real traffic: a few routes get most requests, latencies have a long
//! tail, load comes in waves, and now and then a service has a bad time.

use std::f64::consts::TAU;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// An endpoint: service, method, route, median latency in milliseconds.
type Endpoint = (&'static str, &'static str, &'static str, f64);

/// The endpoints, busiest first.
const ENDPOINTS: [Endpoint; 42] = [
    ("web", "GET", "/", 18.0),
    ("catalog", "GET", "/products/{id}", 24.0),
    ("web", "GET", "/assets/{file}", 2.0),
    ("search", "GET", "/search", 65.0),
    ("catalog", "GET", "/categories/{slug}", 31.0),
    ("cart", "GET", "/carts/{id}", 12.0),
    ("auth", "GET", "/session", 4.0),
    ("catalog", "GET", "/products/{id}/reviews", 38.0),
    ("search", "GET", "/suggest", 9.0),
    ("cart", "POST", "/carts/{id}/items", 27.0),
    ("web", "GET", "/products/{id}", 42.0),
    ("catalog", "GET", "/prices/{id}", 6.0),
    ("inventory", "GET", "/stock/{id}", 8.0),
    ("auth", "POST", "/login", 120.0),
    ("catalog", "HEAD", "/products/{id}", 5.0),
    ("orders", "GET", "/orders/{id}", 22.0),
    ("web", "GET", "/checkout", 48.0),
    ("cart", "DELETE", "/carts/{id}/items/{id}", 19.0),
    ("shipping", "GET", "/quotes", 180.0),
    ("orders", "POST", "/orders", 95.0),
    ("payments", "POST", "/payments", 310.0),
    ("inventory", "POST", "/reservations", 33.0),
    ("orders", "GET", "/customers/{id}/orders", 54.0),
    ("auth", "POST", "/token", 16.0),
    ("payments", "GET", "/payments/{id}", 21.0),
    ("shipping", "GET", "/parcels/{id}", 44.0),
    ("catalog", "POST", "/products/{id}/reviews", 58.0),
    ("web", "GET", "/account", 36.0),
    ("auth", "POST", "/logout", 7.0),
    ("cart", "PATCH", "/carts/{id}/items/{id}", 23.0),
    ("inventory", "DELETE", "/reservations/{id}", 17.0),
    ("search", "GET", "/trending", 14.0),
    ("payments", "POST", "/refunds", 420.0),
    ("orders", "POST", "/orders/{id}/cancel", 77.0),
    ("shipping", "POST", "/parcels", 88.0),
    ("auth", "POST", "/password/reset", 210.0),
    ("web", "GET", "/help/{page}", 20.0),
    ("catalog", "PUT", "/products/{id}", 61.0),
    ("inventory", "PUT", "/stock/{id}", 29.0),
    ("payments", "POST", "/webhooks/bank", 35.0),
    ("shipping", "GET", "/labels/{id}", 150.0),
    ("orders", "GET", "/reports/daily", 1_900.0),
];

/// How steeply requests fall from one endpoint to the next (Zipf's exponent).
const ZIPF_EXPONENT: f64 = 0.95;
/// Width of the latency distribution (sigma of its logarithm).
const LATENCY_SIGMA: f64 = 0.55;
/// Period of the wave that load follows, in seconds.
const WAVE_SECONDS: f64 = 90.0;
/// Every so often, in seconds, the load rises for [`BURST_SECONDS`] …
const BURST_EVERY_SECONDS: f64 = 40.0;
const BURST_SECONDS: f64 = 4.0;
/// … and one service has a bad time for [`INCIDENT_SECONDS`].
const INCIDENT_EVERY_SECONDS: f64 = 60.0;
const INCIDENT_SECONDS: f64 = 12.0;
/// Who may have a bad time, in turn.
const INCIDENT_SERVICES: [&str; 4] = ["payments", "search", "shipping", "orders"];
/// Voters; fewer than votes, so some change their mind.
const VOTERS: u64 = 2_000;

/// A source of traffic; the same seed gives the same one.
pub(crate) struct Traffic {
    random: Random,
    /// The share of requests up to and with each endpoint, ending at 1.
    shares: Vec<f64>,
}

impl Traffic {
    /// Traffic from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let weights = (1..=ENDPOINTS.len()).map(|rank| (rank as f64).powf(-ZIPF_EXPONENT));
        let total: f64 = weights.clone().sum();
        let shares = weights.scan(0.0, |sum, weight| {
            *sum += weight / total;
            Some(*sum)
        });
        Self { shares: shares.collect(), random: Random(seed) }
    }

    /// How busy it is after `seconds`, as a factor around 1.
    pub(crate) fn busyness(seconds: f64) -> f64 {
        let wave = 0.9 + 0.3 * (TAU * seconds / WAVE_SECONDS).sin();
        if seconds % BURST_EVERY_SECONDS < BURST_SECONDS { wave + 1.0 } else { wave }
    }

    /// NDJSON of `count` events that happened within `span` before `now`, `seconds` after the start.
    pub(crate) fn events(&mut self, count: usize, now: Timestamp, span: SignedDuration, seconds: f64) -> String {
        let mut body = String::with_capacity(count * 140);
        for _ in 0..count {
            let at = now - SignedDuration::from_secs_f64(span.as_secs_f64() * self.random.unit());
            body.push_str(&self.event(at, seconds).to_string());
            body.push('\n');
        }
        body
    }

    /// A vote for the poll of cats and dogs.
    pub(crate) fn vote(&mut self) -> Value {
        let option = if self.random.unit() < 0.53 { "cats" } else { "dogs" };
        json!({ "option": option, "voter": format!("demo-{}", self.random.next() % VOTERS) })
    }

    fn event(&mut self, at: Timestamp, seconds: f64) -> Value {
        let draw = self.random.unit();
        let index = self.shares.partition_point(|share| *share < draw).min(ENDPOINTS.len() - 1);
        let (service, method, route, median_ms) = ENDPOINTS[index];
        let troubled = in_trouble(seconds) == Some(service);
        let latency_ms = median_ms * (LATENCY_SIGMA * self.random.normal()).exp() * if troubled { 4.0 } else { 1.0 };
        let duration_ms = (latency_ms * 1_000.0).round() / 1_000.0;
        let status = self.status(method, troubled);
        let timestamp = format!("{at:.3}");
        json!({ "service": service, "method": method, "route": route, "status": status,
            "duration_ms": duration_ms, "timestamp": timestamp })
    }

    fn status(&mut self, method: &str, troubled: bool) -> u16 {
        let draw = self.random.unit();
        match method {
            _ if draw < if troubled { 0.25 } else { 0.004 } => {
                if draw < 0.003 {
                    500
                } else {
                    503
                }
            }
            _ if draw > 0.975 => 404,
            _ if draw > 0.965 => 401,
            "POST" => 201,
            "DELETE" => 204,
            "GET" if draw > 0.88 => 304,
            _ => 200,
        }
    }
}

fn in_trouble(seconds: f64) -> Option<&'static str> {
    let turn = (seconds / INCIDENT_EVERY_SECONDS) as usize;
    let late = seconds % INCIDENT_EVERY_SECONDS > INCIDENT_EVERY_SECONDS - INCIDENT_SECONDS;
    late.then(|| INCIDENT_SERVICES[turn % INCIDENT_SERVICES.len()])
}

/// SplitMix64: small, quick, and good enough to look like customers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from 0 to 1, without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// The normal distribution (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tally_model::{Method, RouteTemplate, Service};

    use super::*;

    #[test]
    fn every_endpoint_is_one_the_api_takes() {
        for (service, method, route, median_ms) in ENDPOINTS {
            assert!(Service::parse(service).is_ok() && Method::parse(method).is_ok(), "{service} {method}");
            assert!(RouteTemplate::parse(route).is_ok() && median_ms > 0.0, "{route}");
        }
    }

    #[test]
    fn traffic_looks_like_traffic() {
        let mut traffic = Traffic::new(7);
        let (now, span) = (Timestamp::from_second(1_700_000_000).unwrap(), SignedDuration::from_secs(1));
        let body = traffic.events(20_000, now, span, 1.0);
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut errors = 0;
        for line in body.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            *counts.entry(format!("{} {} {}", event["service"], event["method"], event["route"])).or_default() += 1;
            errors += usize::from(event["status"].as_u64().unwrap() >= 500);
            let at: Timestamp = event["timestamp"].as_str().unwrap().parse().unwrap();
            assert!(at <= now && at >= now - span - SignedDuration::from_millis(1));
            assert!(event["duration_ms"].as_f64().unwrap() > 0.0);
        }
        assert_eq!(counts.len(), ENDPOINTS.len());
        assert!(counts["\"web\" \"GET\" \"/\""] > 3_000, "the busiest leads");
        assert!((20..400).contains(&errors), "{errors} errors");
    }

    #[test]
    fn load_averages_near_the_rate() {
        let mean: f64 = (0..3_600).map(|s| Traffic::busyness(f64::from(s))).sum::<f64>() / 3_600.0;
        assert!((mean - 1.0).abs() < 0.02, "{mean}");
    }
}
