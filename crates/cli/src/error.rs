//! Everything that can stop the tool, each with the next step.

use std::io;
use std::time::Duration;

use crate::shift::show_duration;

/// What stopped the tool; the text is for the person who typed the command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A log that is not there, or not ours to read.
    #[error("cannot open {name}: {source}")]
    Open {
        /// The log as named by the user.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// A URL that gives no log.
    #[error("cannot download {name}: {reason}")]
    Download {
        /// The URL.
        name: String,
        /// What was answered, or why there was no answer.
        reason: String,
    },
    /// A log that broke off: damaged or cut short, or a download that ended early.
    #[error("{name} cannot be read beyond line {lines}: {source}; run the same command again when the log is whole")]
    Read {
        /// The log as named by the user.
        name: String,
        /// Physical lines in the blocks before.
        lines: u64,
        /// What was wrong.
        source: io::Error,
    },
    /// `--shift-to-now` on a log without a single time.
    #[error("--shift-to-now needs a line with a time, and no line could be read")]
    NoTime,
    /// `--shift-to-now` on a log whose times lie further away than a shift can be.
    #[error("--shift-to-now would need a shift of more than 200 years")]
    TooFar,
    /// `--follow` of something else than one plain file.
    #[error("cannot follow {name}: {reason}")]
    NotFollowed {
        /// The log as named by the user.
        name: String,
        /// Why not.
        reason: String,
    },
    /// The place that was reached cannot be read or written down.
    #[error("{name}: {reason}")]
    State {
        /// The file that keeps it.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Told to end while the API was away.
    #[error("ended before Tally had answered; nothing is lost: the same command goes on from here")]
    Ended,
    /// Nobody took the events for as long as `--retry-for` allows.
    #[error(
        "cannot reach Tally at {url}: {reason} (tried for {}); \
         start it (make run), or name its address with --to, then run the same command again",
        show_duration(*.tried_for)
    )]
    Unreachable {
        /// The API's address.
        url: String,
        /// The last failure.
        reason: String,
        /// The time since the last success.
        tried_for: Duration,
    },
    /// An answer that no repetition makes better.
    #[error("{url} refused the events with {status}: {detail}")]
    Refused {
        /// The API's address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the answer said, or what to do about it.
        detail: String,
    },
    /// Nobody gave the report for as long as `--retry-for` allows.
    #[error(
        "no report from Tally at {url}: {reason} (tried for {}); start it (make run), or name its address with --api",
        show_duration(*.tried_for)
    )]
    NoReport {
        /// The API's address.
        url: String,
        /// The last failure.
        reason: String,
        /// The time since the first try.
        tried_for: Duration,
    },
    /// An answer to the question for a report that no repetition makes better.
    #[error("{url} gives no report: {status} {detail}")]
    ReportRefused {
        /// The API's address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// What the answer said, or what to do about it.
        detail: String,
    },
    /// A report that cannot be written.
    #[error("cannot write {name}: {source}")]
    Write {
        /// The file as named by the user, or in the directory that was.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Bounds that are no window, or an `--out` that tells no format.
    #[error("{0}")]
    Usage(String),
    /// A page that should answer with success does not.
    #[error("{url} is not as it should be: {reason}")]
    NotReady {
        /// The page.
        url: String,
        /// What it answered, or why it did not.
        reason: String,
    },
    /// An event did not come through.
    #[error("{reason}")]
    NotCounted {
        /// How far it came.
        reason: String,
    },
    /// A connection that must be refused came about.
    #[error("{address} can be connected to, but must not")]
    NotRefused {
        /// Where to.
        address: String,
    },
    /// An address that must be refused is not known at all.
    #[error("{address} is not known ({reason}), which proves nothing")]
    UnknownAddress {
        /// The address as given.
        address: String,
        /// What the resolver said.
        reason: String,
    },
    /// The HTTP client could not be made, or a thread broke: nothing the user did.
    #[error("internal error: {0}")]
    Internal(String),
}

/// An error with all its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let part = next.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = next.source();
    }
    text
}
