//! The wish to stop, as a value: signals in the program, a call in a test.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::error::Error;

/// Becomes true once; clones see the same.
#[derive(Debug, Clone)]
pub struct Shutdown {
    asked: watch::Receiver<bool>,
    // Kept so that the receivers never see a closed channel.
    ask: Arc<watch::Sender<bool>>,
}

impl Shutdown {
    /// One that is asked for by [`Self::ask`] only.
    #[must_use]
    pub fn new() -> Self {
        let (ask, asked) = watch::channel(false);
        Self { asked, ask: Arc::new(ask) }
    }

    /// One that SIGTERM and SIGINT ask for too.
    ///
    /// # Errors
    /// [`Error::Runtime`] where the system takes no handler.
    pub fn on_signals() -> Result<Self, Error> {
        let shutdown = Self::new();
        for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
            let (mut signals, ask) = (signal(kind).map_err(Error::Runtime)?, Arc::clone(&shutdown.ask));
            tokio::spawn(async move {
                signals.recv().await;
                tracing::info!("asked to stop");
                ask.send_replace(true);
            });
        }
        Ok(shutdown)
    }

    /// Asks everybody to stop.
    pub fn ask(&self) {
        self.ask.send_replace(true);
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits until it is asked for.
    pub async fn asked(&self) {
        // An error would mean that the sender is gone, and we hold it.
        let _ = self.asked.clone().wait_for(|asked| *asked).await;
    }

    /// Sleeps, or returns early because it was asked for; true then.
    pub async fn sleep(&self, duration: std::time::Duration) -> bool {
        tokio::time::timeout(duration, self.asked()).await.is_ok()
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
