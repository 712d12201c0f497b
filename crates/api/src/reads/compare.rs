//! The window compared with: the same length, so much earlier. Half a day is never set against a whole one.

use serde::Serialize;
use tally_model::{Pieces, Window};
use tally_store::Floors;

use crate::problem::Problem;
use crate::reads::parameters::Parameters;
use crate::reads::rfc3339_s;

/// What can be compared with, by name and in seconds: whole days, so that the time of day is the same, and but for the
/// first whole weeks, so that the weekday is.
const SHIFTS: [(&str, i64); 4] = [("24h", 86_400), ("7d", 7 * 86_400), ("28d", 28 * 86_400), ("364d", 364 * 86_400)];
/// By how much the two windows may differ in length, as a share: what is older is kept in coarser units.
const DIFFERENCE_MAX: f64 = 0.05;
/// Longest windows, in seconds, that are compared with each of [`SHIFTS`] where nobody chooses; a bound may have been rounded by a
/// minute.
const FITTING_S: [i64; 4] = [86_460, 7 * 86_400 + 60, 31 * 86_400 + 60, i64::MAX];

/// How much earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shift {
    name: &'static str,
    pub(crate) seconds: i64,
}

/// The earlier window.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub(crate) shift: Shift,
    /// The bounds really used; those wished for where there is nothing to compare with.
    window: Window,
    /// `None` where no such window was counted, or is still kept.
    pub(crate) pieces: Option<Pieces>,
}

/// As it stands in answers.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    by: &'static str,
    from: String,
    to: String,
}

impl Shift {
    /// Reads `compare`.
    ///
    /// # Errors
    /// 400 naming the shifts there are.
    pub(crate) fn read(parameters: &Parameters) -> Result<Option<Self>, Problem> {
        let Some(text) = parameters.text("compare") else { return Ok(None) };
        let known = SHIFTS.into_iter().find(|(name, _)| *name == text);
        let names = SHIFTS.map(|shift| shift.0).join(", ");
        let known = known.ok_or_else(|| Problem::parameter("compare", format!("expected one of {names}")))?;
        Ok(Some(Self { name: known.0, seconds: known.1 }))
    }

    /// The shift for a window of `seconds` when nobody chooses: the day before, the week before, and beyond that whole weeks.
    pub(crate) fn fitting(seconds: i64) -> Self {
        let fits = |index: &usize| seconds <= FITTING_S[*index];
        let (name, seconds) = SHIFTS[(0..SHIFTS.len()).find(fits).unwrap_or(SHIFTS.len() - 1)];
        Self { name, seconds }
    }

    /// What it is called in answers: `24h`.
    pub(crate) const fn name(self) -> &'static str {
        self.name
    }
}

impl Compared {
    /// The window `shift` before `window`, where counting began at `first_s`.
    pub(crate) fn of(window: Window, shift: Shift, floors: Floors, first_s: Option<i64>) -> Self {
        let wished = Window { from_s: window.from_s - shift.seconds, to_s: window.to_s - shift.seconds };
        let found = wished.pieces(|level| floors.of(level));
        let as_long = is_as_long(found.window(), wished);
        let counted = first_s.is_some_and(|first_s| first_s <= found.window().from_s);
        let pieces = Some(found).filter(|_| as_long && counted);
        Self { shift, window: pieces.as_ref().map_or(wished, Pieces::window), pieces }
    }

    pub(crate) fn named(&self) -> Named {
        Named { by: self.shift.name, from: rfc3339_s(self.window.from_s), to: rfc3339_s(self.window.to_s) }
    }
}

#[allow(clippy::cast_precision_loss)] // seconds
fn is_as_long(found: Window, wished: Window) -> bool {
    let difference = (found.seconds() - wished.seconds()).abs() as f64;
    difference <= wished.seconds() as f64 * DIFFERENCE_MAX
}

#[cfg(test)]
mod tests {
    use tally_model::Level;

    use super::*;

    const HOUR_S: i64 = 3_600;
    const DAY_S: i64 = 24 * HOUR_S;
    /// 2026-03-10T12:21:36Z, a Tuesday.
    const NOW_S: i64 = 1_773_145_296;

    fn floors(minutes_days: i64, hours_days: i64, days_days: i64) -> Floors {
        let from_s = |days: i64| (NOW_S - days * DAY_S).div_euclid(DAY_S) * DAY_S;
        Floors { from_s: [from_s(minutes_days), from_s(hours_days), from_s(days_days), i64::MIN] }
    }

    /// The last so many seconds as a page asks for them, and what they are compared with.
    fn compared(asked_s: i64, compare: &str, first_s: Option<i64>) -> (Window, Compared) {
        let asked = Window { from_s: NOW_S - asked_s, to_s: NOW_S };
        let floors = floors(7, 90, 731);
        let level = asked.level(|level| floors.of(level));
        let window = Pieces::whole(level, asked).ending(Level::Minute.ceil(NOW_S)).window();
        let (name, seconds) = SHIFTS.into_iter().find(|shift| shift.0 == compare).unwrap();
        (window, Compared::of(window, Shift { name, seconds }, floors, first_s))
    }

    #[test]
    fn the_presets_are_set_against_windows_as_long() {
        for (asked_s, compare) in [
            (300, "24h"),
            (HOUR_S, "24h"),
            (6 * HOUR_S, "24h"),
            (DAY_S, "24h"),
            (7 * DAY_S, "7d"),
            (30 * DAY_S, "28d"),
            (365 * DAY_S, "364d"),
        ] {
            let (window, compared) = compared(asked_s, compare, Some(0));
            assert_eq!(window.to_s, Level::Minute.ceil(NOW_S), "ends with this minute");
            let before = compared.pieces.unwrap().window();
            let end_off = (before.to_s - (window.to_s - compared.shift.seconds)).abs();
            let length_off = (before.seconds() - window.seconds()).abs();
            let most = if asked_s <= DAY_S { 0 } else { window.seconds() / 20 };
            assert!(end_off <= most && length_off <= most, "{asked_s}: {window:?} {before:?}");
        }
    }

    #[test]
    fn nothing_is_compared_with_what_was_not_counted() {
        let (window, compared_with) = compared(DAY_S, "24h", Some(NOW_S - DAY_S - 3 * HOUR_S));
        assert!(compared_with.pieces.is_none(), "counting began within the window");
        assert_eq!(compared_with.window.from_s, window.from_s - DAY_S);
        assert!(compared(DAY_S, "24h", None).1.pieces.is_none());
        assert!(compared(DAY_S, "24h", Some(window.from_s - DAY_S)).1.pieces.is_some());
    }

    #[test]
    fn an_hour_is_not_set_against_a_day() {
        assert!(compared(HOUR_S, "364d", Some(0)).1.pieces.is_none(), "only days are kept that long");
        assert!(compared(300, "28d", Some(0)).1.pieces.is_none(), "only hours");
    }
}
