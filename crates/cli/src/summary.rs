//! What came of an import: figures that add up, and the first examples of what was not counted.

use std::io::Write;
use std::time::Duration;

use serde::Serialize;

use crate::args::ImportArgs;
use crate::error::Error;
use crate::import::shift_option;
use crate::part::{EXAMPLES_MAX, UnreadableLine};
use crate::shift::Shift;

/// What came of one block.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Which log of the command line it belongs to, from 0.
    pub(crate) log: usize,
    /// Its physical lines.
    pub(crate) lines: u64,
    /// Those that do not count.
    pub(crate) unreadable: u64,
    /// Events counted by this import.
    pub(crate) accepted: u64,
    /// Events counted before: by an earlier import, or by a post of this one whose answer was lost.
    pub(crate) duplicate: u64,
    /// Events that the API refused.
    pub(crate) rejected: u64,
    /// Whether some were refused for their time.
    pub(crate) too_old: bool,
    /// The first unreadable lines.
    pub(crate) unreadable_examples: Vec<UnreadableLine>,
    /// The first rejected events.
    pub(crate) rejected_examples: Vec<RejectedLine>,
}

/// An event that the API refused, by the line it came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct RejectedLine {
    /// Physical line number in its log, from 1.
    pub(crate) line: u64,
    /// The field at fault.
    pub(crate) field: String,
    /// What the API expected.
    pub(crate) reason: String,
}

/// An example with the name of its log; ordered as on the command line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Example<T> {
    #[serde(skip)]
    order: usize,
    log: String,
    #[serde(flatten)]
    what: T,
}

/// What came of an import. `lines = unreadable + accepted + duplicate + rejected` for all blocks that were finished.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    service: String,
    lines: u64,
    unreadable: u64,
    accepted: u64,
    duplicate: u64,
    rejected: u64,
    seconds: f64,
    shift: String,
    shift_seconds: i64,
    /// Whether every line of every log was dealt with.
    complete: bool,
    error: Option<String>,
    unreadable_examples: Vec<Example<UnreadableLine>>,
    rejected_examples: Vec<Example<RejectedLine>>,
    #[serde(skip)]
    too_old: bool,
    #[serde(skip)]
    shift_value: Shift,
    #[serde(skip)]
    names: Vec<String>,
}

impl Summary {
    /// An empty summary of the import that `args` ask for.
    pub(crate) fn new(args: &ImportArgs) -> Self {
        let shift = args.shift.unwrap_or_default();
        Self {
            service: args.service.clone(),
            lines: 0,
            unreadable: 0,
            accepted: 0,
            duplicate: 0,
            rejected: 0,
            seconds: 0.0,
            shift: shift.to_string(),
            shift_seconds: shift.seconds(),
            complete: false,
            error: None,
            unreadable_examples: Vec::new(),
            rejected_examples: Vec::new(),
            too_old: false,
            shift_value: shift,
            names: args.logs.iter().map(ToString::to_string).collect(),
        }
    }

    /// Notes the shift that is used.
    pub(crate) fn set_shift(&mut self, shift: Shift) {
        (self.shift, self.shift_seconds, self.shift_value) = (shift.to_string(), shift.seconds(), shift);
    }

    /// Adds what came of a block; blocks may finish in any order.
    pub(crate) fn add(&mut self, outcome: Outcome) {
        self.lines += outcome.lines;
        self.unreadable += outcome.unreadable;
        self.accepted += outcome.accepted;
        self.duplicate += outcome.duplicate;
        self.rejected += outcome.rejected;
        self.too_old |= outcome.too_old;
        let (order, name) = (outcome.log, self.names.get(outcome.log).cloned().unwrap_or_default());
        keep_first(&mut self.unreadable_examples, order, &name, outcome.unreadable_examples);
        keep_first(&mut self.rejected_examples, order, &name, outcome.rejected_examples);
    }

    /// Notes how long it took and what stopped it, if anything did.
    pub(crate) fn finish(&mut self, took: Duration, error: Option<&Error>) {
        self.seconds = (took.as_secs_f64() * 1_000.0).round() / 1_000.0;
        self.complete = error.is_none();
        self.error = error.map(ToString::to_string);
    }

    /// Prints the summary on stdout.
    pub(crate) fn print(&self, json: bool) {
        if json { self.print_json() } else { show(&self.text()) }
    }

    /// Prints the summary of an import that did not begin: only where a program waits for it.
    pub(crate) fn print_failure(&self, json: bool) {
        if json {
            self.print_json();
        }
    }

    fn print_json(&self) {
        match serde_json::to_string(self) {
            Ok(text) => show(&text),
            Err(error) => say(&format!("tally: internal error: {error}")),
        }
    }

    /// After a failure: a shift that was chosen by the clock has to be named, or the repetition counts twice.
    pub(crate) fn say_how_to_repeat(&self, args: &ImportArgs) {
        if args.shift_to_now && self.shift_seconds != 0 {
            say(&format!("tally: go on with {} instead of --shift-to-now", shift_option(self.shift_value)));
        }
    }

    fn text(&self) -> String {
        let rate = (self.lines as f64 / self.seconds.max(0.001)) as u64;
        let mut rows = vec![
            ("lines", with_commas(self.lines), String::new()),
            ("accepted", with_commas(self.accepted), format!("as service {}", self.service)),
            (
                "duplicate",
                with_commas(self.duplicate),
                "counted before: by an earlier import, or by a post whose answer was lost".to_owned(),
            ),
            ("rejected", with_commas(self.rejected), String::new()),
            ("unreadable", with_commas(self.unreadable), String::new()),
            ("seconds", format!("{:.2}", self.seconds), format!("{} lines a second", with_commas(rate))),
        ];
        if self.shift_seconds != 0 {
            rows.push(("shift", self.shift.clone(), format!("{} repeats this import", shift_option(self.shift_value))));
        }
        let width = rows.iter().map(|(_, value, _)| value.len()).max().unwrap_or_default();
        let mut text: Vec<String> = rows
            .iter()
            .map(|(name, value, note)| format!("{name:<11}{value:>width$}  {note}").trim_end().to_owned())
            .collect();
        self.push_examples(&mut text);
        text.join("\n")
    }

    fn push_examples(&self, text: &mut Vec<String>) {
        if !self.rejected_examples.is_empty() {
            text.push(format!("\nrejected, the first of {}:", with_commas(self.rejected)));
            let rows = self.rejected_examples.iter();
            text.extend(rows.map(|e| format!("  {}:{}  {}: {}", e.log, e.what.line, e.what.field, e.what.reason)));
        }
        if self.too_old {
            text.push("an old log? --shift-to-now (or --shift 30d) moves its times to where they are kept".to_owned());
        }
        if !self.unreadable_examples.is_empty() {
            text.push(format!("\nunreadable, the first of {}:", with_commas(self.unreadable)));
            let rows = self.unreadable_examples.iter();
            text.extend(rows.map(|e| format!("  {}:{}  {}: {}", e.log, e.what.line, e.what.reason, e.what.text)));
        }
        if self.lines > 0 && self.unreadable == self.lines {
            text.push("no line is in common, combined, or combined + $request_time format; see --help".to_owned());
        }
    }
}

fn keep_first<T: Ord>(kept: &mut Vec<Example<T>>, order: usize, log: &str, new: Vec<T>) {
    kept.extend(new.into_iter().map(|what| Example { order, log: log.to_owned(), what }));
    kept.sort();
    kept.truncate(EXAMPLES_MAX);
}

/// `1234567` → `1,234,567`.
pub(crate) fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let head = digits.len() % 3;
    let groups = digits.as_bytes()[head..].chunks(3).map(String::from_utf8_lossy);
    let lead = (head > 0).then(|| digits[..head].into());
    lead.into_iter().chain(groups).collect::<Vec<_>>().join(",")
}

/// A line on stdout; a reader that went away is not our failure.
pub(crate) fn show(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// A line on stderr.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")] {
            assert_eq!(with_commas(number), text);
        }
    }

    #[test]
    fn the_first_examples_stay_whatever_the_order_of_blocks() {
        let example = |line| RejectedLine { line, field: "timestamp".into(), reason: "too old".into() };
        let mut kept = Vec::new();
        keep_first(&mut kept, 1, "a.log", vec![example(1)]);
        keep_first(&mut kept, 0, "b.log", (4_001..=4_005).map(example).collect());
        keep_first(&mut kept, 0, "b.log", vec![example(7), example(9)]);
        let lines: Vec<_> = kept.iter().map(|e| (e.log.as_str(), e.what.line)).collect();
        assert_eq!(lines, [("b.log", 7), ("b.log", 9), ("b.log", 4_001), ("b.log", 4_002), ("b.log", 4_003)]);
    }
}
