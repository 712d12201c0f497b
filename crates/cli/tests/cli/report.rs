//! `tally report`: the window that is asked for, the files that come of it, and what is said when none does.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use crate::fake_api::{FakeApi, Reply, Request};
use crate::tool::{command, tally};

fn answer(request: &Request) -> Reply {
    if request.path == "/v1/reports" {
        let kept =
            r#"{"name":"2026-03-11-daily-1a2b","title":"Wed 11 Mar 2026 UTC","deleted_at":"2026-03-19T00:10:00Z"}"#;
        return Reply::Status("201 Created", "", kept.to_owned());
    }
    let format = request.path.rsplit_once("format=").map_or("?", |part| part.1.split('&').next().unwrap());
    let headers = match format {
        "html" => "content-disposition: inline; filename=\"tally-2026-03-11.html\"\r\n",
        "csv" => "content-disposition: attachment; filename=\"tally-2026-03-11.csv\"\r\n",
        _ => "content-disposition: attachment; filename=\"tally-2026-03-11.json\"\r\n",
    };
    Reply::Status("200 OK", headers, format!("a report as {format}"))
}

/// The parameters of the one request that was made.
fn asked(api: &FakeApi) -> Vec<(String, String)> {
    let requests = api.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let url: reqwest::Url = format!("http://x{}", requests[0].path).parse().unwrap();
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn parameter(asked: &[(String, String)], name: &str) -> String {
    asked.iter().find(|pair| pair.0 == name).map(|pair| pair.1.clone()).unwrap_or_default()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_window_becomes_a_file_of_the_format_that_its_name_tells() {
    let api = FakeApi::scripted(|request, _| answer(request));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("night.CSV");
    std::fs::write(&out, "an older report").unwrap();
    let window = ["--from", "2026-03-12T02:40:00+01:00", "--to", "2026-03-12T04:10:00+01:00", "--service", "pay ments"];
    let ran = tally(&[&["report", "--api", &api.url(), "--out", out.to_str().unwrap()][..], &window].concat());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = asked(&api);
    assert_eq!(
        (parameter(&asked, "from").as_str(), parameter(&asked, "to").as_str()),
        ("2026-03-12T01:40:00Z", "2026-03-12T03:10:00Z")
    );
    assert_eq!((parameter(&asked, "service").as_str(), parameter(&asked, "format").as_str()), ("pay ments", "csv"));
    assert_eq!(read(&out), "a report as csv");
    assert!(ran.stdout.contains("night.CSV  1 KB"), "{}", ran.stdout);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing lies beside it");
}

#[test]
fn stdout_has_the_report_and_nothing_else() {
    let api = FakeApi::scripted(|request, _| answer(request));
    let ran = tally(&["report", "--api", &api.url(), "--from", "-1h", "--out", "-", "--format", "json"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "a report as json", ""));
    let asked = asked(&api);
    let at = |name: &str| parameter(&asked, name).parse::<jiff::Timestamp>().unwrap();
    assert_eq!(at("to").duration_since(at("from")).as_secs(), 3_600);
}

#[test]
fn clock_times_are_those_of_the_zone() {
    let api = FakeApi::scripted(|request, _| answer(request));
    let ran = command(&["report", "--api", &api.url(), "--from", "2026-03-11", "--to", "2026-03-12", "--out", "-"])
        .env("TZ", "Asia/Tokyo")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let zone = [
        "report",
        "--api",
        &api.url(),
        "--zone",
        "Europe/Berlin",
        "--from",
        "2026-03-11",
        "--to",
        "2026-03-12",
        "--out",
        "-",
    ];
    assert_eq!(tally(&zone).code, Some(0));
    let froms: Vec<String> =
        api.requests().iter().map(|request| request.path.split(['=', '&']).nth(1).unwrap().to_owned()).collect();
    assert_eq!(froms, ["2026-03-10T15%3A00%3A00Z", "2026-03-10T23%3A00%3A00Z"]);
}

#[test]
fn the_daily_report_is_kept_by_the_api() {
    let api = FakeApi::scripted(|request, _| answer(request));
    let ran = tally(&["report", "--daily", "--api", &api.url()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let said = format!(
        "Wed 11 Mar 2026 UTC, kept until 2026-03-19T00:10:00Z\n{}/v1/reports/2026-03-11-daily-1a2b.html\n",
        api.url()
    );
    assert_eq!(ran.stdout, said);
    let requests = api.requests();
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!((requests[0].path.as_str(), &body["daily"]), ("/v1/reports", &serde_json::json!(true)));
    let at = |name: &str| body[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!((at("to").duration_since(at("from")).as_hours(), at("to").as_second() % 86_400), (24, 0));
}

#[test]
fn a_directory_gets_all_three_formats() {
    let api = FakeApi::scripted(|request, _| answer(request));
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("reports");
    let ran = tally(&["report", "--daily", "--api", &api.url(), "--out", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for format in ["html", "csv", "json"] {
        assert_eq!(read(&out.join(format!("tally-2026-03-11.{format}"))), format!("a report as {format}"));
    }
}

#[test]
fn a_name_that_leads_elsewhere_is_not_taken() {
    let api = FakeApi::scripted(|_, _| {
        Reply::Status("200 OK", "content-disposition: inline; filename=\"../../stolen.html\"\r\n", "x".to_owned())
    });
    let dir = tempfile::tempdir().unwrap();
    let ran = tally(&["report", "--from", "-1h", "--api", &api.url(), "--out", dir.path().to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(dir.path().join("tally-report.html").exists());
}

#[test]
fn it_waits_for_an_api_that_is_away() {
    let problem = r#"{"detail":"PostgreSQL does not answer"}"#;
    let api = FakeApi::scripted(move |request, number| match number {
        0 => Reply::Drop,
        1 => Reply::Status("503 Service Unavailable", "retry-after: 0\r\n", problem.to_owned()),
        _ => answer(request),
    });
    let ran = tally(&["report", "--from", "-1h", "--api", &api.url(), "--out", "-"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "a report as html"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("waiting for Tally").count(), 1, "said once: {}", ran.stderr);

    let api = FakeApi::scripted(move |_, _| Reply::Status("503 Service Unavailable", "", problem.to_owned()));
    let ran = tally(&["report", "--from", "-1h", "--api", &api.url(), "--out", "-", "--retry-for", "1s"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("no report from Tally at") && ran.stderr.contains("--api"), "{}", ran.stderr);
}

#[test]
fn refusals_are_told_and_leave_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("a.html");
    for (status, body, said) in [
        (
            "507 Insufficient Storage",
            r#"{"detail":"500 reports are kept; delete some"}"#,
            "507 500 reports are kept; delete some",
        ),
        ("501 Not Implemented", r#"{"detail":"TALLY_REPORTS_DIR is not set"}"#, "TALLY_REPORTS_DIR is not set"),
        ("404 Not Found", "", "--api"),
        ("302 Found", "", "redirects"),
    ] {
        let api = FakeApi::scripted(move |_, _| Reply::Status(status, "", body.to_owned()));
        let ran = tally(&["report", "--from", "-1h", "--api", &api.url(), "--out", out.to_str().unwrap()]);
        assert_eq!(ran.code, Some(1), "{status}");
        assert!(ran.stderr.contains(said), "{status}: {}", ran.stderr);
        assert_eq!(api.requests().len(), 1, "{status} is not repeated");
    }
    // It breaks off in the middle.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let breaking = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4_096];
        let _ = stream.read(&mut asked).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf").unwrap();
    });
    let ran = tally(&["report", "--from", "-1h", "--api", &url, "--out", out.to_str().unwrap()]);
    breaking.join().unwrap();
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "no half report");
}

#[test]
fn wrong_usage_asks_nobody() {
    let api = FakeApi::start();
    for (arguments, said) in [
        (&["--from", "-1h", "--to", "-2h", "--out", "-"][..], "not before --to"),
        (&["--from", "-1h", "--out", "report.pdf"], ".html, .csv or .json"),
        (&["--from", "-1h"], "--out"),
    ] {
        let ran = tally(&[&["report", "--api", &api.url()][..], arguments].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    assert!(api.requests().is_empty());
    let help = tally(&["report", "--help"]);
    assert!(help.stdout.contains("tally report --daily") && help.stdout.contains("Europe/Berlin"), "{}", help.stdout);
}
