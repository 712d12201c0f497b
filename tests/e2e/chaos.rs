//! Everything is killed at random while clients post; then we count.
//!
//! Each client owns its routes, so a number that is off by one shows where. With a key a client repeats a request until
//! it has a definite answer, so its counts must be exact; without one an answer may be lost, so its count lies between
//! what was acknowledged and that plus what stayed unknown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::system::{PATIENCE, System, event};

/// Clients that send a key with each request.
const KEYED_CLIENTS: u64 = 5;
/// Events in a request.
const EVENTS: u64 = 25;
/// How long everything is killed in `make test`, in seconds; `CHAOS_SECONDS` makes it longer.
const SECONDS: u64 = 20;
/// Pause of a client before it repeats a request.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

#[derive(Default)]
struct Sent {
    /// Events that must be counted, by route.
    certain: BTreeMap<String, u64>,
    /// Events that may be, by route: their request got no answer.
    unknown: BTreeMap<String, u64>,
}

/// What a request came to.
enum Outcome {
    Accepted,
    Refused,
    Unknown,
}

async fn send(http: &reqwest::Client, url: &str, key: Option<&str>, events: &Value) -> Outcome {
    let mut request = http.post(url).json(events);
    if let Some(key) = key {
        request = request.header("Idempotency-Key", key);
    }
    let Ok(answer) = request.send().await else { return Outcome::Unknown };
    let status = answer.status().as_u16();
    let body = answer.json::<Value>().await;
    match (status, body) {
        (202, Ok(body)) => {
            assert_eq!(body["accepted"], EVENTS, "{body}");
            Outcome::Accepted
        }
        (202, Err(_)) => Outcome::Unknown,
        (503, Ok(body)) if !body["type"].as_str().unwrap_or_default().contains("unknown") => Outcome::Refused,
        (503, _) => Outcome::Unknown,
        (status, body) => panic!("{status} {body:?}"),
    }
}

async fn client(http: reqwest::Client, url: String, name: String, keyed: bool, stop: Arc<AtomicBool>) -> Sent {
    let mut sent = Sent::default();
    for n in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let route = format!("/{name}/{}", n % 40);
        let events: Vec<_> = (0..EVENTS).map(|i| event(&format!("{name}-{}", n % 7), &route, 200, i as f64)).collect();
        let events = json!(events);
        let key = format!("{name}-{n}");
        let until = Instant::now() + PATIENCE;
        loop {
            let outcome = send(&http, &url, keyed.then_some(key.as_str()), &events).await;
            match outcome {
                Outcome::Accepted => *sent.certain.entry(route).or_default() += EVENTS,
                Outcome::Unknown if !keyed => *sent.unknown.entry(route).or_default() += EVENTS,
                Outcome::Unknown | Outcome::Refused => {
                    assert!(Instant::now() < until, "no definite answer within {PATIENCE:?}");
                    sleep(RETRY_PAUSE).await;
                    continue;
                }
            }
            break;
        }
    }
    sent
}

/// A small linear congruential generator: the test needs variety, not quality, and prints its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn kill_at_random(system: &mut System, seconds: u64, seed: u64) -> BTreeMap<&'static str, u32> {
    let mut dice = Dice(seed);
    let mut kills = BTreeMap::new();
    let until = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < until {
        sleep(Duration::from_millis(200 + dice.roll(1_300))).await;
        let victim = match dice.roll(8) {
            0..3 => {
                let index = usize::try_from(dice.roll(system.consumers.len() as u64)).unwrap();
                system.kill_consumer(index).await;
                "consumer"
            }
            3..5 => {
                system.kill_api().await;
                "api"
            }
            5..7 => {
                system.redis.kill9().await.unwrap();
                sleep(Duration::from_millis(dice.roll(400))).await;
                system.redis.restart().await.unwrap();
                "redis"
            }
            _ => {
                system.postgres.kill9().await.unwrap();
                sleep(Duration::from_millis(dice.roll(400))).await;
                system.postgres.restart().await.unwrap();
                "postgresql"
            }
        };
        *kills.entry(victim).or_default() += 1;
    }
    kills
}

#[tokio::test(flavor = "multi_thread")]
async fn chaos_counts_every_acknowledged_event_once() {
    let seconds = std::env::var("CHAOS_SECONDS").map_or(SECONDS, |text| text.parse().expect("CHAOS_SECONDS"));
    let seed = jiff::Timestamp::now().as_microsecond().unsigned_abs();
    println!("chaos for {seconds} s with seed {seed}");
    let mut system = System::start().await;
    system.add_consumer();
    let stop = Arc::new(AtomicBool::new(false));
    let url = format!("{}/v1/events", system.base);
    let start =
        |name: String, keyed| tokio::spawn(client(system.http.clone(), url.clone(), name, keyed, Arc::clone(&stop)));
    let keyed: Vec<_> = (0..KEYED_CLIENTS).map(|i| start(format!("keyed{i}"), true)).collect();
    let plain = start("plain".to_owned(), false);

    let kills = kill_at_random(&mut system, seconds, seed).await;
    system.ready().await;
    stop.store(true, Ordering::Relaxed);
    let mut sent = plain.await.unwrap();
    let plain_certain: u64 = sent.certain.values().sum();
    for client in keyed {
        sent.certain.extend(client.await.unwrap().certain);
    }

    let accounting = system.counted().await;
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for ((_, _, route), requests) in system.requests().await {
        *found.entry(route).or_default() += requests;
    }
    let certain: u64 = sent.certain.values().sum();
    let unknown: u64 = sent.unknown.values().sum();
    println!(
        "killed {kills:?}; {certain} acknowledged ({plain_certain} without a key), {unknown} unknown; {accounting}"
    );
    for (route, count) in &found {
        let least = sent.certain.get(route).copied().unwrap_or_default();
        let most = least + sent.unknown.get(route).copied().unwrap_or_default();
        assert!(
            (least..=most).contains(count),
            "{route}: {count}, sent {least} to {most} (seed {seed})\n{}",
            system.logs()
        );
    }
    assert!(sent.certain.keys().all(|route| found.contains_key(route)), "a route is missing (seed {seed})");
    assert_eq!(accounting["counted"].as_u64().unwrap(), found.values().sum::<u64>());
    assert!(certain > 0 && kills.len() > 1, "nothing was tested");
}
