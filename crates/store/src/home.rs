//! Where the connections live: on the runtime that opened the store. What reads many rows goes there, because rows that change
//! threads one by one cost more than what is done with them; and threads that serve requests are not held up by it.

use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::time::Duration;

use deadpool_postgres::{ConfigConnectImpl, Connect};
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Error;

/// A runtime.
#[derive(Debug, Clone)]
pub(crate) struct Home(Handle);

impl Home {
    /// The current one.
    pub(crate) fn here() -> Self {
        Self(Handle::current())
    }

    /// Does `work` there; it ends when the caller no longer waits.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let mut tasks = JoinSet::new();
        tasks.spawn_on(work, &self.0);
        match tasks.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime ends.
            _ => Err(Error::NoConnection { waited: Duration::ZERO }),
        }
    }
}

/// Opens the pool's connections at home, whoever needs one.
pub(crate) struct AtHome {
    pub(crate) home: Home,
    pub(crate) tls: MakeRustlsConnect,
}

impl Connect for AtHome {
    fn connect(
        &self,
        config: &tokio_postgres::Config,
    ) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), tokio_postgres::Error>> {
        let (connect, config) = (ConfigConnectImpl { tls: self.tls.clone() }, config.clone());
        let opening = self.home.0.spawn(async move { connect.connect(&config).await });
        Box::pin(async {
            match opening.await {
                Ok(opened) => opened,
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // The runtime ends. The pool bounds the wait.
                Err(_) => pending().await,
            }
        })
    }
}
