//! Times as people write them: `2026-03-12T02:40:00Z`, `-1h`, `02:40`, `2026-03-12`.

use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use crate::shift::Shift;

const EXPECTED: &str = "expected RFC 3339 with a zone (2026-03-12T02:40:00Z), a time before now (-15m, -1h, -7d), HH:MM, or a day (2026-03-12)";

/// An end of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// A moment.
    At(Timestamp),
    /// So long before now.
    Before(SignedDuration),
    /// The latest such time that is over, in some zone.
    Clock(Time),
    /// The beginning of a day in some zone.
    Day(Date),
}

impl Bound {
    /// The moment that is meant, seen from `now` in its zone; none outside of the calendar.
    pub(crate) fn moment(self, now: &Zoned) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Before(back) => now.timestamp().checked_sub(back).ok(),
            Self::Day(day) => Some(day.to_zoned(now.time_zone().clone()).ok()?.timestamp()),
            Self::Clock(time) => {
                let on = |day: Date| Some(day.to_datetime(time).to_zoned(now.time_zone().clone()).ok()?.timestamp());
                let today = on(now.date())?;
                if today <= now.timestamp() { Some(today) } else { on(now.date().yesterday().ok()?) }
            }
        }
    }
}

impl FromStr for Bound {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('-') {
            let back = text.parse::<Shift>().map_err(|_| EXPECTED)?;
            return Ok(Self::Before(SignedDuration::from_secs(-back.seconds())));
        }
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        let clock = || Time::strptime("%H:%M", text).ok().filter(|_| matches!(text.len(), 4 | 5)).map(Self::Clock);
        let day = || Date::strptime("%Y-%m-%d", text).ok().map(Self::Day);
        clock().or_else(day).ok_or(EXPECTED)
    }
}

/// A zone by its IANA name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// Now in this zone.
    pub(crate) fn now(&self) -> Zoned {
        Timestamp::now().to_zoned(self.0.clone())
    }

    /// Coordinated Universal Time.
    pub(crate) const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// That of this machine.
    pub(crate) fn local() -> Self {
        Self(TimeZone::system())
    }
}

impl FromStr for Zone {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        TimeZone::get(text).map(Self).map_err(|_| "expected a zone such as Europe/Berlin or UTC")
    }
}

/// Yesterday from its beginning to its end, seen from `now` in its zone: 23 or 25 hours where clocks change.
pub(crate) fn yesterday(now: &Zoned) -> Option<(Timestamp, Timestamp)> {
    let today = now.date().to_zoned(now.time_zone().clone()).ok()?;
    let before = now.date().checked_sub(1.day()).ok()?.to_zoned(now.time_zone().clone()).ok()?;
    Some((before.timestamp(), today.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn times_people_write() {
        let now = now("2026-03-12T04:31:00+01:00[Europe/Berlin]");
        for (text, moment) in [
            ("2026-03-12T02:40:00Z", "2026-03-12T02:40:00Z"),
            ("2026-03-12T02:40:00+01:00", "2026-03-12T01:40:00Z"),
            ("-1h", "2026-03-12T02:31:00Z"),
            ("-1d2h", "2026-03-11T01:31:00Z"),
            ("02:40", "2026-03-12T01:40:00Z"),
            ("2:40", "2026-03-12T01:40:00Z"),
            ("23:00", "2026-03-11T22:00:00Z"),
            ("2026-03-12", "2026-03-11T23:00:00Z"),
        ] {
            let bound: Bound = text.parse().unwrap();
            assert_eq!(bound.moment(&now), Some(moment.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in ["", "now", "24:00", "1h", "--1h", "2026-13-01", "2026-03-12T02:40:00", "12:30:00.5"] {
            assert!(text.parse::<Bound>().is_err(), "{text}");
        }
        assert!("Europe/Berlim".parse::<Zone>().is_err());
    }

    #[test]
    fn yesterday_is_as_long_as_it_was() {
        let hours = |text: &str| {
            let (from, to) = yesterday(&now(text)).unwrap();
            to.duration_since(from).as_hours()
        };
        assert_eq!(hours("2026-03-12T00:05:00+00:00[UTC]"), 24);
        assert_eq!(hours("2026-03-30T00:05:00+02:00[Europe/Berlin]"), 23);
        assert_eq!(hours("2026-10-26T00:05:00+01:00[Europe/Berlin]"), 25);
    }
}
