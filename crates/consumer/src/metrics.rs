//! Figures for operators, in the text format of Prometheus.

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tally_model::Shard;
use tally_store::Class;

/// Shortest bucket of a duration in seconds, factor between buckets, and their number: 1 ms to 33 s.
const BUCKETS: (f64, f64, u16) = (0.001, 2.0, 16);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfShard {
    shard: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfClass {
    class: &'static str,
}

/// What a shard has accepted and not applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backlog {
    pub(crate) events: u64,
    pub(crate) bytes: u64,
    /// Age of the last applied entry; 0 without a backlog.
    pub(crate) age_seconds: i64,
}

/// All metrics of the process. Each name begins with `tally_consumer_`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    counted: Counter,
    dead_lettered: Counter,
    filtered: Counter,
    batches: Counter,
    apply_failures: Family<OfClass, Counter>,
    backlog: Family<OfShard, Gauge>,
    backlog_bytes: Family<OfShard, Gauge>,
    age: Family<OfShard, Gauge>,
    owned: Family<OfShard, Gauge>,
    halted: Family<OfShard, Gauge>,
    pub(crate) apply_duration: Histogram,
    pub(crate) regresses: Counter,
    pub(crate) gaps: Counter,
    pub(crate) halts: Counter,
    pub(crate) restores: Counter,
    pub(crate) cursor_gaps: Counter,
    pub(crate) step_failures: Counter,
    pub(crate) rolled_up: Counter,
    pub(crate) compacted: Counter,
    pub(crate) redriven: Counter,
    pub(crate) housekeeping_failures: Counter,
    /// Whether Redis, PostgreSQL and the schema were found, and leases are renewed.
    ready: Gauge,
    shards: Gauge,
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let (start, factor, count) = BUCKETS;
        let mut metrics = Self {
            registry: Registry::with_prefix("tally_consumer"),
            counted: Counter::default(),
            dead_lettered: Counter::default(),
            filtered: Counter::default(),
            batches: Counter::default(),
            apply_failures: Family::default(),
            backlog: Family::default(),
            backlog_bytes: Family::default(),
            age: Family::default(),
            owned: Family::default(),
            halted: Family::default(),
            apply_duration: Histogram::new(exponential_buckets(start, factor, count)),
            regresses: Counter::default(),
            gaps: Counter::default(),
            halts: Counter::default(),
            restores: Counter::default(),
            cursor_gaps: Counter::default(),
            step_failures: Counter::default(),
            rolled_up: Counter::default(),
            compacted: Counter::default(),
            redriven: Counter::default(),
            housekeeping_failures: Counter::default(),
            ready: Gauge::default(),
            shards: Gauge::default(),
        };
        metrics.register_counters();
        metrics.register_the_rest();
        metrics
    }

    fn register_counters(&mut self) {
        for (name, help, counter) in [
            ("events_counted", "Events counted", &self.counted),
            ("events_dead_lettered", "Events set aside", &self.dead_lettered),
            ("events_filtered", "Events that had been counted before Redis lost them", &self.filtered),
            ("batches", "Batches applied", &self.batches),
            ("regresses", "Headers crossed that say that Redis lost counted entries", &self.regresses),
            ("gaps", "Times that the log lacked what comes next", &self.gaps),
            ("halts", "Times that a shard was halted", &self.halts),
            ("restores", "Times that PostgreSQL was found to be restored", &self.restores),
            ("cursor_gaps", "Times that the cursor of the group had moved past the position", &self.cursor_gaps),
            ("step_failures", "Steps of counting that failed and were started over", &self.step_failures),
            ("minutes_rolled_up", "Minute rows added to hours, days and months", &self.rolled_up),
            ("sketches_compacted", "Rows whose sketch was merged", &self.compacted),
            ("events_redriven", "Events set aside before that were counted after all", &self.redriven),
            (
                "housekeeping_failures",
                "Runs of roll-up, maintenance and compaction that failed",
                &self.housekeeping_failures,
            ),
        ] {
            self.registry.register(name, help, counter.clone());
        }
    }

    fn register_the_rest(&mut self) {
        self.registry.register(
            "apply_failures",
            "Applies that failed, by what is done about it",
            self.apply_failures.clone(),
        );
        self.registry.register("apply_duration_seconds", "Time of one apply", self.apply_duration.clone());
        self.registry.register(
            "ready",
            "1 while servers and schema are there and leases are renewed",
            self.ready.clone(),
        );
        self.registry.register("shards", "Number of shards of the layout", self.shards.clone());
        for (name, help, gauge) in [
            ("backlog_bytes", "Bytes of entries accepted and not applied, of shards owned here", &self.backlog_bytes),
            ("backlog_events", "Events accepted and not applied, of shards owned here", &self.backlog),
            ("position_age_seconds", "Age of the last applied entry while there is a backlog, else 0", &self.age),
            ("shards_owned", "1 for each shard owned here", &self.owned),
            ("shards_halted", "1 for each shard owned here that is halted", &self.halted),
        ] {
            self.registry.register(name, help, gauge.clone());
        }
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = text::encode(&mut text, &self.registry);
        text
    }

    /// Events counted so far by this process.
    #[must_use]
    pub fn counted(&self) -> u64 {
        self.counted.get()
    }

    pub(crate) fn applied(&self, counted: u64, dead_lettered: u64, filtered: u64) {
        self.counted.inc_by(counted);
        self.dead_lettered.inc_by(dead_lettered);
        self.filtered.inc_by(filtered);
        self.batches.inc();
    }

    pub(crate) fn apply_failed(&self, class: Class) {
        let class = match class {
            Class::Poison => "poison",
            Class::Schema => "schema",
            Class::Timeout => "timeout",
            Class::Transient => "transient",
        };
        self.apply_failures.get_or_create(&OfClass { class }).inc();
    }

    pub(crate) fn own(&self, shard: Shard) {
        self.owned.get_or_create(&of(shard)).set(1);
        self.set_halted(shard, false);
    }

    pub(crate) fn disown(&self, shard: Shard) {
        for gauge in [&self.owned, &self.halted, &self.backlog, &self.backlog_bytes, &self.age] {
            gauge.remove(&of(shard));
        }
    }

    pub(crate) fn is_owned(&self, shard: Shard) -> bool {
        self.owned.get(&of(shard)).is_some()
    }

    pub(crate) fn set_halted(&self, shard: Shard, is_halted: bool) {
        self.halted.get_or_create(&of(shard)).set(i64::from(is_halted));
    }

    pub(crate) fn set_backlog(&self, shard: Shard, backlog: Backlog) {
        let gauge = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
        self.backlog.get_or_create(&of(shard)).set(gauge(backlog.events));
        self.backlog_bytes.get_or_create(&of(shard)).set(gauge(backlog.bytes));
        self.age.get_or_create(&of(shard)).set(backlog.age_seconds);
    }

    /// Nobody knows the backlog now: no figure is better than an old one.
    pub(crate) fn forget_backlog(&self) {
        [&self.backlog, &self.backlog_bytes, &self.age].into_iter().for_each(Family::clear);
    }

    pub(crate) fn set_shards(&self, shards: u16) {
        self.shards.set(i64::from(shards));
    }

    pub(crate) fn set_ready(&self, is_ready: bool) {
        self.ready.set(i64::from(is_ready));
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.get() == 1
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn of(shard: Shard) -> OfShard {
    OfShard { shard: u32::from(shard.index()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        let metrics = Metrics::new();
        metrics.applied(5, 2, 1);
        metrics.apply_failed(Class::Schema);
        metrics.own(Shard::new(3));
        metrics.set_backlog(Shard::new(3), Backlog { events: 7, bytes: 70, age_seconds: 2 });
        let text = metrics.text();
        for line in [
            "tally_consumer_events_counted_total 5",
            "tally_consumer_events_dead_lettered_total 2",
            "tally_consumer_apply_failures_total{class=\"schema\"} 1",
            "tally_consumer_backlog_events{shard=\"3\"} 7",
            "tally_consumer_backlog_bytes{shard=\"3\"} 70",
            "tally_consumer_shards_halted{shard=\"3\"} 0",
            "tally_consumer_ready 0",
            "# TYPE tally_consumer_apply_duration_seconds histogram",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        metrics.disown(Shard::new(3));
        assert!(!metrics.text().contains("shard=\"3\""));
    }
}
