//! Spans of time as people write them: `3041d`, `-90s`, `2h30m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest span that can be written, in seconds (200 years): times moved by it stay inside the calendar.
const SPAN_SECONDS_MAX: i64 = 200 * 365 * 86_400;

/// The units, longest first, with their length in seconds.
const UNITS: [(char, i64); 5] = [('w', 604_800), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// How far `tally import` moves every time of a log, in whole seconds; positive is later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Shift {
    seconds: i64,
}

impl Shift {
    /// A shift of `seconds`.
    #[cfg(test)]
    pub(crate) const fn from_seconds(seconds: i64) -> Self {
        Self { seconds }
    }

    /// The shift that moves `from` to `to`, both in seconds since 1970; none when it is too long to be written.
    pub(crate) fn between(from: i64, to: i64) -> Option<Self> {
        let seconds = to.checked_sub(from)?;
        (seconds.unsigned_abs() <= SPAN_SECONDS_MAX.unsigned_abs()).then_some(Self { seconds })
    }

    /// The shift in seconds.
    pub(crate) const fn seconds(self) -> i64 {
        self.seconds
    }
}

impl FromStr for Shift {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let seconds = span_seconds(unsigned)?;
        Ok(Self { seconds: if text.starts_with('-') { -seconds } else { seconds } })
    }
}

impl fmt::Display for Shift {
    /// Days and below, so that the text parses back to the same shift.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seconds < 0 {
            f.write_str("-")?;
        }
        write_span(f, self.seconds.unsigned_abs())
    }
}

/// Why a span could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SpanError {
    /// Not digits and units in turn.
    #[error("expected a time such as 90s, 2h30m or 3041d (units w, d, h, m, s)")]
    Form,
    /// A unit stands behind a smaller or equal one.
    #[error("expected each unit once, longest first, as in 1d2h30m")]
    Order,
    /// Longer than [`SPAN_SECONDS_MAX`].
    #[error("expected at most 200 years")]
    TooLong,
}

/// Reads an unsigned span, such as `5m`, for clap.
///
/// # Errors
/// [`SpanError`].
pub(crate) fn parse_duration(text: &str) -> Result<Duration, SpanError> {
    Ok(Duration::from_secs(span_seconds(text)?.unsigned_abs()))
}

/// A duration as text, in whole seconds.
pub(crate) fn show_duration(duration: Duration) -> String {
    Shift { seconds: duration.as_secs().try_into().unwrap_or(i64::MAX) }.to_string()
}

fn span_seconds(text: &str) -> Result<i64, SpanError> {
    if text.is_empty() {
        return Err(SpanError::Form);
    }
    let (mut rest, mut total, mut shortest) = (text, 0_i64, i64::MAX);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next().ok_or(SpanError::Form)?;
        let length = UNITS.iter().find(|(name, _)| *name == unit).ok_or(SpanError::Form)?.1;
        if number.is_empty() {
            return Err(SpanError::Form);
        }
        if length >= shortest {
            return Err(SpanError::Order);
        }
        let count: i64 = number.parse().map_err(|_| SpanError::TooLong)?;
        total = count.checked_mul(length).and_then(|s| s.checked_add(total)).ok_or(SpanError::TooLong)?;
        (rest, shortest) = (&tail[unit.len_utf8()..], length);
    }
    if total > SPAN_SECONDS_MAX { Err(SpanError::TooLong) } else { Ok(total) }
}

fn write_span(f: &mut fmt::Formatter<'_>, seconds: u64) -> fmt::Result {
    if seconds == 0 {
        return f.write_str("0s");
    }
    let mut left = seconds;
    for (name, length) in UNITS.iter().skip(1).map(|(name, length)| (name, length.unsigned_abs())) {
        if left >= length {
            write!(f, "{}{name}", left / length)?;
            left %= length;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_people_write() {
        let cases = [
            ("3041d", 3_041 * 86_400),
            ("-90s", -90),
            ("2h30m", 9_000),
            ("+1w", 604_800),
            ("-1d2h3m4s", -93_784),
            ("0s", 0),
            ("90m", 5_400),
        ];
        for (text, seconds) in cases {
            assert_eq!(text.parse(), Ok(Shift::from_seconds(seconds)), "{text}");
        }
    }

    #[test]
    fn spans_refused() {
        for text in ["", "-", "90", "d", "3x", "1.5h", "2h 30m", "--1s", "3041", "1h-2m", "1ü"] {
            assert_eq!(text.parse::<Shift>(), Err(SpanError::Form), "{text:?}");
        }
        for text in ["30m2h", "1s1s", "1h2d"] {
            assert_eq!(text.parse::<Shift>(), Err(SpanError::Order), "{text:?}");
        }
        for text in ["99999999999999999999s", "9223372036854775807w", "80000d"] {
            assert_eq!(text.parse::<Shift>(), Err(SpanError::TooLong), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_back(seconds in -SPAN_SECONDS_MAX..=SPAN_SECONDS_MAX) {
            let shift = Shift::from_seconds(seconds);
            prop_assert_eq!(shift.to_string().parse(), Ok(shift));
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            let _ = text.parse::<Shift>();
        }
    }
}
