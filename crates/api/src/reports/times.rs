//! Times as a report tells them: in UTC, since paper has no zone of its own.

use jiff::Zoned;
use jiff::tz::TimeZone;

const DAY_S: i64 = 86_400;

fn utc(at_s: i64) -> Zoned {
    jiff::Timestamp::from_second(at_s).unwrap_or_default().to_zoned(TimeZone::UTC)
}

fn at(at_s: i64, format: &str) -> String {
    utc(at_s).strftime(format).to_string()
}

/// `Thu 12 Mar 2026`
pub(crate) fn date(at_s: i64) -> String {
    at(at_s, "%a %-d %b %Y")
}

/// `Thu 03:05`
pub(crate) fn weekday_time(at_s: i64) -> String {
    at(at_s, "%a %H:%M")
}

/// `03:05`
pub(crate) fn time(at_s: i64) -> String {
    at(at_s, "%H:%M")
}

/// A moment within a window of `span_s` seconds: `03:05`, `Thu 03:05`, `12 Mar 03:05`, as much as is needed.
pub(crate) fn within(span_s: i64, at_s: i64) -> String {
    match span_s {
        _ if span_s <= DAY_S + DAY_S / 2 => time(at_s),
        _ if span_s <= 8 * DAY_S => weekday_time(at_s),
        _ => at(at_s, "%-d %b %H:%M"),
    }
}

/// `Thu 12`
pub(crate) fn weekday(at_s: i64) -> String {
    at(at_s, "%a %-d")
}

/// `12 Mar`
pub(crate) fn day(at_s: i64) -> String {
    at(at_s, "%-d %b")
}

/// `Mar 2026`
pub(crate) fn month(at_s: i64) -> String {
    at(at_s, "%b %Y")
}

/// `2026-03-12 14:32:07 UTC`
pub(crate) fn to_the_second(at_s: i64) -> String {
    at(at_s, "%Y-%m-%d %H:%M:%S UTC")
}

/// `2026-03-12 14:32 UTC`
pub(crate) fn to_the_minute(at_s: i64) -> String {
    at(at_s, "%Y-%m-%d %H:%M UTC")
}

/// A window in words: `Wed 11 Mar 2026`, `Thu 12 Mar 2026, 02:40 – 04:10`, or from a day to another.
pub(crate) fn window(from_s: i64, to_s: i64) -> String {
    let whole = from_s.rem_euclid(DAY_S) == 0 && to_s.rem_euclid(DAY_S) == 0;
    match (whole, to_s - from_s) {
        (true, DAY_S) => date(from_s),
        (true, _) => format!("{} – {}", date(from_s), date(to_s - DAY_S)),
        _ if from_s.div_euclid(DAY_S) == to_s.div_euclid(DAY_S) => {
            format!("{}, {} – {}", date(from_s), time(from_s), time(to_s))
        }
        _ => format!("{}, {} – {}, {}", date(from_s), time(from_s), date(to_s), time(to_s)),
    }
}

/// `20260312T0240Z`-like: for names of files.
pub(crate) fn in_a_name(at_s: i64) -> String {
    at(at_s, "%Y-%m-%dT%H%MZ")
}

/// A length of time: `90 min`, `24 h`, `7 days`.
pub(crate) fn length(seconds: i64) -> String {
    match seconds {
        _ if seconds >= 3 * DAY_S && seconds % DAY_S == 0 => format!("{} days", seconds / DAY_S),
        _ if seconds >= 3 * 3_600 && seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        _ if seconds >= 48 * 3_600 => format!("{:.1} days", seconds as f64 / DAY_S as f64),
        _ if seconds >= 3 * 3_600 => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} min", (seconds + 59) / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    #[test]
    fn windows_in_words() {
        for (from, to, text) in [
            ("2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z", "Wed 11 Mar 2026"),
            ("2026-03-12T02:40:00Z", "2026-03-12T04:10:00Z", "Thu 12 Mar 2026, 02:40 – 04:10"),
            ("2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z", "Mon 2 Mar 2026 – Sun 8 Mar 2026"),
            ("2026-03-11T14:30:00Z", "2026-03-12T14:30:00Z", "Wed 11 Mar 2026, 14:30 – Thu 12 Mar 2026, 14:30"),
        ] {
            assert_eq!(window(s(from), s(to)), text);
        }
    }

    #[test]
    fn lengths_in_words() {
        for (seconds, text) in [
            (300, "5 min"),
            (5_400, "90 min"),
            (86_400, "24 h"),
            (86_460, "24 h 01 min"),
            (7 * 86_400, "7 days"),
            (200_000, "2.3 days"),
        ] {
            assert_eq!(length(seconds), text);
        }
    }
}
