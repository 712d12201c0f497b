//! The period that a report is compared with: the same clock time before, of the same length, or none.

use tally_model::{Level, Pieces, Window};
use tally_store::Floors;

const DAY_S: i64 = 86_400;
/// How far back the compared period lies, by the longest window that it serves: the day before, the week before, and beyond
/// that whole weeks, so that weekdays meet weekdays. The second is what it is called.
const SHIFTS: [(i64, i64, &str); 4] = [
    (DAY_S, DAY_S, "the day before"),
    (7 * DAY_S, 7 * DAY_S, "the week before"),
    (31 * DAY_S, 28 * DAY_S, "four weeks before"),
    (i64::MAX, 364 * DAY_S, "a year (52 weeks) before"),
];
/// Lengths may differ by one in so many, where only coarser units are kept.
const LENGTHS_DIFFER_MAX: i64 = 50;

/// A period of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) pieces: Pieces,
    pub(crate) shift_s: i64,
    /// What it is called: `the day before`.
    pub(crate) called: &'static str,
}

impl Compared {
    /// The period to compare `window` with; none before counting began, or where no units of fitting length are kept.
    pub(crate) fn with(window: Window, floors: Floors, first_s: Option<i64>) -> Option<Self> {
        // A bound may have been rounded by a minute.
        let (_, shift_s, called) =
            SHIFTS.into_iter().find(|(longest_s, ..)| window.seconds() <= longest_s.saturating_add(60))?;
        let earlier = Window { from_s: window.from_s - shift_s, to_s: window.to_s - shift_s };
        let pieces = earlier.pieces(|level| floors.of(level));
        let found = pieces.window();
        let kept = pieces.iter().all(|(level, piece)| level == Level::Month || floors.of(level) <= piece.from_s);
        let begun = first_s.is_some_and(|first_s| first_s <= found.from_s);
        let alike = (found.seconds() - window.seconds()).abs() <= window.seconds() / LENGTHS_DIFFER_MAX;
        (kept && begun && alike).then_some(Self { pieces, shift_s, called })
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
        Some((jiff::Timestamp::from_second(found.pieces.window().from_s).unwrap().to_string(), found.called))
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
