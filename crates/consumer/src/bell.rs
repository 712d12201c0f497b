//! Telling who listens that something was counted: after the commit and beside it, so that counting never waits for it.

use std::sync::Arc;
use std::time::Duration;

use tally_store::Store;
use tokio::sync::Notify;

use crate::shutdown::Shutdown;

/// Shortest time between two announcements of a process. Pages draw no more often than that.
const PAUSE: Duration = Duration::from_millis(100);

/// Rung after each commit. Rings that come while one is announced become one.
#[derive(Debug, Clone, Default)]
pub struct Bell {
    rung: Arc<Notify>,
}

impl Bell {
    /// Something was counted.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
    }
}

/// Announces what is rung until asked to stop. One that is lost is no loss: who listens looks by itself every second.
pub(crate) async fn announce_rings(bell: Bell, store: Store, stop: Shutdown) {
    loop {
        tokio::select! {
            () = stop.asked() => return,
            () = bell.rung.notified() => {}
        }
        if let Err(error) = store.announce().await {
            tracing::debug!(%error, "could not announce that something was counted");
        }
        stop.sleep(PAUSE).await;
    }
}
