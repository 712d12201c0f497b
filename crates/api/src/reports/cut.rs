//! How a window is cut into steps for a chart: few enough to be drawn, from units that are still kept.

use std::collections::HashMap;

use tally_model::{Level, Window};
use tally_store::{Figures, Floors};

use crate::reports::series::{Series, Step};

const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;
/// Most steps of a chart: with more, a step would be less than five units of the picture.
const STEPS_MAX: i64 = 180;
/// Lengths of steps, in seconds; beyond them calendar months.
const STEPS_S: [i64; 17] = [
    60,
    120,
    300,
    600,
    900,
    1_800,
    HOUR_S,
    2 * HOUR_S,
    3 * HOUR_S,
    6 * HOUR_S,
    12 * HOUR_S,
    DAY_S,
    2 * DAY_S,
    3 * DAY_S,
    7 * DAY_S,
    14 * DAY_S,
    28 * DAY_S,
];
/// Windows up to these lengths are cut from minutes and from hours, so that a series adds up a bounded number of rows.
const FROM_MINUTES_S: i64 = 2 * DAY_S;
const FROM_HOURS_S: i64 = 62 * DAY_S;

/// Steps of one length from units of one level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Whole units of the level, but for the end of a window that reaches into the running one.
    pub(crate) window: Window,
    pub(crate) level: Level,
    /// Seconds; at [`Level::Month`] a step is a month.
    pub(crate) step_s: i64,
}

impl Cut {
    /// Cuts a window; `now_s` tells whether its last unit is still running.
    pub(crate) fn of(window: Window, floors: Floors, now_s: i64) -> Self {
        let wanted = match window.seconds() {
            length_s if length_s <= FROM_MINUTES_S => Level::Minute,
            length_s if length_s <= FROM_HOURS_S => Level::Hour,
            _ => Level::Day,
        };
        let kept = |level: &Level| *level >= wanted && floors.of(*level) <= level.floor(window.from_s);
        let level = Level::ALL.into_iter().find(kept).unwrap_or(Level::Month);
        let unit_s = level.next(0);
        let step_s = STEPS_S.into_iter().find(|step_s| step_s % unit_s == 0 && window.seconds() / step_s <= STEPS_MAX);
        match (level, step_s) {
            (Level::Month, _) | (_, None) => {
                Self { window: window.snap(Level::Month), level: Level::Month, step_s: unit_s }
            }
            (_, Some(step_s)) => Self { window: rounded(window, level, now_s), level, step_s },
        }
    }

    /// The same cut, earlier.
    pub(crate) const fn earlier(self, shift_s: i64) -> Self {
        let window = Window { from_s: self.window.from_s - shift_s, to_s: self.window.to_s - shift_s };
        Self { window, ..self }
    }

    /// A step for each figure that was found, and for each that was not; `later_s` is added to all times.
    pub(crate) fn series(self, found: Vec<(i64, Figures)>, later_s: i64) -> Series {
        let mut found: HashMap<i64, Figures> = found.into_iter().collect();
        let (mut steps, mut start_s) = (Vec::new(), self.window.from_s);
        while start_s < self.window.to_s {
            let next_s = if self.level == Level::Month { self.level.next(start_s) } else { start_s + self.step_s };
            let figures = found.remove(&start_s).unwrap_or_default();
            steps.push(Step::of(start_s + later_s, next_s.min(self.window.to_s) + later_s, &figures));
            start_s = next_s;
        }
        let (from_s, to_s) = (self.window.from_s + later_s, self.window.to_s + later_s);
        Series { from_s, to_s, counted_through_s: None, steps }
    }
}

/// Bounds moved to the nearest unit; an end in the unit that is running stays where it is.
fn rounded(window: Window, level: Level, now_s: i64) -> Window {
    let nearest = |at_s: i64| level.floor(at_s + level.next(0) / 2);
    let from_s = nearest(window.from_s);
    let to_s = if level.next(level.floor(window.to_s)) > now_s { window.to_s } else { nearest(window.to_s) };
    if from_s < to_s { Window { from_s, to_s } } else { window.snap(level) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Floors = Floors { from_s: [i64::MIN; 4] };
    /// 2026-03-10T12:21:36Z
    const NOW_S: i64 = 1_773_145_296;

    fn cut(seconds: i64, floors: Floors) -> Cut {
        let cut = Cut::of(Window { from_s: NOW_S - seconds, to_s: NOW_S }, floors, NOW_S);
        let series = cut.series(Vec::new(), 0);
        assert!(series.steps.len() as i64 <= STEPS_MAX + 2, "{}", series.steps.len());
        assert!(series.steps.windows(2).all(|pair| pair[0].end_s == pair[1].start_s));
        assert_eq!(series.steps.last().unwrap().end_s, cut.window.to_s);
        cut
    }

    #[test]
    fn steps_by_length() {
        for (seconds, level, step_s) in [
            (300, Level::Minute, 60),
            (90 * 60, Level::Minute, 60),
            (DAY_S, Level::Minute, 600),
            (7 * DAY_S, Level::Hour, HOUR_S),
            (30 * DAY_S, Level::Hour, 6 * HOUR_S),
            (365 * DAY_S, Level::Day, 3 * DAY_S),
        ] {
            let cut = cut(seconds, ALL);
            assert_eq!((cut.level, cut.step_s), (level, step_s), "{seconds}");
        }
        let only_months = Floors { from_s: [NOW_S, NOW_S, NOW_S, i64::MIN] };
        assert_eq!(cut(365 * DAY_S, only_months).level, Level::Month);
        let no_minutes = Floors { from_s: [NOW_S, i64::MIN, i64::MIN, i64::MIN] };
        assert_eq!((cut(DAY_S, no_minutes).level, cut(DAY_S, no_minutes).step_s), (Level::Hour, HOUR_S));
    }

    #[test]
    fn the_running_unit_ends_now() {
        assert_eq!(cut(30 * DAY_S, ALL).window.to_s, NOW_S);
        let over = Cut::of(Window { from_s: NOW_S - 30 * DAY_S, to_s: NOW_S }, ALL, NOW_S + DAY_S);
        assert_eq!(over.window.to_s % HOUR_S, 0);
    }

    #[test]
    fn figures_stand_in_their_steps() {
        let cut = Cut { window: Window { from_s: 0, to_s: 300 }, level: Level::Minute, step_s: 120 };
        let figures = Figures { requests: 6, ..Figures::default() };
        let series = cut.series(vec![(120, figures)], 1_000);
        let steps: Vec<_> = series.steps.iter().map(|step| (step.start_s, step.end_s, step.requests)).collect();
        assert_eq!(steps, [(1_000, 1_120, 0), (1_120, 1_240, 6), (1_240, 1_300, 0)]);
    }
}
