//! Connections for reading whole tables: each is driven by the task that reads from it. Rows of a connection of the pool come through
//! another task, and mostly another thread, one message at a time; of a table's hundred thousands that took a fifth of the time.
//! The reading is done on the runtime that opened the store: threads that serve requests are not held up by it.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::{Error, Store};

/// Tables of endpoints that are read at a time: 5,000 endpoints take tens of megabytes here until they are merged. More wait.
const TABLES_MAX: usize = 2;

/// The places of those who read tables, and connections that wait for the next.
pub(crate) struct Tables {
    home: Handle,
    places: Semaphore,
    idle: Mutex<Vec<Driven>>,
}

impl Tables {
    /// Of a store that the current runtime opened.
    pub(crate) fn here() -> Self {
        Self { home: Handle::current(), places: Semaphore::new(TABLES_MAX), idle: Mutex::default() }
    }

    /// Does `work` where the store was opened; it ends when the caller no longer waits.
    pub(crate) async fn at_home<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        let mut tasks = JoinSet::new();
        tasks.spawn_on(work, &self.home);
        match tasks.join_next().await {
            Some(Ok(outcome)) => outcome,
            Some(Err(error)) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime ends.
            _ => Err(Error::NoConnection { waited: Duration::ZERO }),
        }
    }

    /// A place among those who read, for as long as what was read takes room.
    pub(crate) async fn place(&self, patience: Duration) -> Result<SemaphorePermit<'_>, Error> {
        let place = timeout(patience, self.places.acquire()).await;
        place.ok().and_then(Result::ok).ok_or(Error::NoConnection { waited: patience })
    }

    /// A connection: one that waits and is still good, or a new one.
    pub(crate) async fn connection(&self, store: &Store) -> Result<Driven, Error> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut idle) = idle else { return Driven::open(store).await };
            if idle.is_open().await {
                return Ok(idle);
            }
        }
    }

    /// Takes a connection back that may be used again.
    pub(crate) fn put_back(&self, connection: Driven) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
    }
}

/// A connection that does something only while someone waits for it.
pub(crate) struct Driven {
    client: Client,
    /// `None` once it has ended.
    driver: Option<Driver>,
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Driven {
    async fn open(store: &Store) -> Result<Self, Error> {
        let waited = store.connect_timeout();
        let connected = timeout(waited, store.client_config().connect(store.tls())).await;
        let (client, connection) = connected.map_err(|_| Error::NoConnection { waited })?.map_err(Error::Connect)?;
        let driver = async {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection for tables broke");
            }
        };
        Ok(Self { client, driver: Some(Box::pin(driver)) })
    }

    /// Sees whether the server has closed it meanwhile.
    async fn is_open(&mut self) -> bool {
        drive(&mut self.driver, async {}).await;
        self.driver.is_some()
    }

    /// Does `work` with its client, and all that the connection has to do for that.
    pub(crate) async fn with_client<T>(&mut self, work: impl AsyncFnOnce(&Client) -> T) -> T {
        drive(&mut self.driver, work(&self.client)).await
    }
}

async fn drive<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    poll_fn(|context| {
        if driver.as_mut().is_some_and(|driver| driver.as_mut().poll(context).is_ready()) {
            *driver = None;
        }
        work.as_mut().poll(context)
    })
    .await
}
