//! What it costs to divide the log.

use super::sweep::{sweep, warm};
use crate::chart::{Chart, Panel};
use crate::chart_axis::Axis;
use crate::error::Error;
use crate::rounds::Effort;
use crate::run::product;

const SHARDS: [u64; 5] = [1, 2, 4, 8, 16];

pub(super) async fn shards(effort: Effort) -> Result<Chart, Error> {
    let swept = sweep(effort, "shards", (&SHARDS, &[1, 100]), async |shards, batch, seed| {
        let (system, bodies) = warm(&[("TALLY_SHARDS", &shards.to_string())], batch, seed).await?;
        product(&system, &bodies, effort.seconds).await
    })
    .await?;
    let panel = |label: &str, lines| Panel { x: Axis::log("shards"), y: Axis::linear(label), lines };
    let rate = |batch| vec![swept.line("accepted", batch, "accepted"), swept.line("counted", batch, "counted")];
    Ok(Chart {
        title: "Shards: what it costs to divide the log".to_owned(),
        notes: vec![swept.note(effort)],
        panels: vec![
            panel("singles, events/s", rate(1)),
            panel("singles, processor µs/event", swept.hops(1)),
            panel("batches of 100, events/s", rate(100)),
            panel("batches of 100, processor µs/event", swept.hops(100)),
        ],
    })
}
