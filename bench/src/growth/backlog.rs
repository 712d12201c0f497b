//! A consumer that comes back to a full log.

use std::time::{Duration, Instant};

use tally_servers::{AppendFsync, Process};
use tokio::time::sleep;

use crate::chart::{Chart, Line, Panel};
use crate::chart_axis::Axis;
use crate::data::{Bodies, ENDPOINTS};
use crate::error::Error;
use crate::load::{self, Load};
use crate::machine::{Watch, cpu_seconds, resident_bytes};
use crate::rounds::{Effort, Range, short};
use crate::run::check_all;
use crate::say;
use crate::system::System;

/// Events of the backlog, in posts of so many, and those of a quick look.
const BACKLOG_EVENTS: u64 = 20_000_000;
const BACKLOG_EVENTS_QUICK: u64 = 2_000_000;
const BATCH: usize = 1_000;
/// Seconds of load at a time, until the backlog is there.
const FILL_SECONDS: u64 = 1;
const FILLS_MAX: usize = 120;
/// More than the default may wait.
const SETTINGS: [(&str, &str); 2] = [("TALLY_BACKLOG_BYTES", "4294967296"), ("TALLY_BACKLOG_EVENTS", "100000000")];
/// Pause between two looks at how far it is, and how long it may take.
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(150);
/// Runs of which each is a line.
const RUNS_MAX: usize = 3;
const MIB: f64 = 1_048_576.0;

/// One look at a consumer that works a backlog off.
#[derive(Debug, Clone, Copy)]
struct Look {
    at_s: f64,
    remaining: f64,
    consumer_mib: f64,
    redis_mib: f64,
}

/// How a backlog was worked off.
struct Drained {
    looks: Vec<Look>,
    per_second: f64,
    us_per_event: f64,
}

pub(super) async fn backlog(effort: Effort) -> Result<Chart, Error> {
    let events = if effort.repeats_max == 0 { BACKLOG_EVENTS_QUICK } else { BACKLOG_EVENTS };
    let watch = Watch::start();
    let mut runs = Vec::new();
    for run in 1..=effort.rounds.min(RUNS_MAX) {
        let drained = drain(events, run as u64).await?;
        say(&format!("  run {run}: {} events/s", short(drained.per_second)));
        runs.push(drained);
    }
    let range = |of: fn(&Drained) -> f64| Range::of(runs.iter().map(of).collect()).text();
    let lines = |of: fn(&Look) -> f64| {
        let line = |(run, drained): (usize, &Drained)| {
            Line::once(&format!("run {}", run + 1), drained.looks.iter().map(|look| (look.at_s, of(look))))
        };
        runs.iter().enumerate().map(line).collect::<Vec<_>>()
    };
    let memory = runs.last().map_or_else(Vec::new, |last| {
        let line = |name, of: fn(&Look) -> f64| Line::once(name, last.looks.iter().map(|look| (look.at_s, of(look))));
        vec![line("consumer", |look| look.consumer_mib), line("Redis", |look| look.redis_mib)]
    });
    let panel = |label: &str, lines| Panel {
        x: Axis::linear("seconds since the consumer was started"),
        y: Axis::linear(label),
        lines,
    };
    Ok(Chart {
        title: format!("Backlog: {} events wait for a consumer that is started again", short(events as f64)),
        notes: vec![
            format!(
                "Once it counts: {} events/s, {} µs of the consumer's processor time an event.",
                range(|run| run.per_second),
                range(|run| run.us_per_event)
            ),
            format!(
                "Batches of {BATCH}; nothing is posted meanwhile; strangers took {:.2} cores.",
                watch.strangers_cores()
            ),
        ],
        panels: vec![
            panel("accepted and not yet counted, events", lines(|look| look.remaining)),
            panel("memory of the last run, MiB", memory),
        ],
    })
}

/// Lets a consumer count a little, stops it, fills the log, and starts it again.
async fn drain(events: u64, seed: u64) -> Result<Drained, Error> {
    let mut system = System::start_counting(AppendFsync::EverySec, &SETTINGS).await?;
    let bodies = Bodies::write(&system.dir, BATCH, ENDPOINTS, seed)?;
    let mut loads = vec![load::post(&system.base, "/v1/events", &bodies, FILL_SECONDS).await?];
    system.counted().await?;
    system.stop_consumer().await?;
    let began = Instant::now();
    fill(&system, &bodies, events, &mut loads).await?;
    say(&format!("  filled in {:.0} s", began.elapsed().as_secs_f64()));
    system.start_consumer(&[])?;
    let drained = watch(&system).await?;
    system.counted().await?;
    check_all(&bodies, &loads, &std::collections::BTreeMap::new(), &system.requests().await?)?;
    Ok(drained)
}

async fn fill(system: &System, bodies: &Bodies, events: u64, loads: &mut Vec<Load>) -> Result<(), Error> {
    for _ in 0..FILLS_MAX {
        if system.books().await?.in_flight >= events {
            return Ok(());
        }
        loads.push(load::post(&system.base, "/v1/events", bodies, FILL_SECONDS).await?);
    }
    Error::wrong("the backlog is not there in time")
}

async fn watch(system: &System) -> Result<Drained, Error> {
    let (began, pid) = (Instant::now(), system.consumer.as_ref().map_or(0, Process::pid));
    let (mut looks, mut first, mut all) = (Vec::new(), None, None);
    loop {
        let remaining = system.books().await?.in_flight;
        let at_s = began.elapsed().as_secs_f64();
        let mib = |pid| resident_bytes(pid) as f64 / MIB;
        let (consumer_mib, redis_mib) = (mib(pid), mib(system.redis.pid()));
        looks.push(Look { at_s, remaining: remaining as f64, consumer_mib, redis_mib });
        let all = *all.get_or_insert(remaining);
        if first.is_none() && remaining < all {
            first = Some((at_s, remaining, cpu_seconds(pid)));
        }
        if let (0, Some((since_s, at, cpu_then))) = (remaining, first) {
            let events = at as f64;
            let us_per_event = (cpu_seconds(pid) - cpu_then) * 1e6 / events;
            return Ok(Drained { looks, per_second: events / (at_s - since_s), us_per_event });
        }
        if began.elapsed() > PATIENCE {
            return Error::wrong(format!("{remaining} of {all} events are still not counted"));
        }
        sleep(LOOK).await;
    }
}
