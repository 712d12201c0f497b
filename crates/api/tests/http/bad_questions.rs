//! Bad questions, polls and votes, and paths that are none.

use reqwest::Method;

use crate::door::Door;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn bad_parameters_are_named() {
    let door = Door::open().await;
    for (path, field) in [
        ("/v1/endpoints?form=-1h", "form"),
        ("/v1/endpoints?from=-1h&from=-2h", "from"),
        ("/v1/endpoints?from=yesterday", "from"),
        ("/v1/endpoints?from=2026-03-01T00:00:00", "from"),
        ("/v1/endpoints?to=9999-12-31T23:59:59Z", "to"),
        ("/v1/endpoints?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "from"),
        ("/v1/endpoints?limit=0", "limit"),
        ("/v1/endpoints?limit=100001", "limit"),
        ("/v1/endpoints?limit=ten", "limit"),
        ("/v1/endpoints?sort=speed", "sort"),
        ("/v1/endpoints?sort=--p99", "sort"),
        ("/v1/endpoints?cursor=zz", "cursor"),
        ("/v1/endpoints?service=", "service"),
        ("/v1/endpoints/abc/series", "id"),
        ("/v1/endpoints/1/series?step=90s", "step"),
        ("/v1/endpoints/1/series?step=0", "step"),
        ("/v1/endpoints/1/series?from=-365d&step=1m", "step"),
        ("/v1/endpoints/1/series?service=s", "service"),
        ("/v1/endpoints/1/series?format=csv", "format"),
        ("/v1/endpoints?format=rows", "format"),
        ("/v1/endpoints?compare=1h", "compare"),
        ("/v1/endpoints/abc", "id"),
        ("/v1/endpoints/1?step=5m", "step"),
        ("/v1/endpoints/1?compare=", "compare"),
        ("/v1/overview?limit=10001", "limit"),
        ("/v1/overview?compare=24h&compare=7d", "compare"),
        ("/v1/overview?from=tomorrow", "from"),
        ("/v1/overview?service=s", "service"),
        ("/v1/series?step=1s", "step"),
        ("/v1/series?service=", "service"),
        ("/v1/sparklines", "ids"),
        ("/v1/sparklines?ids=", "ids"),
        ("/v1/sparklines?ids=1,x", "ids"),
        ("/v1/summary?compare=yesterday", "compare"),
        ("/v1/services?limit=5", "limit"),
        ("/v1/summary?from=", "from"),
        ("/v1/accounting?shard=1", "shard"),
        ("/v1/dead-letters?limit=1000", "limit"),
        ("/v1/dead-letters?cursor=x", "cursor"),
        ("/v1/folded?limit=-1", "limit"),
        ("/v1/polls/default?x=1", "x"),
        ("/v1/polls/a%20b", "poll"),
        ("/api/results?poll=default", "poll"),
    ] {
        let answer = door.get(path).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (400, "application/problem+json"),
            "{path} {answer:?}"
        );
        assert_eq!(answer.body["type"], "/problems/invalid-parameter", "{path}");
        assert_eq!(answer.body["field"], field, "{path} {answer:?}");
    }
}

#[tokio::test]
async fn a_hundred_sparklines_and_no_more() {
    let door = Door::open().await;
    let ids = |count: usize| vec!["1"; count].join(",");
    assert_eq!(door.get(&format!("/v1/sparklines?ids={}", ids(100))).await.status, 200);
    let more = door.get(&format!("/v1/sparklines?ids={}", ids(101))).await;
    assert_eq!((more.status, &more.body["field"]), (400, &serde_json::json!("ids")), "{more:?}");
}

#[tokio::test]
async fn what_is_not_there_is_404_and_what_is_not_allowed_405() {
    let door = Door::open().await;
    for (path, problem) in [
        ("/v1/event", "not-found"),
        ("/v1/events/", "not-found"),
        ("/v1/polls/nobody-made-this", "no-such-poll"),
        ("/v1/endpoints/1/series", "no-such-endpoint"),
        ("/v1/endpoints/1", "no-such-endpoint"),
    ] {
        let answer = door.get(path).await;
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (404, "application/problem+json"),
            "{path} {answer:?}"
        );
        assert_eq!(answer.body["type"], format!("/problems/{problem}"), "{path}");
    }
    for (method, path, allowed) in [
        (Method::GET, "/v1/events", "POST"),
        (Method::POST, "/v1/endpoints", "GET, HEAD"),
        (Method::DELETE, "/v1/polls/default", "GET, HEAD, PUT"),
    ] {
        let answer = door.request(method, path).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (405, allowed), "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn bad_votes_are_refused_and_nothing_is_counted() {
    let door = Door::open().await;
    for (path, body, status, field) in [
        ("/api/vote", "", 422, None),
        ("/api/vote", "{}", 422, Some("option")),
        ("/api/vote", r#"["cats"]"#, 422, None),
        ("/api/vote", r#"{"option":5}"#, 422, Some("option")),
        ("/api/vote", r#"{"option":"cows"}"#, 422, Some("option")),
        ("/api/vote", r#"{"option":"cats","option":"dogs"}"#, 422, Some("option")),
        ("/api/vote", r#"{"option":"cats","voter":""}"#, 422, Some("voter")),
        ("/api/vote", r#"{"option":"cats","voter":7}"#, 422, Some("voter")),
        ("/api/vote", r#"{"option":"cats""#, 400, None),
        ("/v1/polls/nobody-made-this/votes", r#"{"option":"cats"}"#, 404, Some("poll")),
        ("/v1/polls/a%20b/votes", r#"{"option":"cats"}"#, 400, Some("poll")),
    ] {
        let answer = door.post(path, &[JSON], body).await;
        let shown = format!("{path} {body} {answer:?}");
        assert_eq!((answer.status, answer.content_type.as_str()), (status, "application/problem+json"), "{shown}");
        assert_eq!(answer.body["field"].as_str(), field, "{shown}");
    }
    let cows = door.post("/api/vote", &[JSON], r#"{"option":"cows"}"#).await;
    assert_eq!(cows.body["allowed"], serde_json::json!(["cats", "dogs"]));
    assert_eq!(door.accepted().await, 0);
}

#[tokio::test]
async fn bad_polls_are_refused() {
    let door = Door::open().await;
    let many = format!("{{\"options\":[{}]}}", (0..101).map(|i| format!("\"{i}\"")).collect::<Vec<_>>().join(","));
    for (path, body, status, field) in [
        ("/v1/polls/lunch", "{}", 422, Some("options")),
        ("/v1/polls/lunch", r#"{"options":[]}"#, 422, Some("options")),
        ("/v1/polls/lunch", r#"{"options":"soup"}"#, 422, Some("options")),
        ("/v1/polls/lunch", r#"{"options":["soup",1]}"#, 422, Some("options")),
        ("/v1/polls/lunch", r#"{"options":["soup",""]}"#, 422, Some("options")),
        ("/v1/polls/lunch", r#"{"options":["soup","soup"]}"#, 422, Some("options")),
        ("/v1/polls/lunch", &many, 422, Some("options")),
        ("/v1/polls/lunch", "soup", 400, None),
        ("/v1/polls/big%20lunch", r#"{"options":["soup"]}"#, 400, Some("poll")),
    ] {
        let answer = door.send(Method::PUT, path, &[JSON], body.to_owned()).await;
        assert_eq!((answer.status, answer.body["field"].as_str()), (status, field), "{path} {body} {answer:?}");
    }
    assert_eq!(door.get("/v1/polls/lunch").await.status, 404);
}
