//! Good events: every form and packing, and keys that make a request the same request.

use std::io::Write as _;

use serde_json::{Value, json};

use crate::counting::count_all;
use crate::door::Door;

const JSON: (&str, &str) = ("Content-Type", "application/json");
const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");

type Headers = Vec<(&'static str, &'static str)>;

fn event(route: &str) -> Value {
    json!({"service": "shop", "method": "GET", "route": route, "status": 200, "duration_ms": 1.5})
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_form_and_packing_is_counted() {
    let door = Door::open().await;
    let lines = format!("{}\n{}\n", event("/a"), event("/b"));
    let array = json!([event("/a"), event("/b")]).to_string();
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 3).unwrap();
    let large = json!((0..9_999).map(|i| event(&format!("/{}", i % 7))).collect::<Vec<_>>()).to_string();
    let cases: Vec<(Headers, Vec<u8>, u64)> = vec![
        (vec![JSON], event("/a").to_string().into(), 1),
        (vec![JSON], array.clone().into(), 2),
        (vec![LINES], lines.clone().into(), 2),
        (vec![LINES], lines.trim_end().replace('\n', "\r\n").into(), 2),
        (vec![], lines.clone().into(), 2),
        (vec![("Content-Type", "text/plain")], array.clone().into(), 2),
        (vec![JSON, ("Content-Encoding", "gzip")], gzip(&array), 2),
        (vec![LINES, ("Content-Encoding", "gzip")], [gzip(&lines), gzip(&lines)].concat(), 4),
        (vec![JSON, ("Content-Encoding", "zstd")], zstd(&array), 2),
        (vec![JSON, ("Content-Encoding", "identity")], array.into(), 2),
        (vec![JSON, ("Content-Encoding", "zstd")], zstd(&large), 9_999),
        (vec![JSON], large.into(), 9_999),
    ];
    let mut sum = 0;
    for (headers, body, events) in cases {
        let answer = door.post("/v1/events", &headers, body).await;
        assert_eq!((answer.status, &answer.body["accepted"]), (202, &json!(events)), "{headers:?} {answer:?}");
        assert_eq!((&answer.body["rejected"], &answer.body["duplicate"]), (&json!([]), &json!(false)));
        let (shard, position) = answer.body["id"].as_str().unwrap().split_once('/').unwrap();
        assert!(shard.parse::<u16>().is_ok() && position.contains('-'), "{answer:?}");
        sum += events;
        assert_eq!(door.accepted().await, sum);
    }
    count_all(&door).await;
    let books = door.get("/v1/accounting").await.body;
    assert_eq!((&books["counted"], &books["in_flight"], &books["balanced"]), (&json!(sum), &json!(0), &json!(true)));
}

#[tokio::test]
async fn a_key_counts_once_and_answers_alike() {
    let door = Door::open().await;
    let ahead = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(5 * 60 * 1_000 + 3_000);
    let mut early = event("/a");
    early["timestamp"] = json!(ahead.to_string());
    let body = json!([event("/a"), {"service": 5}, early]).to_string();
    let headers = [JSON, ("Idempotency-Key", "k-1")];
    let first = door.post("/v1/events", &headers, body.clone()).await;
    assert_eq!((first.status, &first.body["accepted"], &first.body["rejected_count"]), (202, &json!(1), &json!(2)));
    // What was too early then is not now; the answer must be the first one's all the same.
    tokio::time::sleep(std::time::Duration::from_millis(3_200)).await;
    let again = door.post("/v1/events", &headers, body.clone()).await;
    let (mut expected, found) = (first.body.clone(), again.body);
    expected["duplicate"] = json!(true);
    assert_eq!((again.status, &found), (202, &expected));
    assert_eq!(door.accepted().await, 1);
    assert_eq!(door.get("/v1/accounting").await.body["duplicates"], 1);

    let other = door.post("/v1/events", &headers, json!([event("/b")]).to_string()).await;
    assert_eq!((other.status, &other.body["type"]), (422, &json!("/problems/idempotency-key-reused")));
    assert_eq!(other.body["field"], "Idempotency-Key");
    assert_eq!(other.body["rejected"], Value::Null, "a used key is no verdict on events");
    let packed = door.post("/v1/events", &[JSON, headers[1], ("Content-Encoding", "gzip")], gzip(&body)).await;
    assert_eq!(packed.body["duplicate"], true, "packing is not part of the request");
    assert_eq!(door.accepted().await, 1);
}

#[tokio::test]
async fn a_key_with_nothing_acceptable_asks_first() {
    let door = Door::open().await;
    let headers = [JSON, ("Idempotency-Key", "k-2")];
    let never = door.post("/v1/events", &headers, "[{}]").await;
    assert_eq!((never.status, &never.body["rejected_count"]), (422, &json!(1)));
    let still_free = door.post("/v1/events", &headers, json!([event("/a")]).to_string()).await;
    assert_eq!((still_free.status, &still_free.body["duplicate"]), (202, &json!(false)), "{still_free:?}");
    let reused = door.post("/v1/events", &headers, "[{}]").await;
    assert_eq!((reused.status, &reused.body["type"]), (422, &json!("/problems/idempotency-key-reused")), "{reused:?}");
    assert_eq!(door.accepted().await, 1);
}

#[tokio::test]
async fn many_at_once_are_all_counted() {
    let door = Door::open().await;
    let body = json!([event("/a"), event("/b"), event("/c")]).to_string();
    let posts = (0..300).map(|_| door.post("/v1/events", &[JSON], body.clone()));
    let answers = futures_util::future::join_all(posts).await;
    assert!(answers.iter().all(|answer| answer.status == 202));
    assert_eq!(door.accepted().await, 900);
    let metrics = door.get("/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    for line in [
        "tally_api_events_accepted_total 900",
        "tally_api_requests_total{route=\"/v1/events\",method=\"POST\",code=\"202\"} 300",
        "tally_api_requests_in_flight 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}\n{metrics}");
    }
}
