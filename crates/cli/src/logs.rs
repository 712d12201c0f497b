//! The logs of one import, in order: checked before anything is posted, then read block by block.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use crate::block::{BLOCK_LINES, Block, Blocks};
use crate::error::Error;
use crate::line::Line;
use crate::shift::Shift;
use crate::source::{Log, Source};

/// The logs of one import.
pub(crate) struct Logs {
    inputs: Vec<Input>,
    /// Stored bytes read so far, over all logs.
    pub(crate) read_bytes: Arc<AtomicU64>,
}

/// A log that is yet to be opened, or one that has been read once and is kept open.
enum Input {
    Named(Source),
    Kept(Log),
}

impl Logs {
    /// Makes sure that every file can be opened; URLs and stdin are opened when it is their turn.
    ///
    /// # Errors
    /// [`Error::Open`] for the first file that cannot.
    pub(crate) async fn check(sources: &[Source]) -> Result<Self, Error> {
        for source in sources.iter().filter(|source| matches!(source, Source::File(path) if !is_pipe(path))) {
            Log::open(source).await?;
        }
        let inputs = sources.iter().cloned().map(Input::Named).collect();
        Ok(Self { inputs, read_bytes: Arc::default() })
    }

    /// Reads all logs once for their latest time, and keeps them for a second reading.
    ///
    /// # Errors
    /// When a log cannot be read, or has no time.
    pub(crate) fn shift_to_now(&mut self, runtime: &Handle) -> Result<Shift, Error> {
        let mut latest = None;
        for input in &mut self.inputs {
            let Input::Named(source) = input else { continue };
            let broken = |source_of, lines| Error::Read { name: source.to_string(), lines, source: source_of };
            let log = runtime.block_on(Log::open(source))?.spooled().map_err(|error| broken(error, 0))?;
            let again = log.rewound().map_err(|error| broken(error, 0))?;
            each_block(again, Arc::default(), |block| {
                latest = latest.max(block.lines().filter_map(|line| Line::parse(line).ok()?.unix_seconds.into()).max());
                true
            })?;
            *input = Input::Kept(log);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed());
        Shift::between(latest.ok_or(Error::NoTime)?, now).ok_or(Error::TooFar)
    }

    /// Opens one log after the other and gives `take` each block with the log's number; `opened` hears each log's
    /// stored length. Ends early when `take` returns false.
    ///
    /// # Errors
    /// When a log cannot be opened or read; the blocks before have been given out.
    pub(crate) fn read(
        &self,
        runtime: &Handle,
        opened: impl Fn(Option<u64>),
        mut take: impl FnMut(usize, Block) -> bool,
    ) -> Result<(), Error> {
        for (index, input) in self.inputs.iter().enumerate() {
            let log = match input {
                Input::Named(source) => runtime.block_on(Log::open(source))?,
                Input::Kept(log) => {
                    log.rewound().map_err(|source| Error::Read { name: log.name.clone(), lines: 0, source })?
                }
            };
            opened(log.stored_bytes);
            if !each_block(log, Arc::clone(&self.read_bytes), |block| take(index, block))? {
                break;
            }
        }
        Ok(())
    }
}

/// Whether all of the log was taken.
fn each_block(log: Log, read_bytes: Arc<AtomicU64>, mut take: impl FnMut(Block) -> bool) -> Result<bool, Error> {
    let name = log.name.clone();
    let broken = |source: io::Error, lines| Error::Read { name: name.clone(), lines, source };
    let lines = log.into_lines(read_bytes).map_err(|error| broken(error, 0))?;
    for (before, block) in Blocks::new(lines).enumerate() {
        if !take(block.map_err(|error| broken(error, (before * BLOCK_LINES) as u64))?) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A named pipe (`<(zcat …)`) can be opened only once.
fn is_pipe(path: &std::path::Path) -> bool {
    std::fs::metadata(path).is_ok_and(|about| !about.is_file() && !about.is_dir())
}
