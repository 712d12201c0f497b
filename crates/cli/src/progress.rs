//! The progress bar: on a terminal only, so that a pipe stays clean.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::shift::show_duration;
use crate::source::Source;
use crate::summary::{say, with_commas};

/// How often the bar is drawn without news, in milliseconds.
const TICK_MS: u64 = 200;
const KNOWN: &str = "{bar:28} {percent:>3} %  {lines} lines  {line_rate}/s  {eta} left  {msg}";
const UNKNOWN: &str = "{spinner} {lines} lines  {line_rate}/s  {elapsed}  {msg}";

/// How far an import is; clones show the same bar.
#[derive(Clone)]
pub(crate) struct Progress {
    bar: ProgressBar,
    read_bytes: Arc<AtomicU64>,
    lines: Arc<AtomicU64>,
    /// Whether this outage has been told already.
    waiting: Arc<AtomicBool>,
}

impl Progress {
    /// A bar over the stored bytes of `sources`; those of files are known from the start.
    pub(crate) fn start(sources: &[Source], read_bytes: Arc<AtomicU64>) -> Self {
        let lines = Arc::new(AtomicU64::new(0));
        let bar = ProgressBar::no_length().with_style(style(KNOWN, &lines));
        bar.enable_steady_tick(Duration::from_millis(TICK_MS));
        let progress = Self { bar, read_bytes, lines, waiting: Arc::default() };
        // With one source, its length is heard when it is opened; with more, the bar would jump at each.
        if sources.len() > 1 && !sources.iter().all(|source| matches!(source, Source::File(_))) {
            progress.bar.set_style(style(UNKNOWN, &progress.lines));
        }
        progress
    }

    /// A log of `stored_bytes` was opened; none when nobody knows its length.
    pub(crate) fn expect(&self, stored_bytes: Option<u64>) {
        match stored_bytes {
            Some(bytes) => self.bar.set_length(self.bar.length().unwrap_or(0) + bytes),
            None => self.bar.set_style(style(UNKNOWN, &self.lines)),
        }
    }

    /// `lines` more are done.
    pub(crate) fn advance(&self, lines: u64) {
        self.lines.fetch_add(lines, Ordering::Relaxed);
        self.bar.set_position(self.read_bytes.load(Ordering::Relaxed));
        if self.waiting.swap(false, Ordering::Relaxed) {
            self.bar.set_message("");
        }
    }

    /// The API is away, for the reason `why`; it may stay so for `left`. Said once an outage where there is no bar.
    pub(crate) fn wait(&self, why: &str, left: Duration) {
        let text = format!("waiting for Tally ({why}), up to {} more", show_duration(left));
        let told = self.waiting.swap(true, Ordering::Relaxed);
        if self.bar.is_hidden() && !told {
            say(&format!("tally: {text}"));
        }
        self.bar.set_message(text);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(template: &str, lines: &Arc<AtomicU64>) -> ProgressStyle {
    let (count, for_rate, began) = (Arc::clone(lines), Arc::clone(lines), Instant::now());
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style
        .with_key("lines", move |_: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&with_commas(count.load(Ordering::Relaxed)));
        })
        .with_key("line_rate", move |_: &ProgressState, out: &mut dyn Write| {
            let seconds = began.elapsed().as_secs_f64().max(0.001);
            let _ = out.write_str(&with_commas((for_rate.load(Ordering::Relaxed) as f64 / seconds) as u64));
        })
}
