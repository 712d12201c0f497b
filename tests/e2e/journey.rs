//! A first day with Tally: post, look, vote, look again.

use serde_json::{Value, json};

use crate::system::{System, event};

fn row<'a>(answer: &'a Value, route: &str) -> &'a Value {
    answer["endpoints"].as_array().unwrap().iter().find(|e| e["route"] == route).unwrap()
}

#[tokio::test]
async fn events_become_figures() {
    let system = System::start().await;
    let mut events: Vec<Value> = (1..=100).map(|ms| event("shop", "/cart/{id}", 200, f64::from(ms))).collect();
    events.extend((0..10).map(|_| event("shop", "/pay", 503, 20.0)));
    events.extend((0..5).map(|_| event("shop", "/pay", 404, 20.0)));
    events.push(json!({"service": "shop", "method": "GET", "route": "/pay", "status": 200}));
    system.post_events(&json!(events)).await;
    assert_eq!(system.counted().await["counted"], 116);

    let answer = system.read("/v1/endpoints").await;
    for field in ["from", "to", "counted_through"] {
        answer[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    }
    let cart = row(&answer, "/cart/{id}");
    assert_eq!((&cart["requests"], &cart["errors"], &cart["client_errors"]), (&json!(100), &json!(0), &json!(0)));
    for (figure, exact) in
        [("avg", 50.5), ("min", 1.0), ("max", 100.0), ("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0)]
    {
        let found = cart["duration_ms"][figure].as_f64().unwrap();
        assert!((found - exact).abs() <= exact * 0.0101, "{figure}: {found} for {exact}");
    }
    let pay = row(&answer, "/pay");
    assert_eq!((&pay["requests"], &pay["errors"], &pay["client_errors"]), (&json!(16), &json!(10), &json!(5)));
    assert_eq!(pay["duration_ms"]["p50"].as_f64().unwrap().round(), 20.0, "no duration must not pull a quantile");
    assert!((pay["error_ratio"].as_f64().unwrap() - 0.625).abs() < 1e-9);

    let id = cart["id"].as_str().expect("an id is a string");
    let series = system.read(&format!("/v1/endpoints/{id}/series")).await;
    let points = series["points"].as_array().unwrap();
    assert_eq!(points.iter().map(|p| p["requests"].as_u64().unwrap()).sum::<u64>(), 100);
    let summary = system.read("/v1/summary").await;
    assert_eq!((&summary["requests"], &summary["errors"]), (&json!(116), &json!(10)));
    assert_eq!(system.read("/v1/services").await["services"][0]["service"], "shop");
}

#[tokio::test]
async fn a_key_counts_once_and_answers_alike() {
    let system = System::start().await;
    let body = json!([event("shop", "/a", 200, 1.0), {"service": "shop"}]);
    let (status, first) = system.post("/v1/events", Some("k1"), &body).await;
    assert_eq!((status, &first["accepted"], &first["duplicate"]), (202, &json!(1), &json!(false)));
    let (status, second) = system.post("/v1/events", Some("k1"), &body).await;
    assert_eq!((status, &second["duplicate"]), (202, &json!(true)));
    assert_eq!(
        (&first["accepted"], &first["rejected"], &first["id"]),
        (&second["accepted"], &second["rejected"], &second["id"])
    );
    let (status, _) = system.post("/v1/events", Some("k1"), &json!([event("shop", "/b", 200, 1.0)])).await;
    assert_eq!(status, 422, "the same key with another body");
    let accounting = system.counted().await;
    assert_eq!(
        (&accounting["accepted"], &accounting["counted"], &accounting["duplicates"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

#[tokio::test]
async fn votes_are_single_and_changeable() {
    let system = System::start().await;
    for (voter, option) in [("ann", "cats"), ("bob", "cats"), ("ann", "dogs"), ("cid", "dogs")] {
        let (status, answer) = system.post("/api/vote", None, &json!({"option": option, "voter": voter})).await;
        assert_eq!(status, 202, "{answer}");
    }
    let (status, _) = system.post("/api/vote", None, &json!({"option": "cats"})).await;
    assert_eq!(status, 202);
    assert_eq!(system.post("/api/vote", None, &json!({"option": "cows"})).await.0, 422);
    assert_eq!(system.post("/v1/polls/lunch/votes", None, &json!({"option": "soup"})).await.0, 404);
    assert_eq!(system.counted().await["counted"], 5);

    let put = system.http.put(format!("{}/v1/polls/lunch", system.base)).json(&json!({"options": ["soup", "rice"]}));
    assert!(put.send().await.unwrap().status().is_success());
    assert_eq!(system.post("/v1/polls/lunch/votes", None, &json!({"option": "soup"})).await.0, 202);
    assert_eq!(system.counted().await["counted"], 6);

    let results = system.read("/api/results").await;
    let found: Vec<_> =
        results["results"].as_array().unwrap().iter().map(|r| (r["option"].clone(), r["votes"].clone())).collect();
    assert_eq!(found, [(json!("cats"), json!(2)), (json!("dogs"), json!(2))]);
    let from_sql =
        system.postgres.psql("tally", "select option || votes from get_vote_results('default')").await.unwrap();
    assert_eq!(from_sql.split_whitespace().collect::<Vec<_>>(), ["cats2", "dogs2"]);
    assert_eq!(system.read("/v1/polls/lunch").await["results"][0]["votes"], 1);
}

#[tokio::test]
async fn drain_ends_when_its_backlog_is_counted() {
    let mut system = System::start().await;
    let consumer = system.consumers.pop().unwrap();
    consumer.terminate().unwrap();
    assert!(consumer.wait(crate::system::PATIENCE).await.unwrap().success(), "an orderly stop exits 0");
    for batch in 0..20 {
        let events: Vec<_> = (0..100).map(|i| event(&format!("s{batch}"), &format!("/{i}"), 200, 1.0)).collect();
        system.post_events(&json!(events)).await;
    }
    let (ok, output) = system.consumer_command(&["drain"]).await;
    assert!(ok, "{output}");
    assert_eq!(system.counted().await["counted"], 2_000);
}
