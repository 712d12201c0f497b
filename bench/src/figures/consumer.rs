//! The consumer alone: a backlog is counted by one core, while Redis and PostgreSQL have the other.

use std::process::Command;
use std::time::{Duration, Instant};

use tally_servers::AppendFsync;
use tokio::time::sleep;

use crate::data::{Bodies, ENDPOINTS};
use crate::error::Error;
use crate::limits::fold_per_second;
use crate::load;
use crate::rounds::{Effort, Sample, interleave};
use crate::run::check;
use crate::system::System;
use crate::table::{Row, Target};

/// The consumer's core, and that of the rest.
const ITS_CORE: &str = "0";
const OTHER_CORE: &str = "1";
/// A backlog of some seconds is more than the default allows.
const BACKLOG: (&str, &str) = ("TALLY_BACKLOG_BYTES", "2147483648");
/// Pause between two looks at how far it is, and how long it may take.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn consumer(effort: Effort) -> Result<Vec<Row>, Error> {
    let mut system = System::start(AppendFsync::EverySec, &[BACKLOG]).await?;
    let mut seed = 0;
    let contenders = ["limit (d), 1000", "consumer, 1000", "limit (d), 100", "consumer, 100"];
    let measured = interleave(effort, &contenders, async |contender| {
        seed += 1;
        let batch = if contender < 2 { 1_000 } else { 100 };
        if contender % 2 == 0 {
            let folding = tokio::task::spawn_blocking(move || fold_per_second(batch));
            let events = folding.await.map_err(|_| Error::Wrong("folding panicked".to_owned()))?;
            return Ok(Sample::from([("events", events)]));
        }
        let bodies = Bodies::write(&system.dir, batch, ENDPOINTS, seed)?;
        drain(&mut system, &bodies, effort.seconds).await
    })
    .await?;
    let row = |figure: &str, contender: usize, must, stretch| {
        let (value, limit) = (measured.range(contender, "events"), measured.range(contender - 1, "events"));
        let ratio = measured.ratio((contender, "events"), (contender - 1, "events"));
        let row = Row::new(figure, "events/s", value, measured.quiet()).beside("(d)", limit, ratio);
        row.meeting(Target::Share(must, stretch))
    };
    Ok(vec![
        row("consumer alone, entries of 1000, one core", 1, 0.65, 0.85),
        row("consumer alone, entries of 100, one core", 3, 0.25, 0.36),
    ])
}

/// Fills the log while nobody counts, then lets one core count it. The rate begins with the first commit, so that neither
/// the start nor the first flush is in it.
async fn drain(system: &mut System, bodies: &Bodies, seconds: u64) -> Result<Sample, Error> {
    let (before, keys_before) = (system.books().await?, system.requests().await?);
    let load = load::post(&system.base, "/v1/events", bodies, seconds).await?;
    let all = system.books().await?.accepted;
    pin(system.redis.pid(), OTHER_CORE)?;
    pin(system.postgres.pid(), OTHER_CORE)?;
    system.start_consumer(&["taskset", "--cpu-list", ITS_CORE])?;
    let pid = system.consumer.as_ref().map_or(0, tally_servers::Process::pid);
    let until = Instant::now() + PATIENCE;
    let mut first: Option<(u64, Instant, f64)> = None;
    let sample = loop {
        let counted = system.books().await?.counted;
        let (now, cpu) = (Instant::now(), crate::machine::cpu_seconds(pid));
        match first {
            None if counted > before.counted => first = Some((counted, now, cpu)),
            Some((at, since, cpu_then)) if counted == all => {
                let events = (counted - at) as f64;
                let (wall, cores) = ((now - since).as_secs_f64(), cpu - cpu_then);
                break Sample::from([
                    ("events", events / wall),
                    ("us of its core", cores * 1e6 / events),
                    ("backlog", (all - before.counted) as f64),
                ]);
            }
            _ if now > until => return Error::wrong("the backlog is not counted in time"),
            _ => {}
        }
        sleep(LOOK).await;
    };
    system.counted().await?;
    check(bodies, &load, &keys_before, &system.requests().await?)?;
    system.stop_consumer().await?;
    for pid in [system.redis.pid(), system.postgres.pid()] {
        pin(pid, &format!("{ITS_CORE},{OTHER_CORE}"))?;
    }
    Ok(sample)
}

/// Gives a process, and what it starts from now on, these cores.
fn pin(pid: u32, cores: &str) -> Result<(), Error> {
    let output = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", cores, &pid.to_string()]).output();
    let output = output.map_err(Error::io("run taskset (Debian: apt install util-linux)"))?;
    if output.status.success() { Ok(()) } else { Error::wrong(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
