//! Which rows a window is added up from: the coarsest that hold it, for what a table of endpoints costs is its rows.

use crate::{Level, Pieces, Window};

/// The rows that add up to the pieces of a window: stretches of whole units, ascending, adjacent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// What is read in any case.
    pub parts: Vec<(Level, Window)>,
    /// How it ends, where that depends on what was counted since; `parts` then lack the end.
    pub end: Option<OpenEnd>,
}

/// The end of a window that is the beginning of a unit. The unit says the same, in one row, while nothing later is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenEnd {
    /// The unit, up to the end of the window.
    pub unit: (Level, Window),
    /// What is read in its place once something later is in it.
    pub parts: Vec<(Level, Window)>,
    /// The first unit that would be later, and its level: the finest that is surely kept there.
    pub later: (Level, i64),
}

impl From<Pieces> for Cover {
    /// The pieces as they are.
    fn from(pieces: Pieces) -> Self {
        Self { parts: pieces.iter().collect(), end: None }
    }
}

impl Cover {
    /// The fewest rows that say what the pieces say. Coarser units are kept at least as long, and each event is in every level
    /// that keeps its time.
    #[must_use]
    pub fn fewest(pieces: &Pieces) -> Self {
        let (window, last) = (pieces.window(), pieces.last_level());
        // A last unit that is still running is read whole.
        let end_s = last.ceil(window.to_s);
        let running = |level: &Level| {
            let start_s = level.floor(end_s - 1);
            start_s >= window.from_s && level.next(start_s) > end_s
        };
        let coarsest = Level::ALL.into_iter().rev().take_while(|level| *level > last).find(running);
        let unit = coarsest.map(|level| (level, Window { from_s: level.floor(end_s - 1), ..window }));
        let parts = |from_s, to_s| ending(parts(pieces, Window { from_s, to_s }), window.to_s);
        let Some(unit) = unit else { return Self { parts: parts(window.from_s, end_s), end: None } };
        let rest = parts(unit.1.from_s, end_s);
        if let [(level, only)] = rest[..]
            && level.next(only.from_s) >= end_s
        {
            return Self { parts: parts(window.from_s, end_s), end: None };
        }
        let end = OpenEnd { unit, parts: rest, later: (last, end_s) };
        Self { parts: parts(window.from_s, unit.1.from_s), end: Some(end) }
    }

    /// The coarsest level among them.
    #[must_use]
    pub fn level(&self) -> Level {
        let end = self.end.iter().map(|end| end.unit.0);
        self.parts.iter().map(|part| part.0).chain(end).max().unwrap_or(Level::Minute)
    }
}

/// The window, which is whole units of the pieces, from the coarsest units that lie in it.
fn parts(pieces: &Pieces, window: Window) -> Vec<(Level, Window)> {
    let mut parts: Vec<(Level, Window)> = Vec::new();
    let mut from_s = window.from_s;
    while from_s < window.to_s {
        let own = pieces.iter().find(|piece| from_s < piece.1.to_s).map_or(pieces.last_level(), |piece| piece.0);
        let fits = |level: &Level| level.floor(from_s) == from_s && level.next(from_s) <= window.to_s;
        let level = Level::ALL.into_iter().rev().take_while(|level| *level > own).find(fits).unwrap_or(own);
        let to_s = level.next(from_s);
        match parts.last_mut() {
            Some((before, part)) if *before == level => part.to_s = to_s,
            _ => parts.push((level, Window { from_s, to_s })),
        }
        from_s = to_s;
    }
    parts
}

/// No further than `to_s`, which may lie in the last unit.
fn ending(mut parts: Vec<(Level, Window)>, to_s: i64) -> Vec<(Level, Window)> {
    if let Some((_, last)) = parts.last_mut() {
        last.to_s = last.to_s.min(to_s);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second()
    }

    fn pieces(from: &str, to: &str) -> Pieces {
        Window { from_s: at(from), to_s: at(to) }.pieces(|_| i64::MIN)
    }

    fn units((level, window): (Level, Window)) -> usize {
        let starts = std::iter::successors(Some(window.from_s), |start_s| Some(level.next(*start_s)));
        starts.take_while(|start_s| *start_s < window.to_s).count()
    }

    fn shown(parts: &[(Level, Window)]) -> Vec<(Level, usize)> {
        parts.iter().map(|part| (part.0, units(*part))).collect()
    }

    #[test]
    fn coarser_units_inside_and_at_the_end() {
        let (minute, hour, day, month) = (Level::Minute, Level::Hour, Level::Day, Level::Month);
        let cover = Cover::fewest(&pieces("2026-03-09T12:34:30Z", "2026-03-10T12:34:30Z"));
        let end = cover.end.unwrap();
        assert_eq!(shown(&cover.parts), [(minute, 25), (hour, 11)]);
        assert_eq!((end.unit.0, shown(&end.parts)), (day, vec![(hour, 12), (minute, 35)]));
        assert_eq!(end.later, (minute, at("2026-03-10T12:35:00Z")));
        let cover = Cover::fewest(&pieces("2026-01-09T12:34:30Z", "2026-03-10T12:34:30Z"));
        let end = cover.end.unwrap();
        assert_eq!(shown(&cover.parts), [(hour, 11), (day, 22), (month, 1)]);
        assert_eq!((end.unit.0, shown(&end.parts)), (month, vec![(day, 9), (hour, 13)]));
        let cover = Cover::fewest(&pieces("2026-03-08T00:00:00Z", "2026-03-10T00:00:00Z"));
        assert_eq!((shown(&cover.parts), cover.end), (vec![(day, 2)], None), "ends with a unit");
    }

    #[test]
    fn one_row_is_not_changed_for_another() {
        let cover = Cover::fewest(&pieces("2026-03-09T00:00:00Z", "2026-03-10T01:00:00Z"));
        assert_eq!((shown(&cover.parts), cover.end), (vec![(Level::Day, 1), (Level::Hour, 1)], None));
    }

    proptest! {
        #[test]
        fn it_is_the_window_in_no_more_rows(
            to in 1_573_144_000..1_773_144_000_i64, running in 0..3_600_i64,
            length in prop_oneof![1..7_200_i64, 1..300_000_i64, 1..90_000_000_i64],
        ) {
            let asked = Window { from_s: to - length, to_s: to };
            let whole = Pieces::whole(asked.level(|_| i64::MIN), asked);
            let ended = whole.clone().ending(whole.window().to_s - running);
            for pieces in [asked.pieces(|_| i64::MIN), whole, ended] {
                let Cover { parts, end } = Cover::fewest(&pieces);
                let (of_end, unit) = end.as_ref().map_or((vec![], None), |end| (end.parts.clone(), Some(end.unit)));
                let all = [parts.clone(), of_end].concat();
                let window = pieces.window();
                prop_assert_eq!((all[0].1.from_s, all[all.len() - 1].1.to_s), (window.from_s, window.to_s));
                for (i, (level, part)) in all.iter().enumerate() {
                    prop_assert_eq!(level.floor(part.from_s), part.from_s);
                    prop_assert!(part.from_s < part.to_s && (i + 1 == all.len() || level.floor(part.to_s) == part.to_s));
                    prop_assert!(i == 0 || all[i - 1].1.to_s == part.from_s);
                    // Never finer than what is kept there.
                    prop_assert!(pieces.iter().all(|(own, piece)| piece.from_s >= part.to_s || piece.to_s <= part.from_s || own <= *level));
                }
                let count = |parts: &[(Level, Window)]| parts.iter().map(|part| units(*part)).sum::<usize>();
                prop_assert!(count(&all) <= count(&pieces.iter().collect::<Vec<_>>()));
                if let Some(((level, window), end)) = unit.zip(end) {
                    prop_assert_eq!((level.floor(window.from_s), window.to_s), (window.from_s, pieces.window().to_s));
                    prop_assert_eq!(window.from_s, parts.last().map_or(window.from_s, |part| part.1.to_s));
                    prop_assert!(level.next(window.from_s) > end.later.1 && end.later.1 >= window.to_s);
                    prop_assert!(count(&end.parts) > 1);
                }
            }
        }
    }
}
