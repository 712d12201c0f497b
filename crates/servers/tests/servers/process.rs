//! Other processes under supervision.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tally_servers::{Error, Process, binary};

use crate::temporary;

const SHELL: &str = "/bin/sh";
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn output_and_environment_arrive() {
    let directory = temporary();
    let log = directory.path().join("log/echo.log");
    let arguments = ["-c", "echo \"$GREETING\"; echo loud >&2; exit 3"];
    let process = Process::spawn(Path::new(SHELL), &[("GREETING", "hello")], &arguments, &log).unwrap();
    assert_eq!(process.wait(SOON).await.unwrap().code(), Some(3));
    assert_eq!(fs::read_to_string(log).unwrap(), "hello\nloud\n");
    assert!(!process.is_running());
    process.terminate().unwrap();
    process.kill9().await.unwrap();
}

#[tokio::test]
async fn signals_pause_resume_and_end_it() {
    let directory = temporary();
    let log = directory.path().join("ticks");
    let arguments = ["-c", "trap 'echo bye; exit 0' TERM; while :; do echo tick; sleep 0.01; done"];
    let process = Process::spawn(Path::new(SHELL), &[], &arguments, &log).unwrap();
    let length = || fs::metadata(&log).unwrap().len();
    tokio::time::sleep(Duration::from_millis(300)).await;
    process.pause().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let paused = length();
    assert!(paused > 0);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(length(), paused);
    process.resume().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(length() > paused);
    process.terminate().unwrap();
    assert!(process.wait(SOON).await.unwrap().success());
    assert!(fs::read_to_string(&log).unwrap().ends_with("bye\n"));
}

#[tokio::test]
async fn a_late_end_shows_the_log() {
    let directory = temporary();
    let log = directory.path().join("log");
    let process = Process::spawn(Path::new(SHELL), &[], &["-c", "echo busy; sleep 60"], &log).unwrap();
    let late = process.wait(Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(&late, Error::Deadline { .. }) && late.to_string().contains("busy"), "{late}");
    process.kill9().await.unwrap();
    assert!(!process.is_running());
}

/// The thread that started it ends here; only the end of the whole process may end the child.
#[test]
fn a_child_outlives_the_thread_that_asked_for_it() {
    let directory = temporary();
    let log = directory.path().join("log");
    let spawn = || Process::spawn(Path::new(SHELL), &[], &["-c", "exec sleep 60"], &log).unwrap();
    let process = std::thread::scope(|scope| scope.spawn(spawn).join().unwrap());
    std::thread::sleep(Duration::from_millis(300));
    assert!(process.is_running());
}

#[test]
fn a_binary_that_is_not_built_is_named() {
    let message = binary("tally-no-such-binary").unwrap_err().to_string();
    assert!(message.contains("tally-no-such-binary") && message.contains("cargo build"), "{message}");
}
