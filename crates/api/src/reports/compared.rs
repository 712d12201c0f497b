//! The period that a report is compared with: the same clock time before, of the same length, or none.

use tally_model::{Pieces, Window};
use tally_store::Floors;

use crate::reads::compare::{self, Shift};

/// A period of the past.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub(crate) pieces: Pieces,
    pub(crate) shift: Shift,
}

impl Compared {
    /// The period to compare `window` with; none before counting began, or where no units of fitting length are kept.
    pub(crate) fn with(window: Window, floors: Floors, first_s: Option<i64>) -> Option<Self> {
        let shift = Shift::fitting(window.seconds());
        let pieces = compare::Compared::of(window, shift, floors, first_s).pieces?;
        Some(Self { pieces, shift })
    }

    /// What it is called: `the day before`.
    pub(crate) fn called(&self) -> &'static str {
        match self.shift.name() {
            "24h" => "the day before",
            "7d" => "the week before",
            "28d" => "four weeks before",
            _ => "a year (52 weeks) before",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Floors = Floors { from_s: [i64::MIN; 4] };

    fn s(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    fn compared(from: &str, to: &str, floors: Floors, first: &str) -> Option<(String, &'static str)> {
        let window = Window { from_s: s(from), to_s: s(to) };
        let found = Compared::with(window, floors, Some(s(first)))?;
        assert_eq!(found.pieces.window().seconds(), window.seconds());
        Some((jiff::Timestamp::from_second(found.pieces.window().from_s).unwrap().to_string(), found.called()))
    }

    #[test]
    fn the_same_clock_time_before() {
        let of = |from, to| compared(from, to, ALL, "2020-01-01T00:00:00Z").unwrap();
        assert_eq!(
            of("2026-03-12T02:40:00Z", "2026-03-12T04:10:00Z"),
            ("2026-03-11T02:40:00Z".into(), "the day before")
        );
        assert_eq!(
            of("2026-03-05T00:00:00Z", "2026-03-12T00:00:00Z"),
            ("2026-02-26T00:00:00Z".into(), "the week before")
        );
        assert_eq!(
            of("2026-02-10T00:00:00Z", "2026-03-12T00:00:00Z"),
            ("2026-01-13T00:00:00Z".into(), "four weeks before")
        );
    }

    #[test]
    fn nothing_is_set_against_half_of_it() {
        let of = |floors, first| compared("2026-03-12T02:40:00Z", "2026-03-12T04:10:00Z", floors, first);
        assert_eq!(of(ALL, "2026-03-11T03:00:00Z"), None, "counting had not begun");
        let no_minutes = Floors { from_s: [s("2026-03-12T00:00:00Z"), i64::MIN, i64::MIN, i64::MIN] };
        assert_eq!(of(no_minutes, "2020-01-01T00:00:00Z"), None, "90 minutes are not two hours");
    }
}
