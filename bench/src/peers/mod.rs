//! Tally beside what others would use in its place, in the same rounds, each tuned as its users would.

mod ingest;
mod kind;
mod peer;
mod programs;

use crate::args::Peers;
use crate::error::Error;
use crate::figures::{self, WORKERS_BATCHES, WORKERS_SINGLES};
use crate::machine;
use crate::table::{self, Origin, Row, Target};

use self::ingest::Load;
use self::programs::Programs;

/// Names of the parts, in the order they run.
pub(crate) const PARTS: [&str; 3] = ["singles", "batches", "import"];

/// How many times what Python counts Tally should count, of single events: must, stretch.
const SINGLES: Target = Target::Factor(15.0, 25.0);

/// Measures the parts that are asked for, and keeps them part by part.
///
/// # Errors
/// If anything fails, or Tally counts wrongly.
pub(crate) async fn run(peers: &Peers) -> Result<(), Error> {
    let programs = Programs::find()?;
    let versions = format!("{}, {}", machine::versions(), programs.versions());
    let origin = Origin { command: peers.asked.command("bench-peers", &peers.asked.filter), versions };
    let parts = PARTS.into_iter().filter(|part| peers.asked.wants(part));
    table::PEERS.fill(&peers.out, &origin, parts, async |part| measure(part, &programs, peers).await).await
}

async fn measure(part: &str, programs: &Programs, peers: &Peers) -> Result<Vec<Row>, Error> {
    let effort = peers.effort();
    match part {
        "singles" => {
            let load = Load { name: "singles", batch: 1, tally_workers: WORKERS_SINGLES, target: Some(SINGLES) };
            ingest::measure(programs, effort, load).await
        }
        "batches" => {
            let load = Load { name: "batch 100", batch: 100, tally_workers: WORKERS_BATCHES, target: None };
            ingest::measure(programs, effort, load).await
        }
        other => figures::measure(other, effort).await,
    }
}
