//! What a lease allows: to commit until a moment of the monotonic clock, and not after.
//!
//! A lease is for liveness only. Two counters on one shard are harmless; a permit keeps them from doing the same work twice.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How often a counter without a valid lease looks whether it is renewed.
const LOOK: Duration = Duration::from_millis(100);
/// As good as for ever: no process lives that long.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How a counter is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Apply what was folded, then end: the shard is released, or the process stops.
    Finish,
    /// Forget what was folded and end: the lease is another's.
    Forget,
}

/// What the holder of a shard's lease passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// No commit may start after this moment.
    pub until: Instant,
    /// Whether, and how, to end.
    pub end: Option<End>,
}

impl Grant {
    /// To commit until `until`.
    #[must_use]
    pub fn until(until: Instant) -> Self {
        Self { until, end: None }
    }
}

/// A counter's view of its lease.
#[derive(Debug, Clone)]
pub struct Permit {
    grant: watch::Receiver<Grant>,
}

impl Permit {
    /// A permit and the way to change it.
    #[must_use]
    pub fn new(grant: Grant) -> (watch::Sender<Grant>, Self) {
        let (give, grant) = watch::channel(grant);
        (give, Self { grant })
    }

    /// A permit that never ends, for a counter without a lease.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::new(Grant::until(Instant::now() + FOR_EVER)).1
    }

    /// Whether, and how, to end.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.grant.borrow().end
    }

    /// Waits until the counter is to end.
    pub async fn ended(&self) {
        if self.grant.clone().wait_for(|grant| grant.end.is_some()).await.is_err() {
            // Nobody is left who could end it.
            std::future::pending::<()>().await;
        }
    }

    /// Sleeps; returns early when the counter is to end.
    pub async fn sleep(&self, duration: Duration) {
        // Either way it is time to go on.
        let _ = tokio::time::timeout(duration, self.ended()).await;
    }

    /// Waits while the lease is not renewed. True: a commit may start. False: the counter is to end, and without one.
    pub async fn allows_commit(&self) -> bool {
        loop {
            let grant = *self.grant.borrow();
            match grant.end {
                Some(End::Forget) => return false,
                _ if Instant::now() < grant.until => return true,
                Some(End::Finish) => return false,
                None => tokio::time::sleep(LOOK).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_commit_starts_only_under_a_lease() {
        let (give, permit) = Permit::new(Grant::until(Instant::now() + FOR_EVER));
        assert!(permit.allows_commit().await);
        give.send_replace(Grant { until: Instant::now() + FOR_EVER, end: Some(End::Finish) });
        assert!(permit.allows_commit().await, "it may finish");
        give.send_replace(Grant { until: Instant::now(), end: Some(End::Finish) });
        assert!(!permit.allows_commit().await, "but not beyond its lease");
        give.send_replace(Grant { until: Instant::now() + FOR_EVER, end: Some(End::Forget) });
        assert!(!permit.allows_commit().await);
        tokio::time::timeout(Duration::from_secs(1), permit.ended()).await.unwrap();
    }

    #[tokio::test]
    async fn an_unrenewed_lease_is_waited_for() {
        let (give, permit) = Permit::new(Grant::until(Instant::now()));
        assert!(tokio::time::timeout(LOOK * 2, permit.allows_commit()).await.is_err());
        give.send_replace(Grant::until(Instant::now() + FOR_EVER));
        assert!(permit.allows_commit().await);
        drop(give);
        assert!(tokio::time::timeout(LOOK, permit.ended()).await.is_err());
    }
}
