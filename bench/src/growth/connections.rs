//! What it costs to be asked by more clients at a time.

use super::sweep::{sweep, warm};
use crate::chart::{Chart, Panel};
use crate::chart_axis::Axis;
use crate::error::Error;
use crate::load::post_on;
use crate::rounds::Effort;
use crate::run::loaded;

const CONNECTIONS: [u64; 7] = [1, 4, 16, 64, 256, 1_024, 4_096];

pub(super) async fn connections(effort: Effort) -> Result<Chart, Error> {
    let swept = sweep(effort, "connections", (&CONNECTIONS, &[1]), async |connections, batch, seed| {
        let (system, bodies) = warm(&[], batch, seed).await?;
        let posting =
            async { Ok(vec![post_on(connections, &system.base, "/v1/events", &bodies, effort.seconds).await?]) };
        loaded(&system, &bodies, posting).await
    })
    .await?;
    let panel = |y, lines| Panel { x: Axis::log("connections"), y, lines };
    let line = |title, name| swept.line(title, 1, name);
    Ok(Chart {
        title: "Connections: singles from more clients at a time".to_owned(),
        notes: vec![
            "Each client posts again as soon as it is answered (a closed loop): latency is connections over rate."
                .to_owned(),
            swept.note(effort),
        ],
        panels: vec![
            panel(Axis::linear("singles, events/s"), vec![line("accepted", "accepted"), line("counted", "counted")]),
            panel(Axis::log("latency of a POST, ms"), vec![line("p50", "p50 ms"), line("p99", "p99 ms")]),
            panel(Axis::log("processor µs/event"), swept.hops(1)),
        ],
    })
}
