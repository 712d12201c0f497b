//! What people and programs see.

use std::collections::HashSet;

use crate::fake_api::{FakeApi, Reply, Request};
use crate::tool::{numbered_log, sample_path, tally, tally_with_stdin};

#[test]
fn the_summary_is_aligned_and_adds_up() {
    let api = FakeApi::start();
    let ran = tally(&["import", "--service", "shop", "--to", &api.url(), sample_path().to_str().unwrap()]);
    let rows: Vec<_> = ran.stdout.lines().take(5).collect();
    let expected = [
        "lines       122",
        "accepted    113  as service shop",
        "duplicate     0  counted before: by an earlier import, or by a post whose answer was lost",
        "rejected      0",
        "unreadable    9",
    ];
    assert_eq!(rows, expected.map(str::to_owned), "{}", ran.stdout);
    assert!(ran.stdout.contains("unreadable, the first of 9:"));
    assert!(ran.stdout.contains("access.log:8  the request does not start with a method: 203.0.113.9 - -"));
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "quiet in a pipe");
}

#[test]
fn rejected_events_are_shown_by_line_with_a_hint() {
    let api = FakeApi::scripted(|_, _| {
        let verdict = r#"{"accepted":1,"rejected":[{"index":0,"field":"timestamp","reason":"older than 90 days"},
            {"index":2,"field":"status","reason":"odd"}],"duplicate":false,"id":"x"}"#;
        Reply::Status("202 Accepted", "", verdict.to_owned())
    });
    let log = format!("noise\n{}", numbered_log(3));
    let ran = tally_with_stdin(&["import", "--to", &api.url(), "-"], log.as_bytes());
    assert_eq!(ran.code, Some(0));
    for part in ["rejected      2", "stdin:2  timestamp: older than 90 days", "stdin:4  status: odd", "--shift-to-now"]
    {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let ran = tally_with_stdin(&["import", "--json", "--to", &api.url(), "-"], log.as_bytes());
    assert_eq!(ran.figures(), [4, 1, 1, 0, 2]);
}

#[test]
fn nothing_acceptable_is_all_rejected() {
    let api = FakeApi::scripted(|_, _| {
        let problem =
            r#"{"title":"nothing acceptable","rejected":[{"index":1,"field":"timestamp","reason":"too old"}]}"#;
        Reply::Status("422 Unprocessable Content", "", problem.to_owned())
    });
    let ran = tally_with_stdin(&["import", "--json", "--to", &api.url(), "-"], numbered_log(3).as_bytes());
    assert_eq!((ran.code, ran.figures()), (Some(0), [3, 0, 0, 0, 3]));
    assert_eq!(ran.json()["rejected_examples"][0]["line"], 2);
}

#[test]
fn a_dry_run_posts_nothing_and_shows_routes() {
    let api = FakeApi::start();
    let sample = sample_path();
    let ran = tally(&["import", "--dry-run", "--to", &api.url(), sample.to_str().unwrap()]);
    assert_eq!((ran.code, api.requests().len()), (Some(0), 0));
    assert!(ran.stdout.contains("122 lines, 9 unreadable"), "{}", ran.stdout);
    let row = ran.stdout.lines().find(|line| line.contains("GET") && line.contains(" /products/{id} ")).unwrap();
    assert!(row.trim_end().rsplit("  ").next().unwrap().contains("/products/1"), "{row}");
    let json = tally(&["import", "--dry-run", "--json", sample.to_str().unwrap()]).json();
    let requests: u64 = json["routes"].as_array().unwrap().iter().map(|row| row["requests"].as_u64().unwrap()).sum();
    assert_eq!((requests, &json["from"]), (113, &"2024-03-03T08:00:00Z".into()));
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [&["import"][..], &["import", "--to", "nowhere", "a"], &["imprt"], &["demo", "--rate", "x"]] {
        assert_eq!(tally(args).code, Some(2), "{args:?}");
    }
}

#[test]
fn demo_posts_events_and_votes() {
    let api = FakeApi::scripted(|request, number| match (number, request.path.as_str()) {
        (0, _) => Reply::Status("503 Service Unavailable", "", String::new()),
        (_, "/api/vote") => Reply::Status("202 Accepted", "", r#"{"vote":"taken"}"#.to_owned()),
        _ => Reply::Accept,
    });
    let ran = tally(&["demo", "--to", &api.url(), "--history", "0", "--rate", "500", "--seconds", "2"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let (votes, events): (Vec<_>, Vec<_>) = api.requests().into_iter().partition(|r| r.path == "/api/vote");
    assert!(votes.len() >= 2 && events.len() >= 10, "{} votes, {} posts", votes.len(), events.len());
    let vote = &votes[0].events()[0];
    assert!(["cats", "dogs"].contains(&vote["option"].as_str().unwrap()) && vote["voter"].is_string());
    let count: usize = events.iter().map(|request| request.events().len()).sum();
    assert!((200..=2_500).contains(&count), "{count} events in 2 s at 150 to 900 a second");
    assert!(ran.stdout.contains("events accepted"), "{}", ran.stdout);
}

/// An API that holds nothing.
fn new_api() -> FakeApi {
    FakeApi::scripted(|request, _| match request.path.split('?').next().unwrap() {
        "/v1/services" => Reply::Status("200 OK", "", r#"{"services":[]}"#.to_owned()),
        "/api/vote" => Reply::Status("202 Accepted", "", r#"{"vote":"taken"}"#.to_owned()),
        _ => Reply::Accept,
    })
}

#[test]
fn demo_tells_a_history_that_ends_now_and_counts_once() {
    let api = new_api();
    let told = |seed: &str| {
        let url = api.url();
        let ran = tally(&["demo", "--to", &url, "--history", "6h", "--history-only", "--rate", "1", "--seed", seed]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("history: "), "{}", ran.stdout);
        api.requests().into_iter().filter(|request| request.path == "/v1/events").collect::<Vec<_>>()
    };
    let first = told("1");
    let now = jiff::Timestamp::now();
    let times: Vec<jiff::Timestamp> = first
        .iter()
        .flat_map(|request| request.events())
        .map(|event| event["timestamp"].as_str().unwrap().parse().unwrap())
        .collect();
    let (oldest, newest) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    let hours = |at: &jiff::Timestamp| now.duration_since(*at).as_secs_f64() / 3_600.0;
    assert!((6.9..8.1).contains(&hours(oldest)) && (0.0..0.1).contains(&hours(newest)), "{oldest} to {newest}");
    let keys = |requests: &[Request]| requests.iter().map(|request| request.key.clone()).collect::<HashSet<_>>();
    let (first, both) = (keys(&first), keys(&told("1")));
    // What has passed since the first demo is new: the minute that runs, and perhaps the one after.
    assert!(both.len() - first.len() <= 2, "{} keys, then {}", first.len(), both.len());
    assert!(keys(&told("2")).len() > 2 * both.len() - 6, "another seed, another history");
}

#[test]
fn demo_leaves_alone_what_is_there() {
    let api = FakeApi::scripted(|request, _| match request.path.split('?').next().unwrap() {
        "/v1/services" => {
            let body = r#"{"services":[{"service":"payments","requests":100000}]}"#;
            Reply::Status("200 OK", "", body.to_owned())
        }
        "/api/vote" => Reply::Status("202 Accepted", "", r#"{"vote":"taken"}"#.to_owned()),
        _ => Reply::Accept,
    });
    let ran = tally(&["demo", "--to", &api.url(), "--history", "3h", "--history-only"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.contains("history: 0 events accepted; 5 hours of it were there"), "{}", ran.stdout);
    assert!(api.requests().iter().all(|request| request.path != "/v1/events"));
}
