//! Running the binary.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one JSON object on stdout.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {} / {}", self.stdout, self.stderr))
    }

    /// lines, unreadable, accepted, duplicate, rejected
    #[track_caller]
    pub(crate) fn figures(&self) -> [u64; 5] {
        let json = self.json();
        ["lines", "unreadable", "accepted", "duplicate", "rejected"].map(|name| json[name].as_u64().unwrap())
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tally"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub(crate) fn tally(args: &[&str]) -> Ran {
    command(args).output().unwrap().into()
}

pub(crate) fn tally_with_stdin(args: &[&str], input: &[u8]) -> Ran {
    let mut child = command(args).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // The tool may stop reading early; that is for the test to judge.
    let feeding = std::thread::spawn(move || stdin.write_all(&input));
    let ran = child.wait_with_output().unwrap().into();
    let _ = feeding.join().unwrap();
    ran
}

pub(crate) fn sample_path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "testdata", "access.log"].iter().collect()
}

pub(crate) fn sample() -> Vec<u8> {
    std::fs::read(sample_path()).unwrap()
}

/// A log of `count` lines, each with its own path.
pub(crate) fn numbered_log(count: usize) -> String {
    let line = |i| format!("192.0.2.1 - - [03/Mar/2024:10:00:00 +0000] \"GET /n/x{i}x HTTP/1.1\" 200 1\n");
    (0..count).map(line).collect()
}
