//! Dead letters: by reason, as a file, and asked to be counted after all.

use reqwest::Method;
use serde_json::{Value, json};
use tally_model::{Batch, DeadLetter, EventBlock, Payload, Position, Shard, Tally};
use tally_store::Applied;

use crate::counting::count_all;
use crate::door::Door;

/// Looks at an answer that must change.
const LOOKS_MAX: usize = 600;
const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A payload of one event, packed.
fn packed(service: &str) -> Vec<u8> {
    let mut block = EventBlock::new();
    block.push(service, "GET", "/", (200, 0, None));
    tally_stream::encode(&Payload::Events(block)).bytes
}

/// Commits letters of these reasons, payloads and indexes, an event each.
async fn set_aside(door: &Door, letters: &[(&str, &[u8], Option<u32>)]) {
    count_all(door).await;
    let row = door.store.position(Shard::new(0)).await.unwrap();
    let prev = row.position();
    let mut last = row.anchor;
    last.position = Position::new(prev.epoch.max(1), prev.seq + 1);
    last.totals.events += letters.len() as u64;
    let letter = |(reason, payload, index): &(&str, &[u8], Option<u32>)| DeadLetter {
        position: last.position,
        index: *index,
        events: 1,
        reason: (*reason).into(),
        payload: payload.to_vec(),
    };
    let batch = Batch {
        shard: row.shard,
        prev,
        lineage: row.lineage,
        last,
        crossings: Vec::new(),
        request_ids: Vec::new(),
        tally: Tally::default(),
        filtered: 0,
        dead_letters: letters.iter().map(letter).collect(),
    };
    assert!(matches!(door.store.apply(&batch).await.unwrap(), Applied::Done { .. }));
}

const REFUSED: &[u8] =
    br#"{"service":"checkout","method":"GET","route":"/","status":200,"time_ms":0,"duration_us":null}"#;

#[tokio::test]
async fn reasons_are_told_with_what_can_be_done() {
    let door = Door::open().await;
    let (shop, search) = (packed("shop"), packed("search"));
    set_aside(
        &door,
        &[
            ("unknown_format_3", &shop, None),
            ("unknown_format_3", &search, None),
            ("undecodable", &[0xff; 68], None),
            ("refused_by_database", REFUSED, Some(4)),
        ],
    )
    .await;
    let told = door.get("/v1/dead-letters/reasons").await.body;
    assert_eq!((&told["events"], told["reasons"].as_array().unwrap().len()), (&json!(4), 3));
    let format = &told["reasons"][0];
    assert_eq!(format["text"], "Payload format 3 is unknown to this consumer");
    assert_eq!((&format["events"], &format["letters"], &format["redrivable"]), (&json!(2), &json!(2), &json!(true)));
    assert_eq!((&format["services"], &format["redrive"]), (&json!(["search", "shop"]), &Value::Null));
    let refused = &told["reasons"][1];
    assert_eq!((&refused["services"], &refused["redrivable"]), (&json!(["checkout"]), &json!(true)));
    assert_eq!(refused["sample"], std::str::from_utf8(REFUSED).unwrap());
    let damaged = &told["reasons"][2];
    assert_eq!((&damaged["reason"], &damaged["redrivable"]), (&json!("undecodable"), &json!(false)));
    assert!(damaged["sample"].as_str().unwrap().starts_with("68-byte entry 0/"), "{damaged}");

    let asked = door.post("/v1/dead-letters/redrive", &[JSON], r#"{"reason":"unknown_format_3"}"#).await;
    assert_eq!((asked.status, &asked.body), (202, &json!({"asked": 2})));
    let again = door.post("/v1/dead-letters/redrive", &[JSON], r#"{"reason":"unknown_format_3"}"#).await;
    assert_eq!((again.status, &again.body), (202, &json!({"asked": 2})), "the same request");
    // An answer is shared for a moment.
    let mut told = Value::Null;
    for _ in 0..LOOKS_MAX {
        told = door.get("/v1/dead-letters/reasons").await.body;
        if !told["reasons"][0]["redrive"].is_null() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let redrive = &told["reasons"][0]["redrive"];
    assert_eq!((&redrive["redriven"], &redrive["refused"], &redrive["done_at"]), (&json!(0), &json!(0), &Value::Null));
    assert!(redrive["asked_at"].is_string());
    let row = door.store.claim_redrive("c", std::time::Duration::from_secs(5)).await.unwrap().unwrap();
    assert_eq!(row.reason, "unknown_format_3");

    for (body, status) in
        [(r#"{"reason":"none"}"#, 422), (r#"{"reason":""}"#, 422), ("{}", 422), ("x", 400), ("[]", 422)]
    {
        assert_eq!(door.post("/v1/dead-letters/redrive", &[JSON], body).await.status, status, "{body}");
    }
}

#[tokio::test]
async fn letters_are_listed_by_reason_and_downloaded_whole() {
    let door = Door::open().await;
    let mut letters: Vec<(&str, &[u8], Option<u32>)> = vec![("undecodable", &[0xff, 0, 1], None); 25];
    letters.push(("refused_by_database", REFUSED, Some(4)));
    set_aside(&door, &letters).await;
    let listed = door.get("/v1/dead-letters?reason=refused_by_database").await.body;
    assert_eq!(listed["dead_letters"].as_array().unwrap().len(), 1);
    assert_eq!(door.get("/v1/dead-letters?reason=none").await.body["dead_letters"], json!([]));

    let lines = async |query: &str| {
        let answer = door.get(&format!("/v1/dead-letters?format=ndjson{query}")).await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/x-ndjson"));
        // One line alone is taken for a document.
        let text = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
        let mut lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let end = lines.pop().unwrap();
        assert_eq!((&end["end"], &end["letters"]), (&json!(true), &json!(lines.len())));
        (lines, end["next"].clone())
    };
    let (all, next) = lines("").await;
    assert_eq!((all.len(), next), (26, Value::Null));
    assert_eq!(all[0]["payload"], std::str::from_utf8(REFUSED).unwrap());
    assert_eq!((&all[1]["payload_base64"], &all[1]["payload"]), (&json!("/wAB"), &Value::Null));
    let (first, next) = lines("&limit=22&reason=undecodable").await;
    let (rest, end) = lines(&format!("&reason=undecodable&cursor={}", next.as_str().unwrap())).await;
    assert_eq!((first.len(), rest.len(), end), (22, 3, Value::Null));
    assert_eq!([first, rest].concat(), all[1..]);
    assert_eq!(lines("&reason=none").await.0.len(), 0);
    assert_eq!(door.get("/v1/dead-letters?format=xml").await.status, 400);
    let head = door.request(Method::HEAD, "/v1/dead-letters?format=ndjson").send().await.unwrap();
    assert_eq!(head.status(), 200);
}
