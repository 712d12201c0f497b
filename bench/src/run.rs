//! One run: a limit, or the product under load with its books held against what was posted.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tally_servers::{Process, TestServers, free_port};
use tokio::time::{Duration, Instant, sleep};

use crate::data::{Bodies, Key, key};
use crate::error::Error;
use crate::load::{self, Load};
use crate::rounds::Sample;
use crate::system::{Cpu, System};

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
    let cpu = system.cpu().since(cpu_before);
    check_all(bodies, &loads, &keys_before, &system.requests().await?)?;
    Ok(sample(&loads, bodies.batch, (after.counted - before.counted, counted_at_s), cpu))
}

/// What a run measured whose events were counted until a moment, in seconds since the Unix epoch.
pub(crate) fn sample(loads: &[Load], batch: usize, (events, counted_at_s): (u64, f64), cpu: Cpu) -> Sample {
    let began_s = loads.iter().map(Load::began_s).fold(f64::INFINITY, f64::min);
    let events = events as f64;
    let us = |seconds: f64| seconds * 1e6 / events;
    Sample::from([
        ("accepted", loads.iter().map(Load::per_second).sum::<f64>() * batch as f64),
        ("counted", events / (counted_at_s - began_s)),
        ("api us", us(cpu.api)),
        ("redis us", us(cpu.redis)),
        ("consumer us", us(cpu.consumer)),
        ("postgres us", us(cpu.postgres)),
        ("p50 ms", slowest_us(loads, |load| load.p50_us) / 1e3),
        ("p99 ms", slowest_us(loads, |load| load.p99_us) / 1e3),
    ])
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
    let Astray { lost, surplus } = astray(bodies, loads, before, after);
    if lost + surplus > 0 {
        let sum = |of: fn(&Load) -> u64| loads.iter().map(of).sum::<u64>();
        let (sent, answered, batch) = (sum(|load| load.sent), sum(|load| load.answered), bodies.batch);
        return Error::wrong(format!(
            "{sent} requests of {batch} sent, {answered} answered; {lost} events are not counted, {surplus} counted that were not posted"
        ));
    }
    Ok(())
}

/// Events that are not where they were posted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Astray {
    /// Answered, and not counted.
    pub(crate) lost: u64,
    /// Counted more than once, or never posted.
    pub(crate) surplus: u64,
}

/// Holds the counts of each endpoint against what was posted. What was on its way when wrk hung up is in neither.
pub(crate) fn astray(
    bodies: &Bodies,
    loads: &[Load],
    before: &BTreeMap<Key, u64>,
    after: &BTreeMap<Key, u64>,
) -> Astray {
    let mut posted = BTreeMap::new();
    for load in loads {
        for (endpoint, events) in bodies.posted(load.sent).into_iter().enumerate() {
            *posted.entry(key(endpoint)).or_insert(0) += events;
        }
    }
    let (mut missing, mut surplus) = (0, 0);
    for name in posted.keys().chain(after.keys().filter(|name| !posted.contains_key(*name))) {
        let of = |counts: &BTreeMap<_, u64>| counts.get(name).copied().unwrap_or_default();
        let (posted, counted) = (of(&posted), of(after) - of(before));
        missing += posted.saturating_sub(counted);
        surplus += counted.saturating_sub(posted);
    }
    let sum = |of: fn(&Load) -> u64| loads.iter().map(of).sum::<u64>();
    let on_its_way = sum(|load| load.connections).min(sum(|load| load.sent) - sum(|load| load.answered));
    Astray { lost: missing.saturating_sub(on_its_way * bodies.batch as u64), surplus }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_or_counted_twice_is_told_from_what_was_on_its_way() {
        let dir = std::env::temp_dir().join(format!("tally-bench-run-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let bodies = Bodies::write(&dir, 100, 7, 1).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let mut load: Load = serde_json::from_str(LOAD).unwrap();
        load.connections = 64;
        let counts = |sent| bodies.posted(sent).into_iter().enumerate().map(|(at, n)| (key(at), n)).collect();
        let found = |after: &BTreeMap<_, _>| astray(&bodies, &[load], &BTreeMap::new(), after);
        let (all, answered): (BTreeMap<Key, u64>, BTreeMap<Key, u64>) = (counts(load.sent), counts(load.answered));
        assert_eq!(found(&all), Astray { lost: 0, surplus: 0 });
        assert_eq!(found(&answered), Astray { lost: 0, surplus: 0 });
        assert_eq!(found(&counts(load.answered - 1)), Astray { lost: 100, surplus: 0 });
        let mut more = all.clone();
        more.insert(key(7), 3);
        *more.get_mut(&key(2)).unwrap() += 2;
        assert_eq!(found(&more), Astray { lost: 0, surplus: 5 });
        let twice = more.iter().map(|(name, count)| (name.clone(), 2 * count)).collect();
        assert_eq!(astray(&bodies, &[load], &all, &twice), Astray { lost: 0, surplus: 10 });
    }

    const LOAD: &str = r#"{"sent":5003,"answered":5000,"duration_us":1000000,"end_us":2000000,"refused":0,"failed":0,"p50_us":1,"p99_us":2}"#;
}
