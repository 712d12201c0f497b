//! The figures, each measured by a function that answers its rows.

mod apply;
mod bytes;
mod consumer;
mod freshness;
mod import;
mod ingest;
mod memory;
mod reads;

pub(crate) use ingest::{WORKERS_BATCHES, WORKERS_SINGLES};

use crate::error::Error;
use crate::rounds::Effort;
use crate::table::Row;

/// Names of the parts, in the order they run.
pub(crate) const PARTS: [&str; 9] =
    ["singles", "batches", "consumer", "bytes", "apply", "reads", "memory", "freshness", "import"];

/// Measures one part.
///
/// # Errors
/// If anything fails, or is counted wrongly.
pub(crate) async fn measure(part: &str, effort: Effort) -> Result<Vec<Row>, Error> {
    match part {
        "singles" => ingest::singles(effort).await,
        "batches" => ingest::batches(effort).await,
        "consumer" => consumer::consumer(effort).await,
        "bytes" => bytes::bytes(effort).await,
        "apply" => apply::apply(effort).await,
        "reads" => reads::reads(effort).await,
        "memory" => memory::memory(effort).await,
        "freshness" => freshness::freshness(effort).await,
        "import" => import::import(effort).await,
        other => Error::wrong(format!("there is no part {other}")),
    }
}
