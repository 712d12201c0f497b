//! A thousand pages cost the database no more than one.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::counting::count_all;
use crate::door::{Answer, Door, PATIENCE, answer};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// Transactions that PostgreSQL has committed in the door's database; its own figures are late, so until they stand still.
async fn transactions(door: &Door) -> u64 {
    let sql = format!("select xact_commit from pg_stat_database where datname = '{}'", door.database.name);
    let mut last = 0;
    loop {
        // From another database, so that looking does not count.
        let now = door.database.postgres().psql("postgres", &sql).await.unwrap().trim().parse().unwrap();
        if now == last {
            return now;
        }
        last = now;
        sleep(Duration::from_millis(1_500)).await;
    }
}

async fn shared(door: &Door) -> u64 {
    let metrics = door.get("/metrics").await.body;
    let line = metrics.as_str().unwrap().lines().find(|line| line.starts_with("tally_api_answers_shared_total"));
    line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn two_hundred_pages_ask_the_database_a_handful_of_times() {
    let door = Door::open().await;
    let event = json!({"service": "s", "method": "GET", "route": "/", "status": 200, "duration_ms": 1}).to_string();
    assert_eq!(door.post("/v1/events", &[JSON], event).await.status, 202);
    count_all(&door).await;
    let before = transactions(&door).await;
    let ask =
        async || answer(door.request(Method::GET, "/v1/overview?from=-1h&compare=24h").send().await.unwrap()).await;
    let answers = join_all((0..200).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body["summary"]["requests"] == 1));
    let shared = shared(&door).await;
    assert!((150..200).contains(&shared), "{shared} of 200 were answered by another's answer");
    // One answer is a dozen statements; the door itself looks for polls now and then.
    let after = transactions(&door).await;
    assert!(after - before > 0 && after - before < 200, "{} transactions", after - before);
}

#[tokio::test]
async fn a_kept_answer_ends_with_a_change_and_who_wants_a_new_one_says_so() {
    let door = Door::open().await;
    let put =
        |options: Value| door.send(Method::PUT, "/v1/polls/lunch", &[JSON], json!({"options": options}).to_string());
    let kept = async || answer(door.request(Method::GET, "/v1/polls/lunch").send().await.unwrap()).await;
    assert_eq!(kept().await.status, 404, "a refusal is kept for nobody");
    assert_eq!(put(json!(["soup"])).await.status, 201);
    let options = |answer: Answer| answer.body["results"].as_array().unwrap().len();
    assert_eq!(options(kept().await), 1);
    // This process sees its own change; it answers anew as soon as the question has rested.
    assert_eq!(put(json!(["rice"])).await.status, 200);
    let until = Instant::now() + PATIENCE;
    while options(kept().await) == 1 {
        assert!(Instant::now() < until, "still the old answer");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(options(kept().await), 2);
    // Of a change made elsewhere it knows nothing; it was asked only just now.
    door.store.put_poll("lunch", None, &["cake"]).await.unwrap();
    assert_eq!(options(door.get("/v1/polls/lunch").await), 3);
    assert_eq!(options(kept().await), 3);
}

#[tokio::test]
async fn who_accepts_gzip_gets_it() {
    let door = Door::open().await;
    let ask = |encoding: &'static str| {
        door.request(Method::GET, "/v1/overview?from=-24h").header("Accept-Encoding", encoding).send()
    };
    let plain = ask("identity").await.unwrap();
    assert!(plain.headers().get("content-encoding").is_none());
    assert!(plain.headers()["vary"].to_str().unwrap().to_lowercase().contains("accept-encoding"));
    let plain_bytes = plain.bytes().await.unwrap();
    let packed = ask("gzip, deflate").await.unwrap();
    let header = |name: &str| packed.headers()[name].to_str().unwrap().to_owned();
    assert_eq!((packed.status().as_u16(), header("content-encoding").as_str()), (200, "gzip"));
    assert_eq!((header("content-type").as_str(), header("cache-control").as_str()), ("application/json", "no-store"));
    let packed_bytes = packed.bytes().await.unwrap();
    assert!(packed_bytes.len() * 3 < plain_bytes.len(), "{} {}", packed_bytes.len(), plain_bytes.len());
    let mut unpacked = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&packed_bytes[..]), &mut unpacked).unwrap();
    let unpacked: Value = serde_json::from_str(&unpacked).unwrap();
    assert_eq!(unpacked["summary"]["requests"], 0);
    let head = answer(door.request(Method::HEAD, "/v1/overview?from=-24h").send().await.unwrap()).await;
    assert_eq!((head.status, head.body), (200, json!("")));
}
