//! What a browser is told: whose pages may call, and what an answer may be used for.

use reqwest::Method;

use crate::door::Door;

const PAGE: &str = "https://shop.example";

async fn preflight(door: &Door, origin: &str) -> Option<String> {
    let asked = door
        .request(Method::OPTIONS, "/v1/events")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header("Access-Control-Request-Headers", "content-type, idempotency-key");
    let answer = asked.send().await.unwrap();
    answer.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_by_name_only() {
    let closed = Door::open().await;
    assert_eq!(preflight(&closed, PAGE).await, None);
    let named = Door::open_with(&[("TALLY_CORS_ORIGINS", "https://shop.example, https://ops.example:8443")]).await;
    assert_eq!(preflight(&named, PAGE).await.as_deref(), Some(PAGE));
    assert_eq!(preflight(&named, "https://ops.example:8443").await.as_deref(), Some("https://ops.example:8443"));
    assert_eq!(preflight(&named, "https://evil.example").await, None);
    let read = named.request(Method::GET, "/health").header("Origin", PAGE).send().await.unwrap();
    assert_eq!(read.headers()["access-control-allow-origin"], PAGE);
    let any = Door::open_with(&[("TALLY_CORS_ORIGINS", "*")]).await;
    assert_eq!(preflight(&any, PAGE).await.as_deref(), Some("*"));
    for door in [&named, &any] {
        let sent = [("Origin", PAGE), ("Cookie", "tally_voter=f47ac10b58cc4372a5670e02b2c3d479.0")];
        let request =
            sent.iter().fold(door.request(Method::GET, "/vote"), |asked, (name, value)| asked.header(*name, *value));
        let answer = request.send().await.unwrap();
        assert!(!answer.headers().contains_key("access-control-allow-credentials"), "nobody else reads a voter's page");
    }
}

#[tokio::test]
async fn no_page_sets_anything_off_by_a_request_that_needs_no_leave() {
    let door = Door::open().await;
    for path in ["/v1/reports", "/v1/dead-letters/redrive"] {
        for simple in ["text/plain", "application/x-www-form-urlencoded"] {
            let sent = [("Content-Type", simple), ("Origin", PAGE)];
            assert_eq!(door.post(path, &sent, r#"{"from":"-1h","reason":"r"}"#).await.status, 415, "{path} {simple}");
        }
    }
}

#[tokio::test]
async fn every_answer_says_what_it_is_not() {
    let door = Door::open().await;
    for path in
        ["/health", "/nothing-here", "/v1/polls", "/v1/live", "/v1/reports", "/v1/report?from=x", "/assets/no.js"]
    {
        let answer = door.request(Method::GET, path).send().await.unwrap();
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'", "{path}");
    }
}

#[tokio::test]
async fn what_was_accepted_comes_without_the_headers_of_pages() {
    let door = Door::open().await;
    let post = |body: &'static str| door.request(Method::POST, "/v1/events").body(body).send();
    let accepted = post(r#"{"service":"shop","method":"GET","route":"/a","status":200}"#).await.unwrap();
    let mut names: Vec<_> = accepted.headers().keys().map(|name| name.as_str().to_owned()).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "content-type", "date", "x-content-type-options"]);
    let refused = post("{}").await.unwrap();
    assert!(refused.headers().contains_key("content-security-policy"), "{refused:?}");
}
