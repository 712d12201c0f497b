//! Hearing that something was counted, and saying so. A notification may be missed at any time: it makes answers fresh
//! sooner, and nothing else depends on it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_postgres::{AsyncMessage, Client};

use crate::store::within;
use crate::{Error, Store};

/// Listens on the channel that [`Store::announce`] speaks on.
const LISTEN: &str = "LISTEN tally_changed";
/// How long nothing is heard before the connection is asked whether it is still there: a server, or something on the way,
/// may have dropped it without a word.
const ASK_AFTER: Duration = Duration::from_secs(30);
/// First wait between two tries to connect; it doubles up to the longest.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// A connection of its own that hears of commits, made again whenever it breaks.
#[derive(Debug)]
pub struct Listener {
    store: Store,
    link: Option<Link>,
    wait: Duration,
    connections: u64,
}

/// One connection. The task that drives it ends with the connection; what it heard waits in a channel of one place.
#[derive(Debug)]
struct Link {
    client: Client,
    heard: mpsc::Receiver<()>,
    driver: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Store {
    /// Tells all that listen that what was counted has changed. A statement of its own, beside the commits and never in them:
    /// a transaction that notifies holds a lock over the whole server until it is on the disk.
    ///
    /// # Errors
    /// Whatever the database says. No harm is done: who listens looks by itself every second.
    pub async fn announce(&self) -> Result<(), Error> {
        self.query("announce", "SELECT pg_notify('tally_changed', '')", &[]).await.map(drop)
    }

    /// A listener that is not connected yet.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener { store: self.clone(), link: None, wait: BACKOFF_MIN, connections: 0 }
    }
}

impl Listener {
    /// Waits until something was announced, or may have been without being heard: a connection was made, or made again.
    /// While PostgreSQL is away it waits and tries again for ever.
    pub async fn changed(&mut self) {
        loop {
            let Some(link) = &mut self.link else {
                self.connect().await;
                return;
            };
            let broken = match timeout(ASK_AFTER, link.heard.recv()).await {
                Ok(Some(())) => return,
                Ok(None) => true,
                Err(_) => within(self.store.connect_timeout(), "listen", link.client.batch_execute("")).await.is_err(),
            };
            if broken {
                tracing::warn!("the connection that hears of commits is gone; making it again");
                self.link = None;
            }
        }
    }

    /// Connections made so far; all but the first are reconnections.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections
    }

    async fn connect(&mut self) {
        let link = loop {
            match Link::make(&self.store).await {
                Ok(link) => break link,
                Err(error) => tracing::debug!(%error, "cannot listen for commits; trying again"),
            }
            sleep(self.wait).await;
            self.wait = (self.wait * 2).min(BACKOFF_MAX);
        };
        self.link = Some(link);
        self.wait = BACKOFF_MIN;
        self.connections += 1;
    }
}

impl Link {
    async fn make(store: &Store) -> Result<Self, Error> {
        let limit = store.connect_timeout();
        let late = |_| Error::NoConnection { waited: limit };
        let connected = timeout(limit, store.client_config().connect(store.tls())).await.map_err(late)?;
        let (client, mut connection) = connected.map_err(Error::Connect)?;
        let (tell, heard) = mpsc::channel(1);
        let driver = tokio::spawn(async move {
            while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
                if matches!(message, AsyncMessage::Notification(_)) {
                    // A full channel is no loss: one word stands for all.
                    let _ = tell.try_send(());
                }
            }
        });
        let link = Self { client, heard, driver };
        within(limit, "listen", link.client.batch_execute(LISTEN)).await?;
        Ok(link)
    }
}
