//! RFC 3339 times with a zone, to milliseconds. Strict, because a time that is read wrongly is counted wrongly.

use jiff::civil::Date;

/// Length of `YYYY-MM-DDTHH:MM`.
const MINUTE_BYTES: usize = 16;

/// Milliseconds since the Unix epoch of `text`, which must be `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)` with a day
/// that exists; `t` and `z` may be small, a leap second counts as the second before it, digits below a millisecond are
/// cut. `None` if it is anything else.
#[must_use]
pub(crate) fn parse_ms(text: &str) -> Option<i64> {
    Minute::default().parse_ms(text)
}

/// A reader that remembers the minute it read last: events that are sent together mostly share one, and its calendar need
/// then not be worked out again.
#[derive(Debug, Default)]
pub(crate) struct Minute {
    /// As it was written, and when it began in seconds since the Unix epoch.
    last: Option<([u8; MINUTE_BYTES], i64)>,
}

impl Minute {
    /// As [`parse_ms`].
    pub(crate) fn parse_ms(&mut self, text: &str) -> Option<i64> {
        let (minute, rest) = text.as_bytes().split_first_chunk::<MINUTE_BYTES>()?;
        let start_s = match self.last {
            Some((last, start_s)) if last == *minute => start_s,
            _ => minute_s(minute)?,
        };
        self.last = Some((*minute, start_s));
        let ([b':', tens, ones], rest) = rest.split_first_chunk::<3>()? else { return None };
        let second = number(&[*tens, *ones])?;
        if second > 60 {
            return None;
        }
        let (fraction_ms, zone) = fraction(rest)?;
        Some((start_s + second.min(59) - offset_s(zone)?) * 1_000 + fraction_ms)
    }
}

/// Seconds since the Unix epoch of `YYYY-MM-DDTHH:MM` in UTC.
fn minute_s(text: &[u8; MINUTE_BYTES]) -> Option<i64> {
    let punctuated = text[4] == b'-' && text[7] == b'-' && matches!(text[10], b'T' | b't') && text[13] == b':';
    if !punctuated {
        return None;
    }
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let (hour, minute) = (number(&text[11..13])?, number(&text[14..16])?);
    if hour > 23 || minute > 59 {
        return None;
    }
    Some(days(year, month, day)? * 86_400 + hour * 3_600 + minute * 60)
}

/// Days from 1970-01-01 to a day, if the calendar has it (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let year_of_era = y.rem_euclid(400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// The fraction in milliseconds, and what follows it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else { return Some((0, rest)) };
    let length = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let mut ms = 0;
    for place in 0..3 {
        ms = ms * 10 + digits[..length].get(place).map_or(0, |b| i64::from(b - b'0'));
    }
    (length > 0).then_some((ms, &digits[length..]))
}

fn offset_s(zone: &[u8]) -> Option<i64> {
    if matches!(zone, b"Z" | b"z") {
        return Some(0);
    }
    let [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] = zone else { return None };
    let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
    let offset = hours * 3_600 + minutes * 60;
    (hours <= 23 && minutes <= 59).then_some(if *sign == b'-' { -offset } else { offset })
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_jiff() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2026-03-10T12:34:56.789+05:30",
            "2024-02-29t23:59:59.9999z",
            "1969-12-31T23:59:59.5-11:59",
            "0001-01-01T00:00:00Z",
            "9998-12-31T23:59:59Z",
            "2000-03-01T00:00:00.1-00:00",
        ] {
            let expected: jiff::Timestamp = text.parse().unwrap();
            let floor_ms = expected.as_nanosecond().div_euclid(1_000_000);
            assert_eq!(parse_ms(text), Some(i64::try_from(floor_ms).unwrap()), "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar() {
        let mut day = jiff::civil::date(1899, 12, 31);
        while day.year() < 2101 {
            let text = format!("{day}T00:00:00Z");
            assert_eq!(parse_ms(&text), Some(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()), "{text}");
            day = day.tomorrow().unwrap();
        }
    }

    #[test]
    fn what_is_not_rfc_3339() {
        for text in [
            "",
            "2026-03-10",
            "2026-03-10T12:34:56",
            "2026-03-10 12:34:56Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-03-10T24:00:00Z",
            "2026-03-10T12:60:00Z",
            "2026-03-10T12:34:61Z",
            "2026-03-10T12:34:56.Z",
            "2026-03-10T12:34:56+0100",
            "2026-03-10T12:34:56+24:00",
            "2026-03-10T12:34:56Z ",
            "+2026-03-10T12:34:56Z",
            "20260310T123456Z",
            "2026-03-10T12:34:5é",
            "1773145296",
        ] {
            assert_eq!(parse_ms(text), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_the_second_before() {
        assert_eq!(parse_ms("2016-12-31T23:59:60Z"), parse_ms("2016-12-31T23:59:59Z"));
        assert!(parse_ms("9999-12-31T23:59:59-23:59").is_some());
    }
}
