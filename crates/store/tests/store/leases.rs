//! Leases by the database's clock: shards move, and nobody else's lease is touched.

use std::time::Duration;

use tally_model::Shard;

use crate::fixture::{NOON, TestStore};

const LEASE: Duration = Duration::from_secs(15);

fn indices(shards: &[Shard]) -> Vec<u16> {
    shards.iter().map(|shard| shard.index()).collect()
}

#[tokio::test]
async fn two_consumers_then_three_then_one() {
    let test = TestStore::new().await;
    assert_eq!(test.heartbeat("a", LEASE).await.unwrap(), 1);
    assert_eq!(indices(&test.claim("a", 4, LEASE).await.unwrap()), [0, 1, 2, 3]);
    assert_eq!(test.heartbeat("b", LEASE).await.unwrap(), 2);
    assert_eq!(test.claim("b", 2, LEASE).await.unwrap(), []);
    test.release("a", &[Shard::new(2), Shard::new(3)]).await.unwrap();
    assert_eq!(indices(&test.claim("b", 2, LEASE).await.unwrap()), [2, 3]);
    assert_eq!(test.claim("b", 2, LEASE).await.unwrap(), [], "holds its two");
    assert_eq!(test.heartbeat("c", LEASE).await.unwrap(), 3);
    test.release("b", &[Shard::new(3), Shard::new(0)]).await.unwrap();
    assert_eq!(indices(&test.claim("c", 2, LEASE).await.unwrap()), [3], "the lease of another was not released");
    test.leave("a").await.unwrap();
    test.leave("b").await.unwrap();
    assert_eq!(test.heartbeat("c", LEASE).await.unwrap(), 1);
    assert_eq!(indices(&test.claim("c", 4, LEASE).await.unwrap()), [0, 1, 2]);
    assert_eq!(indices(&test.renew("c", LEASE).await.unwrap()), [0, 1, 2, 3]);
}

#[tokio::test]
async fn leases_expire_by_the_databases_clock() {
    let test = TestStore::new().await;
    test.heartbeat("a", LEASE).await.unwrap();
    test.claim("a", 4, LEASE).await.unwrap();
    test.set_clock(NOON + 10).await;
    assert_eq!(test.renew("a", LEASE).await.unwrap().len(), 4);
    test.set_clock(NOON + 24).await;
    assert_eq!(test.claim("b", 4, LEASE).await.unwrap(), [], "renewed, so not yet free");
    test.set_clock(NOON + 25).await;
    assert_eq!(test.heartbeat("b", LEASE).await.unwrap(), 1, "a is gone");
    assert_eq!(test.claim("b", 3, LEASE).await.unwrap().len(), 3);
    assert_eq!(test.renew("a", LEASE).await.unwrap(), [], "expired, also the one nobody took");
    assert_eq!(indices(&test.claim("a", 4, LEASE).await.unwrap()), [3]);
    assert_eq!(test.number("SELECT sum(term) FROM shard_lease").await, 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shard_is_claimed_once() {
    let test = TestStore::new().await;
    let claims = (0..8).map(|i| {
        let store = test.store.clone();
        tokio::spawn(async move { store.claim(&format!("c{i}"), 1, LEASE).await.unwrap() })
    });
    let mut claimed = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        claimed.extend(claim.await.unwrap());
    }
    claimed.sort_unstable();
    assert_eq!(indices(&claimed), [0, 1, 2, 3]);
}
