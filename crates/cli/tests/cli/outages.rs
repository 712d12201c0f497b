//! The API is away, slow, or not Tally at all.

use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::fake_api::{FakeApi, Reply};
use crate::tool::{numbered_log, sample_path, tally, tally_with_stdin};

fn status(line: &'static str) -> Reply {
    Reply::Status(line, "retry-after: 1\r\n", r#"{"title":"busy","detail":"the backlog is full"}"#.to_owned())
}

#[test]
fn a_retry_sends_the_same_bytes_under_the_same_key() {
    let api = FakeApi::scripted(|_, number| match number {
        0 => Reply::Drop,
        1 => Reply::Status("503 Service Unavailable", "", String::new()),
        2 => Reply::Status("429 Too Many Requests", "retry-after: 1\r\n", String::new()),
        _ => Reply::Accept,
    });
    let began = Instant::now();
    let ran = tally(&["import", "--json", "--to", &api.url(), sample_path().to_str().unwrap()]);
    assert_eq!((ran.code, ran.figures()), (Some(0), [122, 9, 113, 0, 0]));
    assert!(began.elapsed() >= Duration::from_secs(1), "Retry-After is heeded");
    let requests = api.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests.iter().all(|request| *request == requests[0]));
    assert_eq!(ran.stderr.lines().count(), 1, "one line an outage: {}", ran.stderr);
}

#[test]
fn an_answer_lost_on_the_way_is_not_counted_twice() {
    let lost = AtomicBool::new(false);
    let api = FakeApi::scripted(
        move |_, _| if lost.swap(true, Ordering::SeqCst) { Reply::Accept } else { Reply::LoseAnswer },
    );
    let ran = tally_with_stdin(&["import", "--json", "--to", &api.url(), "-"], numbered_log(5_000).as_bytes());
    let [lines, _, accepted, duplicate, _] = ran.figures();
    assert_eq!((lines, accepted + duplicate), (5_000, 5_000));
    assert!([2_000, 1_000].contains(&duplicate), "one block: {duplicate}");
    assert_eq!(api.requests().len(), 4, "three blocks, one of them twice");
}

#[test]
fn an_api_that_comes_up_late_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let api = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        FakeApi::on(TcpListener::bind(("127.0.0.1", port)).unwrap(), |_, _| Reply::Accept)
    });
    let to = format!("http://127.0.0.1:{port}");
    let ran = tally(&["import", "--json", "--to", &to, sample_path().to_str().unwrap()]);
    assert_eq!((ran.code, ran.figures()), (Some(0), [122, 9, 113, 0, 0]));
    assert_eq!(api.join().unwrap().requests().len(), 1);
}

#[test]
fn when_nothing_reaches_the_api_the_error_says_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let ran = tally(&["import", "--retry-for", "1s", "--to", &to, sample_path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    for hint in [&to[..], "refused", "make run", "--to", "same command again"] {
        assert!(ran.stderr.contains(hint), "{hint}: {}", ran.stderr);
    }
}

#[test]
fn retry_for_counts_from_the_last_success() {
    // One block a second gets through, so the fourth waits longer than --retry-for in all, but never without a success.
    let last = Mutex::new(None::<Instant>);
    let api = FakeApi::scripted(move |_, _| {
        let mut last = last.lock().unwrap();
        if last.is_some_and(|at| at.elapsed() < Duration::from_millis(900)) {
            return status("503 Service Unavailable");
        }
        *last = Some(Instant::now());
        Reply::Accept
    });
    let began = Instant::now();
    let log = numbered_log(2_000 * 5);
    let ran = tally_with_stdin(&["import", "--json", "--retry-for", "3s", "--to", &api.url(), "-"], log.as_bytes());
    assert_eq!((ran.code, ran.figures()), (Some(0), [10_000, 0, 10_000, 0, 0]), "{}", ran.stderr);
    assert!(began.elapsed() > Duration::from_millis(3_500), "one block waited longer than --retry-for");
}

#[test]
fn an_api_that_stays_busy_ends_the_import_and_a_repetition_completes_it() {
    let busy = std::sync::Arc::new(AtomicBool::new(true));
    let now_busy = std::sync::Arc::clone(&busy);
    let api = FakeApi::scripted(move |_, number| match now_busy.load(Ordering::SeqCst) {
        true if number >= 3 => status("503 Service Unavailable"),
        _ => Reply::Accept,
    });
    let log = numbered_log(20_000);
    let args = ["import", "--json", "--retry-for", "2s", "--to", &api.url(), "-"];
    let ran = tally_with_stdin(&args, log.as_bytes());
    assert_eq!((ran.code, ran.figures()), (Some(1), [6_000, 0, 6_000, 0, 0]));
    assert!(ran.json()["error"].as_str().unwrap().contains("the backlog is full"), "{}", ran.stdout);
    busy.store(false, Ordering::SeqCst);
    let completed = tally_with_stdin(&args, log.as_bytes());
    assert_eq!((completed.code, completed.figures()), (Some(0), [20_000, 0, 14_000, 6_000, 0]));
}

#[test]
fn answers_that_no_repetition_makes_better_end_the_import_at_once() {
    let sample = sample_path();
    for (line, headers, body, hint) in [
        ("404 Not Found", "", "", "is --to the address of Tally's API?"),
        ("200 OK", "", "<html>", "200"),
        ("202 Accepted", "", "<html>", "not an answer of Tally"),
        ("308 Permanent Redirect", "location: https://tally.example/\r\n", "", "https://tally.example/"),
        ("401 Unauthorized", "", r#"{"detail":"a key is needed"}"#, "a key is needed"),
        ("422 Unprocessable Content", "", r#"{"detail":"key used for another body","rejected":[]}"#, "another body"),
        ("400 Bad Request", "", r#"{"title":"not NDJSON"}"#, "not NDJSON"),
    ] {
        let api = FakeApi::scripted(move |_, _| Reply::Status(line, headers, body.to_owned()));
        let ran = tally(&["import", "--to", &api.url(), sample.to_str().unwrap()]);
        assert_eq!((ran.code, api.requests().len()), (Some(1), 1), "{line}");
        assert!(ran.stderr.contains(hint), "{line}: {}", ran.stderr);
    }
}
