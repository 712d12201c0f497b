//! What every handler shares: settings, the two servers as far as they are there, and what is remembered between requests.

use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use tally_store::Store;
use tally_stream::{Appender, Appenders, Log};

use crate::changes::Changes;
use crate::config::Config;
use crate::counted_through::CountedThrough;
use crate::ingest::Room;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::polls::Polls;
use crate::problem::{Kind, Problem};
use crate::reads::download::Downloads;
use crate::reports::{Shelf, Turn};
use crate::shared_answers::SharedAnswers;

/// The log, once Redis was found.
#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) log: Log,
    pub(crate) appenders: Appenders,
}

/// One thread's sight of what is shared, with an appender of its own: a request waits for Redis on the thread that read it.
#[derive(Debug)]
pub(crate) struct Front {
    shared: Arc<Shared>,
    appender: OnceLock<Appender>,
}

impl Deref for Front {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// The shared state. Redis and PostgreSQL are set once, by the task that waits for them.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) metrics: Metrics,
    pub(crate) polls: Polls,
    pub(crate) counted_through: CountedThrough,
    pub(crate) room: Room,
    pub(crate) changes: Changes,
    pub(crate) live: Live,
    pub(crate) downloads: Downloads,
    pub(crate) shared_answers: SharedAnswers,
    pub(crate) shelf: Shelf,
    pub(crate) report_turn: Turn,
    pub(crate) found_redis: OnceLock<Redis>,
    pub(crate) found_store: OnceLock<Store>,
}

impl Front {
    pub(crate) fn new(config: Config) -> Self {
        Self { shared: Arc::new(Shared::new(config)), appender: OnceLock::new() }
    }

    /// The same for another thread.
    pub(crate) fn for_another_thread(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), appender: OnceLock::new() }
    }

    /// This thread's appender.
    ///
    /// # Errors
    /// 503 until Redis was found.
    pub(crate) fn appender(&self) -> Result<&Appender, Problem> {
        let redis = self.redis()?;
        Ok(self.appender.get_or_init(|| redis.appenders.start()))
    }
}

impl Shared {
    fn new(config: Config) -> Self {
        let shelf = Shelf::new(config.reports_dir.clone(), config.reports_days);
        Self {
            config,
            metrics: Metrics::new(),
            polls: Polls::new(),
            counted_through: CountedThrough::new(),
            room: Room::default(),
            changes: Changes::new(),
            live: Live::new(),
            downloads: Downloads::new(),
            shared_answers: SharedAnswers::default(),
            shelf,
            report_turn: Turn::new(),
            found_redis: OnceLock::new(),
            found_store: OnceLock::new(),
        }
    }

    /// The log.
    ///
    /// # Errors
    /// 503 until Redis was found.
    pub(crate) fn redis(&self) -> Result<&Redis, Problem> {
        self.found_redis.get().ok_or_else(|| {
            let detail = "Redis has not been found yet; nothing was counted, send the same request again";
            Problem::new(Kind::RedisUnavailable, detail)
        })
    }

    /// The database.
    ///
    /// # Errors
    /// 503 until PostgreSQL was found.
    pub(crate) fn store(&self) -> Result<&Store, Problem> {
        self.found_store.get().ok_or_else(|| {
            let detail = "PostgreSQL has not been found yet; ask again (events are accepted all the same)";
            Problem::new(Kind::DatabaseUnavailable, detail)
        })
    }
}

/// The time of receipt: milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
