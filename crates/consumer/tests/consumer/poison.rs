//! Entries that cannot be decoded, and events that the database can never take.

use tally_model::Position;

use crate::stage::Stage;

/// Makes the database refuse every row of an endpoint (SQLSTATE 23514).
async fn refuse(stage: &Stage, route: &str) {
    let id = tally_model::EndpointName::new("shop", "GET", route).id().raw();
    stage.psql(&format!("alter table endpoint_minute add constraint refused check (endpoint <> {id})")).await;
}

#[tokio::test]
async fn only_the_guilty_events_are_set_aside() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.count_all(&mut counter).await;
    refuse(&stage, "/bad").await;
    for round in 0..6 {
        stage.append(&format!("/good{round}"), 4, Some(&format!("g{round}"))).await;
    }
    stage.append_mixed(&[("/fine", 7), ("/bad", 2), ("/fine", 5), ("/bad", 1)]).await;
    for round in 6..12 {
        stage.append(&format!("/good{round}"), 4, Some(&format!("g{round}"))).await;
    }
    stage.count_all(&mut counter).await;
    stage.check(12 * 4 + 12, 3, 0).await;
    let letters = stage.psql("select idx || ' ' || reason || ' ' || (convert_from(payload, 'UTF8')::json->>'route') from dead_letter order by idx").await;
    assert_eq!(
        letters.lines().collect::<Vec<_>>(),
        ["7 refused_by_database /bad", "8 refused_by_database /bad", "14 refused_by_database /bad"]
    );
    stage.append("/later", 1, None).await;
    stage.count_all(&mut counter).await;
    stage.check(61, 3, 0).await;
}

#[tokio::test]
async fn an_entry_of_nothing_but_guilty_events_moves_on_too() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    refuse(&stage, "/bad").await;
    stage.append("/bad", 9, None).await;
    stage.append("/good", 1, Some("k")).await;
    stage.count_all(&mut counter).await;
    stage.check(1, 9, 0).await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_decoded_is_one_dead_letter() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append("/a", 5, Some("a")).await;
    let at = stage.last().await;
    stage.append("/b", 3, Some("b")).await;
    corrupt_payload(&stage, at).await;
    stage.append("/c", 2, Some("c")).await;
    stage.count_all(&mut counter).await;
    stage.check(5, 5, 0).await;
    assert_eq!(stage.requests().await, ["/b=3", "/c=2"]);
    let letters = stage
        .psql("select epoch || '-' || seq || ' ' || events || ' ' || reason || coalesce(idx, -1) from dead_letter")
        .await;
    assert_eq!(letters, format!("{at} 5 undecodable-1"));
}

#[tokio::test]
async fn an_entry_without_an_envelope_is_set_aside_with_its_events() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append("/a", 5, Some("a")).await;
    let at = stage.last().await;
    stage.append("/b", 3, Some("b")).await;
    stage.rewrite(at, "h = 'nonsense'").await;
    stage.count_all(&mut counter).await;
    stage.check(3, 5, 0).await;
}

/// As a broken disk would: the payload's middle is another byte.
async fn corrupt_payload(stage: &Stage, at: Position) {
    let change =
        "local i = math.floor(#p / 2); p = p:sub(1, i) .. string.char(bit.bxor(p:byte(i + 1), 85)) .. p:sub(i + 2)";
    stage.rewrite(at, change).await;
}
