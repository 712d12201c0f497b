//! Half-open windows of time, and the levels that answer them.

/// How fine a rollup is, finest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// A day of UTC.
    Day,
    /// A calendar month of UTC.
    Month,
}

impl Level {
    /// All levels, finest first.
    pub const ALL: [Self; 4] = [Self::Minute, Self::Hour, Self::Day, Self::Month];

    /// The level's name in answers and tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Start of the unit of this level that holds `at_s` (seconds since the Unix epoch).
    #[must_use]
    pub fn floor(self, at_s: i64) -> i64 {
        match self {
            Self::Minute => at_s.div_euclid(60) * 60,
            Self::Hour => at_s.div_euclid(3_600) * 3_600,
            Self::Day => at_s.div_euclid(86_400) * 86_400,
            Self::Month => {
                let (year, month) = year_month(at_s.div_euclid(86_400));
                days_before(year, month) * 86_400
            }
        }
    }

    /// Start of the unit after the one that starts at `start_s`.
    #[must_use]
    pub fn next(self, start_s: i64) -> i64 {
        match self {
            Self::Minute => start_s + 60,
            Self::Hour => start_s + 3_600,
            Self::Day => start_s + 86_400,
            Self::Month => {
                let (year, month) = year_month(start_s.div_euclid(86_400));
                let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
                days_before(year, month) * 86_400
            }
        }
    }

    /// Start of the first unit of this level that does not start before `at_s`.
    #[must_use]
    pub fn ceil(self, at_s: i64) -> i64 {
        let floor = self.floor(at_s);
        if floor == at_s { floor } else { self.next(floor) }
    }

    /// The bound of a unit of this level that lies nearest to `at_s`; the later one from the middle.
    #[must_use]
    pub fn nearest(self, at_s: i64) -> i64 {
        let (floor, ceil) = (self.floor(at_s), self.ceil(at_s));
        if at_s - floor < ceil - at_s { floor } else { ceil }
    }

    /// The next finer level.
    #[must_use]
    pub const fn finer(self) -> Option<Self> {
        match self {
            Self::Minute => None,
            Self::Hour => Some(Self::Minute),
            Self::Day => Some(Self::Hour),
            Self::Month => Some(Self::Day),
        }
    }

    /// The next coarser level.
    #[must_use]
    pub const fn coarser(self) -> Option<Self> {
        match self {
            Self::Minute => Some(Self::Hour),
            Self::Hour => Some(Self::Day),
            Self::Day => Some(Self::Month),
            Self::Month => None,
        }
    }

    /// Most units of this level that one number of one endpoint is added up from.
    #[must_use]
    pub const fn units_max(self) -> i64 {
        match self {
            Self::Minute | Self::Hour => 61,
            Self::Day => 92,
            Self::Month => i64::MAX,
        }
    }
}

/// Year and month of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn year_month(day: i64) -> (i64, i64) {
    let z = day + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month)
}

/// Days from 1970-01-01 to the first of a month (same source).
fn days_before(year: i64, month: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let mp = if month > 2 { month - 3 } else { month + 9 };
    let doy = (153 * mp + 2) / 5;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// A half-open window `[from, to)` in seconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First second in it.
    pub from_s: i64,
    /// First second after it.
    pub to_s: i64,
}

impl Window {
    /// The finest level that answers this window in a bounded number of rows and is still kept at its start:
    /// `kept_from_s` gives the retention floor of a level.
    #[must_use]
    pub fn level(self, kept_from_s: impl Fn(Level) -> i64) -> Level {
        let fits = |level: Level| {
            let snapped = self.snap(level);
            let unit = level.next(0);
            let bounded = level == Level::Month || (snapped.to_s - snapped.from_s) / unit <= level.units_max();
            bounded && kept_from_s(level) <= snapped.from_s
        };
        Level::ALL.into_iter().find(|level| fits(*level)).unwrap_or(Level::Month)
    }

    /// Both bounds moved outward to whole units of `level`; never empty.
    #[must_use]
    pub fn snap(self, level: Level) -> Self {
        let from_s = level.floor(self.from_s);
        Self { from_s, to_s: level.ceil(self.to_s).max(level.next(from_s)) }
    }

    /// Length in seconds.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.to_s - self.from_s
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    #[test]
    fn months() {
        assert_eq!(Level::Month.floor(at("2024-02-29T23:59:59Z")), at("2024-02-01T00:00:00Z"));
        assert_eq!(Level::Month.next(at("2024-12-01T00:00:00Z")), at("2025-01-01T00:00:00Z"));
        assert_eq!(Level::Month.floor(at("1969-12-31T00:00:00Z")), at("1969-12-01T00:00:00Z"));
    }

    #[test]
    fn levels_by_length() {
        let now = at("2026-03-10T12:34:56Z");
        for (seconds, level) in [
            (300, Level::Minute),
            (3_600, Level::Minute),
            (7_200, Level::Hour),
            (48 * 3_600, Level::Hour),
            (7 * 86_400, Level::Day),
            (90 * 86_400, Level::Day),
            (365 * 86_400, Level::Month),
        ] {
            assert_eq!(Window { from_s: now - seconds, to_s: now }.level(|_| i64::MIN), level, "{seconds}");
        }
    }

    #[test]
    fn a_level_that_is_gone_is_not_used() {
        let window = Window { from_s: 0, to_s: 60 };
        assert_eq!(window.level(|level| if level == Level::Minute { 1 } else { i64::MIN }), Level::Hour);
    }

    proptest! {
        #[test]
        fn snapping_goes_outward(from in -4_000_000_000..4_000_000_000_i64, length in 0..400_000_000_i64) {
            let window = Window { from_s: from, to_s: from + length };
            for level in Level::ALL {
                let snapped = window.snap(level);
                prop_assert!(snapped.from_s <= window.from_s && snapped.to_s >= window.to_s);
                prop_assert!(snapped.from_s < snapped.to_s);
                prop_assert_eq!(snapped.snap(level), snapped);
                prop_assert!(level.next(level.floor(from)) > from);
            }
        }
    }
}
