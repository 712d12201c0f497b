//! The fast path: an event written as nearly all programs write it is read without serde_json, several times faster. Fields
//! may stand in any order, with at most one space where a space is usual; texts have no escapes, numbers no exponent.
//!
//! It never refuses anything. What it does not know, or what may not be counted, it leaves to serde_json and
//! [`crate::ingest::verdict`], which have the last word and all words of refusal; `equal.rs` holds the two equal.

use tally_model::DURATION_US_MAX;

use crate::ingest::raw::Field;
use crate::ingest::timestamp::Minute;

/// From here on, in milliseconds, a duration is left to the other path, which knows the longest that is counted.
const DURATION_MS_END: u64 = DURATION_US_MAX / 1_000;

/// An event in the usual form. Its names are not checked yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usual<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    /// 100 to 599.
    pub(crate) status: u16,
    /// Milliseconds since the Unix epoch, if it says when.
    pub(crate) time_ms: Option<i64>,
    /// 0 to a day.
    pub(crate) duration_us: Option<u64>,
}

/// Fields found so far.
#[derive(Default)]
struct Found<'a> {
    service: Option<&'a str>,
    method: Option<&'a str>,
    route: Option<&'a str>,
    status: Option<u16>,
    time_ms: Option<i64>,
    duration_us: Option<u64>,
}

/// Reads one event from the front of `text`, and says how long it is in bytes. `None` if it is not in the usual form.
pub(crate) fn read<'a>(text: &'a str, minute: &mut Minute) -> Option<(Usual<'a>, usize)> {
    let mut scan = Scan { text, at: 0 };
    let mut found = Found::default();
    scan.expect(b"{")?;
    scan.skip_space();
    loop {
        scan.field(&mut found, minute)?;
        scan.skip_space();
        match scan.peek()? {
            b',' => scan.at += 1,
            b'}' => break,
            _ => return None,
        }
        scan.skip_space();
    }
    let Found { service, method, route, status, time_ms, duration_us } = found;
    let (service, method, route, status) = (service?, method?, route?, status?);
    Some((Usual { service, method, route, status, time_ms, duration_us }, scan.at + 1))
}

/// A place in a text.
struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scan<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        self.at += usize::from(self.peek() == Some(b' '));
    }

    #[inline]
    fn expect(&mut self, bytes: &[u8]) -> Option<()> {
        if !self.rest().starts_with(bytes) {
            return None;
        }
        self.at += bytes.len();
        Some(())
    }

    /// One field with its value; `None` also where it was there before.
    fn field(&mut self, found: &mut Found<'a>, minute: &mut Minute) -> Option<()> {
        let is_new = match self.key()? {
            Field::Service => found.service.replace(self.string()?).is_none(),
            Field::Method => found.method.replace(self.string()?).is_none(),
            Field::Route => found.route.replace(self.string()?).is_none(),
            Field::Status => found.status.replace(self.status()?).is_none(),
            Field::DurationMs => found.duration_us.replace(self.duration_us()?).is_none(),
            Field::Timestamp => found.time_ms.replace(minute.parse_ms(self.string()?)?).is_none(),
        };
        is_new.then_some(())
    }

    /// A field's name with its colon.
    fn key(&mut self) -> Option<Field> {
        let field = match *self.rest().get(..3)? {
            [b'"', b's', b'e'] => self.named(b"\"service\":", Field::Service),
            [b'"', b's', _] => self.named(b"\"status\":", Field::Status),
            [b'"', b'm', _] => self.named(b"\"method\":", Field::Method),
            [b'"', b'r', _] => self.named(b"\"route\":", Field::Route),
            [b'"', b'd', _] => self.named(b"\"duration_ms\":", Field::DurationMs),
            [b'"', b't', _] => self.named(b"\"timestamp\":", Field::Timestamp),
            _ => None,
        }?;
        self.skip_space();
        Some(field)
    }

    #[inline]
    fn named(&mut self, name: &[u8], field: Field) -> Option<Field> {
        self.expect(name).map(|()| field)
    }

    /// A text without escapes. Control characters may be in it: no name and no time has any, so that they are found later.
    fn string(&mut self) -> Option<&'a str> {
        self.expect(b"\"")?;
        let length = quote_or_backslash(self.rest())?;
        let text = self.text.get(self.at..self.at + length)?;
        self.at += length;
        self.expect(b"\"")?;
        Some(text)
    }

    /// Three digits; what follows shows whether the number ends there.
    fn status(&mut self) -> Option<u16> {
        let digits = self.rest().first_chunk::<3>()?;
        let [hundreds @ b'1'..=b'5', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] = *digits else { return None };
        self.at += 3;
        Some(u16::from(hundreds - b'0') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0'))
    }

    /// Milliseconds as a decimal number, to microseconds.
    fn duration_us(&mut self) -> Option<u64> {
        /// As many as a day has.
        const WHOLE_DIGITS_MAX: usize = 8;
        let rest = self.rest();
        let (ms, length) = number(rest, WHOLE_DIGITS_MAX);
        let is_canonical = length > 0 && (length == 1 || rest[0] != b'0');
        if !is_canonical || ms >= DURATION_MS_END {
            return None;
        }
        self.at += length;
        if self.peek() != Some(b'.') {
            return Some(ms * 1_000);
        }
        self.at += 1;
        Some(ms * 1_000 + self.fraction_us()?)
    }

    /// The digits behind the point, rounded to microseconds.
    fn fraction_us(&mut self) -> Option<u64> {
        let rest = self.rest();
        let (digits, length) = number(rest, 3);
        let us = match length {
            0 => return None,
            1 => digits * 100,
            2 => digits * 10,
            _ => digits,
        };
        self.at += length;
        let finer = rest[length..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += finer;
        // serde_json makes a binary fraction of it first, which may be a little more or less than was written: so near the
        // middle between two microseconds that only it can say which one it becomes.
        match rest[length..length + finer] {
            [] | [b'4'] | [b'0'..=b'3', ..] | [b'4', b'0'..=b'8', ..] => Some(us),
            [b'6'..=b'9', ..] | [b'5', b'1'..=b'9', ..] => Some(us + 1),
            _ => None,
        }
    }
}

/// The number that the first digits make, at most so many, and how many there are.
fn number(bytes: &[u8], digits_max: usize) -> (u64, usize) {
    let mut number = 0;
    for (length, byte) in bytes.iter().take(digits_max).enumerate() {
        if !byte.is_ascii_digit() {
            return (number, length);
        }
        number = number * 10 + u64::from(byte - b'0');
    }
    (number, bytes.len().min(digits_max))
}

/// Where the first quotation mark or backslash stands. Eight bytes at a time, which pays for names of ten to thirty.
fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);
    // The lowest bit that is left marks the first such byte; bits above it may be wrong.
    let marks = |word: u64, byte: u8| {
        let differs = word ^ (ONES * u64::from(byte));
        differs.wrapping_sub(ONES) & !differs & HIGH_BITS
    };
    let mut at = 0;
    while let Some(eight) = bytes[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(*eight);
        let found = marks(word, b'"') | marks(word, b'\\');
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    bytes[at..].iter().position(|byte| matches!(byte, b'"' | b'\\')).map(|further| at + further)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Usual<'_>, usize)> {
        super::read(text, &mut Minute::default())
    }

    /// The property test only compares; that something is read at all is shown here.
    #[test]
    fn usual_events_are_read() {
        let compact = r#"{"service":"shop","method":"GET","route":"/a/{id}","status":200,"duration_ms":12.345,"timestamp":"2026-03-10T12:34:56.789Z"}"#;
        let spaced = r#"{"service": "shop", "method": "GET", "route": "/a/{id}", "status": 200, "duration_ms": 12.34478, "timestamp": "2026-03-10T13:34:56.789123+01:00"}"#;
        let sorted = r#"{ "duration_ms":12.3454,"method":"GET","route":"/a/{id}","service":"shop","status":200,"timestamp":"2026-03-10T12:34:56.789Z" }"#;
        let expected = Usual {
            service: "shop",
            method: "GET",
            route: "/a/{id}",
            status: 200,
            time_ms: Some(1_773_146_096_789),
            duration_us: Some(12_345),
        };
        for text in [compact, spaced, sorted] {
            assert_eq!(read(text), Some((expected, text.len())), "{text}");
            assert_eq!(read(&format!("{text}\n{text}")), Some((expected, text.len())), "{text}");
        }
        let short = r#"{"service":"größe","method":"GET","route":"/","status":404}"#;
        let (event, length) = read(short).unwrap();
        assert_eq!((event.service, event.time_ms, event.duration_us, length), ("größe", None, None, short.len()));
    }

    #[test]
    fn what_is_unusual_is_left_alone() {
        let good = r#"{"service":"a","method":"GET","route":"/","status":200,"duration_ms":1.5}"#;
        assert!(read(good).is_some());
        for (from, to) in [
            ("200", "200.0"),
            ("200", "2000"),
            ("200", "99"),
            ("1.5", "1.5e1"),
            ("1.5", "-0"),
            ("1.5", "01"),
            ("1.5", "1."),
            ("1.5", "86400000"),
            ("1.5", "1.0005"),
            ("1.5", "null"),
            ("\"a\"", "\"\\u0061\""),
            ("\"a\"", "7"),
            ("\"a\"", "\"a"),
            ("route", "path"),
            ("method", "service"),
            ("{", "{}"),
            ("}", ""),
            ("}", ",}"),
            (":1.5", ":1.5 ,\"timestamp\":\"2026-02-31T00:00:00Z\""),
        ] {
            let text = good.replacen(from, to, 1);
            assert_eq!(read(&text), None, "{text}");
        }
    }

    #[test]
    fn the_first_quote_or_backslash() {
        for length in 0..40 {
            for at in 0..length {
                for byte in [b'"', b'\\'] {
                    let mut text = vec![b'!'; length];
                    text[at..].fill(b'\\');
                    text[at] = byte;
                    assert_eq!(quote_or_backslash(&text), Some(at));
                }
            }
            assert_eq!(quote_or_backslash(&vec![0xa2; length]), None);
            assert_eq!(quote_or_backslash(&vec![b'#'; length]), None);
        }
    }
}
