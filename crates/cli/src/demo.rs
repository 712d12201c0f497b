//! `tally demo`: tells the history of a made-up shop, then posts its traffic until Ctrl-C.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{MissedTickBehavior, interval};

use crate::args::DemoArgs;
use crate::error::Error;
use crate::history;
use crate::post::{Answer, Poster};
use crate::shop;
use crate::summary::{say, show, with_commas};
use crate::traffic::Traffic;

/// How often a batch is posted, in milliseconds.
const TICK_MS: u64 = 100;
/// Most time that one batch makes up for: after an outage the demo goes on from now. The first one makes up for the time
/// that the history took, so that no gap lies between.
const CATCH_UP: Duration = Duration::from_millis(300);
const CATCH_UP_FIRST: Duration = Duration::from_secs(300);
/// Most events in one batch; well below the API's limits on a request.
const BATCH_EVENTS_MAX: usize = 5_000;
/// A vote goes out with every so many batches.
const BATCHES_PER_VOTE: u64 = 10;
/// Votes that the history comes with.
const VOTES_BEFORE: u64 = 120;
/// How long the API may stay away: a demo outlasts any restart.
const RETRY_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What has been posted.
#[derive(Default)]
struct Totals {
    accepted: u64,
    rejected: u64,
    votes: u64,
}

/// Runs `tally demo`.
pub(crate) async fn demo(args: &DemoArgs) -> ExitCode {
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template("{elapsed:>6}  {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_secs(1));
    let mut totals = Totals::default();
    let ended = tokio::select! {
        result = post_until_stopped(args, &bar, &mut totals) => result,
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    bar.finish_and_clear();
    show(&format!(
        "{} events accepted, {} rejected, {} votes",
        with_commas(totals.accepted),
        with_commas(totals.rejected),
        with_commas(totals.votes)
    ));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("tally: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn post_until_stopped(args: &DemoArgs, bar: &ProgressBar, totals: &mut Totals) -> Result<(), Error> {
    let waiting = bar.clone();
    let on_wait = move |why: &str, _| waiting.set_message(format!("Tally is away ({why}); trying again"));
    let poster = Poster::new(args.to.clone(), RETRY_FOR, Box::new(on_wait))?;
    let began = Instant::now();
    if !args.history.is_zero() {
        tell_history(args, &poster, bar, totals).await?;
    }
    if args.history_only { Ok(()) } else { post_live(args, &poster, bar, (began, totals)).await }
}

/// A Tally that does not say what it holds gets no history, but the live traffic all the same.
async fn tell_history(args: &DemoArgs, poster: &Poster, bar: &ProgressBar, totals: &mut Totals) -> Result<(), Error> {
    bar.set_message("telling the history");
    let told = match history::tell(args, poster, Timestamp::now().as_second()).await {
        Ok(told) => told,
        Err(error @ Error::NotReady { .. }) if !args.history_only => {
            bar.suspend(|| say(&format!("tally: no history: {error}")));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    bar.suspend(|| show(&told.line()));
    (totals.accepted, totals.rejected) = (told.accepted, told.rejected);
    let mut traffic = Traffic::new(args.seed);
    for vote in 0..VOTES_BEFORE {
        post_vote(poster, &format!("demo-history-{}-{vote}", args.seed), &mut traffic, totals).await?;
    }
    Ok(())
}

async fn post_live(
    args: &DemoArgs,
    poster: &Poster,
    bar: &ProgressBar,
    (history_ended, totals): (Instant, &mut Totals),
) -> Result<(), Error> {
    let seed = Timestamp::now().as_microsecond().cast_unsigned();
    let (mut traffic, began, mut last) = (Traffic::new(seed), Instant::now(), history_ended);
    let mut ticks = interval(Duration::from_millis(TICK_MS));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut due, mut shown_at, before) = (0.0, began, totals.accepted);
    for batch in 0.. {
        ticks.tick().await;
        let seconds = began.elapsed().as_secs_f64();
        if args.seconds.is_some_and(|limit| seconds >= limit as f64) {
            return Ok(());
        }
        let span = last.elapsed().min(if batch == 0 { CATCH_UP_FIRST } else { CATCH_UP });
        last = Instant::now();
        due += f64::from(args.rate) * span.as_secs_f64() * shop::busyness(Timestamp::now().as_second());
        let count = (due as usize).min(BATCH_EVENTS_MAX);
        due = (due - count as f64).min(1.0);
        let key = format!("demo-{seed}-{batch}");
        let posted_at = Instant::now();
        post_batch(poster, &key, &mut traffic, (count, span), totals).await?;
        if batch % BATCHES_PER_VOTE == 0 {
            post_vote(poster, &key, &mut traffic, totals).await?;
        }
        if shown_at.elapsed() >= Duration::from_secs(1) {
            shown_at = Instant::now();
            bar.set_message(totals.line((totals.accepted - before) as f64 / seconds, posted_at.elapsed()));
        }
    }
    Ok(())
}

async fn post_batch(
    poster: &Poster,
    key: &str,
    traffic: &mut Traffic,
    (count, span): (usize, Duration),
    totals: &mut Totals,
) -> Result<(), Error> {
    if count == 0 {
        return Ok(());
    }
    let span = SignedDuration::try_from(span).unwrap_or_default();
    let body = Bytes::from(traffic.events(count, Timestamp::now(), span));
    match poster.post_events(key, &body).await? {
        Answer::Accepted { accepted, .. } => {
            totals.accepted += accepted;
            totals.rejected += (count as u64).saturating_sub(accepted);
        }
        Answer::NothingAcceptable(_) | Answer::TooLarge(_) => totals.rejected += count as u64,
    }
    Ok(())
}

/// A refused vote is no reason to end the demo: somebody may have changed the poll.
async fn post_vote(poster: &Poster, key: &str, traffic: &mut Traffic, totals: &mut Totals) -> Result<(), Error> {
    match poster.post_vote(&format!("{key}-vote"), &traffic.vote()).await {
        Ok(()) => totals.votes += 1,
        Err(Error::Refused { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(())
}

impl Totals {
    fn line(&self, per_second: f64, answer: Duration) -> String {
        format!(
            "{per_second:.1} events/s  {} accepted  {} rejected  {} votes  answered in {} ms",
            with_commas(self.accepted),
            with_commas(self.rejected),
            with_commas(self.votes),
            answer.as_millis()
        )
    }
}
