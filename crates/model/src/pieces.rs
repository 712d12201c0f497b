//! A window cut into pieces of few units each, so that an answer to its very bounds needs few rows.

use crate::{Level, Window};

/// Most pieces of one window: head, body and tail.
const PIECES_MAX: usize = 3;

/// A window cut into pieces of one level each: ascending, adjacent, none empty, at least one and at most three. A piece is
/// whole units of its level, but for the end of the last, which may lie in the unit that is still running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces(Vec<(Level, Window)>);

impl Pieces {
    /// One piece: `window` moved outward to whole units of `level`.
    #[must_use]
    pub fn whole(level: Level, window: Window) -> Self {
        Self(vec![(level, window.snap(level))])
    }

    /// The pieces as they were read from somewhere; `None`, if they are not the pieces of a window.
    #[must_use]
    pub fn checked(pieces: Vec<(Level, Window)>) -> Option<Self> {
        let starts = pieces.iter().all(|(level, window)| level.floor(window.from_s) == window.from_s);
        let filled = pieces.iter().all(|(_, window)| window.from_s < window.to_s);
        let adjacent = pieces.windows(2).all(|two| {
            let [(level, earlier), (_, later)] = two else { return false };
            earlier.to_s == later.from_s && level.floor(earlier.to_s) == earlier.to_s
        });
        (starts && filled && adjacent && (1..=PIECES_MAX).contains(&pieces.len())).then_some(Self(pieces))
    }

    /// The same pieces up to `to_s`, which lies in the last one.
    #[must_use]
    pub fn ending(mut self, to_s: i64) -> Self {
        if let Some((_, last)) = self.0.last_mut()
            && (last.from_s + 1..last.to_s).contains(&to_s)
        {
            last.to_s = to_s;
        }
        self
    }

    /// Each piece with its level.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Level, Window)> + '_ {
        self.0.iter().copied()
    }

    /// From the first piece's start to the last one's end.
    #[must_use]
    pub fn window(&self) -> Window {
        let from_s = self.0.first().map_or(0, |piece| piece.1.from_s);
        Window { from_s, to_s: self.0.last().map_or(from_s, |piece| piece.1.to_s) }
    }

    /// Level of the last piece.
    #[must_use]
    pub fn last_level(&self) -> Level {
        self.0.last().map_or(Level::Minute, |piece| piece.0)
    }

    /// The coarsest level among them: that of the body.
    #[must_use]
    pub fn level(&self) -> Level {
        self.0.iter().map(|piece| piece.0).max().unwrap_or(Level::Minute)
    }
}

impl Window {
    /// This window from few rows: a body at the level that [`Window::level`] names, head and tail at the next finer one. Each
    /// bound is rounded to the nearest unit of the finer level, or of the body's where the finer one is not kept;
    /// `kept_from_s` gives the retention floor of a level.
    #[must_use]
    pub fn pieces(self, kept_from_s: impl Fn(Level) -> i64) -> Pieces {
        let coarse = self.level(&kept_from_s);
        let fine = coarse.finer().unwrap_or(coarse);
        let kept_fine = |start_s: i64| kept_from_s(fine) <= start_s;
        let from_s = Some(fine.nearest(self.from_s)).filter(|from_s| kept_fine(*from_s));
        let head = if from_s.is_some() { fine } else { coarse };
        let from_s = from_s.unwrap_or_else(|| coarse.nearest(self.from_s));
        let to_s = Some(fine.nearest(self.to_s)).filter(|to_s| kept_fine(coarse.floor(*to_s).max(from_s)));
        let tail = if to_s.is_some() { fine } else { coarse };
        let to_s = to_s.unwrap_or_else(|| coarse.nearest(self.to_s));
        if from_s >= to_s {
            return Pieces::whole(head.max(tail), self);
        }
        let body = Window { from_s: coarse.ceil(from_s), to_s: coarse.floor(to_s) };
        let parts = if body.from_s > body.to_s {
            // All of it lies within one unit.
            vec![(head, Window { from_s, to_s })]
        } else {
            vec![
                (head, Window { from_s, to_s: body.from_s }),
                (coarse, body),
                (tail, Window { from_s: body.to_s, to_s }),
            ]
        };
        Pieces(parts.into_iter().filter(|(_, window)| window.from_s < window.to_s).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    fn shown(from: &str, to: &str, kept_from_s: impl Fn(Level) -> i64) -> Vec<(Level, usize)> {
        let window = Window { from_s: at(from), to_s: at(to) };
        let pieces = window.pieces(kept_from_s);
        let units = |level: Level, window: Window| {
            std::iter::successors(Some(window.from_s), |start_s| Some(level.next(*start_s)))
                .take_while(|start_s| *start_s < window.to_s)
                .count()
        };
        pieces.iter().map(|(level, window)| (level, units(level, window))).collect()
    }

    #[test]
    fn heads_bodies_and_tails() {
        let all = |_| i64::MIN;
        let (minute, hour, day, month) = (Level::Minute, Level::Hour, Level::Day, Level::Month);
        let pieces = shown("2026-03-10T12:00:20Z", "2026-03-10T12:59:40Z", all);
        assert_eq!(pieces, [(minute, 60)]);
        let pieces = shown("2026-03-09T12:34:56Z", "2026-03-10T12:34:56Z", all);
        assert_eq!(pieces, [(minute, 25), (hour, 23), (minute, 35)]);
        let pieces = shown("2026-02-01T00:00:00Z", "2026-03-10T12:34:56Z", all);
        assert_eq!(pieces, [(day, 37), (hour, 13)]);
        let pieces = shown("2025-01-31T12:00:00Z", "2026-03-02T00:00:00Z", all);
        assert_eq!(pieces, [(month, 13), (day, 1)], "the bound that lies in the middle goes up");
        // Minutes from noon of the second day on.
        let noon = at("2026-03-10T12:00:00Z");
        let pieces =
            shown("2026-03-09T12:34:56Z", "2026-03-10T13:14:56Z", |l| if l == minute { noon } else { i64::MIN });
        assert_eq!(pieces, [(hour, 24), (minute, 15)]);
    }

    #[test]
    fn what_is_shorter_than_a_unit_is_one() {
        let all = |_| i64::MIN;
        assert_eq!(shown("2026-03-10T12:00:10Z", "2026-03-10T12:00:11Z", all), [(Level::Minute, 1)]);
        let days = |level| if level < Level::Day { i64::MAX } else { i64::MIN };
        assert_eq!(shown("2026-03-10T12:00:10Z", "2026-03-10T12:00:11Z", days), [(Level::Day, 1)]);
        let window = Window { from_s: 7_200, to_s: 9_000 };
        assert_eq!(Pieces::whole(Level::Hour, window).ending(9_000).window(), window);
    }

    fn kept() -> impl Strategy<Value = [i64; 4]> {
        let ago = prop_oneof![Just(i64::MAX), 0..800_i64];
        prop::collection::vec(ago, 3).prop_map(|mut days| {
            days.sort_unstable();
            let floor_s =
                |days: i64| days.checked_mul(86_400).map_or(i64::MIN, |s| 1_773_144_000 / 86_400 * 86_400 - s);
            [floor_s(days[0]), floor_s(days[1]), floor_s(days[2]), i64::MIN]
        })
    }

    proptest! {
        #[test]
        fn pieces_are_the_window(
            floors in kept(), to in 1_573_144_000..1_773_144_000_i64,
            length in prop_oneof![1..7_200_i64, 1..300_000_i64, 1..90_000_000_i64],
        ) {
            let kept_from_s = |level: Level| floors[level as usize];
            let asked = Window { from_s: to - length, to_s: to };
            let pieces = asked.pieces(kept_from_s);
            prop_assert_eq!(Pieces::checked(pieces.iter().collect()), Some(pieces.clone()));
            let coarse = asked.level(kept_from_s);
            let (found, last) = (pieces.window(), pieces.iter().len() - 1);
            for (i, (level, window)) in pieces.iter().enumerate() {
                prop_assert_eq!(window.snap(level), window);
                prop_assert!(level == coarse || Some(level) == coarse.finer());
                prop_assert!(kept_from_s(level) <= window.from_s || level == Level::Month);
                if level == coarse {
                    prop_assert!(level == Level::Month || window.seconds() / level.next(0) <= level.units_max());
                } else {
                    prop_assert!(i == 0 || i == last);
                    let unit_s = coarse.next(coarse.floor(window.from_s)) - coarse.floor(window.from_s);
                    prop_assert!(window.seconds() < unit_s);
                }
            }
            // Each bound is the nearest that the finer level has, or the body's where the finer is not kept.
            let fine = coarse.finer().unwrap_or(coarse);
            let near = |bound: i64, unit: Level| (bound - unit.nearest(bound)).abs();
            if fine.nearest(asked.from_s) < fine.nearest(asked.to_s) && kept_from_s(fine) <= asked.from_s - fine.next(0) {
                prop_assert_eq!(found.from_s, fine.nearest(asked.from_s));
                prop_assert_eq!(found.to_s, fine.nearest(asked.to_s));
            } else if coarse.nearest(asked.from_s) < coarse.nearest(asked.to_s) {
                prop_assert!((found.from_s - asked.from_s).abs() <= near(asked.from_s, coarse));
                prop_assert!((found.to_s - asked.to_s).abs() <= near(asked.to_s, coarse));
            }
        }
    }
}
