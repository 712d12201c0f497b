//! Bad events: what each is answered, which field is blamed, and that nothing is counted.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::door::Door;

/// A request that must be refused.
struct Bad {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
    problem: &'static str,
    field: Option<&'static str>,
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const LINES: (&str, &str) = ("Content-Type", "application/x-ndjson");

/// One event with one thing wrong: 422, and that field is to blame.
fn event(name: &'static str, field: &'static str, json: &str) -> Bad {
    let body = json.as_bytes().to_vec();
    Bad { name, headers: vec![JSON], body, status: 422, problem: "nothing-acceptable", field: Some(field) }
}

/// A good event with one field set to something else.
fn with(name: &'static str, field: &'static str, value: &str) -> Bad {
    let fields = [("service", "\"s\""), ("method", "\"GET\""), ("route", "\"/\""), ("status", "200")];
    let others = fields.iter().filter(|(name, _)| *name != field).map(|(name, value)| format!("\"{name}\":{value}"));
    let all: Vec<String> = others.chain([format!("\"{field}\":{value}")]).collect();
    event(name, field, &format!("{{{}}}", all.join(",")))
}

fn without(name: &'static str, field: &'static str) -> Bad {
    let json = r#"{"service":"s","method":"GET","route":"/","status":200}"#;
    event(name, field, &json.replace(&format!("\"{field}\""), "\"x\""))
}

fn body(
    name: &'static str,
    headers: &[(&'static str, &'static str)],
    body: impl Into<Vec<u8>>,
    status: u16,
    problem: &'static str,
) -> Bad {
    Bad { name, headers: headers.to_vec(), body: body.into(), status, problem, field: None }
}

impl Bad {
    fn blaming(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }
}

const GOOD: &str = r#"{"service":"s","method":"GET","route":"/","status":200}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bad_fields() -> Vec<Bad> {
    let long = |count: usize| format!("\"/{}\"", "x".repeat(count));
    vec![
        without("no service", "service"),
        without("no method", "method"),
        without("no route", "route"),
        without("no status", "status"),
        with("service is a number", "service", "5"),
        with("service is null", "service", "null"),
        with("service is empty", "service", "\"\""),
        with("service of 101 characters", "service", &long(100)),
        with("service with a control character", "service", r#""a\u0007b""#),
        with("service is an object", "service", r#"{"name":"s"}"#),
        with("method with a space", "method", "\"GET /\""),
        with("method of 33 characters", "method", &long(32)),
        with("method is not ASCII", "method", "\"GÉT\""),
        with("route without a slash", "route", "\"users\""),
        with("route of 2049 characters", "route", &long(2_048)),
        with("route with a line break", "route", r#""/a\nb""#),
        with("route is an array", "route", "[\"/\"]"),
        with("status 99", "status", "99"),
        with("status 600", "status", "600"),
        with("status is a string", "status", "\"200\""),
        with("status with a fraction", "status", "200.5"),
        with("status is negative", "status", "-200"),
        with("status is enormous", "status", "99999999999999999999999"),
        with("duration is negative", "duration_ms", "-0.5"),
        with("duration above a day", "duration_ms", "86400000.001"),
        with("duration is a string", "duration_ms", "\"12\""),
        with("duration is a boolean", "duration_ms", "true"),
        with("time without a zone", "timestamp", "\"2026-03-10T12:00:00\""),
        with("time that no calendar has", "timestamp", "\"2026-02-30T12:00:00Z\""),
        with("time as a number", "timestamp", "1773145296"),
        with("year 9999", "timestamp", "\"9999-12-31T23:59:59Z\""),
        with("ten minutes ahead", "timestamp", &format!("\"{}\"", from_now_s(600))),
        with("ten years ago", "timestamp", &format!("\"{}\"", from_now_s(-10 * 366 * 86_400))),
        event("status twice", "status", &GOOD.replace('}', r#","status":200}"#)),
        event("service twice, once escaped", "service", &GOOD.replace('}', r#","s\u0065rvice":"t"}"#)),
    ]
}

fn from_now_s(seconds: i64) -> jiff::Timestamp {
    jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)
}

fn bad_bodies() -> Vec<Bad> {
    let many = format!("[{}]", vec![GOOD; 10_001].join(","));
    let unlike: Vec<String> =
        (0..10_000).map(|i| GOOD.replace("\"/\"", &format!("\"/{}\"", unlike_anything(i)))).collect();
    vec![
        body("empty", &[JSON], "", 422, "nothing-acceptable"),
        body("blank", &[LINES], "\n \n", 422, "nothing-acceptable"),
        body("empty array", &[JSON], "[]", 422, "nothing-acceptable"),
        body("a number", &[JSON], "7", 422, "nothing-acceptable"),
        body("array of numbers", &[JSON], "[1,2]", 422, "nothing-acceptable"),
        body("array of arrays", &[JSON], "[[[[]]]]", 422, "nothing-acceptable"),
        body("number beyond all numbers", &[JSON], GOOD.replace("200", "1e999"), 422, "nothing-acceptable"),
        body("half a surrogate pair", &[JSON], GOOD.replace("\"s\"", r#""\ud800""#), 422, "nothing-acceptable"),
        body("every line is bad", &[LINES], "nope\n{}\n[1]\n", 422, "nothing-acceptable"),
        body("NaN", &[JSON], GOOD.replace("200", "NaN"), 400, "malformed-body"),
        body("cut off", &[JSON], &GOOD[..20], 400, "malformed-body"),
        body("array cut off", &[JSON], format!("[{GOOD},"), 400, "malformed-body"),
        body("trailing comma", &[JSON], format!("[{GOOD},]"), 400, "malformed-body"),
        body("two values in one document", &[JSON], format!("{GOOD}\n{GOOD}"), 400, "malformed-body"),
        body("not JSON at all", &[], "service=s", 400, "malformed-body"),
        body("invalid UTF-8", &[JSON], [b"{\"service\":\"\xff\"}".as_slice()].concat(), 400, "malformed-body"),
        body("10 MB", &[JSON], vec![b' '; 10_000_000], 413, "body-too-large"),
        body("10,001 events", &[JSON], many.clone(), 413, "too-many-events"),
        body("10,001 lines", &[LINES], many.trim_matches(['[', ']']).replace("},{", "}\n{"), 413, "too-many-events"),
        body("packs into too much", &[LINES], unlike.join("\n"), 413, "entry-too-large"),
    ]
}

/// 100 characters that no compression makes small.
fn unlike_anything(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b'0' + u8::try_from(state % 75).unwrap()).to_string().replace(['\\', '<'], "a")
    };
    (0..100).map(|_| next()).collect()
}

fn bad_headers() -> Vec<Bad> {
    let gzipped = gzip(GOOD.repeat(50).as_bytes());
    let bomb = gzip(&vec![b' '; 50_000_000]);
    let zstd_bomb = zstd::encode_all(&vec![b' '; 50_000_000][..], 3).unwrap();
    let encoding = |coding| [JSON, ("Content-Encoding", coding)];
    let key = |key| [JSON, ("Idempotency-Key", key)];
    const LONG_KEY: &str = concat!(
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789",
        "01234567890123456789012345678901234567890123456789012345"
    );
    vec![
        body("XML", &[("Content-Type", "application/xml")], GOOD, 415, "unsupported-media-type")
            .blaming("Content-Type"),
        body("a form", &[("Content-Type", "application/x-www-form-urlencoded")], GOOD, 415, "unsupported-media-type")
            .blaming("Content-Type"),
        body("Latin-1", &[("Content-Type", "application/json; charset=latin1")], GOOD, 415, "unsupported-media-type")
            .blaming("Content-Type"),
        body("brotli", &encoding("br"), GOOD, 415, "unsupported-encoding").blaming("Content-Encoding"),
        body("gzip twice", &encoding("gzip, gzip"), gzip(&gzipped), 415, "unsupported-encoding")
            .blaming("Content-Encoding"),
        body("truncated gzip", &encoding("gzip"), &gzipped[..gzipped.len() - 9], 400, "damaged-encoding")
            .blaming("Content-Encoding"),
        body("not gzip", &encoding("gzip"), GOOD, 400, "damaged-encoding").blaming("Content-Encoding"),
        body("not zstd", &encoding("zstd"), GOOD, 400, "damaged-encoding").blaming("Content-Encoding"),
        body("gzip bomb", &encoding("gzip"), bomb, 413, "body-too-large"),
        body("zstd bomb", &encoding("zstd"), zstd_bomb, 413, "body-too-large"),
        body("empty key", &key(""), GOOD, 400, "invalid-idempotency-key").blaming("Idempotency-Key"),
        body("key with a space", &key("a b"), GOOD, 400, "invalid-idempotency-key").blaming("Idempotency-Key"),
        body("key of 256 characters", &key(LONG_KEY), GOOD, 400, "invalid-idempotency-key").blaming("Idempotency-Key"),
    ]
}

/// Every refusal is a problem+json of its own type, names what is to blame, and leaves the books as they were.
#[tokio::test]
async fn bad_events_are_refused_and_nothing_is_counted() {
    let door = Door::open().await;
    let table: Vec<Bad> = bad_fields().into_iter().chain(bad_bodies()).chain(bad_headers()).collect();
    assert!(table.len() >= 60, "{}", table.len());
    for bad in table {
        let answer = door.post("/v1/events", &bad.headers, bad.body).await;
        let shown = format!("{}: {answer:?}", bad.name);
        assert_eq!((answer.status, answer.content_type.as_str()), (bad.status, "application/problem+json"), "{shown}");
        assert_eq!(answer.body["type"], format!("/problems/{}", bad.problem), "{shown}");
        assert_eq!(answer.body["status"], bad.status, "{shown}");
        assert!(answer.body["title"].is_string() && answer.body["detail"].is_string(), "{shown}");
        assert_eq!(answer.body["field"].as_str(), bad.field, "{shown}");
        if let (422, Some(field)) = (bad.status, bad.field) {
            assert_eq!(answer.body["rejected"][0]["field"], field, "{shown}");
            assert_eq!(answer.body["rejected_count"], 1, "{shown}");
        }
        assert_eq!(door.accepted().await, 0, "{shown}");
    }
}

/// The same connection serves on after a refusal: the body was read.
#[tokio::test]
async fn a_refusal_does_not_cost_the_connection() {
    let door = Door::open().await;
    for (path, headers) in
        [("/v1/events", vec![("Content-Type", "image/png")]), ("/v1/event", vec![]), ("/ready", vec![])]
    {
        let request = headers.iter().fold(door.request(reqwest::Method::POST, path), |r, (n, v)| r.header(*n, *v));
        let answer = request.body(vec![b'x'; 300_000]).send().await.unwrap();
        assert!(answer.status().is_client_error());
        assert_eq!(answer.headers().get("connection"), None, "{path}");
    }
}

/// One bad event never costs the others, in every form.
#[tokio::test]
async fn verdicts_name_their_events() {
    let door = Door::open().await;
    let bad = GOOD.replace("200", "1e999");
    let array = format!("[{GOOD},{{}},{GOOD},{bad},5]");
    let lines = format!("{GOOD}\n{{}}\n{GOOD}\r\n\nnot json\n[{GOOD}]");
    for (header, text) in [(JSON, array), (LINES, lines)] {
        let answer = door.post("/v1/events", &[header], text).await;
        assert_eq!(
            (answer.status, &answer.body["accepted"], &answer.body["rejected_count"]),
            (202, &2.into(), &3.into())
        );
        let rejected = answer.body["rejected"].as_array().unwrap();
        let indexes: Vec<&Value> = rejected.iter().map(|verdict| &verdict["index"]).collect();
        assert_eq!(indexes, [1, 3, 4]);
        assert_eq!((&rejected[0]["field"], &rejected[1]["field"]), (&"service".into(), &Value::Null));
        assert!(rejected.iter().all(|verdict| !verdict["reason"].as_str().unwrap().is_empty()));
    }
    assert_eq!(door.accepted().await, 4);
}
