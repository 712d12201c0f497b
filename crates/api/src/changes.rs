//! Whether what was counted has changed since an answer was made.

use tokio::sync::watch;

/// How often what was counted was seen to change. Whoever sees a commit bumps it; answers made before are then old.
#[derive(Debug)]
pub(crate) struct Changes {
    version: watch::Sender<u64>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self { version: watch::Sender::new(0) }
    }

    /// Something was committed.
    pub(crate) fn bump(&self) {
        self.version.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Hears of every change from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Which change is the last one seen. To be read before the data that an answer is made of.
    pub(crate) fn version(&self) -> u64 {
        *self.version.borrow()
    }
}
