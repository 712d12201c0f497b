//! Voting as a browser without JavaScript does: a form, a cookie, a redirect, a result.

use std::time::Duration;

use reqwest::{Client, Method};
use serde_json::json;
use tally_servers::TestServers;
use tokio::time::{Instant, sleep};

use crate::counting::count_all;
use crate::door::{Door, PATIENCE, start};
use crate::visitor::{Browser, FORM, Page};

async fn votes_of(door: &Door, poll: &str) -> Vec<(String, i64)> {
    count_all(door).await;
    door.store.poll_results(poll).await.unwrap().unwrap()
}

fn two(cats: i64, dogs: i64) -> Vec<(String, i64)> {
    let mut votes = vec![("cats".to_owned(), cats), ("dogs".to_owned(), dogs)];
    votes.sort_by_key(|(_, votes)| -votes);
    votes
}

#[tokio::test]
async fn a_browser_votes_changes_its_mind_and_is_one_voter() {
    let door = Door::open().await;
    let mut browser = Browser::new(&door);
    let form = browser.open("/vote").await;
    form.says("Cats or dogs?");
    assert!(form.text.contains(r#"action="/vote/default""#) && form.text.contains("<legend"), "{}", form.text);
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/vote", "Max-Age=31536000"] {
        assert!(form.set_cookie.contains(attribute), "{attribute} in {}", form.set_cookie);
    }
    assert!(!form.set_cookie.contains("Secure"), "{}", form.set_cookie);
    browser.open("/vote/default/result").await.says("No votes yet.");

    let result = browser.vote("default", "cats").await;
    result.says("Your vote for cats is in; it shows in the result within a second.");
    assert!(result.text.contains("http-equiv=\"refresh\""));
    assert_eq!(votes_of(&door, "default").await, two(1, 0));
    let result = browser.vote("default", "dogs").await;
    result.says("Your vote for dogs is in;");
    result.says("cats lead by 1 vote.");
    assert_eq!(votes_of(&door, "default").await, two(0, 1));
    Browser::new(&door).vote("default", "cats").await;
    assert_eq!(votes_of(&door, "default").await, two(1, 1));
    let tied = browser.open_until("/vote/default/result", "Tied: cats and dogs.").await;
    tied.says("50.0 %");
    tied.says("2 votes, each counted once");
}

/// The page says "counted" exactly when the log is applied through this vote.
#[tokio::test]
async fn the_result_says_when_the_vote_is_counted() {
    let door = Door::open().await;
    let mut browser = Browser::new(&door);
    let form = browser.open("/vote/default").await;
    let sent = browser.submit("/vote/default", "cats", &form.once()).await;
    assert!(sent.location.starts_with("/vote/default/result?voted=cats&at="), "{}", sent.location);
    let waiting = browser.open(&sent.location).await;
    waiting.says("Your vote for cats is in;");
    assert!(!waiting.words().contains("is counted."), "{}", waiting.words());
    // The script compares it with how far everything is counted.
    let received = waiting.text.split("data-received=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(received.parse::<i64>().unwrap() > 1_700_000_000_000, "{received}");
    count_all(&door).await;
    let sentence = "Your vote for cats is counted. Sending it again changes nothing.";
    let counted = browser.open_until(&sent.location, sentence).await;
    assert!(!counted.words().contains("is in;"), "{}", counted.words());
    counted.says("cats your vote 1 100.0 %");
    counted.says("counted through");
    assert!(!counted.text.contains("http-equiv=\"refresh\""));
    assert!(counted.text.contains(r#"data-option="cats""#) && counted.text.contains(r#"data-poll="default""#));
    assert!(counted.text.contains(r#"<rect width="100.0%""#), "{}", counted.text);
    for made_up in ["?voted=birds&at=1-1", "?voted=cats", "?voted=cats&at=x", "?utm_source=mail&voted=%ff"] {
        let page = browser.open(&format!("/vote/default/result{made_up}")).await;
        assert!(page.status == 200 && !page.text.contains("Your vote"), "{made_up}");
    }
}

#[tokio::test]
async fn a_form_sent_twice_counts_once() {
    let door = Door::open().await;
    let mut browser = Browser::new(&door);
    let form = browser.open("/vote/default").await;
    let first_cookie = browser.cookie.clone();
    let first = browser.submit("/vote/default", "cats", &form.once()).await;
    // The second click, or a reload after the answer was lost: the browser has not seen the first answer.
    browser.cookie = first_cookie;
    let second = browser.submit("/vote/default", "cats", &form.once()).await;
    assert_eq!((first.status, &first.location), (303, &second.location), "the same vote, at the same place");
    assert_eq!(door.accepted().await, 1);
    assert_eq!(votes_of(&door, "default").await, two(1, 0));
    // Back to the old form, to choose anew, and anew.
    for (option, expected) in [("dogs", two(0, 1)), ("cats", two(1, 0)), ("dogs", two(0, 1))] {
        assert_eq!(browser.submit("/vote/default", option, &form.once()).await.status, 303);
        assert_eq!(votes_of(&door, "default").await, expected);
    }
}

#[tokio::test]
async fn without_cookies_a_form_takes_one_vote() {
    let door = Door::open().await;
    let once = Browser::new(&door).open("/vote/default").await.once();
    for option in ["cats", "cats"] {
        assert_eq!(Browser::new(&door).submit("/vote/default", option, &once).await.status, 303);
    }
    let other = Browser::new(&door).submit("/vote/default", "dogs", &once).await;
    assert_eq!(other.status, 422);
    other.says("This form has sent its vote.");
    assert_eq!(votes_of(&door, "default").await, two(1, 0));
}

#[tokio::test]
async fn no_other_site_votes_for_its_visitors() {
    let door = Door::open().await;
    let mut browser = Browser::new(&door);
    let once = browser.open("/vote/default").await.once();
    for foreign in [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
        ("Origin", "https://evil.example"),
        ("Origin", "null"),
    ] {
        browser.headers = vec![foreign];
        let refused = browser.submit("/vote/default", "cats", &once).await;
        assert_eq!(refused.status, 403, "{foreign:?}");
        refused.says("This vote came from another site.");
    }
    assert_eq!(door.accepted().await, 0);
    browser.headers = vec![("Sec-Fetch-Site", "same-origin"), ("Origin", "null")];
    assert_eq!(browser.submit("/vote/default", "cats", &once).await.status, 303);
    let metrics = door.get("/metrics").await.body.to_string();
    assert!(metrics.contains("cross-site"), "refusals of pages are measured as well");
}

#[tokio::test]
async fn the_cookie_is_secure_behind_a_trusted_proxy() {
    for (trusted, expected) in [("true", true), ("false", false)] {
        let door = Door::open_with(&[("TALLY_TRUST_FORWARDED", trusted)]).await;
        let mut browser = Browser::new(&door);
        browser.headers = vec![("X-Forwarded-Proto", "https")];
        let page = browser.open("/vote").await;
        assert_eq!(page.set_cookie.contains("Secure"), expected, "{trusted}: {}", page.set_cookie);
    }
}

#[tokio::test]
async fn hostile_names_stay_text() {
    let door = Door::open().await;
    let (title, option) = ("<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>&'");
    door.store.put_poll("evil", Some(title), &[option, "plain"]).await.unwrap();
    sleep(Duration::from_millis(1_100)).await;
    let mut browser = Browser::new(&door);
    let form = browser.open("/vote/evil").await;
    assert_eq!(form.status, 200);
    let written: String = url_encoded(option);
    let sent = browser.submit("/vote/evil", &written, &form.once()).await;
    assert_eq!(sent.status, 303, "{}", sent.text);
    count_all(&door).await;
    let result = browser.open(&sent.location).await;
    let unknown = browser.submit("/vote/evil", "%3Cscript%3Ealert(2)%3C%2Fscript%3E", "1").await;
    assert_eq!(unknown.status, 422);
    for page in [&form, &result, &unknown] {
        for raw in ["<script>", "<img", "\"\">"] {
            assert!(!page.text.contains(raw), "{raw} in {}", page.text);
        }
    }
    result.says("is counted.");
    let listed = door.get("/v1/polls").await.body;
    assert_eq!(listed["polls"][1]["title"], json!(title));
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn what_is_wrong_is_said_on_a_page() {
    let door = Door::open().await;
    let mut browser = Browser::new(&door);
    for path in ["/vote/nothing", "/vote/nothing/result", "/vote/a%20b"] {
        let page = browser.open(path).await;
        assert_eq!(page.status, if path.contains('%') { 400 } else { 404 }, "{path}");
        page.says("There is no such poll.");
    }
    let submitted = browser.submit("/vote/nothing", "cats", "1").await;
    assert_eq!(submitted.status, 404);
    for (form, status) in [
        ("once=1", 422),
        ("once=1&option=birds", 422),
        ("", 422),
        ("option=%ff", 422),
        (&*format!("option={}", "x".repeat(5_000)), 413),
    ] {
        let page = browser.send(Method::POST, "/vote/default", Some(form.to_owned())).await;
        assert_eq!(page.status, status, "{form}");
        page.says("Nothing was counted");
    }
    let as_json = browser.http.post(format!("{}/vote/default", door.base)).header("Content-Type", "text/plain");
    assert_eq!(Page::read(as_json.body("option=cats").send().await.unwrap()).await.status, 415);
    assert_eq!(door.accepted().await, 0);
}

#[tokio::test]
async fn a_vote_that_cannot_be_taken_can_be_sent_again() {
    let door = Door::open_with(&[("TALLY_DEADLINE_MS", "1000")]).await;
    let mut browser = Browser::new(&door);
    let once = browser.open("/vote/default").await.once();
    door.redis.stop().await.unwrap();
    let away = browser.submit("/vote/default", "cats", &once).await;
    assert!(away.status == 503 && away.retry_after.is_some(), "{}", away.text);
    away.says("Please try again");
    assert_eq!(away.once(), once, "the same vote is sent again");
    assert_eq!(browser.open("/vote/default/result").await.status, 200, "the result is shown without Redis");
    door.redis.restart().await.unwrap();
    door.until("/ready", 200).await;
    let sent = browser.submit("/vote/default", "cats", &once).await;
    assert_eq!(sent.status, 303);
    assert_eq!(votes_of(&door, "default").await, two(1, 0));
}

#[tokio::test]
async fn without_any_server_the_form_is_there_and_the_rest_says_so() {
    let dir = TestServers::shared().await.unwrap().fresh_dir("waiting").unwrap();
    let (_api, base) = start("redis://127.0.0.1:1/", "postgres://127.0.0.1:1/t", &[], &dir);
    let http = Client::new();
    let until = Instant::now() + PATIENCE;
    let form = loop {
        match http.get(format!("{base}/vote")).send().await {
            Ok(answer) => break Page::read(answer).await,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        sleep(Duration::from_millis(20)).await;
    };
    assert_eq!(form.status, 200);
    for (path, sentence) in [
        ("/vote/default/result", "The poll cannot be shown now."),
        ("/vote/lunch", "The poll cannot be shown now."),
        ("/vote/lunch/result", "The poll cannot be shown now."),
    ] {
        let page = Page::read(http.get(format!("{base}{path}")).send().await.unwrap()).await;
        assert_eq!((page.status, page.retry_after.is_some()), (503, true), "{path}");
        page.says(sentence);
    }
    let post = http.post(format!("{base}/vote/default")).header("Content-Type", FORM);
    let page = Page::read(post.body(format!("option=cats&once={}", form.once())).send().await.unwrap()).await;
    assert_eq!(page.status, 503);
    page.says("Your vote could not be taken. Nothing was counted. Please try again in a moment.");
    assert_eq!(page.once(), form.once());
}

#[tokio::test]
async fn a_full_backlog_asks_to_come_back() {
    let door = Door::open_with(&[("TALLY_BACKLOG_EVENTS", "10000")]).await;
    let event = r#"{"service":"s","method":"GET","route":"/","status":200}"#;
    let events = format!("[{}]", vec![event; 9_000].join(","));
    // Every shard, whichever the poll is in.
    for key in 0..40 {
        let key = format!("k{key}");
        door.post("/v1/events", &[("Content-Type", "application/json"), ("Idempotency-Key", &key)], events.clone())
            .await;
    }
    let mut browser = Browser::new(&door);
    let form = browser.open("/vote/default").await;
    let full = browser.submit("/vote/default", "cats", &form.once()).await;
    assert_eq!((full.status, full.retry_after.as_deref()), (503, Some("5")), "{}", full.words());
    full.says("Too many votes wait to be counted.");
}

#[tokio::test]
async fn polls_and_votes_are_listed_without_their_voters() {
    let door = Door::open().await;
    let json = [("Content-Type", "application/json")];
    let put = async |body: serde_json::Value| door.send(Method::PUT, "/v1/polls/lunch", &json, body.to_string()).await;
    let made = put(json!({"title": "Lunch?", "options": ["soup", "rice"]})).await;
    assert_eq!((made.status, &made.body["title"]), (201, &json!("Lunch?")));
    assert_eq!(put(json!({"options": ["cake"]})).await.body["title"], json!("Lunch?"));
    for bad in [json!(""), json!("x".repeat(201)), json!("a\u{1}b"), json!(7)] {
        let refused = put(json!({"title": bad, "options": ["soup"]})).await;
        assert_eq!((refused.status, &refused.body["field"]), (422, &json!("title")), "{bad}");
    }
    let mut browser = Browser::new(&door);
    browser.vote("lunch", "soup").await;
    browser.vote("lunch", "rice").await;
    door.post("/api/vote", &json, r#"{"option":"cats"}"#).await;
    count_all(&door).await;
    let polls = door.get("/v1/polls").await.body;
    assert_eq!(polls["polls"][1]["poll"], json!("lunch"));
    assert_eq!(polls["polls"][1]["results"][0], json!({"option": "rice", "votes": 1, "percentage": 100.0}));
    assert_eq!((&polls["polls"][0]["title"], &polls["polls"][0]["total"]), (&json!("Cats or dogs?"), &json!(1)));
    let first = door.get("/v1/polls?limit=1").await.body;
    assert_eq!((first["polls"].as_array().unwrap().len(), &first["next"]), (1, &json!("default")));
    let rest = door.get("/v1/polls?limit=1&cursor=default").await.body;
    assert_eq!(rest["polls"][0]["poll"], json!("lunch"));

    let votes = door.get("/v1/votes?limit=3").await.body;
    let votes = votes["votes"].as_array().unwrap();
    let lunch: Vec<_> = votes.iter().filter(|vote| vote["poll"] == "lunch").collect();
    assert_eq!((&lunch[0]["verdict"], &lunch[0]["changed_from"]), (&json!("changed"), &json!("soup")));
    assert_eq!((&lunch[1]["verdict"], &lunch[1]["changed_from"]), (&json!("counted"), &json!(null)));
    assert_eq!(lunch[0]["voter"], lunch[1]["voter"]);
    assert_eq!(lunch[0]["voter"].as_str().unwrap().chars().count(), 7);
    assert!(votes.iter().any(|vote| vote["poll"] == "default" && vote["voter"].is_null()));
    assert_eq!(door.get("/v1/votes?limit=1001").await.status, 400);
}
