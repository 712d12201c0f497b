//! The import pipeline: one thread reads blocks, a few are turned into bodies and posted at the same time.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::args::ImportArgs;
use crate::block::Block;
use crate::dry_run;
use crate::error::Error;
use crate::follow;
use crate::logs::Logs;
use crate::part::{EXAMPLES_MAX, KEY_DOMAIN, Part, Recipe};
use crate::post::{Answer, Poster, Rejection};
use crate::progress::Progress;
use crate::shift::Shift;
use crate::summary::{Outcome, RejectedLine, Summary, say};

/// Blocks that are parsed or posted at the same time.
const BLOCKS_IN_FLIGHT: usize = 4;
/// Blocks that are read ahead.
const BLOCKS_AHEAD: usize = 2;
/// How long the API may stay away where nothing else is said.
const RETRY_FOR: Duration = Duration::from_secs(5 * 60);
/// Raw bytes of blocks that wait or are in flight, in KiB; the reader waits for room.
const ROOM_KIB: u32 = 64 * 1024;

/// A block on its way, holding its share of the room.
struct Loaded {
    log: usize,
    block: Block,
    _room: OwnedSemaphorePermit,
}

/// Runs `tally import`.
pub(crate) async fn import(args: &ImportArgs) -> ExitCode {
    let began = Instant::now();
    let mut summary = Summary::new(args);
    let result = match prepare(args).await {
        _ if args.follow => {
            let followed = follow::follow(args, &mut summary).await;
            summary.finish(began.elapsed(), followed.as_ref().err());
            summary.print(args.json);
            followed
        }
        Ok((logs, recipe)) if args.dry_run => dry_run::dry_run(args, logs, recipe).await,
        Ok((logs, recipe)) => {
            summary.set_shift(recipe.shift);
            let posted = post_all(args, logs, recipe, &mut summary).await;
            summary.finish(began.elapsed(), posted.as_ref().err());
            summary.print(args.json);
            posted
        }
        Err(error) => {
            summary.finish(began.elapsed(), Some(&error));
            summary.print_failure(args.json);
            Err(error)
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("tally: {error}"));
            summary.say_how_to_repeat(args);
            ExitCode::FAILURE
        }
    }
}

async fn prepare(args: &ImportArgs) -> Result<(Logs, Recipe), Error> {
    let mut logs = Logs::check(&args.logs).await?;
    let mut shift = args.shift.unwrap_or_default();
    if args.shift_to_now {
        let runtime = Handle::current();
        let scan = tokio::task::spawn_blocking(move || logs.shift_to_now(&runtime).map(|shift| (logs, shift)));
        (logs, shift) = scan.await.map_err(|error| Error::Internal(error.to_string()))??;
        say(&format!("tally: --shift-to-now is --shift {shift} this time; repeat the import with that"));
    }
    Ok((logs, Recipe { service: args.service.clone(), shift, keep_ids: args.keep_ids, key_domain: KEY_DOMAIN.into() }))
}

async fn post_all(args: &ImportArgs, logs: Logs, recipe: Recipe, summary: &mut Summary) -> Result<(), Error> {
    let progress = Progress::start(&args.logs, Arc::clone(&logs.read_bytes));
    let waiting = progress.clone();
    let poster = Poster::new(
        args.to.clone(),
        args.retry_for.unwrap_or(RETRY_FOR),
        Box::new(move |why, left| waiting.wait(why, left)),
    )?;
    let (poster, recipe) = (&poster, &Arc::new(recipe));
    let failed = AtomicBool::new(false);
    let mut outcomes = std::pin::pin!(
        loaded_blocks(logs, progress.clone(), &failed)
            .map(|loaded| async move {
                let Loaded { log, block, _room } = loaded?;
                post_block(poster, recipe, log, block).await
            })
            .buffer_unordered(BLOCKS_IN_FLIGHT)
    );
    let mut first_error = None;
    // After a failure nothing new is taken up, but what is in flight still tells its outcome.
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok(outcome) => {
                progress.advance(outcome.lines);
                summary.add(outcome);
            }
            Err(error) => {
                failed.store(true, Ordering::Relaxed);
                first_error.get_or_insert(error);
            }
        }
    }
    progress.finish();
    first_error.map_or(Ok(()), Err)
}

/// The blocks of all logs, read by a thread of their own: stdin may block for as long as it likes.
fn loaded_blocks(logs: Logs, progress: Progress, failed: &AtomicBool) -> impl Stream<Item = Result<Loaded, Error>> {
    let (sender, receiver) = mpsc::channel(BLOCKS_AHEAD);
    let runtime = Handle::current();
    std::thread::spawn(move || {
        let room = Arc::new(Semaphore::new(ROOM_KIB as usize));
        let load = |log, block: Block| {
            let kib = u32::try_from(block.bytes.len() / 1024 + 1).map_or(ROOM_KIB, |kib| kib.min(ROOM_KIB));
            let permit = runtime.block_on(Arc::clone(&room).acquire_many_owned(kib));
            permit.is_ok_and(|room| sender.blocking_send(Ok(Loaded { log, block, _room: room })).is_ok())
        };
        if let Err(error) = logs.read(&runtime, |stored_bytes| progress.expect(stored_bytes), load) {
            // Nobody listens any more only when the import has failed already.
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, move |mut receiver| async move {
        if failed.load(Ordering::Relaxed) {
            return None;
        }
        receiver.recv().await.map(|loaded| (loaded, receiver))
    })
}

/// Posts what counts of a block, under keys that follow from it.
pub(crate) async fn post_block(
    poster: &Poster,
    recipe: &Arc<Recipe>,
    log: usize,
    block: Block,
) -> Result<Outcome, Error> {
    let (lines, recipe) = (block.line_count() as u64, Arc::clone(recipe));
    let reading = tokio::task::spawn_blocking(move || recipe.read(&block));
    let reading = reading.await.map_err(|error| Error::Internal(error.to_string()))?;
    let unreadable_examples = reading.examples;
    let mut outcome = Outcome { log, lines, unreadable: reading.unreadable, unreadable_examples, ..Outcome::default() };
    // At most one pending half for each halving: as many as the events of a block can be halved.
    let mut pending: Vec<Part> = reading.part.into_iter().collect();
    while let Some(part) = pending.pop() {
        if part.is_too_large() {
            pending.extend(part.halves().into_iter().rev());
            continue;
        }
        match poster.post_events(&part.key, &part.body).await? {
            Answer::TooLarge(_) if part.event_count() > 1 => pending.extend(part.halves().into_iter().rev()),
            answer => outcome.add(&part, answer),
        }
    }
    Ok(outcome)
}

impl Outcome {
    /// Adds what the API said about `part`; what it did not accept, it rejected.
    fn add(&mut self, part: &Part, answer: Answer) {
        let events = part.event_count() as u64;
        let (accepted, rejections) = match answer {
            Answer::Accepted { accepted, rejected, duplicate } => {
                let accepted = accepted.min(events);
                *(if duplicate { &mut self.duplicate } else { &mut self.accepted }) += accepted;
                (accepted, rejected)
            }
            Answer::NothingAcceptable(rejected) => (0, rejected),
            Answer::TooLarge(reason) => (0, vec![Rejection { index: 0, field: "body".to_owned(), reason }]),
        };
        self.rejected += events - accepted;
        self.too_old |= rejections.iter().any(|rejection| rejection.field == "timestamp");
        let room = EXAMPLES_MAX.saturating_sub(self.rejected_examples.len());
        self.rejected_examples.extend(rejections.into_iter().take(room).filter_map(|rejection| {
            let line = part.line_of(rejection.index)?;
            Some(RejectedLine { line, field: rejection.field, reason: rejection.reason })
        }));
    }
}

/// How to name a shift on the command line.
pub(crate) fn shift_option(shift: Shift) -> String {
    format!("--shift {shift}")
}
