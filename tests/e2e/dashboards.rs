//! Every query of the Grafana dashboard `endpoints`, run as Grafana's role against a database that was counted into.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::system::{System, event};

/// The role of Grafana's data source.
const ROLE: &str = "tally_grafana";

fn dashboard() -> Value {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../helm/files/dashboards/endpoints.json");
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Title, format and SQL of each panel's query, then of each variable's.
fn queries(dashboard: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten().map(move |t| (panel, t)));
    let asked =
        targets.map(|(panel, target)| (text(&panel["title"]), text(&target["format"]), text(&target["rawSql"])));
    let variables = dashboard["templating"]["list"].as_array().unwrap().iter().filter(|v| v["type"] == "query");
    asked.chain(variables.map(|v| (text(&v["name"]), "table".to_owned(), text(&v["query"])))).collect()
}

/// SQL as Grafana sends it: a day back from now, two services, the default poll.
fn filled_in(sql: &str) -> String {
    let (from, to) = (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24), jiff::Timestamp::now());
    let mut sql = sql
        .replace("$__timeFrom()", &format!("'{from}'"))
        .replace("$__timeTo()", &format!("'{to}'"))
        .replace("${service:sqlstring}", "'shop','it''s'")
        .replace("${poll:sqlstring}", "'default'");
    while let Some((before, rest)) = sql.split_once("$__timeFilter(") {
        let (column, after) = rest.split_once(')').unwrap();
        sql = format!("{before}{column} BETWEEN '{from}' AND '{to}'{after}");
    }
    assert!(!sql.contains('$'), "a variable that this test does not know: {sql}");
    sql
}

async fn ask(system: &System, sql: &str) -> Vec<Value> {
    let statement = format!("SET ROLE {ROLE}; SELECT row_to_json(answer) FROM ({}) AS answer", filled_in(sql));
    let rows = system.postgres.psql("tally", &statement).await.unwrap();
    rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// Posts 100 good requests and 10 failed ones of one service, one of another, and two votes.
async fn count_something(system: &System) {
    let mut events: Vec<Value> = (1..=100).map(|ms| event("shop", "/cart/{id}", 200, f64::from(ms))).collect();
    events.extend((0..10).map(|_| event("shop", "/pay", 503, 20.0)));
    events.push(event("it's", "/", 200, 1.0));
    events.push(event("hidden", "/", 200, 1.0));
    system.post_events(&json!(events)).await;
    for option in ["cats", "dogs"] {
        let (status, answer) = system.post("/api/vote", None, &json!({"option": option})).await;
        assert_eq!(status, 202, "{answer}");
    }
    assert_eq!(system.counted().await["counted"], 114);
}

/// What happens seldom is written by hand, so that its panels have something to show.
async fn make_trouble(system: &System) {
    let sql = "INSERT INTO dead_letter (shard, epoch, seq, events, reason, payload, at) VALUES (0, 1, 1, 3, 'too_late', '', now()); \
               INSERT INTO folded_route VALUES (1, 1, 'shop', 'GET', '/x', 5, now())";
    system.postgres.psql("tally", sql).await.unwrap();
}

/// Runs every query, and gives the rows of each by its title.
async fn ask_all(system: &System) -> BTreeMap<String, Vec<Value>> {
    let mut answers = BTreeMap::new();
    for (title, format, sql) in queries(&dashboard()) {
        let rows = ask(system, &sql).await;
        assert!(!rows.is_empty(), "{title}: nothing\n{sql}");
        if format == "time_series" {
            assert!(rows.iter().all(|row| row["time"].is_string() && row["metric"].is_string()), "{title}: {rows:?}");
        }
        assert!(answers.insert(title.clone(), rows).is_none(), "two panels are called {title}");
    }
    answers
}

#[tokio::test]
async fn every_panel_shows_what_was_posted() {
    let system = System::start().await;
    system.postgres.psql("tally", &format!("CREATE ROLE {ROLE}")).await.unwrap();
    let (ok, output) = system.consumer_command(&["migrate"]).await;
    assert!(ok, "{output}");
    count_something(&system).await;
    make_trouble(&system).await;
    let answers = ask_all(&system).await;

    assert_eq!(answers["Requests"], [json!({"requests": 111})]);
    assert_eq!(answers["Errors (5xx)"], [json!({"errors": 10})]);
    let busiest = &answers["The 100 busiest endpoints"];
    assert_eq!(busiest.len(), 3, "only the services chosen: {busiest:?}");
    let cart = &busiest[0];
    assert_eq!((&cart["route"], &cart["requests"], &cart["errors"]), (&json!("/cart/{id}"), &json!(100), &json!(0)));
    for (figure, exact) in [("avg_ms", 50.5), ("p50_ms", 50.0), ("p95_ms", 95.0), ("p99_ms", 99.0), ("max_ms", 100.0)] {
        let found = cart[figure].as_f64().unwrap();
        assert!((found - exact).abs() <= exact * 0.0101, "{figure}: {found} for {exact}");
    }
    for title in ["Requests a minute by service", "Requests an hour by service", "Requests a day by service"] {
        let shop = answers[title].iter().filter(|row| row["metric"] == "shop");
        assert_eq!(shop.map(|row| row["requests"].as_u64().unwrap()).sum::<u64>(), 110, "{title}");
    }
    assert!(answers["Shards"].iter().all(|row| row["balanced"] == true));
    assert_eq!(answers["Votes"].len(), 2);

    for beyond in ["DELETE FROM dead_letter", "SELECT payload FROM dead_letter", "SELECT voter FROM vote"] {
        let refused = system.postgres.psql("tally", &format!("SET ROLE {ROLE}; {beyond}")).await.unwrap_err();
        assert!(refused.to_string().contains("permission denied"), "{beyond}: {refused}");
    }
}
