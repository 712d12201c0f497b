//! Trace exports: both encodings against a real server, what is counted, what is answered, and what is repeated.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::counting::count_all;
use crate::door::Door;
use crate::otlp::{
    Any, AnyValue, Array, Event, KeyValue, Request, Resource, ResourceSpans, Response, ScopeSpans, Span, SpanStatus,
    Status,
};

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const MIB: usize = 1024 * 1024;

fn now_ns() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Any::Text(value.to_owned()))
}

/// A span as an SDK sends it, with much that is not counted around what is.
fn span(number: u64, kind: i32, attributes: Vec<KeyValue>) -> Span {
    let end = now_ns();
    Span {
        trace_id: vec![7; 16],
        span_id: number.to_be_bytes().to_vec(),
        name: "GET /a".to_owned(),
        kind,
        start_time_unix_nano: end - 20_000_000,
        end_time_unix_nano: end,
        attributes,
        events: vec![Event { time_unix_nano: end, name: "exception".to_owned() }],
        status: Some(SpanStatus { message: String::new(), code: 0 }),
        flags: 0x101,
    }
}

fn request_of(number: u64, method: &str, route: &str, status: i64) -> Span {
    let nested = Array { values: vec![AnyValue { value: Some(Any::Double(0.5)) }, AnyValue { value: None }] };
    span(
        number,
        2,
        vec![
            text("http.request.method", method),
            attribute("http.response.status_code", Any::Integer(status)),
            attribute("http.request.header.accept", Any::Array(nested)),
            attribute("server.port", Any::Integer(8080)),
            attribute("sampled", Any::Bool(true)),
            text("http.route", route),
        ],
    )
}

fn export(services: Vec<(&str, Vec<Span>)>) -> Request {
    let group = |(service, spans): (&str, Vec<Span>)| ResourceSpans {
        resource: Some(Resource {
            attributes: vec![text("telemetry.sdk.language", "test"), text("service.name", service)],
            dropped_attributes_count: 0,
        }),
        scope_spans: vec![ScopeSpans { spans, schema_url: String::new() }],
        schema_url: "https://opentelemetry.io/schemas/1.26.0".to_owned(),
    };
    Request { resource_spans: services.into_iter().map(group).collect() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Posts, and reads status, content type and body as they are.
async fn post(door: &Door, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, String, Bytes) {
    let request = door.request(Method::POST, "/v1/traces").body(body);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    let media = answer.headers()["content-type"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), media, answer.bytes().await.unwrap())
}

/// Posts protobuf that must be accepted; the number of rejected spans and why.
async fn accepted(door: &Door, export: &Request) -> Option<(i64, String)> {
    let (status, media, body) = post(door, &[PROTOBUF], export.encode_to_vec()).await;
    assert_eq!((status, media.as_str()), (200, "application/x-protobuf"), "{body:?}");
    let partial = Response::decode(body).unwrap().partial_success;
    partial.map(|partial| (partial.rejected_spans, partial.error_message))
}

#[tokio::test]
async fn an_export_is_counted_like_events() {
    let door = Door::open().await;
    let shop = vec![
        request_of(1, "GET", "/cart/{id}", 200),
        request_of(2, "GET", "/cart/{id}", 503),
        span(3, 3, vec![text("http.request.method", "GET"), text("url.full", "http://pay/")]),
        span(4, 1, vec![]),
    ];
    let old = vec![
        text("http.method", "PUT"),
        text("http.target", "/users/42?x=1"),
        attribute("http.status_code", Any::Integer(404)),
    ];
    let export = export(vec![("shop", shop), ("users", vec![span(5, 2, old)])]);
    assert_eq!(accepted(&door, &export).await, None);
    assert_eq!(door.accepted().await, 3);
    count_all(&door).await;
    let table = door.get("/v1/endpoints?sort=service").await.body;
    let rows: Vec<_> = table["endpoints"].as_array().unwrap().iter().collect();
    let of = |row: &Value, names: &[&str]| names.iter().map(|name| row[*name].clone()).collect::<Vec<_>>();
    let names = ["service", "method", "route", "requests", "errors", "client_errors"];
    assert_eq!(of(rows[0], &names), [json!("shop"), json!("GET"), json!("/cart/{id}"), json!(2), json!(1), json!(0)]);
    assert_eq!(of(rows[1], &names), [json!("users"), json!("PUT"), json!("/users/{id}"), json!(1), json!(0), json!(1)]);
    assert_eq!(rows[0]["duration_ms"]["max"], 20.0);
    let metrics = door.get("/metrics").await.body;
    assert!(metrics.as_str().unwrap().contains("tally_api_spans_passed_over_total 2"));
}

#[tokio::test]
async fn an_export_that_comes_again_counts_once() {
    let door = Door::open().await;
    let first = export(vec![("shop", vec![request_of(1, "GET", "/a", 200), request_of(2, "GET", "/a", 99)])]);
    let bytes = first.encode_to_vec();
    let answers = [
        post(&door, &[PROTOBUF], bytes.clone()).await,
        post(&door, &[PROTOBUF], bytes.clone()).await,
        post(&door, &[PROTOBUF, ("Content-Encoding", "gzip")], gzip(&bytes)).await,
        post(&door, &[PROTOBUF, ("Idempotency-Key", "one for all")], bytes.clone()).await,
    ];
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_eq!(door.accepted().await, 1);
    assert_eq!(door.get("/v1/accounting").await.body["duplicates"], 3);
    // The same request of the same millisecond, but another span.
    let mut second = first.clone();
    second.resource_spans[0].scope_spans[0].spans[0].span_id = vec![9; 8];
    post(&door, &[PROTOBUF, ("Idempotency-Key", "one for all")], second.encode_to_vec()).await;
    assert_eq!(door.accepted().await, 2);
}

#[tokio::test]
async fn what_cannot_be_counted_is_named_and_costs_nothing_else() {
    let door = Door::open().await;
    let nameless = span(3, 2, vec![text("http.route", "/a")]);
    let spans = vec![request_of(1, "GET", "/a", 200), nameless, request_of(2, "GET", "/a", 700)];
    let (rejected, reason) = accepted(&door, &export(vec![("shop", spans)])).await.unwrap();
    assert_eq!(rejected, 2);
    assert!(reason.contains("http.request.method: missing"), "{reason}");
    assert_eq!(door.accepted().await, 1);
    let all = accepted(&door, &export(vec![("shop", vec![request_of(9, "GET", "/a", 0)])])).await.unwrap();
    assert!(all.0 == 1 && all.1.contains("http.response.status_code"), "{all:?}");
    let metrics = door.get("/metrics").await.body;
    assert!(
        metrics.as_str().unwrap().contains("tally_api_events_rejected_total{field=\"http.response.status_code\"} 2")
    );
    assert_eq!(accepted(&door, &Request::default()).await, None, "an empty export is a success");
    assert_eq!(door.accepted().await, 1);
}

#[tokio::test]
async fn json_is_answered_in_json() {
    let door = Door::open().await;
    let end = now_ns();
    let span = |status: Value| {
        json!({"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "name": "GET", "kind": 2,
            "startTimeUnixNano": (end - 1_500_000).to_string(), "endTimeUnixNano": end.to_string(), "unknown": [{}],
            "attributes": [{"key": "http.request.method", "value": {"stringValue": "GET"}},
                {"key": "url.path", "value": {"stringValue": "/orders/7"}},
                {"key": "http.response.status_code", "value": {"intValue": status}}]})
    };
    let export = |spans: Value| {
        let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]});
        json!({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "http"}, "spans": spans}], "resource": resource}]})
    };
    let good = export(json!([span(json!("200")), span(json!(404))])).to_string();
    let packed = [JSON, ("Content-Encoding", "gzip")];
    for (headers, body) in [(&[JSON][..], good.clone().into_bytes()), (&packed, gzip(good.as_bytes()))] {
        let (status, media, body) = post(&door, headers, body).await;
        assert_eq!((status, media.as_str(), &body[..]), (200, "application/json", &b"{}"[..]));
    }
    assert_eq!(door.accepted().await, 2, "the second was a repetition");
    let (status, _, body) =
        post(&door, &[JSON], export(json!([span(json!(true)), span(json!(200))])).to_string()).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, &body["partialSuccess"]["rejectedSpans"]), (200, &json!("1")), "{body}");
    count_all(&door).await;
    let table = door.get("/v1/endpoints").await.body;
    assert_eq!(
        (&table["endpoints"][0]["route"], &table["endpoints"][0]["requests"]),
        (&json!("/orders/{id}"), &json!(3))
    );
}

#[tokio::test]
async fn what_is_no_export_is_refused_in_its_own_words() {
    let door = Door::open().await;
    let good = export(vec![("shop", vec![request_of(1, "GET", "/a", 200)])]).encode_to_vec();
    let packed = [PROTOBUF, ("Content-Encoding", "gzip")];
    for (headers, body, expected) in [
        (&[PROTOBUF][..], good[..good.len() - 1].to_vec(), 400),
        (&[PROTOBUF], b"{\"resourceSpans\":[]}".to_vec(), 400),
        (&packed, good.clone(), 400),
        (&[PROTOBUF, ("Content-Encoding", "br")], good.clone(), 415),
        (&[PROTOBUF], vec![0; 20 * MIB + 1], 413),
        (&packed, gzip(&vec![0; 20 * MIB + 1]), 413),
    ] {
        let (status, media, body) = post(&door, headers, body).await;
        let told = Status::decode(body).unwrap();
        assert_eq!((status, media.as_str()), (expected, "application/x-protobuf"), "{told:?}");
        assert!(!told.message.is_empty());
        let details: Vec<_> = told.details.iter().map(|detail| detail.type_url.as_str()).collect();
        let bad_request = "type.googleapis.com/google.rpc.BadRequest";
        assert_eq!(details, if expected == 400 { vec![bad_request] } else { vec![] });
    }
    for body in [&good[..], b"", b"[]", b"{\"resourceSpans\":[{]}"] {
        let (status, media, body) = post(&door, &[JSON], body.to_vec()).await;
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, media.as_str()), (400, "application/json"), "{told}");
        assert!(told["message"].is_string() && told["details"][0]["fieldViolations"][0]["field"] == "body", "{told}");
    }
    for media in ["text/plain", "application/grpc", ""] {
        let (status, media, _) = post(&door, &[("Content-Type", media)], good.clone()).await;
        assert_eq!((status, media.as_str()), (415, "application/problem+json"));
    }
    assert_eq!(door.accepted().await, 0);
}

#[tokio::test]
async fn as_many_as_a_collector_sends() {
    let door = Door::open().await;
    // 8,192 spans, its default, with long attributes: more than events may take.
    let mut spans: Vec<_> = (0..8_192).map(|n| request_of(n, "GET", &format!("/r/{}", n % 50), 200)).collect();
    spans.iter_mut().for_each(|span| span.attributes.push(text("user_agent.original", &"x".repeat(1_500))));
    let large = export(vec![("shop", spans.clone())]);
    assert!(large.encoded_len() > 12 * MIB);
    assert_eq!(accepted(&door, &large).await, None);
    assert_eq!(door.accepted().await, 8_192);
    let many: Vec<_> = (0..10_001).map(|n| request_of(n, "GET", "/a", 200)).collect();
    let (status, _, body) = post(&door, &[PROTOBUF], export(vec![("shop", many)]).encode_to_vec()).await;
    assert_eq!(status, 413);
    assert!(Status::decode(body).unwrap().message.contains("10000 HTTP server spans"));
    assert_eq!(door.accepted().await, 8_192);
}

#[tokio::test]
async fn trouble_that_passes_is_to_be_repeated() {
    let door = Door::closed_with(&[]).await;
    let export = export(vec![("shop", vec![request_of(1, "GET", "/a", 200)])]);
    let request = door.request(Method::POST, "/v1/traces").header(PROTOBUF.0, PROTOBUF.1);
    let answer = request.body(export.encode_to_vec()).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().contains_key("retry-after")), (503, true));
    assert!(!Status::decode(answer.bytes().await.unwrap()).unwrap().message.is_empty());
    door.open_shards().await;
    door.ready().await;
    assert_eq!(accepted(&door, &export).await, None);
    assert_eq!(door.accepted().await, 1);
}
