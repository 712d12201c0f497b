//! How fast events come and are counted, from differences of totals; and the last hour, for a chart.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use tally_model::Shard;
use tokio::time::Instant;

use super::sight::Sight;

/// Least time between two marks, and the time that a rate is taken over.
const MARK_EVERY: Duration = Duration::from_secs(1);
const TAKEN_OVER: Duration = Duration::from_secs(10);
/// A mark older than this tells nothing of now.
const MARK_AGE_MAX: Duration = Duration::from_secs(60);
/// Most marks that are kept: those of the longest time.
const MARKS_MAX: usize = 64;
/// Seconds of one point of the history, and its points: an hour.
pub(super) const POINT_S: i64 = 15;
const POINTS_MAX: usize = 240;

/// Totals seen lately, and the history.
#[derive(Debug, Default)]
pub(super) struct Rates {
    marks: VecDeque<Mark>,
    history: VecDeque<Point>,
}

#[derive(Debug)]
struct Mark {
    at: Instant,
    accepted: u64,
    settled: Vec<(Shard, u64)>,
}

/// The worst of 15 seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    start_s: i64,
    backlog: u64,
    freshness_ms: i64,
}

/// Events a second; `None` where nothing says so yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Speed {
    pub(super) accepting: Option<f64>,
    pub(super) counting: Option<f64>,
    pub(super) by_shard: Vec<(Shard, f64)>,
}

/// The history as columns.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct History {
    start_s: Vec<i64>,
    backlog: Vec<u64>,
    freshness_ms: Vec<i64>,
}

impl Rates {
    /// Takes a look into account, if both servers told something.
    pub(super) fn add(&mut self, sight: &Sight) {
        let Some(books) = sight.books().filter(|_| sight.redis.is_none() && sight.postgres.is_none()) else { return };
        let settled = sight.positions.iter().map(|row| (row.shard, row.counted + row.dead_lettered + row.filtered));
        self.mark(Mark { at: sight.taken, accepted: books.accepted, settled: settled.collect() });
        let freshness_ms = sight.behind_ms().into_iter().max().unwrap_or_default();
        let start_s = sight.at_ms.div_euclid(1_000 * POINT_S) * POINT_S;
        self.draw(Point { start_s, backlog: books.in_flight, freshness_ms });
    }

    fn mark(&mut self, mark: Mark) {
        if self.marks.back().is_some_and(|last| mark.at - last.at < MARK_EVERY) {
            return;
        }
        self.marks.push_back(mark);
        // One mark that is older than the time stays, for the time must be whole.
        let is_needless = |marks: &VecDeque<Mark>| {
            marks.len() > MARKS_MAX
                || marks.get(1).zip(marks.back()).is_some_and(|(next, last)| last.at - next.at >= TAKEN_OVER)
        };
        while is_needless(&self.marks) {
            self.marks.pop_front();
        }
    }

    fn draw(&mut self, point: Point) {
        if let Some(last) = self.history.back_mut().filter(|last| last.start_s >= point.start_s) {
            last.backlog = last.backlog.max(point.backlog);
            last.freshness_ms = last.freshness_ms.max(point.freshness_ms);
            return;
        }
        if self.history.len() >= POINTS_MAX {
            self.history.pop_front();
        }
        self.history.push_back(point);
    }

    /// How fast things go at `sight`.
    pub(super) fn now(&self, sight: &Sight) -> Speed {
        let (Some(first), Some(last)) = (self.marks.front(), self.marks.back()) else { return Speed::default() };
        let seconds = (last.at - first.at).as_secs_f64();
        if seconds <= 0.0 || sight.taken - first.at > MARK_AGE_MAX {
            return Speed::default();
        }
        #[allow(clippy::cast_precision_loss, reason = "events of a few seconds")]
        let rate = |before: u64, now: u64| now.saturating_sub(before) as f64 / seconds;
        let before = |shard: Shard| first.settled.iter().find(|of| of.0 == shard).map_or(0, |of| of.1);
        let by_shard: Vec<(Shard, f64)> =
            last.settled.iter().map(|(shard, settled)| (*shard, rate(before(*shard), *settled))).collect();
        Speed {
            accepting: Some(rate(first.accepted, last.accepted)),
            counting: Some(by_shard.iter().map(|of| of.1).sum()),
            by_shard,
        }
    }

    pub(super) fn history(&self) -> History {
        let from_s = self.history.back().map_or(0, |last| last.start_s) - POINT_S * POINTS_MAX.cast_signed() as i64;
        let mut history = History::default();
        for point in self.history.iter().filter(|point| point.start_s > from_s) {
            history.start_s.push(point.start_s);
            history.backlog.push(point.backlog);
            history.freshness_ms.push(point.freshness_ms);
        }
        history
    }
}

impl Speed {
    /// Seconds until `waiting` events are counted at this speed; 0 where none waits, `None` where it cannot be said.
    pub(super) fn catch_up_seconds(&self, waiting: u64) -> Option<f64> {
        if waiting == 0 {
            return Some(0.0);
        }
        let gain = self.counting? - self.accepting?;
        #[allow(clippy::cast_precision_loss, reason = "an estimate, and no backlog has 2^53 events")]
        let seconds = waiting as f64 / gain;
        (gain > 0.0).then_some(seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at: Instant, accepted: u64, settled: u64) -> Mark {
        Mark { at, accepted, settled: vec![(Shard::new(0), settled)] }
    }

    #[test]
    fn marks_are_bounded_and_span_the_time() {
        let (mut rates, start) = (Rates::default(), Instant::now());
        for tick in 0..500 {
            rates.mark(mark(start + Duration::from_millis(200) * tick, u64::from(tick), 0));
        }
        assert!((11..=12).contains(&rates.marks.len()), "{}", rates.marks.len());
        let span = rates.marks.back().unwrap().at - rates.marks.front().unwrap().at;
        assert!(span >= TAKEN_OVER && span < TAKEN_OVER + MARK_EVERY * 2, "{span:?}");
    }

    #[test]
    fn the_history_is_an_hour_of_the_worst() {
        let mut rates = Rates::default();
        for second in 0..7_200 {
            let backlog = u64::from(second % 15 == 7) * 9 + 1;
            rates.draw(Point { start_s: i64::from(second) / POINT_S * POINT_S, backlog, freshness_ms: 0 });
        }
        let history = rates.history();
        assert_eq!((history.start_s.len(), history.start_s[0]), (POINTS_MAX, 3_600));
        assert!(history.backlog.iter().all(|backlog| *backlog == 10));
    }

    #[test]
    fn catching_up() {
        let speed = |accepting, counting| Speed { accepting, counting, by_shard: Vec::new() };
        assert_eq!(speed(None, None).catch_up_seconds(0), Some(0.0));
        assert_eq!(speed(Some(10.0), Some(30.0)).catch_up_seconds(40), Some(2.0));
        assert_eq!(speed(Some(10.0), Some(10.0)).catch_up_seconds(40), None);
        assert_eq!(speed(Some(10.0), None).catch_up_seconds(40), None);
    }
}
