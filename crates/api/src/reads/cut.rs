//! Time cut into steps: those a client asks for, or those that can be drawn.

use std::collections::HashMap;

use tally_model::{Level, Window};
use tally_store::{Figures, Floors};

use crate::problem::Problem;
use crate::reads::marks::Bucket;
use crate::reads::span;

/// Most points of one answer.
const POINTS_MAX: i64 = 1_500;
/// Most rows that one answer adds up.
const ROWS_MAX: i64 = 10_000;
/// Most points of a chart; more cannot be told apart.
const DRAWN_MAX: i64 = 360;
/// Most columns of a heat map: one should be a few pixels wide.
const COLUMNS_MAX: i64 = 170;
/// Most points of a sparkline.
const SPARKS_MAX: i64 = 48;
/// Steps of charts in seconds, finest first: each has a name, and divides the next.
const DRAWN_S: [i64; 6] = [60, 300, 900, HOUR_S, 6 * HOUR_S, DAY_S];
/// Steps of sparklines in seconds, finest first.
const SPARKS_S: [i64; 16] = [
    60,
    120,
    300,
    600,
    900,
    1_800,
    HOUR_S,
    2 * HOUR_S,
    4 * HOUR_S,
    6 * HOUR_S,
    8 * HOUR_S,
    12 * HOUR_S,
    DAY_S,
    2 * DAY_S,
    4 * DAY_S,
    8 * DAY_S,
];
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;
const STEP_EXPECTED: &str = "expected a whole number of minutes, such as 1m, 5m, 1h or 1d, or month";

/// How a window is cut: at which level, from where, and in which steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Whole steps.
    pub(crate) window: Window,
    /// Level that is read.
    pub(crate) level: Level,
    /// `None` for calendar months.
    pub(crate) step_s: Option<i64>,
}

/// What a client asks a step to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Seconds(i64),
    Month,
}

/// One step and what happened in it.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    pub(crate) start_s: i64,
    pub(crate) end_s: i64,
    pub(crate) figures: Figures,
}

impl Step {
    /// Reads `5m`, `300`, `1h`, `1d` or `month`.
    ///
    /// # Errors
    /// 400 that says what is one.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        if text == "month" {
            return Ok(Self::Month);
        }
        let seconds = span::seconds_of(text).or_else(|| span::seconds_of(&format!("{text}s")));
        let whole = seconds.filter(|seconds| *seconds >= 60 && seconds % 60 == 0);
        whole.map(Self::Seconds).ok_or_else(|| Problem::parameter("step", STEP_EXPECTED))
    }
}

impl Cut {
    /// One unit of a level a step.
    pub(crate) fn units(window: Window, level: Level) -> Self {
        Self { window: window.snap(level), level, step_s: (level != Level::Month).then(|| level.next(0)) }
    }

    /// In the steps that are asked for: the coarsest level whose units fill one, or where that level is no longer kept, a
    /// coarser one with a step of its own.
    ///
    /// # Errors
    /// 400, if that is too much for one answer.
    pub(crate) fn asked(window: Window, step: Step, floors: Floors) -> Result<Self, Problem> {
        let Step::Seconds(step_s) = step else { return Ok(Self::units(window, Level::Month)) };
        let filling = filling(step_s);
        let kept = |level: &Level| *level >= filling && floors.of(*level) <= level.floor(window.from_s);
        let level = Level::ALL.into_iter().find(kept).unwrap_or(Level::Month);
        if level == Level::Month {
            return Ok(Self::units(window, level));
        }
        let unit_s = level.next(0);
        let cut = Self::whole(window, level, (step_s + unit_s - 1).div_euclid(unit_s).max(1) * unit_s);
        if cut.steps() > POINTS_MAX || cut.window.seconds() / unit_s > ROWS_MAX {
            let least = (cut.window.seconds() / POINTS_MAX).max(60);
            let expected =
                format!("too fine for this window: at most {POINTS_MAX} points; try {least}s or more, or 1h or 1d");
            return Err(Problem::parameter("step", expected));
        }
        Ok(cut)
    }

    /// For a chart of `window` when `asked_s` seconds were asked for: the finest steps that can be told apart and are kept.
    pub(crate) fn drawn(window: Window, asked_s: i64, floors: Floors) -> Self {
        Self::fitting(window, &DRAWN_S, floors, |step_s| asked_s <= step_s * DRAWN_MAX)
    }

    /// For sparklines: the end of the window, at most 48 steps of it.
    pub(crate) fn sparks(window: Window, asked_s: i64, floors: Floors) -> Self {
        let mut cut = Self::fitting(window, &SPARKS_S, floors, |step_s| asked_s <= step_s * SPARKS_MAX);
        let end_s = cut.window.to_s;
        let first_s = match cut.step_s {
            Some(step_s) => end_s - SPARKS_MAX * step_s,
            None => std::iter::successors(Some(end_s), |start_s| Some(Level::Month.floor(start_s - 1)))
                .nth(usize::try_from(SPARKS_MAX).unwrap_or(0))
                .unwrap_or(end_s),
        };
        cut.window.from_s = cut.window.from_s.max(first_s);
        cut
    }

    /// The finest of `steps` that fits and whose level is kept; the coarsest where none fits and it is not too much; else
    /// months.
    fn fitting(window: Window, steps: &[i64], floors: Floors, fits: impl Fn(i64) -> bool) -> Self {
        let kept = |step_s: i64| floors.of(filling(step_s)) <= window.from_s.div_euclid(step_s) * step_s;
        let coarsest = steps.last().copied().unwrap_or(DAY_S);
        let step_s = steps.iter().copied().find(|step_s| fits(*step_s) && kept(*step_s));
        let step_s = step_s.or_else(|| Some(coarsest).filter(|step_s| kept(*step_s)));
        let cut = step_s.map(|step_s| Self::whole(window, filling(step_s), step_s));
        cut.filter(|cut| cut.steps() <= POINTS_MAX).unwrap_or_else(|| Self::units(window, Level::Month))
    }

    /// The window moved outward to whole steps.
    fn whole(window: Window, level: Level, step_s: i64) -> Self {
        let from_s = window.from_s.div_euclid(step_s) * step_s;
        let to_s = from_s + (window.to_s - from_s + step_s - 1).div_euclid(step_s) * step_s;
        Self { window: Window { from_s, to_s }, level, step_s: Some(step_s) }
    }

    /// The same steps `by_s` earlier; `None` where they are no longer kept, or do not fall on steps.
    pub(crate) fn earlier(self, by_s: i64, floors: Floors) -> Option<Self> {
        let step_s = self.step_s.filter(|step_s| by_s % step_s == 0)?;
        let window = Window { from_s: self.window.from_s - by_s, to_s: self.window.to_s - by_s };
        let kept = window.from_s >= 0 && floors.of(filling(step_s)) <= window.from_s;
        kept.then_some(Self { window, ..self })
    }

    /// The same window in steps of an hour, where its own are longer and hours are kept; else itself.
    pub(crate) fn by_the_hour(self, floors: Floors) -> Self {
        let longer = self.step_s.is_none_or(|step_s| step_s > HOUR_S);
        let fits = self.window.seconds() / HOUR_S <= ROWS_MAX && floors.of(Level::Hour) <= self.window.from_s;
        if longer && fits { Self { level: Level::Hour, step_s: Some(HOUR_S), ..self } } else { self }
    }

    /// Step of a heat map whose columns are made of this cut's steps.
    pub(crate) fn column_s(self, asked_s: i64) -> Option<i64> {
        let own_s = self.step_s?;
        let mut steps = DRAWN_S.into_iter().chain([7 * DAY_S]);
        steps.find(|step_s| step_s % own_s == 0 && asked_s <= step_s * COLUMNS_MAX)
    }

    /// Step to give to the store; at [`Level::Month`] it counts in months anyway.
    pub(crate) fn read_step_s(self) -> i64 {
        self.step_s.unwrap_or_else(|| Level::Month.next(0))
    }

    /// Start of the step after the one that starts at `start_s`.
    pub(crate) fn next(self, start_s: i64) -> i64 {
        self.step_s.map_or_else(|| Level::Month.next(start_s), |step_s| start_s + step_s)
    }

    /// Starts of the steps that began before `now_s`; of all of them if something is known of later ones.
    pub(crate) fn starts(self, last_s: i64) -> Vec<i64> {
        let end_s = self.window.to_s.min(last_s.saturating_add(1));
        std::iter::successors(Some(self.window.from_s), |start_s| Some(self.next(*start_s)))
            .take_while(|start_s| *start_s < end_s)
            .collect()
    }

    /// A point each step, up to the one that runs at `now_s`, or the last that has something; those without a request are
    /// there, with zeros.
    pub(crate) fn points(self, found: Vec<(i64, Figures)>, now_s: i64) -> Vec<Point> {
        let last_s = found.last().map_or(now_s, |point| point.0.max(now_s));
        let mut found: HashMap<i64, Figures> = found.into_iter().collect();
        let point =
            |start_s| Point { start_s, end_s: self.next(start_s), figures: found.remove(&start_s).unwrap_or_default() };
        self.starts(last_s).into_iter().map(point).collect()
    }

    fn steps(self) -> i64 {
        self.window.seconds() / self.read_step_s()
    }
}

impl Point {
    /// What marks are made of.
    pub(crate) fn bucket(&self) -> Bucket {
        let (requests, errors) = (self.figures.requests, self.figures.status[4]);
        Bucket { start_s: self.start_s, end_s: self.end_s, requests, errors }
    }
}

/// Merges neighbouring points into steps of `step_s`, aligned to midnight of UTC, or to the first point where a step is
/// longer than a day.
pub(crate) fn merged(points: &[Point], step_s: i64) -> Vec<Point> {
    let origin_s = if step_s > DAY_S { points.first().map_or(0, |point| point.start_s) } else { 0 };
    let mut merged: Vec<Point> = Vec::new();
    for point in points {
        let start_s = origin_s + (point.start_s - origin_s).div_euclid(step_s) * step_s;
        match merged.last_mut() {
            Some(last) if last.start_s == start_s => last.figures.add(&point.figures),
            _ => merged.push(Point { start_s, end_s: start_s + step_s, figures: point.figures.clone() }),
        }
    }
    merged
}

/// The coarsest level whose units fill a step, months left out.
fn filling(step_s: i64) -> Level {
    let filling = [Level::Day, Level::Hour, Level::Minute].into_iter().find(|level| step_s % level.next(0) == 0);
    filling.unwrap_or(Level::Minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Floors = Floors { from_s: [i64::MIN; 4] };
    const FROM_S: i64 = 1_773_145_296;

    fn asked_of(seconds: i64, text: &str, floors: Floors) -> Result<(Level, Option<i64>, i64), Problem> {
        let asked = Window { from_s: FROM_S, to_s: FROM_S + seconds };
        let cut = Cut::asked(asked, Step::parse(text)?, floors)?;
        assert!(cut.window.from_s <= asked.from_s && cut.window.to_s >= asked.to_s);
        assert_eq!(cut.window.snap(cut.level), cut.window);
        Ok((cut.level, cut.step_s, cut.window.seconds() / cut.step_s.unwrap_or(1)))
    }

    #[test]
    fn steps_and_levels() {
        assert_eq!(asked_of(HOUR_S, "5m", ALL).unwrap(), (Level::Minute, Some(300), 13));
        assert_eq!(asked_of(24 * HOUR_S, "3600", ALL).unwrap(), (Level::Hour, Some(3_600), 25));
        assert_eq!(asked_of(24 * HOUR_S, "1m", ALL).unwrap(), (Level::Minute, Some(60), 1_441));
        assert_eq!(asked_of(24 * HOUR_S, "90m", ALL).unwrap(), (Level::Minute, Some(5_400), 17));
        assert_eq!(asked_of(30 * 24 * HOUR_S, "7d", ALL).unwrap().0, Level::Day);
        assert_eq!(asked_of(30 * 24 * HOUR_S, "month", ALL).unwrap().1, None);
        let no_minutes = Floors { from_s: [i64::MAX, i64::MIN, i64::MIN, i64::MIN] };
        assert_eq!(asked_of(24 * HOUR_S, "1m", no_minutes).unwrap(), (Level::Hour, Some(3_600), 25));
        let months_only = Floors { from_s: [i64::MAX, i64::MAX, i64::MAX, i64::MIN] };
        assert_eq!(asked_of(24 * HOUR_S, "1m", months_only).unwrap().1, None);
    }

    #[test]
    fn steps_that_are_none() {
        for bad in ["", "0", "59", "90s", "-1m", "1w", "1.5h", "m", "99999999999999999999d"] {
            assert!(asked_of(HOUR_S, bad, ALL).unwrap_err().to_string().starts_with("step"), "{bad}");
        }
        assert!(asked_of(365 * 24 * HOUR_S, "1m", ALL).is_err());
        assert!(asked_of(365 * 24 * HOUR_S, "61m", ALL).is_err(), "too many rows");
    }

    #[test]
    fn charts_heat_maps_and_sparklines_of_the_presets() {
        for (asked_s, drawn_s, column_s, spark_s) in [
            (300, 60, 60, 60),
            (HOUR_S, 60, 60, 120),
            (6 * HOUR_S, 60, 300, 600),
            (DAY_S, 300, 900, 1_800),
            (7 * DAY_S, HOUR_S, HOUR_S, 4 * HOUR_S),
            (30 * DAY_S, 6 * HOUR_S, 6 * HOUR_S, DAY_S),
            (365 * DAY_S, DAY_S, 7 * DAY_S, 8 * DAY_S),
        ] {
            let window = Window { from_s: FROM_S - asked_s, to_s: FROM_S };
            let cut = Cut::drawn(window, asked_s, ALL);
            assert_eq!((cut.step_s, cut.column_s(asked_s)), (Some(drawn_s), Some(column_s)), "{asked_s}");
            let sparks = Cut::sparks(window, asked_s, ALL);
            assert_eq!(sparks.step_s, Some(spark_s), "{asked_s}");
            assert!(sparks.starts(FROM_S).len() <= 48 && sparks.window.to_s >= FROM_S);
        }
    }

    #[test]
    fn what_is_not_kept_is_not_drawn() {
        let window = Window { from_s: FROM_S, to_s: FROM_S + 300 };
        let hours = Floors { from_s: [i64::MAX, i64::MIN, i64::MIN, i64::MIN] };
        assert_eq!(Cut::drawn(window, 300, hours).step_s, Some(HOUR_S));
        let months = Floors { from_s: [i64::MAX, i64::MAX, i64::MAX, i64::MIN] };
        assert_eq!(Cut::drawn(window, 300, months).step_s, None);
        let decades = Window { from_s: 0, to_s: FROM_S };
        assert_eq!(Cut::drawn(decades, FROM_S, ALL).step_s, None, "too many days");
        assert_eq!(Cut::sparks(decades, FROM_S, ALL).starts(FROM_S).len(), 48);
        assert_eq!(Cut::sparks(decades, FROM_S, months).starts(FROM_S).len(), 48, "months");
    }

    #[test]
    fn the_same_steps_earlier() {
        let cut = Cut::drawn(Window { from_s: FROM_S, to_s: FROM_S + DAY_S }, DAY_S, ALL);
        let earlier = cut.earlier(DAY_S, ALL).unwrap();
        assert_eq!((earlier.window.from_s + DAY_S, earlier.step_s), (cut.window.from_s, cut.step_s));
        assert_eq!(cut.earlier(DAY_S, Floors { from_s: [FROM_S - HOUR_S, 0, 0, 0] }), None, "no longer kept");
        assert_eq!(Cut::units(cut.window, Level::Month).earlier(364 * DAY_S, ALL), None);
    }

    fn requests(requests: u64) -> Figures {
        Figures { requests, ..Figures::default() }
    }

    #[test]
    fn empty_steps_are_there_and_the_running_one_is_the_last() {
        let cut = Cut::asked(Window { from_s: 0, to_s: 600 }, Step::Seconds(60), ALL).unwrap();
        let points = cut.points(vec![(120, requests(6))], 299);
        assert_eq!(points.iter().map(|point| point.figures.requests).collect::<Vec<_>>(), [0, 0, 6, 0, 0]);
        assert_eq!(cut.points(vec![(360, requests(1))], 299).len(), 7, "events may be a little ahead");
        assert_eq!(cut.points(vec![], 10_000).len(), 10);
    }

    #[test]
    fn merging_keeps_every_request() {
        let cut = Cut::asked(Window { from_s: 300, to_s: 3_000 }, Step::Seconds(300), ALL).unwrap();
        let points = cut.points((1..10_i64).map(|i| (i * 300, requests(i.unsigned_abs()))).collect(), 3_000);
        let merged = merged(&points, 900);
        let found: Vec<_> = merged.iter().map(|point| (point.start_s, point.figures.requests)).collect();
        assert_eq!(found, [(0, 3), (900, 12), (1_800, 21), (2_700, 9)]);
    }
}
