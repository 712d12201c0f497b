//! Interleaved rounds: whatever the machine does besides falls on limit and product alike, and what strangers disturbed is
//! thrown away: a run, or where runs are short, the round.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::error::Error;
use crate::machine::Watch;
use crate::say;

/// Cores that strangers may take in a run or a round that counts.
const STRANGERS_CORES_MAX: f64 = 0.1;
/// From here on a run is looked at by itself. Processor time is counted in ticks of 10 ms, and of a shorter run one is too much.
const RUN_MIN: Duration = Duration::from_secs(1);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    /// Rounds that count.
    pub(crate) rounds: usize,
    /// Rounds that may be thrown away, for each figure, and as many runs for each contender, all taken together. Once these are
    /// used up everything counts, and the table says so.
    pub(crate) repeats_max: usize,
    /// Seconds of load in one run.
    pub(crate) seconds: u64,
}

/// What one run measured, by name.
pub(crate) type Sample = BTreeMap<&'static str, f64>;

/// What all rounds measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// For each round, for each contender, its sample.
    rounds: Vec<Vec<Sample>>,
    /// Cores that strangers took, for each round that counts: of all its runs, or of a long one if that is more.
    strangers_cores: Vec<f64>,
    /// Rounds that were thrown away.
    rounds_thrown_away: usize,
    /// Runs that were thrown away, of rounds that may count all the same.
    runs_thrown_away: usize,
}

/// Runs all contenders, numbered from 0, in every round, each second round backwards.
///
/// # Errors
/// Those of `run`.
pub(crate) async fn interleave(
    effort: Effort,
    contenders: &[&str],
    mut run: impl AsyncFnMut(usize) -> Result<Sample, Error>,
) -> Result<Measured, Error> {
    let mut measured = Measured::default();
    let runs_max = effort.repeats_max * contenders.len();
    let mut turn = 0;
    while measured.rounds.len() < effort.rounds {
        // The last is the next.
        let mut order: Vec<usize> = (0..contenders.len()).rev().collect();
        if turn % 2 == 1 {
            order.reverse();
        }
        turn += 1;
        let (mut samples, mut strangers) = (vec![Sample::new(); contenders.len()], Strangers::default());
        while let Some(contender) = order.pop() {
            let watch = Watch::start();
            let sample = run(contender).await?;
            let of_run = Strangers::of_run(&watch);
            say(&format!("  {}: {}", contenders[contender], shown(&sample)));
            if of_run.are_many() && measured.runs_thrown_away < runs_max {
                measured.runs_thrown_away += 1;
                say(&format!("  again: strangers took {:.2} cores", of_run.cores()));
                order.push(contender);
                continue;
            }
            samples[contender] = sample;
            strangers.add(of_run);
        }
        if strangers.are_many() && measured.rounds_thrown_away < effort.repeats_max {
            measured.rounds_thrown_away += 1;
            say(&format!("  thrown away: strangers took {:.2} cores", strangers.cores()));
            continue;
        }
        measured.rounds.push(samples);
        measured.strangers_cores.push(strangers.cores());
        let (rounds, cores) = (measured.rounds.len(), strangers.cores());
        say(&format!("  round {rounds} of {}, strangers took {cores:.2} cores", effort.rounds));
    }
    Ok(measured)
}

/// What strangers took of runs that count.
#[derive(Debug, Clone, Copy, Default)]
struct Strangers {
    /// Processor seconds, all runs together.
    taken_s: f64,
    /// How long the runs lasted, in seconds.
    length_s: f64,
    /// The most cores that they took of a run that is long enough to be looked at by itself.
    most_cores: f64,
}

impl Strangers {
    fn of_run(watch: &Watch) -> Self {
        let (taken_s, length) = (watch.strangers_s(), watch.length());
        let length_s = length.as_secs_f64();
        Self { taken_s, length_s, most_cores: if length < RUN_MIN { 0.0 } else { taken_s / length_s } }
    }

    fn add(&mut self, run: Self) {
        self.taken_s += run.taken_s;
        self.length_s += run.length_s;
        self.most_cores = self.most_cores.max(run.most_cores);
    }

    /// Cores that they took; of less than a second as if it were one.
    fn cores(&self) -> f64 {
        self.most_cores.max(self.taken_s / self.length_s.max(RUN_MIN.as_secs_f64()))
    }

    fn are_many(&self) -> bool {
        self.cores() > STRANGERS_CORES_MAX
    }
}

fn shown(sample: &Sample) -> String {
    sample.iter().map(|(name, value)| format!("{name} {}", short(*value))).collect::<Vec<_>>().join(", ")
}

/// A number with three digits that matter.
pub(crate) fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 9.995e6 => format!("{:.1} M", value / 1e6),
        v if v >= 999.5e3 => format!("{:.2} M", value / 1e6),
        v if v >= 9.995e3 => format!("{:.1} k", value / 1e3),
        v if v >= 99.95 => format!("{value:.0}"),
        v if v >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Median and ends of some values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Range {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Range {
    /// Of at least one value.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let last = values.len().saturating_sub(1);
        Self { median: (at(last / 2) + at(last.div_ceil(2))) / 2.0, min: at(0), max: at(last) }
    }

    /// `12.3 k [11.0 k..13.0 k]`
    pub(crate) fn text(self) -> String {
        if self.min == self.max {
            return short(self.median);
        }
        format!("{} [{}..{}]", short(self.median), short(self.min), short(self.max))
    }
}

impl Measured {
    /// The values of one contender.
    pub(crate) fn range(&self, contender: usize, name: &str) -> Range {
        Range::of(self.rounds.iter().filter_map(|round| round[contender].get(name).copied()).collect())
    }

    /// The quotients of two contenders, each of one round.
    pub(crate) fn ratio(&self, (of, name): (usize, &str), (to, limit): (usize, &str)) -> Range {
        let quotient = |round: &Vec<Sample>| Some(round[of].get(name)? / round[to].get(limit)?);
        Range::of(self.rounds.iter().filter_map(quotient).collect())
    }

    /// How quiet it was, in words, and whether a round counts that was not.
    pub(crate) fn quiet(&self) -> (String, bool) {
        let strangers = Range::of(self.strangers_cores.clone());
        let noisy = self.strangers_cores.iter().filter(|cores| **cores > STRANGERS_CORES_MAX).count();
        let words = format!(
            "{} rounds, {} and {} runs thrown away, {noisy} noisy, strangers {:.2}..{:.2} cores",
            self.rounds.len(),
            self.rounds_thrown_away,
            self.runs_thrown_away,
            strangers.min,
            strangers.max
        );
        (words, noisy > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_some_values() {
        assert_eq!(Range::of(vec![3.0, 1.0, 2.0]), Range { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Range::of(vec![4.0, 1.0, 2.0, 3.0]), Range { median: 2.5, min: 1.0, max: 4.0 });
        assert!(Range::of(Vec::new()).median.is_nan());
    }

    #[test]
    fn a_disturbed_run_is_run_again_if_it_is_long() {
        let run = |taken_s, length_s, most_cores| Strangers { taken_s, length_s, most_cores };
        assert!(run(0.3, 2.0, 0.15).are_many());
        assert!(!run(0.02, 0.1, 0.0).are_many(), "a tick or two");
        let mut round = run(0.02, 0.1, 0.0);
        round.add(run(0.2, 3.0, 0.07));
        assert!(!round.are_many());
        round.add(run(0.3, 0.9, 0.0));
        assert!(round.are_many(), "{}", round.cores());
    }

    #[test]
    fn short_numbers() {
        assert_eq!(
            [0.7, 12.34, 123.4, 12_340.0, 999_900.0, 12_340_000.0].map(short),
            ["0.70", "12.3", "123", "12.3 k", "1.00 M", "12.3 M"]
        );
    }
}
