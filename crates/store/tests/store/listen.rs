//! Hearing of commits.

use std::time::Duration;

use tokio::time::timeout;

use crate::fixture::TestStore;

/// Longest wait for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn what_is_announced_is_heard_over_broken_connections() {
    let test = TestStore::new().await;
    let mut listener = test.listen();
    let heard = async |listener: &mut tally_store::Listener| timeout(PATIENCE, listener.changed()).await.unwrap();
    heard(&mut listener).await;
    assert_eq!(listener.connections(), 1, "the first connection may have missed something");
    for _ in 0..3 {
        test.announce().await.unwrap();
    }
    heard(&mut listener).await;
    test.put_poll("p", None, &["a"]).await.unwrap();
    heard(&mut listener).await;
    test.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()")
        .await;
    while listener.connections() < 2 {
        heard(&mut listener).await;
    }
    test.announce().await.unwrap();
    heard(&mut listener).await;
}
