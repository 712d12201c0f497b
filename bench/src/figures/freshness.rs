//! From a POST to the count that the API answers, while singles come at half the rate that saturates.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tally_servers::AppendFsync;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until};

use crate::data::{Bodies, ENDPOINTS};
use crate::error::Error;
use crate::load;
use crate::rounds::{Effort, Sample, interleave};
use crate::run::{check, product};
use crate::system::{System, now_s};
use crate::table::{Row, Target};

/// Pause between two probes, whatever became of those before: an open loop, whose waits are all counted.
const PROBE_INTERVAL: Duration = Duration::from_millis(25);
/// Pause between two looks for probes.
const LOOK: Duration = Duration::from_millis(4);
/// How long a probe may take before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Load before the first probe and after the last, in seconds.
const LEAD_SECONDS: u64 = 1;
/// Seconds of load in one run, for each of other figures: a 99th percentile needs many probes.
const LONGER: u64 = 3;

pub(super) async fn freshness(effort: Effort) -> Result<Vec<Row>, Error> {
    let system = Arc::new(System::start_counting(AppendFsync::EverySec, &[]).await?);
    let mut seed = 0;
    let measured = interleave(effort, &["product, half of saturation"], async |_| {
        seed += 1;
        let bodies = Bodies::write(&system.dir, 1, ENDPOINTS, seed)?;
        let full = product(&system, &bodies, effort.seconds).await?;
        let accepted = full.get("accepted").copied().unwrap_or_default();
        half(&system, &bodies, (effort.seconds * LONGER, accepted)).await
    })
    .await?;
    let row = |figure: &str, name| Row::new(figure, "ms", measured.range(0, name), measured.quiet());
    Ok(vec![
        row("POST to visible, p99, half of saturation", "p99 ms").meeting(Target::AtMost(400.0, 260.0)),
        row("POST to visible, p50, half of saturation", "p50 ms"),
    ])
}

async fn half(system: &Arc<System>, bodies: &Bodies, (seconds, full): (u64, f64)) -> Result<Sample, Error> {
    let keys_before = system.requests().await?;
    let interval_us = 1e6 / (full / 2.0);
    let posting = load::post_paced(&system.base, "/v1/events", bodies, (seconds + 2 * LEAD_SECONDS, interval_us));
    let probing = async {
        sleep(Duration::from_secs(LEAD_SECONDS)).await;
        probe(system, Duration::from_secs(seconds)).await
    };
    let (load, waits) = tokio::join!(posting, probing);
    let (load, mut waits) = (load?, waits?);
    system.counted().await?;
    let mut keys = system.requests().await?;
    keys.retain(|name, _| name.0 != PROBE);
    check(bodies, &load, &keys_before, &keys)?;
    waits.sort_by(f64::total_cmp);
    let at = |share: f64| {
        waits.get(((waits.len() as f64 * share).ceil() as usize).saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    Ok(Sample::from([
        ("p50 ms", at(0.5) * 1e3),
        ("p99 ms", at(0.99) * 1e3),
        ("max ms", at(1.0) * 1e3),
        ("probes", waits.len() as f64),
        ("share of saturation", load.per_second() / full),
    ]))
}

const PROBE: &str = "probe";

/// Posts probes at fixed times, and tells how long each took to be visible, in seconds from when it was due.
async fn probe(system: &Arc<System>, time: Duration) -> Result<Vec<f64>, Error> {
    let path = format!("/v1/endpoints?from={:.0}&to={:.0}&service={PROBE}", iso(-3_600), iso(3_600));
    let before = visible(system, &path).await?;
    let count = (time.as_secs_f64() / PROBE_INTERVAL.as_secs_f64()) as u32;
    let began = Instant::now();
    let due = move |probe: u32| began + PROBE_INTERVAL * probe;
    let mut posts = JoinSet::new();
    for probe in 0..count {
        let system = Arc::clone(system);
        posts.spawn(async move {
            sleep_until(due(probe).into()).await;
            let event = json!({"service": PROBE, "method": "GET", "route": "/", "status": 200, "duration_ms": 1});
            system.post("/v1/events", &event).await
        });
    }
    let mut waits = Vec::new();
    while waits.len() < count as usize {
        let seen = visible(system, &path).await? - before;
        let now = Instant::now();
        // All of one service, so of one shard: counted in the order in which they were accepted.
        waits.extend((waits.len() as u32..seen as u32).map(|probe| (now - due(probe)).as_secs_f64()));
        if now > due(count) + PATIENCE {
            return Error::wrong(format!("{} of {count} probes are visible", waits.len()));
        }
        sleep(LOOK).await;
    }
    while let Some(posted) = posts.join_next().await {
        posted.map_err(|_| Error::Wrong("a probe panicked".to_owned()))??;
    }
    Ok(waits)
}

fn iso(from_now_s: i64) -> jiff::Timestamp {
    jiff::Timestamp::from_second(now_s() as i64 + from_now_s).unwrap_or_default()
}

async fn visible(system: &System, path: &str) -> Result<u64, Error> {
    let answer: Value = system.read(path).await?;
    Ok(answer["endpoints"][0]["requests"].as_u64().unwrap_or_default())
}
