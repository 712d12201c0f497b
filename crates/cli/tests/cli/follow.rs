//! A log that grows is counted once, line by line, whatever becomes of the file and of the tool.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::fake_api::{FakeApi, Reply};
use crate::tool::{Ran, command, numbered_log, tally};

/// How long anything may take that should take a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a log and the state of whoever follows it.
struct Place {
    dir: TempDir,
    lines: usize,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), lines: 0 };
        File::create(place.log()).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn log(&self) -> PathBuf {
        self.path("access.log")
    }

    /// Appends the next lines to a file; each line is there once in all files.
    fn write(&mut self, path: &Path, count: usize) {
        let text = numbered_log(self.lines + count);
        let text: String = text.lines().skip(self.lines).map(|line| format!("{line}\n")).collect();
        self.lines += count;
        append(path, text.as_bytes());
    }

    fn follow(&self, api: &FakeApi, options: &[&str]) -> Following {
        let (log, state, to) = (self.log(), self.path("state"), api.url());
        let args = ["import", "--follow", "--json", "--to", &to, "--state", state.to_str().unwrap()];
        Following(Some(command(&[&args[..], options, &[log.to_str().unwrap()]].concat()).spawn().unwrap()))
    }

    /// Waits until every line that was written has been posted, and makes sure that none was under two keys.
    #[track_caller]
    fn wait_until_counted(&self, api: &FakeApi) {
        let until = Instant::now() + PATIENCE;
        loop {
            let routes = counted(api);
            let unique: HashSet<_> = routes.iter().collect();
            assert_eq!(unique.len(), routes.len(), "a line was counted twice");
            if routes.len() == self.lines {
                return;
            }
            assert!(Instant::now() < until, "{} of {} lines are counted", routes.len(), self.lines);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn append(path: &Path, bytes: &[u8]) {
    File::options().append(true).create(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// The routes that a Tally would have counted: of equal keys one, and those must have equal bodies.
fn counted(api: &FakeApi) -> Vec<String> {
    let mut by_key = BTreeMap::new();
    for request in api.requests() {
        let before = by_key.insert(request.key.clone(), request.clone());
        assert!(before.is_none_or(|before| before == request), "one key, two bodies");
    }
    let events = by_key.values().flat_map(crate::fake_api::Request::events);
    events.map(|event| event["route"].as_str().unwrap().to_owned()).collect()
}

/// A running follower; killed if it is not ended.
struct Following(Option<Child>);

impl Following {
    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.0.as_ref().unwrap().id()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    fn end(mut self, signal: Signal) -> Ran {
        self.signal(signal);
        self.0.take().unwrap().wait_with_output().unwrap().into()
    }

    fn kill(mut self) {
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Waits for a line on stderr.
    fn says(&mut self, words: &str) {
        let stderr = self.0.as_mut().unwrap().stderr.as_mut().unwrap();
        let mut heard = String::new();
        while !heard.contains(words) {
            let mut byte = [0];
            assert_eq!(stderr.read(&mut byte).unwrap(), 1, "ended with {heard}");
            heard.push(char::from(byte[0]));
        }
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn what_is_there_and_what_is_written_is_counted() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    place.write(&place.log(), 4_500);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    place.write(&place.log(), 1);
    place.wait_until_counted(&api);
    // A line counts when it is whole.
    append(&place.log(), b"192.0.2.1 - - [03/Mar/2024:10:00:00 +0000] \"GET /n/half");
    place.write(&place.path("elsewhere"), 0);
    append(&place.log(), b"-and-half HTTP/1.1\" 200 1\nno request\n");
    place.lines += 1;
    place.wait_until_counted(&api);
    assert!(counted(&api).contains(&"/n/half-and-half".to_owned()));
    let ran = following.end(Signal::TERM);
    assert_eq!((ran.code, ran.figures()), (Some(0), [4_503, 1, 4_502, 0, 0]), "{}", ran.stderr);
    assert_eq!(ran.json()["complete"], true);
}

#[test]
fn what_was_written_before_the_end_is_counted_before_it() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    let mut following = place.follow(&api, &[]);
    following.says("following");
    place.write(&place.log(), 3_000);
    let ran = following.end(Signal::INT);
    assert_eq!((ran.code, ran.figures()), (Some(0), [3_000, 0, 3_000, 0, 0]), "{}", ran.stderr);
    place.wait_until_counted(&api);
}

#[test]
fn a_restart_counts_nothing_twice() {
    let mut place = Place::new();
    let away = Arc::new(AtomicBool::new(false));
    let hang = Arc::clone(&away);
    // While it is away it takes what comes and never answers.
    let api = FakeApi::scripted(move |_, _| if hang.load(Ordering::SeqCst) { Reply::Hang } else { Reply::Accept });
    place.write(&place.log(), 100);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    away.store(true, Ordering::SeqCst);
    place.write(&place.log(), 5);
    place.wait_until_counted(&api);
    following.kill();
    let sent = api.requests().len();
    // What is written meanwhile must not get into the block that was sent.
    place.write(&place.log(), 2_500);
    away.store(false, Ordering::SeqCst);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    assert_eq!(following.end(Signal::TERM).code, Some(0));
    assert_eq!(api.requests().len(), sent + 3, "the block of 5 once more, then 2,000 and 500");
    let mut following = place.follow(&api, &[]);
    following.says("following");
    let ran = following.end(Signal::TERM);
    assert_eq!((ran.code, api.requests().len()), (Some(0), sent + 3), "nothing new, nothing sent");
}

#[test]
fn told_to_end_while_the_api_is_away_it_goes_on_later() {
    let mut place = Place::new();
    let api = FakeApi::scripted(|_, number| if number == 0 { Reply::Hang } else { Reply::Accept });
    place.write(&place.log(), 10);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    let ran = following.end(Signal::TERM);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("nothing is lost"), "{}", ran.stderr);
    place.write(&place.log(), 3);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    let ran = following.end(Signal::TERM);
    assert_eq!((ran.code, ran.figures()), (Some(0), [13, 0, 13, 0, 0]));
}

#[test]
fn a_log_that_is_renamed_and_made_anew_is_followed() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    let following = place.follow(&api, &[]);
    for round in 1..=2 {
        place.write(&place.log(), 10);
        place.wait_until_counted(&api);
        let rotated = place.path(&format!("access.log.{round}"));
        fs::rename(place.log(), &rotated).unwrap();
        // The server writes on to the file it has open, also when the new one is there already.
        place.write(&rotated, 3);
        File::create(place.log()).unwrap();
        place.write(&rotated, 3);
        place.wait_until_counted(&api);
        append(&rotated, b"192.0.2.1 - - [03/Mar/2024:10:00:00 +0000] \"GET /n/");
        append(&rotated, format!("end-of-{round} HTTP/1.1\" 200 1").as_bytes());
        place.lines += 1;
        place.write(&place.log(), 10);
        place.wait_until_counted(&api);
    }
    let ran = following.end(Signal::TERM);
    assert_eq!((ran.code, ran.figures()), (Some(0), [54, 0, 54, 0, 0]), "{}", ran.stderr);
}

#[test]
fn a_log_that_is_copied_and_truncated_is_followed() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    let following = place.follow(&api, &[]);
    place.write(&place.log(), 100);
    place.wait_until_counted(&api);
    // What is written just before the cut is in the copy only; what comes after it makes the log as long as it was.
    place.write(&place.log(), 20);
    fs::copy(place.log(), place.path("access.log-20240303")).unwrap();
    File::options().write(true).open(place.log()).unwrap().set_len(0).unwrap();
    place.write(&place.log(), 300);
    place.wait_until_counted(&api);
    let ran = following.end(Signal::TERM);
    assert_eq!((ran.code, ran.figures()[0]), (Some(0), 420), "{}", ran.stderr);
}

#[test]
fn rotation_while_nobody_follows_loses_nothing() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    place.write(&place.log(), 10);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    assert_eq!(following.end(Signal::TERM).code, Some(0));
    place.write(&place.log(), 5);
    for round in [2, 1] {
        // Times of files are told apart by the tick of the system's clock.
        std::thread::sleep(Duration::from_millis(50));
        fs::rename(place.log(), place.path(&format!("access.log.{round}"))).unwrap();
        place.write(&place.log(), 7);
    }
    place.write(&place.path("access.log.state"), 0);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    assert_eq!(following.end(Signal::TERM).code, Some(0));

    place.write(&place.log(), 5);
    fs::copy(place.log(), place.path("access.log.0")).unwrap();
    File::options().write(true).open(place.log()).unwrap().set_len(0).unwrap();
    place.write(&place.log(), 9);
    let following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    assert_eq!(following.end(Signal::TERM).code, Some(0));
}

#[test]
fn what_is_gone_is_said() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    place.write(&place.log(), 10);
    let mut following = place.follow(&api, &[]);
    place.wait_until_counted(&api);
    fs::write(place.log(), "").unwrap();
    following.says("was cut after line 10");
    place.write(&place.log(), 4);
    place.wait_until_counted(&api);
    following.kill();
    fs::remove_file(place.log()).unwrap();
    place.write(&place.log(), 2);
    let mut following = place.follow(&api, &[]);
    following.says("is gone");
    place.wait_until_counted(&api);
}

#[test]
fn from_now_leaves_out_what_is_there() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    place.write(&place.log(), 10);
    place.lines = 0;
    append(&place.log(), b"192.0.2.1 - - [03/Mar/2024:10:00:00 +0000] \"GET /now");
    let mut following = place.follow(&api, &["--from-now"]);
    following.says("following");
    append(&place.log(), b" HTTP/1.1\" 200 1\n");
    place.lines = 1;
    place.wait_until_counted(&api);
    assert_eq!(counted(&api), ["/now"]);
    following.kill();
    let following = place.follow(&api, &["--from-now"]);
    append(&place.log(), b"192.0.2.1 - - [03/Mar/2024:10:00:00 +0000] \"GET /next HTTP/1.1\" 200 1\n");
    place.lines = 2;
    place.wait_until_counted(&api);
    following.kill();
}

#[test]
fn one_state_is_for_one_follower_of_one_log() {
    let (place, api) = (Place::new(), FakeApi::start());
    let (log, state, to) = (place.log(), place.path("state"), api.url());
    let (log, state) = (log.to_str().unwrap(), state.to_str().unwrap());
    let mut following = place.follow(&api, &[]);
    following.says("following");
    let refused = |options: &[&str], words: &str| {
        let ran = tally(&[&["import", "--follow", "--to", &to], options].concat());
        assert_eq!(ran.code, Some(1), "{options:?}");
        assert!(ran.stderr.contains(words), "{options:?}: {}", ran.stderr);
    };
    refused(&["--state", state, log], "another tally follows");
    following.kill();
    refused(&["--state", state, "--service", "other", log], "another import");
    refused(&["-"], "name one file");
    refused(&[log, log], "name one file");
    refused(&[place.dir.path().to_str().unwrap()], "no plain file");
    let packed = place.path("access.log.gz");
    fs::write(&packed, [0x1f, 0x8b, 8, 0]).unwrap();
    refused(&[packed.to_str().unwrap()], "compressed");
    fs::write(state, "{").unwrap();
    refused(&["--state", state, log], state);
    let homeless =
        command(&["import", "--follow", "--to", &to, log]).env_remove("HOME").env_remove("XDG_STATE_HOME").output();
    let homeless: Ran = homeless.unwrap().into();
    assert!(homeless.stderr.contains("--state"), "{}", homeless.stderr);
}

#[test]
fn the_state_has_a_usual_place() {
    let (mut place, api) = (Place::new(), FakeApi::start());
    place.write(&place.log(), 3);
    let log = place.log();
    let start = || {
        let args = ["import", "--follow", "--to", &api.url(), log.to_str().unwrap()];
        let mut command = command(&args);
        let child = command.env_remove("XDG_STATE_HOME").env("HOME", place.dir.path()).spawn().unwrap();
        let mut following = Following(Some(child));
        following.says("following");
        following
    };
    let first = start();
    place.wait_until_counted(&api);
    assert_eq!(first.end(Signal::TERM).code, Some(0));
    assert_eq!(fs::read_dir(place.path(".local/state/tally")).unwrap().count(), 2, "the state and its lock");
    assert_eq!(start().end(Signal::TERM).code, Some(0));
    assert_eq!(api.requests().len(), 1);
}
