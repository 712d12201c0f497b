//! Finding Redis and PostgreSQL while already serving, and making sure that they belong to this layout.

use std::time::Duration;

use tally_model::HASH_NAMES;
use tally_store::Store;
use tally_stream::Log;
use tokio::time::sleep;

use crate::front::{Front, Redis};
use crate::server::ServerError;

/// First wait between two tries; it doubles up to the longest.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest wait between two tries.
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long Redis may take to answer a question (appends have their own deadline).
const COMMAND_TIMEOUT: Duration = Duration::from_secs(2);
/// How long PostgreSQL may take to answer one question.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);

/// Finds both servers, then keeps the copy of the polls fresh. Ends only when starting was a mistake.
pub(crate) async fn connect(front: &Front) -> ServerError {
    let both = async {
        tokio::try_join!(redis(front), postgresql(front))?;
        same_layout(front).await
    };
    match both.await {
        Err(error) => error,
        Ok(()) => refresh_polls(front).await,
    }
}

/// Says a trouble once, however often it is tried, and again when it changes.
struct Waiting {
    what: &'static str,
    said: String,
    wait: Duration,
}

impl Waiting {
    fn new(what: &'static str) -> Self {
        Self { what, said: String::new(), wait: BACKOFF_MIN }
    }

    async fn after(&mut self, trouble: &dyn std::fmt::Display) {
        let trouble = trouble.to_string();
        if self.said != trouble {
            tracing::warn!("waiting for {}: {trouble}", self.what);
            self.said = trouble;
        }
        sleep(self.wait).await;
        self.wait = (self.wait * 2).min(BACKOFF_MAX);
    }

    fn over(&self) {
        tracing::info!("{} is there", self.what);
    }
}

async fn redis(front: &Front) -> Result<(), ServerError> {
    let config = tally_stream::Config {
        url: front.config.redis_url.clone(),
        ca_file: front.config.redis_ca_file.clone(),
        shards: front.config.shards,
        connect_timeout: CONNECT_TIMEOUT,
        command_timeout: COMMAND_TIMEOUT,
    };
    let mut waiting = Waiting::new("Redis");
    let log = loop {
        match checked(&config, front).await {
            Ok(log) => break log,
            Err(
                error @ (tally_stream::Error::Settings(_)
                | tally_stream::Error::TooOld(_)
                | tally_stream::Error::Mismatch { .. }),
            ) => {
                return Err(ServerError::Redis(error.to_string()));
            }
            Err(error) => waiting.after(&error).await,
        }
    };
    waiting.over();
    let appenders = log.appenders(front.config.limits);
    let _ = front.found_redis.set(Redis { log, appenders });
    front.live.look_soon();
    Ok(())
}

/// Connects, refuses a log of another layout, and says what is weaker than the log wants.
async fn checked(config: &tally_stream::Config, front: &Front) -> Result<Log, tally_stream::Error> {
    let log = Log::connect(config).await?;
    let ours = format!("{} {HASH_NAMES}", front.config.shards);
    if let Some(other) = log.statuses().await?.into_iter().find(|status| status.open && status.layout != ours) {
        return Err(tally_stream::Error::Mismatch { what: "layout", ours, theirs: other.layout });
    }
    for weakness in log.durability(front.config.held_bytes()).await? {
        tracing::warn!("{weakness}");
    }
    Ok(log)
}

async fn postgresql(front: &Front) -> Result<(), ServerError> {
    let config = tally_store::Config {
        statement_timeout: STATEMENT_TIMEOUT,
        ca_file: front.config.database_ca_file.clone(),
        ..tally_store::Config::new(&front.config.database_url)
    };
    let mut waiting = Waiting::new("PostgreSQL");
    let store = loop {
        match Store::connect(&config).await {
            Ok(store) => break store,
            Err(error @ (tally_store::Error::Url | tally_store::Error::Tls(_))) => {
                return Err(ServerError::Database(error.to_string()));
            }
            Err(error) => waiting.after(&error).await,
        }
    };
    waiting.over();
    let _ = front.found_store.set(store.clone());
    let mut waiting = Waiting::new("the schema");
    let layout = loop {
        match store.layout().await {
            Ok(layout) => break layout,
            Err(error) => waiting.after(&error).await,
        }
    };
    waiting.over();
    front.live.look_soon();
    let (ours, theirs) = (front.config.shards, layout.shards);
    if ours != theirs || layout.hash_names != HASH_NAMES {
        let theirs = format!("{theirs} shards ({})", layout.hash_names);
        let ours = format!("{ours} ({HASH_NAMES})");
        let detail =
            format!("the database was made for {theirs}, this process is set to {ours}; set TALLY_SHARDS back");
        return Err(ServerError::Database(detail));
    }
    Ok(())
}

/// The log must be this database's own.
async fn same_layout(front: &Front) -> Result<(), ServerError> {
    let (Some(store), Some(redis)) = (front.found_store.get(), front.found_redis.get()) else { return Ok(()) };
    let (Ok(layout), Ok(statuses)) = (store.layout().await, redis.log.statuses().await) else { return Ok(()) };
    let foreign = statuses.iter().find(|status| status.open && status.cluster_id != layout.cluster_id);
    foreign.map_or(Ok(()), |status| {
        let detail = format!(
            "shard {} of the log in Redis belongs to another database: its cluster id is {}, this database's is {}",
            status.shard, status.cluster_id, layout.cluster_id
        );
        Err(ServerError::Redis(detail))
    })
}

async fn refresh_polls(front: &Front) -> ServerError {
    loop {
        front.polls.refresh(front).await;
        sleep(crate::polls::REFRESH_EVERY).await;
    }
}
