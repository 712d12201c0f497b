//! Shards move between consumers; nothing is lost or doubled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::system::{System, event};

/// Longer than a lease and a takeover in these tests.
const PAST_THE_LEASE: Duration = Duration::from_secs(6);

/// Posts without pause until told to stop; the number of events accepted.
fn post_on(system: &System, stop: &Arc<AtomicBool>) -> tokio::task::JoinHandle<u64> {
    let (http, url, stop) = (system.http.clone(), format!("{}/v1/events", system.base), Arc::clone(stop));
    tokio::spawn(async move {
        let accepted = AtomicU64::new(0);
        for round in 0_u64.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let events: Vec<_> =
                (0..20).map(|i| event(&format!("s{}", round % 40), &format!("/{i}"), 200, 3.0)).collect();
            let answer = http.post(&url).json(&json!(events)).send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 202);
            accepted.fetch_add(20, Ordering::Relaxed);
            sleep(Duration::from_millis(2)).await;
        }
        accepted.into_inner()
    })
}

async fn owners(system: &System) -> u64 {
    let owners = system.postgres.psql(
        "tally",
        "select count(distinct owner) from shard_lease where owner is not null and until > clock_timestamp()",
    );
    owners.await.unwrap().trim().parse().unwrap()
}

async fn until_owners(system: &System, expected: u64) {
    for _ in 0..600 {
        if owners(system).await == expected {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("{} owners, expected {expected}\n{}", owners(system).await, system.logs());
}

#[tokio::test]
async fn two_then_three_then_one() {
    let mut system = System::start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let posting = post_on(&system, &stop);
    until_owners(&system, 1).await;
    system.add_consumer();
    until_owners(&system, 2).await;
    system.add_consumer();
    until_owners(&system, 3).await;
    system.consumers.pop().unwrap().kill9().await.unwrap();
    let orderly = system.consumers.pop().unwrap();
    orderly.terminate().unwrap();
    orderly.wait(Duration::from_secs(20)).await.unwrap();
    until_owners(&system, 1).await;
    stop.store(true, Ordering::Relaxed);
    let accepted = posting.await.unwrap();
    assert!(accepted > 0);
    assert_eq!(system.counted().await["counted"], accepted);
    assert_eq!(system.requests().await.values().sum::<u64>(), accepted);
}

#[tokio::test]
async fn a_consumer_that_slept_past_its_lease_does_no_harm() {
    let mut system = System::start().await;
    system.add_consumer();
    until_owners(&system, 2).await;
    let stop = Arc::new(AtomicBool::new(false));
    let posting = post_on(&system, &stop);
    sleep(Duration::from_secs(1)).await;
    for sleeper in [0, 1] {
        system.consumers[sleeper].pause().unwrap();
        sleep(PAST_THE_LEASE).await;
        system.consumers[sleeper].resume().unwrap();
        until_owners(&system, 2).await;
    }
    stop.store(true, Ordering::Relaxed);
    let accepted = posting.await.unwrap();
    assert_eq!(system.counted().await["counted"], accepted);
    assert_eq!(system.requests().await.values().sum::<u64>(), accepted);
}
