//! A PostgreSQL that is slow, breaks off, or has another schema; and late events.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::proxy::Proxy;
use crate::stage::Stage;

/// Longest wait for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes the database take too long over more rows at once than this (SQLSTATE 57014).
async fn tire(stage: &Stage, rows_max: usize) {
    let function = format!(
        "create function tired() returns trigger language plpgsql as $$ begin
           if (select count(*) from fresh) > {rows_max} then raise exception 'too slow' using errcode = '57014'; end if;
           return null; end $$"
    );
    stage.psql(&function).await;
    let trigger = "create trigger tired after insert on endpoint_minute referencing new table as fresh \
                   for each statement execute function tired()";
    stage.psql(trigger).await;
}

#[tokio::test]
async fn a_batch_that_takes_too_long_twice_is_halved() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.count_all(&mut counter).await;
    tire(&stage, 2).await;
    for route in 0..16 {
        stage.append(&format!("/{route}"), 1, Some(&format!("k{route}"))).await;
    }
    stage.count_all(&mut counter).await;
    stage.check(16, 0, 0).await;
    assert!(stage.metrics.text().contains("tally_consumer_apply_failures_total{class=\"timeout\"}"));
}

#[tokio::test]
async fn a_schema_that_is_not_there_halts_and_clears_by_itself() {
    let mut stage = Stage::start().await;
    stage.tuning.schema_patience = Duration::from_millis(200);
    let mut counter = stage.running().await;
    stage.count_all(&mut counter).await;
    stage.append("/a", 3, None).await;
    stage.psql("alter table endpoint_minute rename to mislaid").await;
    let watch = async {
        while stage.row().await.halted.is_none() {
            sleep(Duration::from_millis(20)).await;
        }
        let reason = stage.row().await.halted.unwrap();
        stage.psql("alter table mislaid rename to endpoint_minute").await;
        reason
    };
    let (reason, ()) = timeout(PATIENCE, async { tokio::join!(watch, stage.count_all(&mut counter)) }).await.unwrap();
    assert!(reason.contains("endpoint_minute"), "{reason}");
    assert_eq!(stage.row().await.halted, None);
    stage.check(3, 0, 0).await;
}

#[tokio::test]
async fn an_apply_whose_connection_breaks_is_settled_by_the_row() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.count_all(&mut counter).await;
    let slow = "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.3); return null; end $$;
                create trigger slow after insert on endpoint_minute for each statement execute function slow()";
    stage.psql(slow).await;
    let kill = "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                where datname = current_database() and query like '%apply_batch%' and pid <> pg_backend_pid()";
    let mut events = 0;
    for round in 0..3 {
        events += stage.append_many(&format!("r{round}"), 4).await;
        let killed = async {
            sleep(Duration::from_millis(150)).await;
            stage.psql(kill).await
        };
        let (killed, ()) = tokio::join!(killed, stage.count_all(&mut counter));
        assert_ne!(killed, "0", "the test cut nothing off");
    }
    stage.check(events, 0, 0).await;
}

#[tokio::test]
async fn late_events_get_the_partitions_they_need() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    for days in [1, 3, 5] {
        stage.append_late("/late", days).await;
    }
    stage.count_all(&mut counter).await;
    stage.check(3, 0, 0).await;
}

/// Reads and folds, arms the fault, and applies: the statement of apply is what it strikes.
async fn strike(arm: impl Fn(&Proxy)) {
    let (stage, proxy) = Stage::start_behind_a_proxy().await;
    let mut counter = stage.running().await;
    // Applied once, so that the statement is prepared: it and its parameters go out in one piece.
    let mut events = stage.append_many("first", 4).await;
    stage.count_all(&mut counter).await;
    events += stage.append_many("struck", 4).await;
    counter.read_and_fold().await.unwrap();
    arm(&proxy);
    counter.apply().await.unwrap();
    assert!(proxy.has_struck());
    stage.count_all(&mut counter).await;
    stage.check(events, 0, 0).await;
    assert_eq!(stage.metrics.counted(), events, "what the figures say");
    assert!(stage.metrics.text().contains("apply_failures_total{class=\"transient\"} 1"), "{}", stage.metrics.text());
}

#[tokio::test]
async fn a_statement_that_never_arrived_is_sent_again() {
    strike(Proxy::swallow_next).await;
}

#[tokio::test]
async fn a_statement_whose_answer_was_lost_is_not_counted_again() {
    strike(Proxy::deafen_next).await;
}
