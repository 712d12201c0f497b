//! From a block of lines to what is posted: NDJSON bodies, each under a key that only its content decides.

use std::ops::Range;

use bytes::Bytes;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tally_model::route_of_target;

use crate::block::{Block, hex};
use crate::line::{Line, Unreadable, without_line_end};
use crate::shift::Shift;

/// Largest body in bytes before it is cut in two; half of what the API takes, whose entry limit is on packed bytes.
/// Changing it changes the keys of the blocks that are cut.
const PART_BYTES_MAX: usize = tally_model::BODY_BYTES_MAX / 2;
/// Of keys that a log's content alone decides; a new way to make events needs a new one.
pub(crate) const KEY_DOMAIN: &[u8] = b"tally import 1\0";
/// Examples of unreadable lines that one block gives, at most.
pub(crate) const EXAMPLES_MAX: usize = 5;
/// Longest example, in characters.
const EXAMPLE_CHARS_MAX: usize = 160;

/// What decides, together with the lines, which events an import posts.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    /// The service that all events belong to.
    pub(crate) service: String,
    /// How far times are moved.
    pub(crate) shift: Shift,
    /// Whether paths stay as they are.
    pub(crate) keep_ids: bool,
    /// Stands before all that a key is made of: [`KEY_DOMAIN`], or whose blocks these are.
    pub(crate) key_domain: Vec<u8>,
}

/// A line that was not counted, for the summary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct UnreadableLine {
    /// Physical line number in its log, from 1.
    pub(crate) line: u64,
    /// Why it does not count.
    pub(crate) reason: String,
    /// Its start, made safe to print.
    pub(crate) text: String,
}

/// A block, read.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What to post; none when no line counts.
    pub(crate) part: Option<Part>,
    /// How many lines do not count.
    pub(crate) unreadable: u64,
    /// The first of them.
    pub(crate) examples: Vec<UnreadableLine>,
}

/// One request body with the key that it is posted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// The `Idempotency-Key`: 64 hexadecimal characters.
    pub(crate) key: String,
    /// NDJSON, one event a line.
    pub(crate) body: Bytes,
    /// Each event's end in `body`, and its physical line.
    events: Vec<(usize, u64)>,
}

impl Recipe {
    /// The key of a block: SHA-256 over service, shift, options, block number and raw bytes.
    pub(crate) fn key(&self, block: &Block) -> String {
        let mut digest = Sha256::new_with_prefix(&self.key_domain);
        digest.update((self.service.len() as u64).to_le_bytes());
        digest.update(&self.service);
        digest.update(self.shift.seconds().to_le_bytes());
        digest.update([u8::from(self.keep_ids)]);
        digest.update(block.number.to_le_bytes());
        digest.update(&block.bytes);
        hex(&digest.finalize())
    }

    /// Reads every line of `block`.
    pub(crate) fn read(&self, block: &Block) -> Reading {
        let mut writer = EventWriter::new(self, block.bytes.len());
        let (mut unreadable, mut examples) = (0, Vec::new());
        for (number, line) in (block.first_line..).zip(block.lines()) {
            if let Err(reason) = Line::parse(line).and_then(|parsed| writer.write(&parsed, number)) {
                unreadable += 1;
                if examples.len() < EXAMPLES_MAX {
                    examples.push(UnreadableLine { line: number, reason: reason.to_string(), text: printable(line) });
                }
            }
        }
        let part = (!writer.events.is_empty()).then(|| Part {
            key: self.key(block),
            body: writer.body.into(),
            events: writer.events,
        });
        Reading { part, unreadable, examples }
    }
}

impl Part {
    /// How many events it holds.
    pub(crate) fn event_count(&self) -> usize {
        self.events.len()
    }

    /// The physical line that the event at `index` came from.
    pub(crate) fn line_of(&self, index: usize) -> Option<u64> {
        self.events.get(index).map(|(_, line)| *line)
    }

    /// Whether it must be [halved](Self::halves) before it is posted.
    pub(crate) fn is_too_large(&self) -> bool {
        self.body.len() > PART_BYTES_MAX && self.events.len() > 1
    }

    /// Two parts with half of the events each, under keys of their own that follow from this one.
    pub(crate) fn halves(&self) -> [Self; 2] {
        let middle = self.events.len() / 2;
        [self.slice(0..middle, b"/first"), self.slice(middle..self.events.len(), b"/second")]
    }

    fn slice(&self, range: Range<usize>, name: &[u8]) -> Self {
        let start = range.start.checked_sub(1).map_or(0, |before| self.events[before].0);
        let events: Vec<_> = self.events[range].iter().map(|(end, line)| (end - start, *line)).collect();
        let length = events.last().map_or(0, |(end, _)| *end);
        let key = hex(&Sha256::new_with_prefix(&self.key).chain_update(name).finalize());
        Self { key, body: self.body.slice(start..start + length), events }
    }
}

struct EventWriter<'a> {
    recipe: &'a Recipe,
    /// `{"service":"web","method":"`
    opening: Vec<u8>,
    body: Vec<u8>,
    events: Vec<(usize, u64)>,
    /// The last time written, with its text: neighbours share theirs.
    time: (i64, String),
}

impl<'a> EventWriter<'a> {
    fn new(recipe: &'a Recipe, block_bytes: usize) -> Self {
        let service = serde_json::Value::from(recipe.service.as_str());
        let opening = format!("{{\"service\":{service},\"method\":\"").into_bytes();
        let body = Vec::with_capacity(block_bytes.min(PART_BYTES_MAX));
        Self { recipe, opening, body, events: Vec::new(), time: (i64::MIN, String::new()) }
    }

    fn write(&mut self, line: &Line<'_>, number: u64) -> Result<(), Unreadable> {
        self.set_time(line.unix_seconds)?;
        self.body.extend_from_slice(&self.opening);
        self.body.extend_from_slice(line.method.as_bytes());
        self.body.extend_from_slice(b"\",\"route\":");
        push_json(&mut self.body, &route_of_target(line.method, line.target, self.recipe.keep_ids));
        self.body.extend_from_slice(b",\"status\":");
        push_number(&mut self.body, u64::from(line.status));
        if let Some(us) = line.duration_us {
            self.body.extend_from_slice(b",\"duration_ms\":");
            push_milliseconds(&mut self.body, us);
        }
        self.body.extend_from_slice(b",\"timestamp\":\"");
        self.body.extend_from_slice(self.time.1.as_bytes());
        self.body.extend_from_slice(b"\"}\n");
        self.events.push((self.body.len(), number));
        Ok(())
    }

    fn set_time(&mut self, unix_seconds: i64) -> Result<(), Unreadable> {
        if self.time.0 != unix_seconds {
            let text = rfc3339(unix_seconds + self.recipe.shift.seconds()).ok_or(Unreadable::BadTime)?;
            self.time = (unix_seconds, text);
        }
        Ok(())
    }
}

/// `2015-05-17T10:05:03Z`; none outside the years 0–9999 that RFC 3339 knows.
pub(crate) fn rfc3339(unix_seconds: i64) -> Option<String> {
    const YEAR_0: i64 = -62_167_219_200;
    let time = Timestamp::from_second(unix_seconds).ok().filter(|_| unix_seconds >= YEAR_0)?;
    Some(time.to_string())
}

fn push_json(body: &mut Vec<u8>, text: &str) {
    body.push(b'"');
    // A route holds no control characters, so these two are all that JSON wants escaped.
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate().filter(|(_, byte)| matches!(byte, b'"' | b'\\')) {
        body.extend_from_slice(&text.as_bytes()[plain..at]);
        body.extend_from_slice(&[b'\\', byte]);
        plain = at + 1;
    }
    body.extend_from_slice(&text.as_bytes()[plain..]);
    body.push(b'"');
}

fn push_number(body: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let (mut at, mut left) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            return body.extend_from_slice(&digits[at..]);
        }
    }
}

fn push_milliseconds(body: &mut Vec<u8>, us: u64) {
    push_number(body, us / 1_000);
    if !us.is_multiple_of(1_000) {
        body.extend(format!(".{:03}", us % 1_000).bytes());
    }
}

/// A line's start for people: one line, nothing that moves a terminal's cursor.
pub(crate) fn printable(line: &[u8]) -> String {
    let line = without_line_end(line);
    let start = &line[..line.len().min(EXAMPLE_CHARS_MAX * 4)];
    let text = String::from_utf8_lossy(start);
    let mut safe: String =
        text.chars().take(EXAMPLE_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() > EXAMPLE_CHARS_MAX || start.len() < line.len() {
        safe.push('…');
    }
    safe
}

#[cfg(test)]
#[path = "part_tests.rs"]
mod tests;
