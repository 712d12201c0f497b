//! A body's text to judged events: one JSON value, an array, or a line for each event.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tally_model::{EventBlock, EventRow, Method, REQUEST_EVENTS_MAX, RouteTemplate, Service};

use crate::ingest::raw::RawEvent;
use crate::ingest::timestamp::Minute;
use crate::ingest::usual::{self, Usual};
use crate::ingest::verdict::{Fault, Rejection, Rejections, Rules, judge};

/// Length of an event as most programs write it, in bytes.
const EVENT_BYTES_USUAL: usize = 128;

/// How a body is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One JSON object, or an array of them.
    Document,
    /// A JSON object on each line.
    Lines,
    /// Not said: an array, one object, or lines, whichever it turns out to be.
    Unsaid,
}

/// The events of a body, each accepted or rejected.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Judged {
    /// Those to append.
    pub(crate) accepted: EventBlock,
    /// The others.
    pub(crate) rejections: Rejections,
}

/// A body that cannot be judged event by event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyError {
    /// Not JSON, and where.
    #[error("the body is not JSON: {reason} at line {line} column {column}{hint}")]
    NotJson {
        /// What the parser expected.
        reason: String,
        /// Line, from 1.
        line: usize,
        /// Column in bytes, from 1.
        column: usize,
        /// What the client may have meant.
        hint: &'static str,
    },
    /// More events than one request may have.
    #[error("more than {REQUEST_EVENTS_MAX} events in one request; send them in several")]
    TooMany,
}

/// Judges all events of a body.
///
/// # Errors
/// [`BodyError`], if the body as a whole is not JSON (a bad line of NDJSON costs only itself), or has too many events.
pub(crate) fn judge_body(text: &str, form: Form, rules: Rules) -> Result<Judged, BodyError> {
    judge_form(text, form, rules, Paths { lines: judge_lines, document: judge_document })
}

/// How lines, and how a document, are judged.
#[derive(Clone, Copy)]
struct Paths {
    lines: fn(&str, Rules) -> Result<Judged, BodyError>,
    document: fn(&str, Rules) -> Result<Judged, BodyError>,
}

fn judge_form(text: &str, form: Form, rules: Rules, by: Paths) -> Result<Judged, BodyError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Ok(Judged::default());
    }
    match form {
        Form::Lines => (by.lines)(text, rules),
        Form::Document => (by.document)(text, rules),
        Form::Unsaid => match (by.document)(text, rules) {
            Err(BodyError::NotJson { hint: SEVERAL_VALUES, .. }) => (by.lines)(text, rules),
            judged => judged,
        },
    }
}

fn judge_lines(text: &str, rules: Rules) -> Result<Judged, BodyError> {
    let mut judging = Judging::with_room(text, rules);
    let mut rest = text;
    while !rest.is_empty() {
        rest = match judging.usual(rest, after_line) {
            Some(rest) => rest,
            None => judging.line(rest)?,
        };
    }
    Ok(judging.judged)
}

/// What JSON takes for space, which is less than ASCII does.
fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\n', '\r', '\t'])
}

/// Nothing, if nothing follows.
fn after_all(rest: &str) -> Option<&str> {
    Some(skip_space(rest)).filter(|rest| rest.is_empty())
}

/// What follows the end of a line; `None` if more stands on it.
fn after_line(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix('\r').unwrap_or(rest);
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\n') }
}

fn judge_document(text: &str, rules: Rules) -> Result<Judged, BodyError> {
    let mut judging = Judging::with_room(text, rules);
    match judging.document(text) {
        Some(()) => Ok(judging.judged),
        None => judge_document_whole(text, rules),
    }
}

/// Judges a document by serde_json alone.
fn judge_document_whole(text: &str, rules: Rules) -> Result<Judged, BodyError> {
    let mut judging = Judging::new(rules);
    let found = read_document(text, Events { judging: &mut judging, one_by_one: false });
    let first = match found {
        Ok(()) => return Ok(judging.judged),
        Err(_) if judging.too_many => return Err(BodyError::TooMany),
        Err(error) => error,
    };
    // Some of JSON's grammar has no value here (1e999, half a surrogate pair). If that was all, it costs only its event.
    let mut judging = Judging::new(rules);
    match read_document(text, Events { judging: &mut judging, one_by_one: true }) {
        Ok(()) => Ok(judging.judged),
        Err(_) if judging.too_many => Err(BodyError::TooMany),
        Err(_) => Err(not_json(&first)),
    }
}

fn read_document(text: &str, events: Events<'_>) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    if text.trim_ascii_start().starts_with('[') {
        json.deserialize_seq(events)?;
    } else {
        events.one(&mut json)?;
    }
    json.end()
}

const SEVERAL_VALUES: &str = "; several JSON values in one body are Content-Type: application/x-ndjson";

fn not_json(error: &serde_json::Error) -> BodyError {
    let reason = reason_of(error);
    let hint = if reason == "trailing characters" { SEVERAL_VALUES } else { "" };
    BodyError::NotJson { reason, line: error.line(), column: error.column(), hint }
}

/// The parser's sentence without the place, which is told apart.
fn reason_of(error: &serde_json::Error) -> String {
    let sentence = error.to_string();
    sentence.rfind(" at line ").map_or(sentence.clone(), |end| sentence[..end].to_owned())
}

struct Judging {
    rules: Rules,
    judged: Judged,
    index: usize,
    too_many: bool,
    minute: Minute,
}

impl Judging {
    fn new(rules: Rules) -> Self {
        Self { rules, judged: Judged::default(), index: 0, too_many: false, minute: Minute::default() }
    }

    /// With room for the events that a text of this length may have, so that little is copied while they become more.
    fn with_room(text: &str, rules: Rules) -> Self {
        let mut judging = Self::new(rules);
        judging.judged.accepted.reserve((text.len() / EVENT_BYTES_USUAL).min(REQUEST_EVENTS_MAX));
        judging
    }

    /// Makes room for one more event.
    fn admit_one(&mut self) -> Result<(), BodyError> {
        self.too_many = self.index >= REQUEST_EVENTS_MAX;
        if self.too_many { Err(BodyError::TooMany) } else { Ok(()) }
    }

    /// Accepts the event at the front of `text` if it is in the usual form, may be counted, and is followed as it should be.
    /// What comes then; `None`, and nothing done, where it is another path's to judge.
    fn usual<'a>(&mut self, text: &'a str, after: impl FnOnce(&'a str) -> Option<&'a str>) -> Option<&'a str> {
        let (event, length) = usual::read(text, &mut self.minute)?;
        let rest = after(text.get(length..)?)?;
        self.admit_one().ok()?;
        let time_ms = event.time_ms.map_or(Some(self.rules.received_ms), |time_ms| self.rules.admit(time_ms).ok())?;
        let Usual { service, method, route, status, duration_us, .. } = event;
        let endpoint = self.endpoint(service, method, route)?;
        let row = EventRow { endpoint, status, time_ms, duration_us };
        self.index += usize::from(self.judged.accepted.push_row(row));
        Some(rest)
    }

    /// The endpoint's place in the dictionary. A name is checked when it is new there.
    fn endpoint(&mut self, service: &str, method: &str, route: &str) -> Option<u32> {
        let block = &mut self.judged.accepted;
        block.find(service, method, route).or_else(|| {
            let (service, method) = (Service::parse(service).ok()?, Method::parse(method).ok()?);
            let route = RouteTemplate::parse(route).ok()?;
            Some(block.intern(service.as_str(), method.as_str(), route.as_str()))
        })
    }

    /// Judges the line at the front of `text`, unless it is blank; what comes behind it.
    fn line<'a>(&mut self, text: &'a str) -> Result<&'a str, BodyError> {
        let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
        if !line.trim_ascii().is_empty() {
            self.admit_one()?;
            self.read(line);
        }
        Ok(rest)
    }

    /// Judges a document in the usual form: an event or an array of them. `None` where serde_json must say what is wrong
    /// with it, or that nothing is.
    fn document(&mut self, text: &str) -> Option<()> {
        let text = skip_space(text);
        let Some(mut rest) = text.strip_prefix('[') else {
            return self.usual(text, after_all).map(|_| ());
        };
        loop {
            rest = skip_space(self.element(skip_space(rest))?);
            match rest.split_at_checked(1)? {
                (",", more) => rest = more,
                ("]", end) => return after_all(end).map(|_| ()),
                _ => return None,
            }
        }
    }

    /// Judges the element at the front of `text`; what comes behind it, `None` where it is not JSON.
    fn element<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(rest) = self.usual(text, Some) {
            return Some(rest);
        }
        self.admit_one().ok()?;
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<RawEvent<'_>>();
        self.judge(&values.next()?.ok()?);
        text.get(values.byte_offset()..)
    }

    /// Reads one event from its own text.
    fn read(&mut self, text: &str) {
        match serde_json::from_str::<RawEvent<'_>>(text) {
            Ok(event) => self.judge(&event),
            Err(error) => {
                let reason = format!("not JSON: {} at column {}", reason_of(&error), error.column());
                self.reject((None, Cow::Owned(reason)));
            }
        }
    }

    fn judge(&mut self, event: &RawEvent<'_>) {
        match judge(event, self.rules) {
            Err(fault) => self.reject(fault),
            Ok(event) => {
                let counted = (event.status, event.time_ms, event.duration_us);
                self.judged.accepted.push(event.service, event.method, event.route, counted);
                self.index += 1;
            }
        }
    }

    fn reject(&mut self, (field, reason): Fault) {
        self.judged.rejections.push(Rejection { index: self.index, field, reason });
        self.index += 1;
    }
}

/// Judges the events of an array while it is parsed, so that no list of them is ever held.
struct Events<'j> {
    judging: &'j mut Judging,
    one_by_one: bool,
}

impl Events<'_> {
    fn one<'de, D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        Event { judging: self.judging, one_by_one: self.one_by_one }.deserialize(json)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let event = Event { judging: &mut *self.judging, one_by_one: self.one_by_one };
            if seq.next_element_seed(event)?.is_none() {
                return Ok(());
            }
        }
    }
}

struct Event<'j> {
    judging: &'j mut Judging,
    one_by_one: bool,
}

impl<'de> DeserializeSeed<'de> for Event<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        use serde::Deserialize as _;
        self.judging.admit_one().map_err(serde::de::Error::custom)?;
        if self.one_by_one {
            self.judging.read(<&RawValue>::deserialize(json)?.get());
        } else {
            self.judging.judge(&RawEvent::deserialize(json)?);
        }
        Ok(())
    }
}

#[cfg(any(test, feature = "fuzz"))]
pub(crate) mod equal;
#[cfg(test)]
mod tests;
