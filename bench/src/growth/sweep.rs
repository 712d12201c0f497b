//! The same load on systems that differ in one thing, in interleaved rounds.

use tally_servers::AppendFsync;

use crate::chart::Line;
use crate::data::{Bodies, ENDPOINTS};
use crate::error::Error;
use crate::rounds::{Effort, Measured, Sample, interleave};
use crate::run::product;
use crate::system::System;

/// Load before what is measured, so that the first minute's rows are there and the programs are warm, in seconds.
const WARM_UP_SECONDS: u64 = 1;
/// The processes of one event, by what their time is called in a sample.
const HOPS: [(&str, &str); 4] =
    [("API", "api us"), ("Redis", "redis us"), ("consumer", "consumer us"), ("PostgreSQL", "postgres us")];

/// What was measured at each place with each size of batch.
pub(super) struct Swept {
    places: Vec<u64>,
    batches: Vec<usize>,
    measured: Measured,
}

/// Runs every place with every batch in every round; `run` gets the place, the batch, and a number that no run had before.
pub(super) async fn sweep(
    effort: Effort,
    what: &str,
    (places, batches): (&[u64], &[usize]),
    mut run: impl AsyncFnMut(u64, usize, u64) -> Result<Sample, Error>,
) -> Result<Swept, Error> {
    let runs: Vec<(u64, usize)> =
        batches.iter().flat_map(|batch| places.iter().map(move |place| (*place, *batch))).collect();
    let names: Vec<String> = runs.iter().map(|(place, batch)| format!("{place} {what}, batch {batch}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut seed = 0;
    let measured = interleave(effort, &names, async |contender| {
        seed += 1;
        let (place, batch) = runs[contender];
        run(place, batch, seed).await
    })
    .await?;
    Ok(Swept { places: places.to_vec(), batches: batches.to_vec(), measured })
}

impl Swept {
    /// The line of what a sample calls `name`, with one size of batch.
    pub(super) fn line(&self, title: &str, batch: usize, name: &str) -> Line {
        let first = self.batches.iter().position(|of| *of == batch).unwrap_or(0) * self.places.len();
        let point = |(at, place): (usize, &u64)| (*place as f64, self.measured.range(first + at, name));
        Line::new(title, self.places.iter().enumerate().map(point))
    }

    /// Processor time of an event, by process.
    pub(super) fn hops(&self, batch: usize) -> Vec<Line> {
        HOPS.iter().map(|(title, name)| self.line(title, batch, name)).collect()
    }

    /// How it was measured, in words.
    pub(super) fn note(&self, effort: Effort) -> String {
        let seconds = effort.seconds;
        format!("Median, least and most of fresh systems, {seconds} s of load each: {}.", self.measured.quiet().0)
    }
}

/// A fresh system with these settings, which is warm, and its bodies.
pub(super) async fn warm(settings: &[(&str, &str)], batch: usize, seed: u64) -> Result<(System, Bodies), Error> {
    let system = System::start_counting(AppendFsync::EverySec, settings).await?;
    let bodies = Bodies::write(&system.dir, batch, ENDPOINTS, seed)?;
    product(&system, &bodies, WARM_UP_SECONDS).await?;
    Ok((system, bodies))
}
