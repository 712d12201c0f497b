//! The consumer alone: a backlog is counted by one core, while all else has the other.

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

/// The consumer's core, and that of the rest: Redis, PostgreSQL, the API that tells how far it is, and this program.
const ITS_CORE: &str = "0";
const OTHER_CORE: &str = "1";
/// How much longer than others this load lasts: what is counted in a second is mostly starts and ends.
const LONGER: u64 = 2;
/// The clock stops when less than this part of the backlog is left: what follows is the pause before the last flush, and the
/// one shard that has more than the others, whose core then waits for it.
const LEFT_AT_END: u64 = 10;
/// A backlog of some seconds is more than the default allows.
const BACKLOG: [(&str, &str); 2] = [("TALLY_BACKLOG_BYTES", "2147483648"), ("TALLY_BACKLOG_EVENTS", "1000000000")];
/// Pause between two looks at how far it is, and how long it may take.
const LOOK: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn consumer(effort: Effort) -> Result<Vec<Row>, Error> {
    let mut system = System::start(AppendFsync::EverySec, &BACKLOG).await?;
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

/// Fills the log while nobody counts, then lets one core count it. The rate is that between the first commit and the last ones,
/// so that neither the start nor the first and the last flush is in it.
async fn drain(system: &mut System, bodies: &Bodies, seconds: u64) -> Result<Sample, Error> {
    let (before, keys_before) = (system.books().await?, system.requests().await?);
    let load = load::post(&system.base, "/v1/events", bodies, LONGER * seconds).await?;
    let all = system.books().await?.accepted;
    system.redis_at_rest().await?;
    pin_others(system, OTHER_CORE)?;
    system.start_consumer(&["taskset", "--cpu-list", ITS_CORE])?;
    let until = Instant::now() + PATIENCE;
    let first = look_until(system, before.counted + 1, until).await?;
    let last = look_until(system, all - (all - first.counted) / LEFT_AT_END, until).await?;
    system.counted().await?;
    check(bodies, &load, &keys_before, &system.requests().await?)?;
    system.stop_consumer().await?;
    pin_others(system, &format!("{ITS_CORE},{OTHER_CORE}"))?;
    let events = (last.counted - first.counted) as f64;
    Ok(Sample::from([
        ("events", events / (last.at - first.at).as_secs_f64()),
        ("us of its core", (last.cpu_seconds - first.cpu_seconds) * 1e6 / events),
        ("backlog", (all - before.counted) as f64),
    ]))
}

/// How far the consumer is.
struct Seen {
    counted: u64,
    at: Instant,
    cpu_seconds: f64,
}

/// Waits until this many events are counted.
async fn look_until(system: &System, wanted: u64, until: Instant) -> Result<Seen, Error> {
    loop {
        let counted = system.books().await?.counted;
        if counted >= wanted {
            return Ok(Seen { counted, at: Instant::now(), cpu_seconds: system.cpu().consumer });
        }
        if Instant::now() > until {
            return Error::wrong("the backlog is not counted in time");
        }
        sleep(LOOK).await;
    }
}

/// Gives all but the consumer these cores.
fn pin_others(system: &System, cores: &str) -> Result<(), Error> {
    let others = [system.redis.pid(), system.postgres.pid(), system.api.pid(), std::process::id()];
    others.into_iter().try_for_each(|pid| pin(pid, cores))
}

/// Gives a process, and what it starts from now on, these cores.
fn pin(pid: u32, cores: &str) -> Result<(), Error> {
    let output = Command::new("taskset").args(["--all-tasks", "--cpu-list", "--pid", cores, &pid.to_string()]).output();
    let output = output.map_err(Error::io("run taskset (Debian: apt install util-linux)"))?;
    if output.status.success() { Ok(()) } else { Error::wrong(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
