//! The same import twice is the same import.

use crate::fake_api::FakeApi;
use crate::tool::{numbered_log, sample_path, tally, tally_with_stdin};

#[test]
fn the_same_import_twice_sends_the_same_keys_and_bodies() {
    let log = numbered_log(9_001);
    let (first, second) = (FakeApi::start(), FakeApi::start());
    for api in [&first, &second] {
        let ran = tally_with_stdin(&["import", "--json", "--to", &api.url(), "-"], log.as_bytes());
        assert_eq!(ran.figures(), [9_001, 0, 9_001, 0, 0]);
    }
    let again = tally_with_stdin(&["import", "--json", "--to", &first.url(), "-"], log.as_bytes());
    assert_eq!(again.figures(), [9_001, 0, 0, 9_001, 0]);
    assert_eq!(second.requests().len(), 5);
    let mut twice = [second.requests(), second.requests()].concat();
    twice.sort();
    assert_eq!(first.requests(), twice);
}

#[test]
fn options_that_change_the_events_change_the_keys() {
    let sample = sample_path();
    let keys = |options: &[&str]| {
        let api = FakeApi::start();
        tally(&[&["import", "--to", &api.url(), sample.to_str().unwrap()], options].concat());
        api.requests()[0].key.clone()
    };
    let all = [keys(&[]), keys(&["--service", "shop"]), keys(&["--keep-ids"]), keys(&["--shift", "-90s"])];
    assert!((0..4).all(|i| !all[..i].contains(&all[i])), "{all:?}");
    assert_eq!(all[0], keys(&["--shift", "0s", "--json", "--retry-for", "1s"]));
}

#[test]
fn shift_moves_times() {
    let api = FakeApi::start();
    let log = numbered_log(1);
    let ran = tally_with_stdin(&["import", "--json", "--shift", "-1d2h", "--to", &api.url(), "-"], log.as_bytes());
    assert_eq!(ran.json()["shift_seconds"], -93_600);
    assert_eq!(api.events()[0]["timestamp"], "2024-03-02T08:00:00Z");
}

#[test]
fn shift_to_now_says_how_to_repeat_the_import_exactly() {
    let log = numbered_log(3) + &numbered_log(1).replace("10:00:00", "09:00:00");
    let api = FakeApi::start();
    let now = || i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
    let before = now();
    let ran = tally_with_stdin(&["import", "--json", "--shift-to-now", "--to", &api.url(), "-"], log.as_bytes());
    let shift_seconds = ran.json()["shift_seconds"].as_i64().unwrap();
    let ten_o_clock = 1_709_460_000;
    assert!((before..=now()).contains(&(ten_o_clock + shift_seconds)), "{shift_seconds}");
    let shift = ran.json()["shift"].as_str().unwrap().to_owned();
    assert!(ran.stderr.contains(&format!("--shift {shift} ")), "{}", ran.stderr);
    let again = tally_with_stdin(&["import", "--json", "--shift", &shift, "--to", &api.url(), "-"], log.as_bytes());
    assert_eq!(again.figures(), [4, 0, 0, 4, 0]);
    let nothing = tally_with_stdin(&["import", "--shift-to-now", "--to", &api.url(), "-"], b"no log\n");
    assert_eq!(nothing.code, Some(1));
    assert!(nothing.stderr.contains("needs a line with a time"), "{}", nothing.stderr);
}
