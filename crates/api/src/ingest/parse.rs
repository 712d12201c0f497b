//! A body's text to judged events: one JSON value, an array, or a line for each event.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer as _, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tally_model::{EventBlock, REQUEST_EVENTS_MAX};

use crate::ingest::raw::RawEvent;
use crate::ingest::verdict::{Fault, Rejection, Rejections, Rules, judge};

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
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Ok(Judged::default());
    }
    match form {
        Form::Lines => judge_lines(text, rules),
        Form::Document => judge_document(text, rules),
        Form::Unsaid => match judge_document(text, rules) {
            Err(BodyError::NotJson { hint: SEVERAL_VALUES, .. }) => judge_lines(text, rules),
            judged => judged,
        },
    }
}

fn judge_lines(text: &str, rules: Rules) -> Result<Judged, BodyError> {
    let mut judging = Judging::new(rules);
    for line in text.split('\n').filter(|line| !line.trim_ascii().is_empty()) {
        judging.admit_one()?;
        judging.read(line);
    }
    Ok(judging.judged)
}

fn judge_document(text: &str, rules: Rules) -> Result<Judged, BodyError> {
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
}

impl Judging {
    fn new(rules: Rules) -> Self {
        Self { rules, judged: Judged::default(), index: 0, too_many: false }
    }

    /// Makes room for one more event.
    fn admit_one(&mut self) -> Result<(), BodyError> {
        self.too_many = self.index >= REQUEST_EVENTS_MAX;
        if self.too_many { Err(BodyError::TooMany) } else { Ok(()) }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules = Rules { received_ms: 1_773_145_296_789, keep_days: 731 };
    const GOOD: &str = r#"{"service":"a","method":"GET","route":"/","status":200}"#;

    /// Indexes of the rejected events, and how many are accepted.
    fn judged(text: &str, form: Form) -> Result<(Vec<usize>, usize), BodyError> {
        let judged = judge_body(text, form, RULES)?;
        Ok((judged.rejections.shown().iter().map(|r| r.index).collect(), judged.accepted.len()))
    }

    #[test]
    fn one_bad_event_never_costs_the_others() {
        let bad = ["7", "{}", r#"{"service":1e999}"#, r#"{"service":"\ud800"}"#, "[[[]]]", r#"{"a":1,"a":2}"#];
        for bad in bad {
            let array = format!("[{GOOD},{bad},{GOOD}]");
            assert_eq!(judged(&array, Form::Document), Ok((vec![1], 2)), "{bad}");
            assert_eq!(judged(&array, Form::Unsaid), Ok((vec![1], 2)), "{bad}");
            assert_eq!(judged(&format!("{GOOD}\r\n{bad}\n\n{GOOD}"), Form::Lines), Ok((vec![1], 2)), "{bad}");
        }
        assert_eq!(judged(&format!("{GOOD}\n{{\"a\":\n{GOOD}\n"), Form::Lines), Ok((vec![1], 2)));
        assert_eq!(judged(&format!("[{GOOD}]\n{GOOD}"), Form::Lines), Ok((vec![0], 1)));
    }

    #[test]
    fn forms() {
        assert_eq!(judged(GOOD, Form::Document), Ok((vec![], 1)));
        assert_eq!(judged(GOOD, Form::Lines), Ok((vec![], 1)));
        assert_eq!(judged(&format!(" \n[{GOOD}]"), Form::Unsaid), Ok((vec![], 1)));
        assert_eq!(judged(&format!("{GOOD}\n{GOOD}"), Form::Unsaid), Ok((vec![], 2)));
        assert_eq!(judged(&format!("\u{feff}{GOOD}"), Form::Unsaid), Ok((vec![], 1)));
        for empty in ["", " \n\t", "[]"] {
            assert_eq!(judged(empty, Form::Unsaid), Ok((vec![], 0)), "{empty:?}");
        }
    }

    #[test]
    fn what_is_not_json_names_the_place() {
        let cases = [("{\"a\":\n nope}", 2, 3), ("[{},", 1, 4), ("[NaN]", 1, 2), ("[1,]", 1, 4), ("{\"a\":01}", 1, 7)];
        for (text, at_line, at_column) in cases {
            match judge_body(text, Form::Document, RULES) {
                Err(BodyError::NotJson { line, column, .. }) => {
                    assert_eq!((line, column), (at_line, at_column), "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
        let several = judge_body(&format!("{GOOD}\n{GOOD}"), Form::Document, RULES).unwrap_err();
        assert!(several.to_string().contains("application/x-ndjson"), "{several}");
    }

    #[test]
    fn too_many_and_too_deep() {
        let many = vec![GOOD; REQUEST_EVENTS_MAX];
        assert_eq!(judged(&many.join("\n"), Form::Lines).unwrap().1, REQUEST_EVENTS_MAX);
        assert_eq!(judged(&format!("[{}]", many.join(",")), Form::Document).unwrap().1, REQUEST_EVENTS_MAX);
        assert_eq!(judged(&format!("{GOOD}\n{}", many.join("\n")), Form::Lines), Err(BodyError::TooMany));
        assert_eq!(judged(&format!("[1,{}]", many.join(",")), Form::Document), Err(BodyError::TooMany));
        let deep = format!("[{}{},{GOOD}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(judged(&deep, Form::Document), Ok((vec![0], 1)));
    }

    /// A piece of JSON, good or bad.
    fn piece() -> impl Strategy<Value = String> {
        let good = [
            "{",
            "}",
            "[",
            "]",
            ":",
            ",",
            "\"service\"",
            "\"status\"",
            "200",
            "null",
            " ",
            GOOD,
            "\"\\ud800\"",
            "1e999",
        ];
        prop_oneof![4 => prop::sample::select(good.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,5}"]
    }

    proptest! {
        #[test]
        fn no_line_is_lost_and_nothing_panics(lines in prop::collection::vec(prop::collection::vec(piece(), 0..8), 0..8)) {
            let lines: Vec<String> = lines.iter().map(|pieces| pieces.concat()).collect();
            let text = lines.join("\n");
            let judged = judge_body(&text, Form::Lines, RULES).unwrap();
            let expected = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
            prop_assert_eq!(judged.accepted.len() + judged.rejections.count(), expected);
            for form in [Form::Document, Form::Unsaid] {
                let _ = judge_body(&text, form, RULES);
            }
        }

        #[test]
        fn an_array_is_judged_like_its_lines(events in prop::collection::vec(prop::sample::select(
            vec![GOOD, "{}", "7", "\"\\ud800\"", "{\"status\":1e999}", "[[]]", "{\"service\":\"\",\"service\":1}"]), 0..20)) {
            let of_array = judged(&format!("[{}]", events.join(",")), Form::Document);
            prop_assert_eq!(of_array, judged(&events.join("\n"), Form::Lines));
        }
    }

    #[test]
    fn rejections_are_counted_whole_and_shown_in_part() {
        let judged = judge_body(&"{}\n".repeat(1_000), Form::Lines, RULES).unwrap();
        assert_eq!((judged.rejections.count(), judged.rejections.shown().len()), (1_000, 100));
    }
}
