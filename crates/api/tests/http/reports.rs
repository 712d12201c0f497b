//! Reports: made, kept, listed, fetched, deleted, and never in the way of anything else.

use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::counting::count_all;
use crate::door::{Door, start};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const SCRIPT: &str = "<script>alert(1)</script>";

struct Fetched {
    status: u16,
    text: String,
    headers: reqwest::header::HeaderMap,
}

impl Fetched {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

async fn fetch(door: &Door, path: &str) -> Fetched {
    let response = door.request(Method::GET, path).send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Fetched { status, headers, text: response.text().await.unwrap() }
}

/// A door whose API keeps reports, and where.
async fn keeping() -> (Door, PathBuf) {
    let dir = tally_servers::TestServers::shared().await.unwrap().fresh_dir("reports").unwrap();
    let door = Door::open_with(&[("TALLY_REPORTS_DIR", dir.to_str().unwrap())]).await;
    (door, dir)
}

/// 100 requests a minute in the hour before now and in the same hour yesterday; today every second charge fails, and slowly.
async fn charges(door: &Door) {
    let now = Timestamp::now();
    let mut events = Vec::new();
    for minute in 2..60_i64 {
        for n in 0..20 {
            for (back, bad) in
                [(SignedDuration::from_mins(minute), true), (SignedDuration::from_mins(minute + 24 * 60), false)]
            {
                let fails = bad && n % 2 == 0 && (10..30).contains(&minute);
                events.push(
                    json!({"service": "payments", "method": "POST", "route": "/v1/charges", "timestamp": now - back,
                    "status": if fails { 503 } else { 200 }, "duration_ms": if fails { 5_000 } else { 100 + n }}),
                );
                events.push(json!({"service": "shop", "method": "GET", "route": "/cart/{id}", "timestamp": now - back, "status": 200, "duration_ms": 12}));
            }
        }
    }
    // The day before reaches further back than what it is compared with.
    events.push(json!({"service": "shop", "method": "GET", "route": "/cart/{id}", "timestamp": now - SignedDuration::from_hours(72), "status": 200}));
    for part in events.chunks(4_000) {
        assert_eq!(door.post("/v1/events", &[JSON], json!(part).to_string()).await.status, 202);
    }
    count_all(door).await;
}

#[tokio::test]
async fn a_report_of_a_window_says_what_was_counted() {
    let door = Door::open().await;
    charges(&door).await;
    let from = Timestamp::now() - SignedDuration::from_mins(59);
    let report = fetch(&door, &format!("/v1/report?from={from}&format=json")).await;
    assert_eq!((report.status, report.header("content-type")), (200, "application/json"));
    assert!(
        report.header("content-disposition").starts_with("attachment; filename=\"tally-20"),
        "{:?}",
        report.headers
    );
    let report = report.json();
    let summary = door.get(&format!("/v1/summary?from={from}&to={}", report["to"].as_str().unwrap())).await.body;
    assert_eq!(
        (&report["summary"]["requests"], &report["summary"]["duration_ms"]),
        (&summary["requests"], &summary["duration_ms"])
    );
    assert_eq!((&report["compare"]["by"], &report["before"]["errors"]), (&json!("24h"), &json!(0)), "{report}");
    assert_eq!(report["summary"]["errors"], 200);
    assert_eq!(report["summary"]["status"]["5xx"], 200);
    let changed = &report["changed"][0];
    assert_eq!((&changed["route"], &changed["more_errors"]), (&json!("/v1/charges"), &json!(200)));
    assert_eq!(changed["peak_error_ratio"], 0.5);
    assert_eq!(report["changed"].as_array().unwrap().len(), 1);
    let sum = |of: &Value| of.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
    assert_eq!(json!(sum(&report["series"]["requests"])), report["summary"]["requests"]);
    assert_eq!(sum(&report["series"]["status_5xx"]), 200);
    let counts = report["distribution"].as_array().unwrap().iter().map(|bar| bar["count"].clone()).collect::<Vec<_>>();
    assert_eq!(json!(sum(&json!(counts))), report["summary"]["requests"]);
    assert_eq!((&report["endpoints_total"], &report["accounting"]["balanced"]), (&json!(2), &json!(true)));
    let marks = report["marks"].as_array().unwrap();
    assert!(marks.len() == 1 && marks[0]["factor"].is_null(), "{marks:?}");

    let service = fetch(&door, &format!("/v1/report?from={from}&service=shop&format=json")).await.json();
    assert_eq!(
        (&service["service"], &service["summary"]["errors"], &service["services"]),
        (&json!("shop"), &json!(0), &json!(1))
    );
    assert_eq!(json!(sum(&service["series"]["requests"])), service["summary"]["requests"]);
}

#[tokio::test]
async fn the_page_needs_nothing_and_runs_nothing() {
    let door = Door::open().await;
    let events = json!([
        {"service": SCRIPT, "method": "GET", "route": format!("/{SCRIPT}"), "status": 500, "duration_ms": 3},
        {"service": "\"><img src=x onerror=alert(1)>", "method": "GET", "route": "/'\"&", "status": 200},
        {"service": "=cmd", "method": "GET", "route": "/a,b", "status": 200},
    ]);
    assert_eq!(door.post("/v1/events", &[JSON], events.to_string()).await.status, 202);
    count_all(&door).await;
    let page = fetch(&door, "/v1/report?from=-15m").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'unsafe-inline'") && !policy.contains("script-src"),
        "{policy}"
    );
    assert!(page.header("content-disposition").starts_with("inline; filename="));
    for never in ["<script", "<img", "<link", "http://", "https://", "javascript:", "@import", " style=", "<iframe"] {
        assert!(!page.text.contains(never), "{never}");
    }
    assert!(
        page.text.contains("&#60;script&#62;") || page.text.contains("&lt;script&gt;"),
        "the names are there, as text"
    );
    for there in
        ["<html lang=\"en\">", "<title>", "scope=\"col\"", "role=\"img\"", "@page{size:A4", "merged from sketches"]
    {
        assert!(page.text.contains(there), "{there}");
    }
    let csv = fetch(&door, "/v1/report?from=-15m&format=csv").await;
    assert!(csv.header("content-disposition").starts_with("attachment"));
    assert!(csv.text.starts_with("service,method,route,endpoint_id,requests,") && csv.text.ends_with("\r\n"));
    assert!(csv.text.contains("\r\n'=cmd,GET,\"/a,b\","), "{}", csv.text);
    assert_eq!(csv.text.lines().count(), 4);
    let service = fetch(&door, "/v1/report?from=-15m&service=%3Cscript%3Ealert(1)%3C/script%3E").await;
    assert!(service.status == 200 && !service.text.contains("<script"), "{}", service.status);
}

#[tokio::test]
async fn an_empty_window_is_a_true_zero() {
    let door = Door::open().await;
    count_all(&door).await;
    let page = fetch(&door, "/v1/report?from=-5m").await;
    assert!(page.status == 200 && page.text.contains("No requests in this window"), "{}", page.status);
    let report = fetch(&door, "/v1/report?from=-5m&format=json").await.json();
    assert_eq!(
        (&report["summary"]["requests"], &report["compare"], &report["endpoints"]),
        (&json!(0), &Value::Null, &json!([]))
    );
    for wrong in
        ["from=-0x", "format=pdf", "service=", "from=2999-01-01T00:00:00Z&to=2999-01-02T00:00:00Z", "window=1h"]
    {
        let refused = door.get(&format!("/v1/report?{wrong}")).await;
        assert_eq!((refused.status, &refused.body["type"]), (400, &json!("/problems/invalid-parameter")), "{wrong}");
    }
}

#[tokio::test]
async fn reports_are_kept_listed_fetched_and_deleted() {
    let (door, dir) = keeping().await;
    charges(&door).await;
    let asked = json!({"from": "-1h", "service": "payments"}).to_string();
    let made = door.request(Method::POST, "/v1/reports").header(JSON.0, JSON.1).body(asked).send().await.unwrap();
    let location = made.headers().get("location").unwrap().to_str().unwrap().to_owned();
    let made = crate::door::answer(made).await;
    assert_eq!((made.status, &made.body["service"]), (201, &json!("payments")), "{made:?}");
    let name = made.body["name"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/reports/{name}.html"));

    let list = door.get("/v1/reports").await.body;
    assert_eq!(
        (&list["kept_days"], &list["directory_writable"], &list["note"]),
        (&json!(7), &json!(true), &Value::Null)
    );
    assert_eq!(list["reports"], json!([made.body]));
    let at = |field: &str| made.body[field].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert_eq!(at("deleted_at").duration_since(at("made_at")), SignedDuration::from_hours(7 * 24));
    for format in ["html", "csv", "json"] {
        let file = fetch(&door, &format!("/v1/reports/{name}.{format}")).await;
        assert_eq!((file.status, json!(file.text.len())), (200, made.body["bytes"][format].clone()));
        assert!(file.header("content-disposition").ends_with(&format!("filename=\"tally-{name}.{format}\"")));
        assert!(file.text.contains("/v1/charges") && !file.text.contains("/cart/"));
    }
    let page = fetch(&door, &format!("/v1/reports/{name}.html")).await;
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'unsafe-inline'"));

    let deleted = door.send(Method::DELETE, &format!("/v1/reports/{name}"), &[], "").await;
    assert_eq!(deleted.status, 204);
    for answer in [
        door.get(&format!("/v1/reports/{name}.html")).await,
        door.send(Method::DELETE, &format!("/v1/reports/{name}"), &[], "").await,
    ] {
        assert_eq!((answer.status, &answer.body["type"]), (404, &json!("/problems/no-such-report")));
    }
    assert_eq!(door.get("/v1/reports").await.body["reports"], json!([]));
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 0, "nothing is left of it");
}

#[tokio::test]
async fn a_daily_report_is_made_once() {
    let (door, _dir) = keeping().await;
    charges(&door).await;
    let asked = json!({"daily": true}).to_string();
    let first = door.post("/v1/reports", &[JSON], asked.clone()).await;
    assert_eq!((first.status, &first.body["daily"]), (201, &json!(true)), "{first:?}");
    let yesterday = (Timestamp::now() - SignedDuration::from_hours(24)).strftime("%Y-%m-%d").to_string();
    assert!(first.body["name"].as_str().unwrap().starts_with(&format!("{yesterday}-daily-")), "{first:?}");
    let again = door.post("/v1/reports", &[JSON], asked).await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    let bounds = json!({"daily": true, "from": first.body["from"], "to": first.body["to"], "service": "shop"});
    assert_eq!(door.post("/v1/reports", &[JSON], bounds.to_string()).await.status, 201, "of a service it is another");
    assert_eq!(door.get("/v1/reports").await.body["reports"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn no_name_leads_out_of_the_directory() {
    let (door, dir) = keeping().await;
    let outside = dir.parent().unwrap().join("outside.html");
    std::fs::write(&outside, "secret").unwrap();
    for path in [
        "..%2Foutside.html",
        "%2e%2e%2foutside.html",
        "..%5coutside.html",
        "%2Fetc%2Fpasswd.html",
        "....html",
        ".new-1.html",
        "2026%00.html",
    ] {
        let answer = door.get(&format!("/v1/reports/{path}")).await;
        assert!(matches!(answer.status, 400 | 404 | 405), "{path}: {answer:?}");
    }
    for path in ["..%2Foutside", "%2e%2e", "2026%2F..%2F..%2Foutside"] {
        let answer = door.send(Method::DELETE, &format!("/v1/reports/{path}"), &[], "").await;
        assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
    }
    assert_eq!(std::fs::read_to_string(outside).unwrap(), "secret");
    assert_eq!(door.get("/v1/reports/2026.pdf").await.status, 400);
}

#[tokio::test]
async fn what_was_kept_long_enough_goes_at_the_next_start() {
    let (door, dir) = keeping().await;
    let names = [made(&door).await, made(&door).await];
    let about = dir.join(&names[0]).join("about.json");
    let mut old: Value = serde_json::from_slice(&std::fs::read(&about).unwrap()).unwrap();
    old["made_at"] = json!(Timestamp::now() - SignedDuration::from_hours(7 * 24 + 1));
    std::fs::write(&about, old.to_string()).unwrap();
    assert_eq!(door.get(&format!("/v1/reports/{}.csv", names[0])).await.status, 200, "the sweep has not come yet");
    // Another process at the same directory.
    let settings = [("TALLY_REPORTS_DIR", dir.to_str().unwrap()), ("TALLY_REPORTS_DAYS", "7")];
    let other = door.dir.join("other");
    std::fs::create_dir(&other).unwrap();
    let (_process, _) = start(&door.redis.url(), &door.database.url, &settings, &other);
    door.until(&format!("/v1/reports/{}.csv", names[0]), 404).await;
    assert_eq!(door.get(&format!("/v1/reports/{}.csv", names[1])).await.status, 200);
}

async fn made(door: &Door) -> String {
    let made = door.post("/v1/reports", &[JSON], r#"{"from":"-5m"}"#).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.body["name"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn without_a_directory_the_setting_is_named() {
    let door = Door::open().await;
    let refused = door.post("/v1/reports", &[JSON], r#"{"from":"-1h"}"#).await;
    assert_eq!((refused.status, &refused.body["type"]), (501, &json!("/problems/reports-not-kept")), "{refused:?}");
    assert!(refused.body["detail"].as_str().unwrap().contains("TALLY_REPORTS_DIR"));
    let list = door.get("/v1/reports").await;
    assert_eq!(
        (list.status, &list.body["directory_writable"], &list.body["reports"]),
        (200, &json!(false), &json!([]))
    );
    assert!(list.body["note"].as_str().unwrap().contains("TALLY_REPORTS_DIR"));
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_costs_nothing_else() {
    let dir = tally_servers::TestServers::shared().await.unwrap().fresh_dir("no-directory").unwrap();
    let file = dir.join("file");
    std::fs::write(&file, "").unwrap();
    let door = Door::open_with(&[("TALLY_REPORTS_DIR", file.join("reports").to_str().unwrap())]).await;
    let refused = door.post("/v1/reports", &[JSON], r#"{"from":"-1h"}"#).await;
    assert_eq!((refused.status, &refused.body["type"]), (507, &json!("/problems/reports-not-writable")), "{refused:?}");
    assert!(refused.retry_after.is_none());
    let list = door.get("/v1/reports").await;
    assert_eq!((list.status, &list.body["directory_writable"]), (200, &json!(false)));
    assert!(list.body["note"].as_str().unwrap().starts_with("the directory of reports cannot be read"), "{list:?}");
    let event = json!({"service": "s", "method": "GET", "route": "/", "status": 200}).to_string();
    assert_eq!(door.post("/v1/events", &[JSON], event).await.status, 202);
    assert_eq!(fetch(&door, "/v1/report?from=-1h").await.status, 200);
}

#[tokio::test]
async fn wrong_wishes_are_named() {
    let (door, _dir) = keeping().await;
    for (body, status, slug) in [
        ("", 422, "invalid-field"),
        ("{", 400, "malformed-body"),
        (r#"{"form":"-1h"}"#, 422, "invalid-field"),
        (r#"{"from":"yesterday"}"#, 400, "invalid-parameter"),
        (r#"{"from":"-1h","service":""}"#, 400, "invalid-parameter"),
        (r#"{"daily":"yes"}"#, 422, "invalid-field"),
    ] {
        let refused = door.post("/v1/reports", &[JSON], body).await;
        assert_eq!(
            (refused.status, &refused.body["type"]),
            (status, &json!(format!("/problems/{slug}"))),
            "{body}: {refused:?}"
        );
    }
    assert_eq!(door.send(Method::GET, "/v1/reports/2026-03-12", &[], "").await.status, 405);
}
