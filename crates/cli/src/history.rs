//! The past that `tally demo` tells before its live traffic, so that a new dashboard has something to show at once.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use crate::args::DemoArgs;
use crate::error::Error;
use crate::post::{Answer, Poster};
use crate::reader::Reader;
use crate::shop::{self, Incident};
use crate::summary::with_commas;
use crate::traffic::Past;

/// Most events of a history, about; a longer or busier one is thinned.
const EVENTS_MAX: f64 = 2_000_000.0;
/// Most events in one post; well below the API's limits on a request.
const POST_EVENTS_MAX: usize = 5_000;
/// Posts on their way at the same time.
const POSTS_IN_FLIGHT: usize = 4;
/// Stretch of time that is made at once, in seconds.
const BLOCK_S: i64 = 300;
/// The same in the hour that is not over: what grows until the demo is started again are whole blocks.
const RUNNING_BLOCK_S: i64 = 60;
const HOUR_S: i64 = 3_600;
/// An hour of which Tally holds this share already is left alone.
const HELD_SHARE: f64 = 0.5;
/// How long a Tally that does not answer is asked what it holds, and the pause between two tries.
const ASK_FOR: Duration = Duration::from_secs(300);
const ASK_PAUSE: Duration = Duration::from_millis(500);
/// Bytes of a block's checksum that its key shows.
const KEY_BYTES: usize = 16;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    /// Hours that were left alone.
    pub(crate) held: u64,
}

#[derive(Deserialize)]
struct Services {
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    service: String,
    requests: u64,
}

/// Posts the history that ends `now_s` (seconds since 1970), the newest hour first. It is up to two hours longer than asked
/// for: so is a window that is answered from whole hours, and the one before it can only be compared if it is there whole. Hours that Tally holds already are left
/// alone, so that a demo that is started again adds only what is missing; and within the API's memory of keys no block
/// counts twice.
///
/// # Errors
/// What stops a [`Poster`], and [`Error::NotReady`] when Tally does not say what it holds.
pub(crate) async fn tell(args: &DemoArgs, poster: &Poster, now_s: i64) -> Result<Told, Error> {
    let length_s = i64::try_from(args.history.as_secs()).unwrap_or(i64::MAX);
    let from_s = (now_s - length_s).div_euclid(HOUR_S) * HOUR_S - HOUR_S;
    let rate = f64::from(args.rate).min(EVENTS_MAX / (now_s - from_s) as f64);
    let past = Past::new(args.seed, rate, Incident::before(now_s));
    let (reader, bar, mut told) = (Reader::new(args.to.clone())?, bar(now_s - from_s), Told::default());
    for (start_s, end_s) in hours(from_s, now_s) {
        if held(&reader, (start_s, end_s), &bar).await? >= HELD_SHARE * past.expected(start_s, end_s) {
            told.held += 1;
        } else {
            post_hour(poster, &past, (start_s, end_s), end_s == now_s, &mut told).await?;
        }
        bar.inc((end_s - start_s).unsigned_abs());
        bar.set_message(format!("{} events", with_commas(told.accepted)));
    }
    bar.finish_and_clear();
    Ok(told)
}

/// The hours of a span, the last first; the outer two may be parts of hours.
fn hours(from_s: i64, to_s: i64) -> impl Iterator<Item = (i64, i64)> {
    let first = from_s.div_euclid(HOUR_S);
    let last = (to_s - 1).div_euclid(HOUR_S);
    (first..=last).rev().map(move |hour| ((hour * HOUR_S).max(from_s), ((hour + 1) * HOUR_S).min(to_s)))
}

/// How many requests of the shop Tally holds between two times.
async fn held(reader: &Reader, (start_s, end_s): (i64, i64), bar: &ProgressBar) -> Result<f64, Error> {
    let time = |s: i64| Timestamp::from_second(s).unwrap_or_default();
    let path = format!("v1/services?from={}&to={}", time(start_s), time(end_s));
    let until = Instant::now() + ASK_FOR;
    loop {
        match reader.json::<Services>(&path).await {
            Ok(answer) => {
                let ours = answer.services.iter().filter(|held| shop::services().any(|name| name == held.service));
                return Ok(ours.map(|held| held.requests as f64).sum());
            }
            Err(error) if Instant::now() >= until => return Err(error),
            Err(error) => {
                bar.set_message(format!("trying again ({error})"));
                sleep(ASK_PAUSE).await;
            }
        }
    }
}

async fn post_hour(
    poster: &Poster,
    past: &Past,
    (start_s, end_s): (i64, i64),
    is_running: bool,
    told: &mut Told,
) -> Result<(), Error> {
    let block_s = if is_running { RUNNING_BLOCK_S } else { BLOCK_S };
    let starts = (start_s..end_s).step_by(block_s.unsigned_abs() as usize);
    let blocks = starts.flat_map(|at_s| past.events(at_s, (at_s + block_s).min(end_s), POST_EVENTS_MAX));
    let mut answers = stream::iter(blocks).map(|body| post(poster, body)).buffer_unordered(POSTS_IN_FLIGHT);
    while let Some((accepted, rejected)) = answers.try_next().await? {
        told.accepted += accepted;
        told.rejected += rejected;
    }
    Ok(())
}

/// Posts a block under a key made of its bytes; returns the events accepted and rejected.
async fn post(poster: &Poster, body: String) -> Result<(u64, u64), Error> {
    let count = body.lines().count() as u64;
    let sum = Sha256::digest(&body);
    let key: String = sum.iter().take(KEY_BYTES).map(|byte| format!("{byte:02x}")).collect();
    match poster.post_events(&format!("demo-history-{key}"), &Bytes::from(body)).await? {
        Answer::Accepted { accepted, .. } => Ok((accepted, count.saturating_sub(accepted))),
        Answer::NothingAcceptable(_) | Answer::TooLarge(_) => Ok((0, count)),
    }
}

fn bar(length_s: i64) -> ProgressBar {
    let style = ProgressStyle::with_template("history  {bar:28} {percent:>3} %  {msg}");
    let bar = ProgressBar::new(length_s.unsigned_abs());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Told {
    /// A line about it.
    pub(crate) fn line(&self) -> String {
        let rejected =
            if self.rejected > 0 { format!(", {} rejected", with_commas(self.rejected)) } else { String::new() };
        let held = match self.held {
            0 => String::new(),
            hours => format!("; {hours} hours of it were there already"),
        };
        format!("history: {} events accepted{rejected}{held}", with_commas(self.accepted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_cover_a_span_without_gap() {
        let all: Vec<_> = hours(7_000, 14_700).collect();
        assert_eq!(all, [(14_400, 14_700), (10_800, 14_400), (7_200, 10_800), (7_000, 7_200)]);
        assert_eq!(hours(7_200, 7_500).collect::<Vec<_>>(), [(7_200, 7_500)]);
        assert_eq!(hours(3_600, 7_200).collect::<Vec<_>>(), [(3_600, 7_200)]);
    }
}
