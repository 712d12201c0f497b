//! A few reports at a time: each reads whole tables and writes megabytes, and ingest must not feel it.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::problem::{Kind, Problem};

/// Reports that one process makes at the same time.
const AT_ONCE: usize = 2;
/// How long a request waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the store may take over all questions of one report.
const GATHER_TIMEOUT: Duration = Duration::from_secs(60);

/// Whose turn it is.
#[derive(Debug)]
pub(crate) struct Turn {
    free: Semaphore,
}

impl Turn {
    pub(crate) fn new() -> Self {
        Self { free: Semaphore::new(AT_ONCE) }
    }

    /// Waits for a turn, which lasts as long as what is given.
    ///
    /// # Errors
    /// 503, if others take too long.
    pub(crate) async fn take(&self) -> Result<SemaphorePermit<'_>, Problem> {
        match timeout(TURN_TIMEOUT, self.free.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                Err(Problem::new(Kind::Overloaded, format!("{AT_ONCE} reports are being made here already; ask again")))
            }
        }
    }
}

/// Gives up what takes too long.
///
/// # Errors
/// 503; what the future says.
pub(crate) async fn in_time<T>(gathering: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    timeout(GATHER_TIMEOUT, gathering).await.unwrap_or_else(|_| {
        let detail =
            format!("the report was not gathered within {} s; ask for a shorter window", GATHER_TIMEOUT.as_secs());
        Err(Problem::new(Kind::DatabaseUnavailable, detail))
    })
}
