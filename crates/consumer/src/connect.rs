//! Waiting for what a command needs: Redis, PostgreSQL, the schema; and whether they belong together.

use std::time::Duration;

use tally_model::HASH_NAMES;
use tally_store::{Layout, SchemaState, Store};
use tally_stream::Log;
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::config::Config;
use crate::error::Error;
use crate::shard::Cluster;
use crate::shutdown::Shutdown;

/// How long one connection to Redis may take to be made, and one command to be answered.
const REDIS_CONNECT: Duration = Duration::from_secs(5);
const REDIS_COMMAND: Duration = Duration::from_secs(10);
/// Schema version that a program from before the first migration finds and needs.
const NO_SCHEMA: i32 = 0;
const FIRST_SCHEMA: i32 = 1;
/// Longest wait between two tries.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// How often a wait that lasts is logged again.
const REPEAT: Duration = Duration::from_secs(30);
/// Connections beyond one for each shard: housekeeping, figures, and one to spare.
const SPARE_CONNECTIONS: usize = 4;

/// Log and database, which are known to belong together.
#[derive(Debug, Clone)]
pub struct Links {
    /// The log.
    pub log: Log,
    /// The database.
    pub store: Store,
    /// What both say they are.
    pub cluster: Cluster,
}

impl Links {
    /// Waits for PostgreSQL, its schema, and Redis, at most `patience` for each (for ever without).
    ///
    /// # Errors
    /// [`Error::Waited`] names what did not come; [`Error::Stranger`], or the errors of the layout, where things do not
    /// belong together; [`Error::Interrupted`].
    pub async fn connect(config: &Config, patience: Option<Duration>, shutdown: &Shutdown) -> Result<Self, Error> {
        if config.redis_url.0.is_empty() {
            return Err(Error::Setting("TALLY_REDIS_URL is not set: redis://[user:password@]host:port/".into()));
        }
        let store = connect_store(config, patience, shutdown).await?;
        let waiting = Waiting { what: "the schema", patience, shutdown };
        let layout = waiting.until(async || ready_layout(&store).await).await?;
        let cluster = cluster_of(config, layout)?;
        let waiting = Waiting { what: "Redis", patience, shutdown };
        let log = waiting.until(async || greet(config, &cluster).await).await?;
        Ok(Self { log, store, cluster })
    }
}

/// Waits for PostgreSQL, whatever is in it.
pub(crate) async fn connect_store(
    config: &Config,
    patience: Option<Duration>,
    shutdown: &Shutdown,
) -> Result<Store, Error> {
    let pool_size = usize::from(config.shards) + SPARE_CONNECTIONS;
    let settings = tally_store::Config { pool_size, ..config.database() };
    let waiting = Waiting { what: "PostgreSQL", patience, shutdown };
    waiting.until(async || Ok(Store::connect(&settings).await?)).await
}

/// Waits for PostgreSQL with a schema that this program can use.
pub(crate) async fn ready_store(
    config: &Config,
    patience: Option<Duration>,
    shutdown: &Shutdown,
) -> Result<Store, Error> {
    let store = connect_store(config, patience, shutdown).await?;
    let waiting = Waiting { what: "the schema", patience, shutdown };
    waiting.until(async || ready_layout(&store).await).await?;
    Ok(store)
}

async fn ready_layout(store: &Store) -> Result<Layout, Error> {
    let (found, needed) = match store.schema_ready().await? {
        SchemaState::Ready { .. } => return Ok(store.layout().await?),
        SchemaState::Missing => (NO_SCHEMA, FIRST_SCHEMA),
        SchemaState::Older { version, needed } => (version, needed),
    };
    Err(tally_store::Error::NotMigrated { found, needed }.into())
}

fn cluster_of(config: &Config, layout: Layout) -> Result<Cluster, Error> {
    let differs = |what, ours: String, theirs: String| Err(tally_store::Error::Layout { what, ours, theirs }.into());
    if layout.shards != config.shards {
        return differs("shards", config.shards.to_string(), layout.shards.to_string());
    }
    if layout.hash_names != HASH_NAMES {
        return differs("hash names", HASH_NAMES.into(), layout.hash_names);
    }
    let text = format!("{} {}", layout.shards, layout.hash_names);
    Ok(Cluster { id: layout.cluster_id, layout: text })
}

/// Connects to Redis, and refuses a log of another cluster or layout.
async fn greet(config: &Config, cluster: &Cluster) -> Result<Log, Error> {
    let settings = tally_stream::Config {
        url: config.redis_url.0.clone(),
        ca_file: config.redis_authorities(),
        shards: config.shards,
        connect_timeout: REDIS_CONNECT,
        command_timeout: REDIS_COMMAND,
    };
    let log = Log::connect(&settings).await?;
    for seen in log.statuses().await? {
        if let Some((what, ours, theirs)) = cluster.differs(&seen) {
            let (ours, theirs) = (ours.to_owned(), theirs.to_owned());
            return Err(Error::Stranger { shard: seen.shard.index(), what, ours, theirs });
        }
    }
    Ok(log)
}

/// A wait for something that may come.
pub(crate) struct Waiting<'a> {
    /// What is waited for, in a log line.
    pub(crate) what: &'static str,
    /// How long; `None` for ever.
    pub(crate) patience: Option<Duration>,
    /// What ends it early.
    pub(crate) shutdown: &'a Shutdown,
}

impl Waiting<'_> {
    /// Tries until it works, or can never work, or patience ends. Says so when it starts to wait, and when it is over.
    pub(crate) async fn until<T>(&self, mut attempt: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
        let (started, mut backoff) = (Instant::now(), Backoff::new(WAIT_MAX));
        let mut said: Option<Instant> = None;
        loop {
            let error = match attempt().await {
                Ok(value) => {
                    if said.is_some() {
                        tracing::info!("found {} after {} s", self.what, started.elapsed().as_secs());
                    }
                    return Ok(value);
                }
                Err(error) if is_final(&error) => return Err(error),
                Err(error) => error,
            };
            if said.is_none_or(|at| at.elapsed() >= REPEAT) {
                tracing::warn!("waiting for {}: {error}", self.what);
                said = Some(Instant::now());
            }
            if let Some(patience) = self.patience.filter(|patience| started.elapsed() >= *patience) {
                return Err(Error::Waited { what: self.what, waited: patience, reason: error.to_string() });
            }
            if self.shutdown.sleep(backoff.next()).await {
                return Err(Error::Interrupted);
            }
        }
    }
}

/// Whether waiting cannot help.
fn is_final(error: &Error) -> bool {
    use tally_store::Error as StoreError;
    use tally_stream::Error as LogError;
    match error {
        Error::Store(error) => matches!(
            error,
            StoreError::Url
                | StoreError::Tls(_)
                | StoreError::Layout { .. }
                | StoreError::KeepOrder
                | StoreError::Migration(_)
        ),
        Error::Log(error) => matches!(error, LogError::Settings(_) | LogError::TooOld(_) | LogError::Mismatch { .. }),
        _ => true,
    }
}
