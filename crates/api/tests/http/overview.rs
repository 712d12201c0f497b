//! The answers that pages are made of: an hour that failed, set against the same hour of the day before.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::counting::count_all;
use crate::door::Door;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const DAY_S: i64 = 86_400;
/// Requests of `/charge` on either day: 40 minutes of 10, and 10 minutes of 50.
const CHARGES: u64 = 900;
/// Requests of `/cart`, which had none the day before.
const CARTS: u64 = 250;

/// A door, and the start of the minute in which it was opened.
///
/// In each of the 50 minutes before, `/charge` had 10 requests of 10 ms; but 20 to 29 minutes ago 50, of which 20 failed after
/// 5 s. The day before, in the same minutes, 1 of 50 failed. Counting began long before.
async fn door_with_a_bad_hour() -> (Door, i64) {
    let door = Door::open().await;
    let minute_s = jiff::Timestamp::now().as_second().div_euclid(60) * 60;
    let mut events = vec![event(minute_s - 3 * DAY_S, "/charge", 200, 10)];
    for ago in 1..=50 {
        let at_s = minute_s - ago * 60;
        let bad = (20..=29).contains(&ago);
        for n in 0..if bad { 50 } else { 10 } {
            let failed = bad && n < 20;
            events.push(event(at_s + n, "/charge", if failed { 503 } else { 200 }, if failed { 5_000 } else { 10 }));
            let failed = bad && n < 1;
            events.push(event(at_s + n - DAY_S, "/charge", if failed { 503 } else { 200 }, 10));
        }
        events.extend((0..5).map(|n| event(at_s + n, "/cart", 404, 20)));
    }
    assert_eq!(door.post("/v1/events", &[JSON], json!(events).to_string()).await.status, 202);
    count_all(&door).await;
    (door, minute_s)
}

fn event(at_s: i64, route: &str, status: u16, duration_ms: u32) -> Value {
    let service = if route == "/charge" { "payments" } else { "shop" };
    let timestamp = jiff::Timestamp::from_second(at_s).unwrap().to_string();
    json!({"service": service, "method": "POST", "route": route, "status": status, "duration_ms": duration_ms, "timestamp": timestamp})
}

fn numbers(column: &Value) -> Vec<u64> {
    column.as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).collect()
}

fn sum(column: &Value) -> u64 {
    numbers(column).iter().sum()
}

/// The length of each column; they must all be the same.
fn length(columns: &Value) -> usize {
    let lengths =
        columns.as_object().unwrap().iter().filter(|(name, _)| !["services", "methods"].contains(&name.as_str()));
    let lengths: BTreeMap<&String, usize> =
        lengths.map(|(name, column)| (name, column.as_array().unwrap().len())).collect();
    let first = *lengths.values().next().unwrap();
    assert!(lengths.values().all(|length| *length == first), "{lengths:?}");
    first
}

#[tokio::test]
async fn the_overview_tells_what_got_worse() {
    let (door, minute_s) = door_with_a_bad_hour().await;
    let seen = door.get("/v1/overview?from=-1h&compare=24h").await.body;
    assert_eq!(
        (&seen["level"], &seen["step_seconds"], &seen["compare"]["by"]),
        (&json!("minute"), &json!(60), &json!("24h"))
    );
    let (summary, before) = (&seen["summary"], &seen["before"]);
    assert_eq!((&summary["requests"], &before["requests"]), (&json!(CHARGES + CARTS), &json!(CHARGES)));
    assert_eq!(summary["status"], json!({"1xx": 0, "2xx": 700, "3xx": 0, "4xx": CARTS, "5xx": 200}));
    assert_eq!(before["errors"], 10);
    let services = json!([
        {"service": "payments", "endpoints": 1, "requests": CHARGES},
        {"service": "shop", "endpoints": 1, "requests": CARTS},
    ]);
    assert_eq!(seen["services"], services);
    assert_eq!((&seen["endpoints_total"], &seen["endpoints_new"]), (&json!(2), &json!(1)));

    let (series, before_series) = (&seen["series"], &seen["before_series"]);
    assert!(length(series) >= 60 && length(series) == length(before_series), "{seen}");
    assert_eq!((sum(&series["requests"]), sum(&before_series["requests"])), (CHARGES + CARTS, CHARGES));
    assert_eq!((sum(&series["status_5xx"]), sum(&series["status_4xx"])), (200, CARTS));
    let starts = |series: &Value| series["start_s"][0].as_i64().unwrap();
    assert_eq!(starts(series) - starts(before_series), DAY_S);

    let mark =
        json!({"from_s": minute_s - 29 * 60, "to_s": minute_s - 19 * 60, "factor": 18.18, "error_ratio": 0.3636});
    assert_eq!(seen["marks"], json!([mark]));
    let changed = &seen["changed"];
    assert_eq!(changed.as_array().unwrap().len(), 1, "{changed}");
    assert_eq!((&changed[0]["route"], &changed[0]["more_errors"]), (&json!("/charge"), &json!(190)));
    assert_eq!((&changed[0]["error_ratio"], &changed[0]["before_error_ratio"]), (&json!(0.2222), &json!(0.01111)));
    assert_eq!(changed[0]["peak_error_ratio"], 0.4);
    let peak_s = changed[0]["peak_s"].as_i64().unwrap();
    assert!((minute_s - 29 * 60..minute_s - 19 * 60).contains(&peak_s));
    assert!(changed[0]["p99"].as_f64().unwrap() > 4_900.0 && changed[0]["before_p99"].as_f64().unwrap() < 10.2);

    let rows = &seen["rows"];
    assert_eq!(
        (length(rows), &rows["route"], &rows["requests"]),
        (2, &json!(["/charge", "/cart"]), &json!([CHARGES, CARTS]))
    );
    assert_eq!(
        (&rows["services"], &rows["service"], &rows["method"]),
        (&json!(["payments", "shop"]), &json!([0, 1]), &json!([0, 0]))
    );
    assert_eq!((&rows["before_requests"], &rows["before_status_5xx"]), (&json!([CHARGES, 0]), &json!([10, 0])));
    assert!(rows["before_p99"][0].is_number() && rows["before_p99"][1].is_null());

    let second = |name: &str| seen[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
    assert_eq!((second("first_request_at"), second("last_request_at")), (minute_s - 3 * DAY_S, minute_s - 60));
    let one = door.get("/v1/overview?from=-1h&limit=1").await.body;
    assert_eq!((length(&one["rows"]), &one["endpoints_total"], &one["endpoints_new"]), (1, &json!(2), &Value::Null));
    assert_eq!(
        (&one["compare"], &one["before"], &one["before_series"], &one["changed"]),
        (&Value::Null, &Value::Null, &Value::Null, &json!([]))
    );
    assert_eq!(one["marks"].as_array().unwrap().len(), 1, "set against its own median");
}

#[tokio::test]
async fn nothing_is_compared_with_a_time_before_counting_began() {
    let (door, _) = door_with_a_bad_hour().await;
    for (from, compare) in [("-1h", "7d"), ("-24h", "28d"), ("-7d", "7d"), ("-365d", "364d")] {
        let seen = door.get(&format!("/v1/overview?from={from}&compare={compare}")).await.body;
        assert_eq!(seen["compare"]["by"], compare, "{seen}");
        assert_eq!(
            (&seen["before"], &seen["before_series"], &seen["endpoints_new"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        assert_eq!(seen["rows"].get("before_requests"), None);
        assert!(sum(&seen["series"]["requests"]) >= CHARGES + CARTS, "{from}");
    }
    let empty = Door::open().await;
    let seen = empty.get("/v1/overview?from=-24h&compare=24h").await;
    assert_eq!(
        (seen.status, &seen.body["summary"]["requests"], &seen.body["first_request_at"]),
        (200, &json!(0), &Value::Null)
    );
    assert_eq!(
        (length(&seen.body["rows"]), &seen.body["before"], &seen.body["endpoints_total"]),
        (0, &Value::Null, &json!(0))
    );
}

#[tokio::test]
async fn an_endpoints_cells_add_up_and_agree_with_its_quantiles() {
    let (door, minute_s) = door_with_a_bad_hour().await;
    let id = door.get("/v1/endpoints").await.body["endpoints"][0]["id"].as_str().unwrap().to_owned();
    for (query, columns_s) in
        [("from=-1h&compare=24h", 60), ("from=-6h&compare=24h", 300), ("from=-24h&compare=24h", 900)]
    {
        let seen = door.get(&format!("/v1/endpoints/{id}?{query}")).await.body;
        assert_eq!(
            (&seen["service"], &seen["route"], &seen["id"]),
            (&json!("payments"), &json!("/charge"), &json!(id)),
            "{seen}"
        );
        // A day's window is whole hours, and may hold some of the day before.
        let requests = seen["summary"]["requests"].as_u64().unwrap();
        assert!(requests == CHARGES || (query.contains("24h&") && requests > CHARGES), "{query} {requests}");
        let before = seen["before"]["requests"].as_u64().unwrap();
        assert_eq!(sum(&seen["series"]["requests"]), requests, "{query}");
        let (heat, distribution) = (&seen["heat"], &seen["distribution"]);
        assert_eq!(heat["step_seconds"], columns_s, "{query}");
        // Every request had a duration.
        assert_eq!(
            (sum(&heat["count"]), sum(&distribution["count"]), sum(&distribution["before"])),
            (requests, requests, before)
        );
        let columns = heat["start_s"].as_array().unwrap().len() as u64;
        assert!(numbers(&heat["column"]).iter().all(|column| *column < columns) && columns <= 170);
        for (figure, share) in [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)] {
            let rank = (requests as f64 * share).ceil() as u64;
            let mut seen_so_far = 0;
            let bin = numbers(&distribution["count"]).iter().position(|count| {
                seen_so_far += count;
                seen_so_far >= rank
            });
            let bound = |name: &str| heat[name][bin.unwrap()].as_f64().unwrap();
            let found = seen["summary"]["duration_ms"][figure].as_f64().unwrap();
            assert!((bound("bin_lower_ms") * 0.99..=bound("bin_upper_ms") * 1.01).contains(&found), "{figure} {found}");
        }
        let worst = seen["worst_hours"].as_array().unwrap();
        let errors: u64 = worst.iter().map(|hour| hour["errors"].as_u64().unwrap()).sum();
        assert_eq!(seen["summary"]["errors"], errors, "{query}");
        assert!(worst[0]["from_s"].as_i64().unwrap() < minute_s && worst[0]["p99"].as_f64().unwrap() > 4_900.0);
    }
    let hour = door.get(&format!("/v1/endpoints/{id}?from=-1h&compare=24h")).await.body;
    let mark = json!({"from_s": minute_s - 29 * 60, "to_s": minute_s - 19 * 60, "factor": 20.0, "error_ratio": 0.4});
    assert_eq!(hour["marks"], json!([mark]));
}

#[tokio::test]
async fn every_read_compares() {
    let (door, _) = door_with_a_bad_hour().await;
    let summary = door.get("/v1/summary?from=-1h&compare=24h").await.body;
    assert_eq!((&summary["requests"], &summary["before"]["requests"]), (&json!(CHARGES + CARTS), &json!(CHARGES)));
    let length_s = |window: &Value| {
        let second = |name: &str| window[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second();
        second("to") - second("from")
    };
    assert_eq!(length_s(&summary), length_s(&summary["compare"]), "{summary}");
    let services = door.get("/v1/services?from=-1h&compare=24h").await.body;
    let before = |place: usize| &services["services"][place]["before"];
    assert_eq!(
        (&before(0)["errors"], &before(1)["requests"], &before(1)["duration_ms"]["p50"]),
        (&json!(10), &json!(0), &Value::Null)
    );
    let table = door.get("/v1/endpoints?from=-1h&compare=24h&limit=1").await.body;
    assert_eq!(
        (&table["endpoints"][0]["errors"], &table["endpoints"][0]["before"]["errors"]),
        (&json!(200), &json!(10))
    );
    let next = table["next"].as_str().unwrap();
    let columns = door.get(&format!("/v1/endpoints?format=columns&compare=24h&cursor={next}")).await.body;
    assert_eq!(
        (&columns["rows"]["route"], &columns["rows"]["before_requests"]),
        (&json!(["/cart"]), &json!([0])),
        "{columns}"
    );
    assert!(columns["next"].is_null() && columns["endpoints"].is_null());

    let total = door.get("/v1/series?from=-1h&step=5m&compare=24h&format=columns").await.body;
    assert_eq!(
        (sum(&total["series"]["requests"]), sum(&total["before_series"]["requests"])),
        (CHARGES + CARTS, CHARGES)
    );
    let shop = door.get("/v1/series?from=-1h&step=5m&compare=24h&service=shop").await.body;
    let points = |name: &str| {
        shop[name].as_array().unwrap().iter().map(|point| point["requests"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((points("points"), points("before_points"), &shop["service"]), (CARTS, 0, &json!("shop")));
    assert_eq!(sum(&door.get("/v1/series?service=nobody&format=columns").await.body["series"]["requests"]), 0);
    let id = table["endpoints"][0]["id"].as_str().unwrap();
    let one = door.get(&format!("/v1/endpoints/{id}/series?from=-1h&compare=24h&format=columns")).await.body;
    assert_eq!((sum(&one["series"]["requests"]), sum(&one["before_series"]["status_5xx"])), (CHARGES, 10));
}

#[tokio::test]
async fn sparklines_are_short_and_whole() {
    let (door, _) = door_with_a_bad_hour().await;
    let table = door.get("/v1/endpoints").await.body;
    let id = |place: usize| table["endpoints"][place]["id"].as_str().unwrap();
    for from in ["-1h", "-6h", "-24h", "-2d"] {
        let seen = door.get(&format!("/v1/sparklines?from={from}&ids={},7,{}", id(1), id(0))).await.body;
        let (starts, lines) = (seen["start_s"].as_array().unwrap().len(), &seen["sparklines"]);
        assert!((1..=48).contains(&starts), "{from} {starts}");
        let ids: Vec<_> = (0..3).map(|place| lines[place]["id"].as_str().unwrap()).collect();
        assert_eq!(ids, [id(1), "7", id(0)]);
        let sums: Vec<_> = (0..3).map(|place| (sum(&lines[place]["requests"]), sum(&lines[place]["errors"]))).collect();
        let charges = if from == "-2d" { (2 * CHARGES, 210) } else { (CHARGES, 200) };
        assert_eq!(sums, [(CARTS, 0), (0, 0), charges], "{from}");
        assert!((0..3).all(|place| lines[place]["requests"].as_array().unwrap().len() == starts));
    }
}
