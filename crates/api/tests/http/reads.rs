//! What was counted, read back: to the last one.

use serde_json::{Value, json};

use crate::counting::count_all;
use crate::door::Door;

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// 5 endpoints of 2 services; endpoint `i` has 10·(i + 1) requests, a tenth of them 5xx, durations 1…n ms.
async fn door_with_traffic() -> Door {
    let door = Door::open().await;
    let mut events = Vec::new();
    for i in 0..5_u32 {
        let service = if i < 3 { "shop" } else { "mail" };
        for n in 1..=10 * (i + 1) {
            let status = if n % 10 == 0 { 503 } else { 200 };
            events.push(json!({"service": service, "method": "GET", "route": format!("/{i}"), "status": status, "duration_ms": n}));
        }
    }
    events.push(json!({"service": "mail", "method": "POST", "route": "/untimed", "status": 404}));
    assert_eq!(door.post("/v1/events", &[JSON], json!(events).to_string()).await.status, 202);
    count_all(&door).await;
    door
}

fn routes(answer: &Value) -> Vec<&str> {
    answer["endpoints"].as_array().unwrap().iter().map(|row| row["route"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_table_is_right_sorted_and_paged() {
    let door = door_with_traffic().await;
    let table = door.get("/v1/endpoints").await.body;
    assert_eq!(routes(&table), ["/4", "/3", "/2", "/1", "/0", "/untimed"]);
    let top = &table["endpoints"][0];
    assert_eq!((&top["requests"], &top["errors"], &top["client_errors"]), (&json!(50), &json!(5), &json!(0)));
    assert_eq!((&top["service"], &top["method"]), (&json!("mail"), &json!("GET")));
    assert_eq!(top["error_ratio"], 0.1);
    let ms = &top["duration_ms"];
    assert_eq!((&ms["min"], &ms["max"], &ms["avg"]), (&json!(1.0), &json!(50.0), &json!(25.5)));
    for (figure, exact) in [("p50", 25.0), ("p90", 45.0), ("p95", 48.0), ("p99", 50.0)] {
        let found = ms[figure].as_f64().unwrap();
        assert!((found - exact).abs() <= exact * 0.01, "{figure}: {found}");
    }
    let untimed = &table["endpoints"][5];
    assert_eq!(untimed["client_errors"], 1);
    assert!(untimed["duration_ms"].as_object().unwrap().values().all(Value::is_null));
    assert!(top["id"].is_string() && table["counted_through"].is_string() && table["next"].is_null());

    let seconds = |name: &str| table[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    let window = seconds("to") - seconds("from");
    assert!((3_600..=3_660).contains(&window) && seconds("from") % 60 == 0, "{table}");
    assert!((top["rate_per_second"].as_f64().unwrap() - 50.0 / window as f64).abs() < 1e-12);

    let slow = door.get("/v1/endpoints?sort=p99&service=shop").await.body;
    assert_eq!(routes(&slow), ["/0", "/1", "/2"]);
    let mut paged = Vec::new();
    let mut path = "/v1/endpoints?limit=2&sort=-max".to_owned();
    loop {
        let page = door.get(&path).await.body;
        paged.extend(routes(&page).into_iter().map(str::to_owned));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/v1/endpoints?limit=2&cursor={next}");
    }
    assert_eq!(paged, ["/4", "/3", "/2", "/1", "/0", "/untimed"]);
}

#[tokio::test]
async fn series_services_and_summary_agree() {
    let door = door_with_traffic().await;
    let id = door.get("/v1/endpoints").await.body["endpoints"][0]["id"].as_str().unwrap().to_owned();
    for query in
        ["", "?step=1m", "?step=5m&from=-2h", "?step=1h&from=-1d", "?step=1d&from=-7d", "?step=month&from=-40d"]
    {
        let series = door.get(&format!("/v1/endpoints/{id}/series{query}")).await.body;
        let points = series["points"].as_array().unwrap();
        let sum = |name: &str| points.iter().map(|point| point[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("requests"), sum("errors")), (50, 5), "{query} {series}");
        assert_eq!(series["route"], "/4");
        assert!(series["counted_through"].is_string());
    }
    for from in ["-15m", "-1h", "-20h", "-30d", "-365d"] {
        let services = door.get(&format!("/v1/services?from={from}")).await.body;
        let found: Vec<_> = services["services"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| (row["service"].clone(), row["requests"].clone()))
            .collect();
        assert_eq!(found, [(json!("mail"), json!(91)), (json!("shop"), json!(60))], "{from}");
        let summary = door.get(&format!("/v1/summary?from={from}")).await.body;
        assert_eq!(
            (&summary["requests"], &summary["errors"], &summary["client_errors"]),
            (&json!(151), &json!(15), &json!(1))
        );
    }
    let before = door.get("/v1/summary?from=-3h&to=-2h").await.body;
    assert_eq!((&before["requests"], &before["duration_ms"]["p50"]), (&json!(0), &Value::Null));
}

/// What is accepted and not yet counted holds the promise back; once counted, it moves on.
#[tokio::test]
async fn counted_through_stops_before_what_is_not_counted() {
    let door = Door::open().await;
    count_all(&door).await;
    let through = async || {
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        let answer = door.get("/v1/accounting").await.body;
        answer["counted_through"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap()
    };
    let idle = through().await;
    let event = json!({"service": "s", "method": "GET", "route": "/", "status": 200}).to_string();
    assert_eq!(door.post("/v1/events", &[JSON], event).await.status, 202);
    let accepted_at = jiff::Timestamp::now();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let held = through().await;
    assert!(idle <= held && held <= accepted_at, "{idle} {held} {accepted_at}");
    assert_eq!(held, through().await, "it stays until the event is counted");
    assert_eq!(door.get("/v1/accounting").await.body["in_flight"], 1);
    count_all(&door).await;
    assert!(through().await > accepted_at);
}

#[tokio::test]
async fn evidence_is_listed() {
    let door = door_with_traffic().await;
    for (path, list) in [("/v1/dead-letters", "dead_letters"), ("/v1/folded", "folded")] {
        let answer = door.get(path).await;
        assert_eq!((answer.status, &answer.body[list]), (200, &json!([])), "{answer:?}");
        assert!(answer.body["counted_through"].is_string());
    }
}
