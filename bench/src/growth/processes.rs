//! What more API processes bring, on the cores that there are.

use super::sweep::{sweep, warm};
use crate::chart::{Chart, Panel};
use crate::chart_axis::Axis;
use crate::data::Bodies;
use crate::error::Error;
use crate::load::{CONNECTIONS, Load, post_on};
use crate::rounds::Effort;
use crate::run::loaded;

const PROCESSES: [u64; 4] = [1, 2, 3, 4];

pub(super) async fn processes(effort: Effort) -> Result<Chart, Error> {
    let swept = sweep(effort, "API processes", (&PROCESSES, &[1, 100]), async |processes, batch, seed| {
        let (mut system, bodies) = warm(&[("TALLY_WORKERS", "1")], batch, seed).await?;
        let mut bases = vec![system.base.clone()];
        for _ in 1..processes {
            bases.push(system.start_api().await?);
        }
        loaded(&system, &bodies, post_to_all(&bases, &bodies, effort.seconds)).await
    })
    .await?;
    let panel = |label: &str, lines| Panel { x: Axis::linear("API processes"), y: Axis::linear(label), lines };
    let rate = |batch| vec![swept.line("accepted", batch, "accepted"), swept.line("counted", batch, "counted")];
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    Ok(Chart {
        title: format!("API processes on {cores} cores, with everything else on the same"),
        notes: vec![
            format!("One thread of HTTP each; {CONNECTIONS} connections divided among them, one wrk for each."),
            swept.note(effort),
        ],
        panels: vec![
            panel("singles, events/s", rate(1)),
            panel("singles, processor µs/event", swept.hops(1)),
            panel("batches of 100, events/s", rate(100)),
            panel("batches of 100, processor µs/event", swept.hops(100)),
        ],
    })
}

/// Loads all at the same time with an equal share of the connections.
async fn post_to_all(bases: &[String], bodies: &Bodies, seconds: u64) -> Result<Vec<Load>, Error> {
    let connections = CONNECTIONS / bases.len() as u64;
    let posts = bases.iter().map(|base| post_on(connections, base, "/v1/events", bodies, seconds));
    futures_util::future::try_join_all(posts).await
}
