//! Events are answered straight from their connection, or by the app where the path is written otherwise: nobody can tell.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::Value;

use crate::door::Door;

const STRAIGHT: &str = "/v1/events";
const BY_THE_APP: &str = "/v1/%65vents";
const GOOD: &str = r#"{"service":"s","method":"GET","route":"/","status":200}"#;

type Sent<'a> = (&'a [(&'a str, &'a str)], &'a [u8]);

/// Status, headers without the date, and the body without the place in the log.
async fn answer_of(door: &Door, path: &str, (headers, body): Sent<'_>) -> (u16, BTreeMap<String, String>, Value) {
    let request = door.request(Method::POST, path).body(body.to_vec());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap().to_owned())
    };
    let mut headers: BTreeMap<_, _> = answer.headers().iter().map(header).collect();
    // A place in the log may be longer than another.
    headers.retain(|name, _| !["date", "content-length"].contains(&name.as_str()));
    let mut body: Value = answer.json().await.unwrap();
    if let Some(id) = body.get_mut("id") {
        *id = Value::Null;
    }
    (status, headers, body)
}

#[tokio::test]
async fn both_ways_answer_the_same() {
    let door = Door::open().await;
    let json = [("Content-Type", "application/json")];
    let half_good = format!(r#"[{GOOD},{{"service":""}}]"#);
    let too_long = "k".repeat(256);
    let with_key = |key| [json[0], ("Idempotency-Key", key)];
    let requests: [(u16, Sent<'_>); 9] = [
        (202, (&json, GOOD.as_bytes())),
        (202, (&json, half_good.as_bytes())),
        (202, (&with_key("first"), GOOD.as_bytes())),
        (422, (&with_key("first"), half_good.as_bytes())),
        (400, (&with_key(&too_long), GOOD.as_bytes())),
        (400, (&json, b"{")),
        (422, (&json, b"")),
        (415, (&[("Content-Type", "text/html")], GOOD.as_bytes())),
        (415, (&[json[0], ("Content-Encoding", "br")], GOOD.as_bytes())),
    ];
    // Keys are known afterwards.
    answer_of(&door, STRAIGHT, requests[2].1).await;
    for (status, sent) in requests {
        let straight = answer_of(&door, STRAIGHT, sent).await;
        assert_eq!(straight.0, status, "{straight:?}");
        assert_eq!(straight, answer_of(&door, BY_THE_APP, sent).await);
    }
    let measured = door.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    for (status, times) in [(202, 7), (400, 4), (422, 4), (415, 4)] {
        let line = format!(r#"requests_total{{route="/v1/events",method="POST",code="{status}"}} {times}"#);
        assert!(measured.contains(&line), "{line}\n{measured}");
    }
    for line in [
        r#"problems_total{problem="malformed-body"} 2"#,
        "requests_in_flight 1",
        r#"request_duration_seconds_count{route="/v1/events"} 19"#,
    ] {
        assert!(measured.contains(line), "{line}\n{measured}");
    }
}
