//! Memory of API and consumer while they take all that comes, with 5,000 endpoints.

use std::time::Duration;

use tally_servers::{AppendFsync, Process};
use tokio::time::sleep;

use crate::data::Bodies;
use crate::error::Error;
use crate::load;
use crate::machine::resident_bytes;
use crate::rounds::{Effort, Sample, interleave};
use crate::run::check;
use crate::system::System;
use crate::table::{Row, Target};

const ENDPOINTS: usize = 5_000;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(50);
const MIB: f64 = 1_048_576.0;

pub(super) async fn memory(effort: Effort) -> Result<Vec<Row>, Error> {
    let system = System::start_counting(AppendFsync::EverySec, &[]).await?;
    let mut seed = 0;
    let contenders = ["batch 100", "singles"];
    let measured = interleave(effort, &contenders, async |contender| {
        seed += 1;
        let bodies = Bodies::write(&system.dir, [100, 1][contender], ENDPOINTS, seed)?;
        peak(&system, &bodies, effort.seconds).await
    })
    .await?;
    let row = |figure: String, contender, name, must, stretch| {
        Row::new(&figure, "MiB", measured.range(contender, name), measured.quiet())
            .meeting(Target::AtMost(must, stretch))
    };
    let rows = |(contender, load): (usize, &&str)| {
        [
            row(format!("memory of the API at saturation, {load}"), contender, "api MiB", 96.0, 48.0),
            row(format!("memory of the consumer at saturation, {load}"), contender, "consumer MiB", 192.0, 96.0),
        ]
    };
    Ok(contenders.iter().enumerate().flat_map(rows).collect())
}

/// The most that was seen during a run.
async fn peak(system: &System, bodies: &Bodies, seconds: u64) -> Result<Sample, Error> {
    let (before, _) = system.counted().await?;
    let keys_before = system.requests().await?;
    let posting = load::post(&system.base, "/v1/events", bodies, seconds);
    tokio::pin!(posting);
    let (mut api, mut consumer) = (0, 0);
    let load = loop {
        tokio::select! {
            load = &mut posting => break load?,
            () = sleep(LOOK) => {}
        }
        api = api.max(resident_bytes(system.api.pid()));
        consumer = consumer.max(resident_bytes(system.consumer.as_ref().map_or(0, Process::pid)));
    };
    let (after, _) = system.counted().await?;
    check(bodies, &load, &keys_before, &system.requests().await?)?;
    let events = (after.counted - before.counted) as f64;
    Ok(Sample::from([("api MiB", api as f64 / MIB), ("consumer MiB", consumer as f64 / MIB), ("events", events)]))
}
