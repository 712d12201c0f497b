//! Polls and votes.

use reqwest::Method;
use serde_json::json;

use crate::counting::count_all;
use crate::door::Door;

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[tokio::test]
async fn a_poll_is_made_voted_in_and_won() {
    let door = Door::open().await;
    let put = |options: serde_json::Value| {
        door.send(Method::PUT, "/v1/polls/lunch", &[JSON], json!({"options": options}).to_string())
    };
    let made = put(json!(["soup", "rice"])).await;
    assert_eq!((made.status, &made.body["poll"]), (201, &json!("lunch")));
    let grown = put(json!(["cake"])).await;
    assert_eq!(grown.status, 200);
    let mut options: Vec<&str> =
        grown.body["options"].as_array().unwrap().iter().map(|option| option.as_str().unwrap()).collect();
    options.sort_unstable();
    assert_eq!(options, ["cake", "rice", "soup"]);
    for (voter, option) in [("ann", "soup"), ("bob", "soup"), ("ann", "cake"), ("eve", "cake")] {
        let vote = json!({"option": option, "voter": voter}).to_string();
        let answer = door.post("/v1/polls/lunch/votes", &[JSON], vote).await;
        assert_eq!((answer.status, &answer.body["accepted"]), (202, &json!(1)), "{answer:?}");
    }
    count_all(&door).await;
    let results = door.get("/v1/polls/lunch").await.body;
    assert_eq!((&results["poll"], &results["total"]), (&json!("lunch"), &json!(3)));
    let expected = json!([
        {"option": "cake", "votes": 2, "percentage": 66.67},
        {"option": "soup", "votes": 1, "percentage": 33.33},
        {"option": "rice", "votes": 0, "percentage": 0.0},
    ]);
    assert_eq!(results["results"], expected);
    assert!(results["counted_through"].is_string());
}

#[tokio::test]
async fn the_default_poll_is_there_and_a_key_votes_once() {
    let door = Door::open().await;
    for duplicate in [false, true] {
        let headers = [JSON, ("Idempotency-Key", "v-1"), ("User-Agent", "browser")];
        let answer = door.post("/api/vote", &headers, r#"{"option":"cats"}"#).await;
        assert_eq!((answer.status, &answer.body["duplicate"]), (202, &json!(duplicate)), "{answer:?}");
    }
    let other = door.post("/api/vote", &[JSON, ("Idempotency-Key", "v-1")], r#"{"option":"dogs"}"#).await;
    assert_eq!(other.body["type"], "/problems/idempotency-key-reused");
    count_all(&door).await;
    let results = door.get("/api/results").await.body;
    assert_eq!(results["results"][0], json!({"option": "cats", "votes": 1, "percentage": 100.0}));
    let audit = "select option || ' ' || source_ip || ' ' || user_agent from vote_event";
    let audited = door.database.postgres().psql(&door.database.name, audit).await.unwrap();
    assert!(audited.contains("cats 127.0.0.1") && audited.contains("browser"), "{audited}");
}

/// A poll made through another door is known here as soon as somebody votes in it.
#[tokio::test]
async fn a_poll_made_elsewhere_is_found() {
    let door = Door::open().await;
    door.store.put_poll("dinner", None, &["fish"]).await.unwrap();
    door.store.put_poll("default", None, &["birds"]).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(door.post("/v1/polls/dinner/votes", &[JSON], r#"{"option":"fish"}"#).await.status, 202);
    assert_eq!(door.post("/api/vote", &[JSON], r#"{"option":"birds"}"#).await.status, 202);
}
