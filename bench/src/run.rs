//! One run: a limit, or the product under load with its books held against what was posted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tally_servers::{Process, TestServers, free_port};
use tokio::time::{Duration, Instant, sleep};

use crate::data::{Bodies, Key, key};
use crate::error::Error;
use crate::load::{self, Load};
use crate::rounds::Sample;
use crate::system::System;

/// How long the limits' server may take to listen.
const LISTEN_DEADLINE: Duration = Duration::from_secs(10);
const LISTEN_LOOK: Duration = Duration::from_millis(10);

/// The limits, served by a process of their own.
pub(crate) struct Limits {
    base: String,
    _process: Process,
    pub(crate) dir: PathBuf,
}

impl Limits {
    pub(crate) async fn start(workers: usize) -> Result<Self, Error> {
        let dir = TestServers::shared().await?.fresh_dir("limits")?;
        let port = free_port()?;
        let program = std::env::current_exe().map_err(Error::io("find this program"))?;
        let arguments = ["serve-limits", &port.to_string(), &workers.to_string()];
        let process = Process::spawn(&program, &[], &arguments, &dir.join("limits.log"))?;
        let until = Instant::now() + LISTEN_DEADLINE;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if Instant::now() > until {
                return Error::wrong(format!("the limits do not listen:\n{}", tally_servers::tail(process.log())));
            }
            sleep(LISTEN_LOOK).await;
        }
        Ok(Self { base: format!("http://127.0.0.1:{port}"), _process: process, dir })
    }

    /// Events a second that one of the limits takes.
    pub(crate) async fn run(&self, path: &str, bodies: &Bodies, seconds: u64) -> Result<Sample, Error> {
        let load = load::post(&self.base, path, bodies, seconds).await?;
        Ok(Sample::from([("events", load.per_second() * bodies.batch as f64)]))
    }
}

/// Loads the product for so long, waits until all is counted, and holds the counts against what was posted.
pub(crate) async fn product(system: &System, bodies: &Bodies, seconds: u64) -> Result<Sample, Error> {
    let posting = async { Ok(vec![load::post(&system.base, "/v1/events", bodies, seconds).await?]) };
    loaded(system, bodies, posting).await
}

/// The same under one or more loads that begin together, all of the same bodies.
pub(crate) async fn loaded(
    system: &System,
    bodies: &Bodies,
    posting: impl Future<Output = Result<Vec<Load>, Error>>,
) -> Result<Sample, Error> {
    let (before, _) = system.counted().await?;
    let (keys_before, cpu_before) = (system.requests().await?, system.cpu());
    let loads = posting.await?;
    let (after, counted_at_s) = system.counted().await?;
    let cpu = system.cpu();
    check_all(bodies, &loads, &keys_before, &system.requests().await?)?;
    let began_s = loads.iter().map(Load::began_s).fold(f64::INFINITY, f64::min);
    let events = (after.counted - before.counted) as f64;
    let us = |seconds: f64| seconds * 1e6 / events;
    Ok(Sample::from([
        ("accepted", loads.iter().map(Load::per_second).sum::<f64>() * bodies.batch as f64),
        ("counted", events / (counted_at_s - began_s)),
        ("api us", us(cpu.api - cpu_before.api)),
        ("redis us", us(cpu.redis - cpu_before.redis)),
        ("consumer us", us(cpu.consumer - cpu_before.consumer)),
        ("postgres us", us(cpu.postgres - cpu_before.postgres)),
        ("p50 ms", slowest_us(&loads, |load| load.p50_us) / 1e3),
        ("p99 ms", slowest_us(&loads, |load| load.p99_us) / 1e3),
    ]))
}

fn slowest_us(loads: &[Load], of: fn(&Load) -> u64) -> f64 {
    loads.iter().map(of).max().unwrap_or_default() as f64
}

/// Every event that was answered is counted under its endpoint, and none that was not sent. What was on its way when wrk
/// hung up may be counted or not.
pub(crate) fn check(
    bodies: &Bodies,
    load: &Load,
    before: &BTreeMap<Key, u64>,
    after: &BTreeMap<Key, u64>,
) -> Result<(), Error> {
    check_all(bodies, std::slice::from_ref(load), before, after)
}

/// The same for several loads together.
pub(crate) fn check_all(
    bodies: &Bodies,
    loads: &[Load],
    before: &BTreeMap<Key, u64>,
    after: &BTreeMap<Key, u64>,
) -> Result<(), Error> {
    let (mut missing, mut ours) = (0, BTreeSet::new());
    let mut posted = vec![0; bodies.endpoints];
    for load in loads {
        posted.iter_mut().zip(bodies.posted(load.sent)).for_each(|(sum, posted)| *sum += posted);
    }
    for (endpoint, posted) in posted.into_iter().enumerate() {
        let name = key(endpoint);
        let of = |counts: &BTreeMap<_, u64>| counts.get(&name).copied().unwrap_or_default();
        let counted = of(after) - of(before);
        if counted > posted {
            return Error::wrong(format!("{name:?}: posted {posted}, counted {counted}"));
        }
        missing += posted - counted;
        ours.insert(name);
    }
    let batch = bodies.batch as u64;
    let sum = |of: fn(&Load) -> u64| loads.iter().map(of).sum::<u64>();
    let (sent, answered) = (sum(|load| load.sent), sum(|load| load.answered));
    let strangers =
        after.iter().filter(|(name, count)| !ours.contains(*name) && before.get(*name) != Some(count)).count();
    let on_its_way = sum(|load| load.connections).min(sent - answered);
    if missing > on_its_way * batch || strangers > 0 {
        return Error::wrong(format!(
            "{sent} requests of {batch} sent, {answered} answered; {missing} events are not counted, {strangers} endpoints were never posted"
        ));
    }
    Ok(())
}
