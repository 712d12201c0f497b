//! wrk, the load generator.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;
use tokio::time::timeout;

use crate::data::Bodies;
use crate::error::Error;

/// Connections that post at the same time, each waiting for its answer.
pub(crate) const CONNECTIONS: u64 = 64;
/// How much longer than asked a run may take, reading its bodies included.
const SPARE: Duration = Duration::from_secs(60);
const SCRIPT: &str = include_str!("load.lua");

/// What wrk saw.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Load {
    /// Requests that were begun.
    pub(crate) sent: u64,
    /// Requests that were answered.
    pub(crate) answered: u64,
    /// Connections that it had.
    #[serde(skip)]
    pub(crate) connections: u64,
    duration_us: u64,
    end_us: u64,
    refused: u64,
    failed: u64,
    /// Latency of the closed loop, which an open one would make worse: shown nowhere but on stderr.
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

impl Load {
    /// How long it lasted, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.duration_us as f64 / 1e6
    }

    /// When it began, in seconds since the Unix epoch.
    pub(crate) fn began_s(&self) -> f64 {
        (self.end_us - self.duration_us) as f64 / 1e6
    }

    /// Requests answered a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.answered as f64 / self.seconds()
    }
}

/// Posts `bodies` to `path` of `base` for so long, and as fast as it goes.
///
/// # Errors
/// If wrk cannot run, or any request was refused or failed.
pub(crate) async fn post(base: &str, path: &str, bodies: &Bodies, seconds: u64) -> Result<Load, Error> {
    post_paced(base, path, bodies, (seconds, 0.0)).await
}

/// The same on so many connections.
///
/// # Errors
/// As [`post`].
pub(crate) async fn post_on(
    connections: u64,
    base: &str,
    path: &str,
    bodies: &Bodies,
    seconds: u64,
) -> Result<Load, Error> {
    run(connections, base, path, bodies, (seconds, 0.0)).await
}

/// The same with so many microseconds from one request to the next: an open loop, until all connections wait.
///
/// # Errors
/// As [`post`].
pub(crate) async fn post_paced(base: &str, path: &str, bodies: &Bodies, pace: (u64, f64)) -> Result<Load, Error> {
    run(CONNECTIONS, base, path, bodies, pace).await
}

async fn run(
    connections: u64,
    base: &str,
    path: &str,
    bodies: &Bodies,
    (seconds, interval_us): (u64, f64),
) -> Result<Load, Error> {
    let script = script_beside(&bodies.file)?;
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", &connections.to_string(), "--timeout", "10s"]);
    command.args(["--duration", &format!("{seconds}s"), "--script"]).arg(&script).arg(base).arg("--");
    command.arg(&bodies.file).args([path, bodies.content_type(), &interval_us.to_string()]).kill_on_drop(true);
    let limit = Duration::from_secs(seconds) + SPARE;
    let output = timeout(limit, command.output()).await.map_err(|_| Error::Wrong("wrk does not end".to_owned()))?;
    let output = output.map_err(Error::io("run wrk (Debian: apt install wrk)"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("LOAD ")) else {
        return Error::wrong(format!("wrk says nothing: {text}{}", String::from_utf8_lossy(&output.stderr)));
    };
    let load = Load { connections, ..serde_json::from_str(line)? };
    if load.refused + load.failed > 0 || load.answered == 0 {
        return Error::wrong(format!("{base}{path}: not every request was answered with 2xx: {line}"));
    }
    Ok(load)
}

fn script_beside(file: &Path) -> Result<PathBuf, Error> {
    let script = file.with_file_name("load.lua");
    // Another wrk may be reading it.
    if std::fs::read(&script).ok().as_deref() != Some(SCRIPT.as_bytes()) {
        std::fs::write(&script, SCRIPT).map_err(Error::io("write load.lua"))?;
    }
    Ok(script)
}
