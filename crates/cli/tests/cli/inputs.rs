//! Where logs come from, and what their lines become.

use std::collections::BTreeMap;
use std::fs::write;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::fake_api::{FakeApi, Reply};
use crate::tool::{sample, sample_path, tally, tally_with_stdin};

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// `access.expected` was counted with another program from the same log; see its first line.
fn expected() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(sample_path().with_extension("expected")).unwrap();
    let rows = text.lines().filter(|line| !line.starts_with("# "));
    rows.map(|row| row.split_once('\t').unwrap()).map(|(n, key)| (key.to_owned(), n.parse().unwrap())).collect()
}

#[test]
fn requests_per_method_and_route_equal_an_independent_count() {
    let api = FakeApi::start();
    let ran = tally(&["import", "--json", "--keep-ids", "--to", &api.url(), sample_path().to_str().unwrap()]);
    assert_eq!((ran.code, ran.figures()), (Some(0), [122, 9, 113, 0, 0]));
    let mut counts = BTreeMap::new();
    for event in api.events() {
        let text = |name: &str| event[name].as_str().unwrap().to_owned();
        *counts.entry(format!("{} {}", text("method"), text("route"))).or_insert(0_u64) += 1;
        assert_eq!(text("service"), "web");
        assert!(text("timestamp").starts_with("2024-03-03T"), "{event}");
    }
    assert_eq!(counts, expected());
    let timed = api.events().iter().filter(|event| event.get("duration_ms").is_some()).count();
    assert_eq!(timed, 25, "only lines with $request_time have a duration");
    let request = &api.requests()[0];
    assert_eq!((request.path.as_str(), request.content_type.as_str()), ("/v1/events", "application/x-ndjson"));
}

#[test]
fn one_log_in_any_wrapping_is_one_import() {
    let dir = tempfile::tempdir().unwrap();
    let log = sample();
    let (head, tail) = log.split_at(3_000);
    let zstd = |text: &[u8]| zstd::encode_all(text, 1).unwrap();
    let wrappings = [
        ("plain.log", log.clone()),
        ("one.gz", gzip(&log)),
        ("members-without-a-telling-name", [gzip(head), gzip(tail)].concat()),
        ("one.zst", zstd(&log)),
        ("frames.zst", [zstd(head), zstd(tail)].concat()),
    ];
    let api = FakeApi::start();
    for (i, (name, stored)) in wrappings.iter().enumerate() {
        let path = dir.path().join(name);
        write(&path, stored).unwrap();
        let ran = tally(&["import", "--json", "--to", &api.url(), path.to_str().unwrap()]);
        let expected = if i == 0 { [122, 9, 113, 0, 0] } else { [122, 9, 0, 113, 0] };
        assert_eq!(ran.figures(), expected, "{name}");
        let from_stdin = tally_with_stdin(&["import", "--json", "--to", &api.url(), "-"], stored);
        assert_eq!(from_stdin.figures(), [122, 9, 0, 113, 0], "stdin {name}");
    }
    let requests = api.requests();
    assert!(requests.iter().all(|request| *request == requests[0]));
}

#[test]
fn a_url_is_a_log_too() {
    let log = String::from_utf8_lossy(&sample()).into_owned();
    let site = FakeApi::scripted(move |request, _| match request.path.as_str() {
        "/logs/access.log" => Reply::Status("200 OK", "", log.clone()),
        _ => Reply::Status("404 Not Found", "", String::new()),
    });
    let api = FakeApi::start();
    for extra in [&["--shift", "1d"][..], &["--shift-to-now"]] {
        let url = format!("{}/logs/access.log", site.url());
        let ran = tally(&[&["import", "--json", "--to", &api.url(), &url], extra].concat());
        assert_eq!((ran.code, ran.figures()), (Some(0), [122, 9, 113, 0, 0]), "{}", ran.stderr);
    }
    let missing = tally(&["import", "--to", &api.url(), &format!("{}/gone.log", site.url())]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.stderr.contains("404"), "{}", missing.stderr);
}

#[test]
fn several_logs_are_read_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["b.log", "a.log"].map(|name| dir.path().join(name));
    for path in &paths {
        write(path, format!("{}\n", path.display())).unwrap();
    }
    let [first, second] = paths.each_ref().map(|path| path.to_str().unwrap());
    let api = FakeApi::start();
    let json = tally(&["import", "--json", "--to", &api.url(), first, second]).json();
    let logs: Vec<_> = (0..2).map(|i| json["unreadable_examples"][i]["log"].as_str().unwrap()).collect();
    assert_eq!(logs, [first, second]);
    assert!(api.requests().is_empty(), "nothing readable, nothing posted");
}

#[test]
fn a_damaged_log_is_counted_up_to_the_damage_and_completed_later() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log.gz");
    let whole = gzip(crate::tool::numbered_log(30_000).as_bytes());
    let api = FakeApi::start();
    write(&path, &whole[..whole.len() - whole.len() / 4]).unwrap();
    let broken = tally(&["import", "--json", "--to", &api.url(), path.to_str().unwrap()]);
    let counted = broken.figures()[2];
    assert_eq!((broken.code, broken.json()["complete"].as_bool()), (Some(1), Some(false)));
    assert!(counted > 0 && counted.is_multiple_of(2_000), "whole blocks only: {counted}");
    write(&path, &whole).unwrap();
    let completed = tally(&["import", "--json", "--to", &api.url(), path.to_str().unwrap()]);
    assert_eq!((completed.code, completed.figures()), (Some(0), [30_000, 0, 30_000 - counted, counted, 0]));
}

#[test]
fn a_log_that_cannot_be_opened_stops_before_anything_is_posted() {
    let api = FakeApi::start();
    let sample = sample_path();
    for bad in ["/does/not/exist.log", env!("CARGO_MANIFEST_DIR")] {
        let ran = tally(&["import", "--to", &api.url(), sample.to_str().unwrap(), bad]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.stderr.contains(&format!("cannot open {bad}")), "{}", ran.stderr);
    }
    assert!(api.requests().is_empty());
}
