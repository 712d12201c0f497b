//! `tally import --follow`: what is in a log and what is written to it, until it is told to end.
//!
//! One block at a time: its bounds are written down, then it is posted, then the next one's are. Whatever happens between,
//! the block that may or may not have arrived is posted again as it was. Read `tail.rs` (the log and its rotation), then
//! `state.rs` (the place that was reached).

mod state;
mod tail;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::args::ImportArgs;
use crate::error::Error;
use crate::import::post_block;
use crate::part::Recipe;
use crate::post::Poster;
use crate::progress::Progress;
use crate::source::Source;
use crate::summary::{Outcome, Summary, say};
use state::{Place, State};
use tail::{Next, Tail};

/// How often a log that is read to its end is looked at again.
const TICK: Duration = Duration::from_secs(1);
/// How long the API may stay away: a follower outlasts any outage.
const RETRY_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long posting may still go on when the follower is told to end.
const END: Duration = Duration::from_secs(5);
/// Stands before the keys of followed blocks.
const KEY_DOMAIN: &[u8] = b"tally follow 1\0";

/// Follows the one log of `args`.
///
/// # Errors
/// [`Error`]; nothing is lost by any: the same command goes on.
pub(crate) async fn follow(args: &ImportArgs, summary: &mut Summary) -> Result<(), Error> {
    let mut told = told_to_end()?;
    let mut follower = Follower::begin(args)?;
    let progress = Progress::start(&[], Arc::default());
    progress.expect(None);
    let waiting = progress.clone();
    let on_wait = Box::new(move |why: &str, left| waiting.wait(why, left));
    let poster = Poster::new(args.to.clone(), args.retry_for.unwrap_or(RETRY_FOR), on_wait)?;
    let followed = follower.run(&poster, &mut told, |outcome| {
        progress.advance(outcome.lines);
        summary.add(outcome);
    });
    let followed = followed.await;
    progress.finish();
    followed
}

/// Turns true at SIGINT or SIGTERM.
fn told_to_end() -> Result<watch::Receiver<bool>, Error> {
    let internal = |error: io::Error| Error::Internal(error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
        tell.send_replace(true);
    });
    Ok(told)
}

struct Follower {
    log: PathBuf,
    state: State,
    place: Place,
    tail: Tail,
    recipe: Recipe,
}

impl Follower {
    fn begin(args: &ImportArgs) -> Result<Self, Error> {
        let log = plain_file(args)?;
        let open = |source| Error::Open { name: log.display().to_string(), source };
        let state = State::open(args, &log)?;
        let kept = state.load()?;
        let (tail, place) = match kept {
            Some(place) => match Tail::find(&log, &place).map_err(open)? {
                Some(tail) => (tail, place),
                None => {
                    say(&format!(
                        "tally: the file that was followed up to line {} is gone from beside {}; lines after that are \
                         not counted",
                        place.lines,
                        log.display()
                    ));
                    let tail = Tail::open(&log).map_err(open)?;
                    let place = after(&place, tail.inode().map_err(open)?);
                    (tail, place)
                }
            },
            None => {
                let tail = Tail::open(&log).map_err(open)?;
                let mut place = state.first(tail.inode().map_err(open)?);
                if args.from_now {
                    place.offset = tail.last_line_end().map_err(open)?;
                    place.mark = tail.mark(place.offset).map_err(open)?;
                }
                (tail, place)
            }
        };
        state.save(&place)?;
        say(&format!("tally: following {}; {} keeps the place", log.display(), state.path().display()));
        let shift = args.shift.unwrap_or_default();
        let recipe = Recipe { service: args.service.clone(), shift, keep_ids: args.keep_ids, key_domain: Vec::new() };
        Ok(Self { log, state, place, tail, recipe })
    }

    /// Posts until it is told to end; then, for a moment, what is there already, and returns.
    async fn run(
        &mut self,
        poster: &Poster,
        told: &mut watch::Receiver<bool>,
        mut posted: impl FnMut(Outcome),
    ) -> Result<(), Error> {
        loop {
            let ending = *told.borrow();
            let (began, until) = (Instant::now(), self.tail.len().map_err(|error| self.broken(error))?);
            while let Some(end) = self.next_block(false)?
                && let Some(outcome) = self.post(end, poster, told).await?
            {
                posted(outcome);
                let enough = self.place.offset >= until || began.elapsed() >= END;
                if ending && enough || *told.borrow() != ending {
                    break;
                }
            }
            if ending {
                return Ok(());
            }
            if *told.borrow() {
                continue;
            }
            if let Some(end) = self.move_on()? {
                self.post(end, poster, told).await?.map(&mut posted);
                continue;
            }
            tokio::select! {
                () = sleep(TICK) => (),
                _ = told.wait_for(|told| *told) => (),
            }
        }
    }

    /// Where the next block ends, if there is one: the one that was sent already, as it was.
    fn next_block(&mut self, finished: bool) -> Result<Option<u64>, Error> {
        if self.place.sent_to.is_some() {
            return Ok(self.place.sent_to);
        }
        // What was cut and has grown again is another file.
        let next = self
            .tail
            .holds(&self.place)
            .and_then(|holds| if holds { self.tail.block_end(self.place.offset, finished) } else { Ok(None) });
        next.map_err(|error| self.broken(error))
    }

    /// Posts the block up to `end`, unless the file has been cut meanwhile.
    async fn post(
        &mut self,
        end: u64,
        poster: &Poster,
        told: &mut watch::Receiver<bool>,
    ) -> Result<Option<Outcome>, Error> {
        let read = self.tail.block(&self.place, end).map_err(|error| self.broken(error))?;
        let Some((block, mark)) = read else { return Ok(None) };
        if self.place.sent_to.is_none() {
            self.place.sent_to = Some(end);
            self.state.save(&self.place)?;
        }
        let generation = format!("{}/{}\0", self.place.id, self.place.generation);
        let recipe = Recipe { key_domain: [KEY_DOMAIN, generation.as_bytes()].concat(), ..self.recipe.clone() };
        let recipe = Arc::new(recipe);
        let overdue = async {
            // The sender lives as long as the runtime.
            let _ = told.wait_for(|told| *told).await;
            sleep(END).await;
        };
        let outcome = tokio::select! {
            outcome = post_block(poster, &recipe, 0, block) => outcome?,
            () = overdue => return Err(Error::Ended),
        };
        (self.place.offset, self.place.mark, self.place.sent_to) = (end, mark, None);
        self.place.lines += outcome.lines;
        self.state.save(&self.place)?;
        Ok(Some(outcome))
    }

    /// Stays with the log where it was rotated. The last line of a file that is left may lack its end: then that is a block.
    fn move_on(&mut self) -> Result<Option<u64>, Error> {
        match self.tail.next(&self.place).map_err(|error| self.broken(error))? {
            Next::Wait => return Ok(None),
            Next::Copy => {}
            Next::Finish => {
                if let Some(end) = self.next_block(true)? {
                    return Ok(Some(end));
                }
                self.tail = self.tail.successor().map_err(|error| self.broken(error))?;
                self.begin_anew()?;
            }
            Next::Cut => {
                say(&format!(
                    "tally: {} was cut after line {}, and no copy of it stands beside it; following what is written anew",
                    self.log.display(),
                    self.place.lines
                ));
                self.tail.restart().map_err(|error| self.broken(error))?;
                self.begin_anew()?;
            }
        }
        self.next_block(false)
    }

    fn begin_anew(&mut self) -> Result<(), Error> {
        let inode = self.tail.inode().map_err(|error| self.broken(error))?;
        self.place = after(&self.place, inode);
        self.state.save(&self.place)
    }

    fn broken(&self, source: io::Error) -> Error {
        Error::Read { name: self.log.display().to_string(), lines: self.place.lines, source }
    }
}

/// The beginning of the file that comes after the one of `place`.
fn after(place: &Place, inode: u64) -> Place {
    let generation = place.generation + 1;
    Place { generation, inode, offset: 0, sent_to: None, lines: 0, mark: String::new(), ..place.clone() }
}

/// The path of the one log, which must be a file that is not packed.
fn plain_file(args: &ImportArgs) -> Result<PathBuf, Error> {
    let refused = |name: String, reason: &str| Err(Error::NotFollowed { name, reason: reason.to_owned() });
    let [Source::File(path)] = &args.logs[..] else {
        let names: Vec<_> = args.logs.iter().map(ToString::to_string).collect();
        return refused(names.join(", "), "name one file; for each further one run another tally");
    };
    let name = path.display().to_string();
    let open = |source| Error::Open { name: name.clone(), source };
    let path = std::path::absolute(path).map_err(open)?;
    let about = std::fs::metadata(&path).map_err(open)?;
    if !about.is_file() {
        return refused(name, "it is no plain file");
    }
    if crate::source::is_packed(&path).map_err(open)? {
        return refused(name, "it is compressed, and does not grow by lines; import it without --follow");
    }
    Ok(path)
}
