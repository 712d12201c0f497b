//! What it costs to count more endpoints at a time.

use tally_servers::{AppendFsync, Process};

use super::sweep::sweep;
use crate::chart::{Chart, Panel};
use crate::chart_axis::Axis;
use crate::data::Bodies;
use crate::error::Error;
use crate::machine::peak_resident_bytes;
use crate::rounds::{Effort, Sample};
use crate::run::product;
use crate::system::System;

/// The last is all that 20 services may have.
const ENDPOINTS: [u64; 5] = [100, 1_000, 10_000, 30_000, 100_000];
const MIB: f64 = 1_048_576.0;

pub(super) async fn endpoints(effort: Effort) -> Result<Chart, Error> {
    let swept = sweep(effort, "endpoints", (&ENDPOINTS, &[100, 1_000]), async |endpoints, batch, seed| {
        of(endpoints as usize, batch, (effort.seconds, seed)).await
    })
    .await?;
    let panel = |label: &str, lines| Panel { x: Axis::log("endpoints posted"), y: Axis::linear(label), lines };
    let both = |name| vec![swept.line("batches of 100", 100, name), swept.line("batches of 1000", 1_000, name)];
    let memory = |batch| vec![swept.line("consumer", batch, "consumer MiB"), swept.line("API", batch, "api MiB")];
    Ok(Chart {
        title: "Endpoints: what it costs to count more of them at a time".to_owned(),
        notes: vec![
            "Busiest first with a share of n^-0.9; no warm-up: each endpoint is admitted under load. Memory is the peak.".to_owned(),
            swept.note(effort),
        ],
        panels: vec![
            panel("counted, events/s", both("counted")),
            panel("rows of endpoint-minutes that got events", both("rows")),
            panel("batches of 1000, processor µs/event", swept.hops(1_000)),
            panel("batches of 1000, memory in MiB", memory(1_000)),
        ],
    })
}

/// Memory is what no earlier load or read can have taken: the system is fresh, and its endpoints are read afterwards.
async fn of(endpoints: usize, batch: usize, (seconds, seed): (u64, u64)) -> Result<Sample, Error> {
    let system = System::start_counting(AppendFsync::EverySec, &[]).await?;
    let bodies = Bodies::write(&system.dir, batch, endpoints, seed)?;
    let consumer = system.consumer.as_ref().map_or(0, Process::pid);
    let api = system.api.pid();
    let mut sample = product(&system, &bodies, seconds).await?;
    sample.insert("api MiB", peak_resident_bytes(api) as f64 / MIB);
    sample.insert("consumer MiB", peak_resident_bytes(consumer) as f64 / MIB);
    sample.insert("rows", system.requests().await?.len() as f64);
    Ok(sample)
}
