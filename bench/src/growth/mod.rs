//! How cost grows with one thing at a time: each part is measured, held against what was posted, and drawn as one chart.

mod backlog;
mod connections;
mod endpoints;
mod kept;
mod open_loop;
mod overload;
mod processes;
mod shards;
mod sweep;
mod year;

use crate::args::Growth;
use crate::chart::Chart;
use crate::error::Error;
use crate::growth::kept::Kept;
use crate::rounds::Effort;
use crate::say;

/// Names of the parts, in the order they run.
pub(crate) const PARTS: [&str; 7] = ["shards", "endpoints", "connections", "processes", "backlog", "year", "overload"];

/// Measures the parts that are asked for, and keeps points and charts part by part.
///
/// # Errors
/// If anything fails, or is counted wrongly.
pub(crate) async fn run(growth: &Growth) -> Result<(), Error> {
    for part in PARTS.into_iter().filter(|part| growth.asked.wants(part)) {
        say(&format!("{part}:"));
        if !growth.redraw {
            let chart = measure(part, growth.effort()).await?;
            kept::keep(&growth.out, Kept::now(part, &growth.asked.command("bench-growth", part), chart))?;
        }
        let drawn = kept::draw(&growth.out, &growth.charts, part)?;
        say(&format!("  {}", drawn.display()));
    }
    Ok(())
}

async fn measure(part: &str, effort: Effort) -> Result<Chart, Error> {
    match part {
        "shards" => shards::shards(effort).await,
        "endpoints" => endpoints::endpoints(effort).await,
        "connections" => connections::connections(effort).await,
        "processes" => processes::processes(effort).await,
        "backlog" => backlog::backlog(effort).await,
        "year" => year::year(effort).await,
        "overload" => overload::overload(effort).await,
        other => Error::wrong(format!("there is no part {other}")),
    }
}
