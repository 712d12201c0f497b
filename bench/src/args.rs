//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::rounds::Effort;

const NOTES: &str = "\
Parts (--filter takes any piece of a name; several are divided by commas):
  singles   one event a POST, accepted and counted, Redis everysec and always, against (a) bare actix
            answering 202 to an empty POST, and beside (b) the same reading and parsing the event and
            (e) redis-benchmark appending each with XADD; with one shard; and with a thread a core
  batches   1000 and 100 events a POST, against (c) parsing and packing them through HTTP without Redis
  consumer  a backlog counted by one core, against (d) decoding and adding up in memory
  bytes     what an event takes in Redis, and a minute of an endpoint in PostgreSQL
  apply     200 busy endpoint-minutes in a call, against (f) an upsert of counters only
  reads     /v1/endpoints, /v1/summary and a series of 5,000 endpoints; percentiles of 1,000 endpoints
  memory    what API and consumer hold at saturation, with 5,000 endpoints
  freshness from a POST to the count that the API answers, at half of saturation
  import    `tally import` of a million lines until they are counted, against GoAccess

How: private servers on free ports, Redis with everysec or always, PostgreSQL durable, the release programs.
Limit and product run in the same rounds, each second round backwards. A run in which processes that are
not under test took more than 0.1 core is thrown away and run again, and so is a round of runs shorter than
a second; once as many were thrown away as are wanted, the rest counts all the same, and the table's files
say so. Ratios are quotients of one round; the table shows medians, and the least and most. Only ratios mean
anything on another machine.

After every run of the product the counts of each endpoint are held against what was posted: a fast wrong
answer ends the bench with an error.

Data: 240 endpoints of 20 services, the n-th busiest with a share of n^-0.9, 140 bytes an event, different
bodies (65,536 singles; 1,024 batches of 100; 256 of 1000), 64 connections, wrk with a script.

The table goes to stdout, progress to stderr; latest.json and latest.md are renewed for what was measured.
Exit codes: 0 measured (whatever was met), 1 not measured or counted wrongly, 2 wrong usage.";

/// Measures Tally against the machine's limits, in the same rounds.
#[derive(Debug, Parser)]
#[command(name = "tally-bench", version, after_long_help = NOTES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) bench: Bench,
}

/// Which parts are measured, and how well.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Measure only the parts whose name has one of these in it
    #[arg(long, value_name = "PART", default_value = "")]
    pub(crate) filter: String,
    /// Fewer and shorter rounds; for a look, not for quoting
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds that count, for each figure
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=50))]
    pub(crate) rounds: Option<u8>,
}

/// What is measured, and where it is kept.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Where latest.json and latest.md go; nothing is written if empty
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    pub(crate) out: PathBuf,
}

const GROWTH_NOTES: &str = "\
Parts (--filter takes any piece of a name; several are divided by commas), with one chart each:
  shards       1 to 16 shards: singles and batches of 100, events/s and processor time of an event
  endpoints    100 to 100,000 endpoints: batches of 100 and 1000, events/s and memory
  connections  1 to 4,096 connections: singles, events/s and latency
  processes    1 to 4 API processes on the cores that there are
  backlog      20 million events that wait for a consumer
  year         /v1/summary, /v1/endpoints and a series as the kept time grows from a day to a year
  overload     ten times what can be taken, offered for a minute, in whose middle third nobody counts

Every run is a fresh system, in interleaved rounds as in the bench, and its counts are held against what was posted.
Thousands of connections need as many open files (ulimit -n).";

/// Which parts of the growth are measured, and where they are kept.
#[derive(Debug, Args)]
pub(crate) struct Growth {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Measure nothing, draw the charts again from growth.json
    #[arg(long)]
    pub(crate) redraw: bool,
    /// Where growth.json goes
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    pub(crate) out: PathBuf,
    /// Where the charts go
    #[arg(long, value_name = "DIR", default_value = "docs/images/growth")]
    pub(crate) charts: PathBuf,
}

const PEERS_NOTES: &str = "\
Parts (--filter takes any piece of a name; several are divided by commas):
  singles  one event a POST
  batches  100 events a POST
  import   `tally import` of a log, against GoAccess: the same as in the bench

Peers: Python (FastAPI, redis-py, asyncpg), counting event by event or with executemany, and Bento; what they run is in
bench/peers, and `make bench-peers` installs it into target/peers. Each has a Redis and a PostgreSQL of its own with Tally's
settings, gets the same bodies on as many connections, and takes its turn in the same rounds.

Every run lasts until all that was answered is counted, and each peer's counts are held against what was posted: what
it lost or doubled is a figure of its own. Tally must be right, or the bench ends with an error.";

/// What is measured beside Tally, and where it is kept.
#[derive(Debug, Args)]
pub(crate) struct Peers {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Where peers.json and peers.md go; nothing is written if empty
    #[arg(long, value_name = "DIR", default_value = "docs/benchmarks")]
    pub(crate) out: PathBuf,
}

/// What else the bench does.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure how cost grows with one thing at a time, and draw a chart of each
    #[command(after_long_help = GROWTH_NOTES)]
    Growth(Growth),
    /// Measure what others would use in Tally's place, in the same rounds
    #[command(after_long_help = PEERS_NOTES)]
    Peers(Peers),
    /// Serve the limits (a), (b) and (c) on a port
    #[command(hide = true)]
    ServeLimits {
        /// Port on 127.0.0.1.
        port: u16,
        /// Threads that serve.
        workers: usize,
    },
}

impl Asked {
    /// Rounds and seconds, in full or for a look, unless so many rounds are asked for.
    pub(crate) fn effort(&self, full: (usize, u64), look: (usize, u64)) -> Effort {
        let (rounds, seconds) = if self.quick { look } else { full };
        let rounds = self.rounds.map_or(rounds, usize::from);
        Effort { rounds, repeats_max: if self.quick { 0 } else { rounds }, seconds }
    }

    /// Whether this part is asked for.
    pub(crate) fn wants(&self, part: &str) -> bool {
        self.filter.split(',').any(|piece| part.contains(piece.trim()))
    }

    /// The command that measures `filter` again, by this target of the Makefile.
    pub(crate) fn command(&self, target: &str, filter: &str) -> String {
        let filter = if filter.is_empty() { String::new() } else { format!(" FILTER={filter}") };
        let quick = if self.quick { " QUICK=1" } else { "" };
        let rounds = self.rounds.map(|rounds| format!(" ROUNDS={rounds}")).unwrap_or_default();
        format!("make {target}{filter}{quick}{rounds}")
    }
}

impl Bench {
    /// How much is measured.
    pub(crate) fn effort(&self) -> Effort {
        self.asked.effort((5, 4), (2, 1))
    }
}

impl Growth {
    /// How much is measured.
    pub(crate) fn effort(&self) -> Effort {
        self.asked.effort((3, 3), (1, 1))
    }
}

impl Peers {
    /// How much is measured. A peer that counts more slowly than it accepts needs many times these seconds.
    pub(crate) fn effort(&self) -> Effort {
        self.asked.effort((3, 2), (1, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_by_a_piece_of_their_name() {
        let wants =
            |filter: &str, part| Arguments::parse_from(["tally-bench", "--filter", filter]).bench.asked.wants(part);
        assert!(wants("", "reads") && wants("single", "singles") && wants("apply, reads", "reads"));
        assert!(!wants("apply", "reads"));
    }
}
