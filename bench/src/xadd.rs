//! Limit (e): what Redis takes of plain XADDs, by redis-benchmark.

use std::time::Duration;

use tally_servers::{AppendFsync, Redis, RedisOptions, TestServers};
use tokio::process::Command;
use tokio::time::timeout;

use crate::error::Error;
use crate::load::CONNECTIONS;
use crate::rounds::Sample;

/// What one event takes as it is posted: the entry of a program that appends what it gets.
const EVENT_BYTES: usize = 140;
/// Entries appended for each second of load that other figures take: about as long.
const ENTRIES_PER_SECOND: u64 = 50_000;
/// How long a run may take at most.
const RUN_DEADLINE: Duration = Duration::from_secs(120);

/// Entries a second that 64 clients append to a stream of an empty Redis (everysec), each waiting for its answer.
///
/// # Errors
/// If Redis does not start, or redis-benchmark fails or says something else.
pub(crate) async fn xadd(seconds: u64) -> Result<Sample, Error> {
    let dir = TestServers::shared().await?.fresh_dir("xadd")?;
    let redis =
        Redis::start(&dir, RedisOptions { append_fsync: AppendFsync::EverySec, ..RedisOptions::default() }).await?;
    let (port, clients, entries) =
        (redis.port().to_string(), CONNECTIONS.to_string(), (seconds * ENTRIES_PER_SECOND).to_string());
    let mut command = Command::new("redis-benchmark");
    command.args(["-h", "127.0.0.1", "-p", &port, "-c", &clients, "-n", &entries, "--csv"]);
    command.args(["XADD", "events", "*", "event", &"e".repeat(EVENT_BYTES)]).kill_on_drop(true);
    let ended = timeout(RUN_DEADLINE, command.output()).await;
    let output = ended.map_err(|_| Error::Wrong(format!("redis-benchmark takes more than {RUN_DEADLINE:?}")))?;
    let output = output.map_err(Error::io("run redis-benchmark (Debian: apt install redis-tools)"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    match per_second(&text) {
        Some(events) => Ok(Sample::from([("events", events)])),
        None => Error::wrong(format!("redis-benchmark says {text}{}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// The second value of the last line: requests a second.
fn per_second(csv: &str) -> Option<f64> {
    csv.lines().last()?.split(',').nth(1)?.trim_matches('"').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_its_table() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\"\n\"XADD events * event eee\",\"71428.57\",\"0.512\"\n";
        assert_eq!(per_second(csv), Some(71_428.57));
        assert_eq!(per_second("WARNING: could not fetch server CONFIG\n"), None);
    }
}
