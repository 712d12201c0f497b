//! `tally import` against a running Tally, with everything killed while it runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tally_servers::{Process, TestServers, binary};
use tokio::time::sleep;

use crate::system::{PATIENCE, System};

/// Lines of the log that the tests make: several blocks of the importer.
const LINES: usize = 12_000;

/// A log in the combined format of the last days, and what a count by hand finds in it: (method, route) → requests.
fn write_log(path: &Path) -> BTreeMap<(String, String), u64> {
    let mut text = String::new();
    let mut expected: BTreeMap<_, u64> = BTreeMap::new();
    let now = jiff::Timestamp::now();
    for i in 0..LINES {
        let time = now - jiff::SignedDuration::from_secs(i64::try_from(LINES - i).unwrap() * 20);
        let time = time.strftime("%d/%b/%Y:%H:%M:%S +0000");
        if i % 997 == 0 {
            writeln!(text, "192.0.2.{} - - [{time}] \"\\x16\\x03\\x01\" 400 226 \"-\" \"-\"", i % 250).unwrap();
            continue;
        }
        let (method, route) = (["GET", "POST"][i % 2], format!("/shelf/book-{}", i % 37));
        writeln!(
            text,
            "192.0.2.{} - - [{time}] \"{method} {route}?page={i} HTTP/1.1\" {} 512 \"-\" \"curl/8\"",
            i % 250,
            [200, 404, 500][i % 3]
        )
        .unwrap();
        *expected.entry((method.to_owned(), route)).or_default() += 1;
    }
    std::fs::write(path, text).unwrap();
    expected
}

async fn import(system: &System, log: &Path, output: &Path) -> Value {
    let process = start_import(system, log, output);
    let status = process.wait(PATIENCE).await.unwrap();
    let text = std::fs::read_to_string(output).unwrap();
    assert!(status.success(), "{text}");
    summary(&text)
}

fn start_import(system: &System, log: &Path, output: &Path) -> Process {
    let arguments = ["import", "--to", &system.base, "--service", "web", "--json", log.to_str().unwrap()];
    Process::spawn(&binary("tally").unwrap(), &[], &arguments, output).unwrap()
}

/// The one object that `--json` prints, among what may have been said on stderr.
fn summary(text: &str) -> Value {
    let start = text.find('{').unwrap();
    serde_json::from_str(text[start..].trim()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

async fn assert_counts(system: &System, expected: &BTreeMap<(String, String), u64>) {
    system.counted().await;
    let found: BTreeMap<_, _> = system.requests().await.into_iter().map(|((_, m, r), n)| ((m, r), n)).collect();
    assert_eq!(&found, expected);
}

#[tokio::test]
async fn importing_twice_counts_once() {
    let system = System::start().await;
    let dir = TestServers::shared().await.unwrap().fresh_dir("import").unwrap();
    let log = dir.join("access.log");
    let expected = write_log(&log);
    let first = import(&system, &log, &dir.join("first.json")).await;
    assert_eq!(first["accepted"].as_u64().unwrap(), expected.values().sum::<u64>(), "{first}");
    assert_counts(&system, &expected).await;
    import(&system, &log, &dir.join("second.json")).await;
    assert_counts(&system, &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_everything_during_an_import_changes_nothing() {
    let mut system = System::start().await;
    let dir = TestServers::shared().await.unwrap().fresh_dir("import").unwrap();
    let log = dir.join("access.log");
    let expected = write_log(&log);
    let importing = start_import(&system, &log, &dir.join("broken.json"));
    sleep(Duration::from_millis(60)).await;
    importing.kill9().await.unwrap();
    let importing = start_import(&system, &log, &dir.join("whole.json"));
    for pause_ms in [30, 70, 110] {
        sleep(Duration::from_millis(pause_ms)).await;
        system.kill_api().await;
        system.kill_consumer(0).await;
    }
    assert!(importing.wait(PATIENCE).await.unwrap().success(), "{}", tally_servers::tail(importing.log()));
    assert_counts(&system, &expected).await;
}
