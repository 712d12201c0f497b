//! The handle: a pool of connections with a deadline on every call.

use std::fmt;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType};
use futures_util::TryStreamExt;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::Class;
use crate::tables::Tables;
use crate::{Config, Error, tls};

/// How much longer than the server's own limit we wait for its answer.
const ANSWER_MARGIN: Duration = Duration::from_secs(2);
/// Idle time after which the system asks whether the other side is still there.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Memory that PostgreSQL may take for one sort or hash: what the counts of 5,000 endpoints need, so that they do not go over
/// its disk.
const WORK_MEM: &str = "16MB";
/// Whether PostgreSQL compiles what it takes for expensive. It takes a table of 5,000 endpoints for that, which then takes 251 ms in
/// place of 202, and once took 645 (measured; nine reads of a day each).
const JIT: &str = "off";

/// PostgreSQL, as Tally knows it. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    client: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    ca_file: Option<PathBuf>,
    connect_timeout: Duration,
    answer_timeout: Duration,
    tables: Arc<Tables>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("connections", &self.pool.status().size).finish_non_exhaustive()
    }
}

impl Store {
    /// Makes the pool and opens the first connection. Tables are read on the current runtime.
    ///
    /// # Errors
    /// [`Error::Url`], [`Error::Tls`], or [`Error::Connect`]/[`Error::NoConnection`] while PostgreSQL is away: callers retry.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let client = client_config(config)?;
        let tls = tls::connector(client.get_ssl_mode(), config)?;
        // Fast: every call but `probe` is one autocommitted statement, and a connection that failed is dropped.
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(client.clone(), tls.clone(), recycling))
            .max_size(config.pool_size)
            .wait_timeout(Some(config.connect_timeout))
            .create_timeout(Some(config.connect_timeout))
            .recycle_timeout(Some(config.connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|_| Error::Url)?;
        let answer_timeout = config.statement_timeout + ANSWER_MARGIN;
        let (ca_file, connect_timeout) = (config.ca_file.clone(), config.connect_timeout);
        let tables = Arc::new(Tables::here());
        let store = Self { pool, client, tls, ca_file, connect_timeout, answer_timeout, tables };
        drop(store.connection().await?);
        Ok(store)
    }

    /// The settings of a connection outside the pool.
    pub(crate) fn client_config(&self) -> &tokio_postgres::Config {
        &self.client
    }

    /// What encrypts such a connection, where its settings say so.
    pub(crate) fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }

    /// TLS as PostgreSQL's programs read it from their environment.
    pub(crate) fn tls_environment(&self) -> Result<Vec<(&'static str, String)>, Error> {
        tls::environment(self.client.get_ssl_mode(), self.ca_file.as_deref())
    }

    /// Longest wait for the answer to one statement.
    pub(crate) fn answer_timeout(&self) -> Duration {
        self.answer_timeout
    }

    /// Longest wait for a connection.
    pub(crate) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// What reads whole tables.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// A connection of the pool.
    pub(crate) async fn connection(&self) -> Result<Object, Error> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Error::Connect(error),
            PoolError::Timeout(TimeoutType::Wait | TimeoutType::Create | TimeoutType::Recycle)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_) => Error::NoConnection { waited: self.connect_timeout },
        })
    }

    /// Waits for `work` on `connection`, within the time that the server itself allows a statement. A connection that
    /// did not answer, broke, or met another schema than it had prepared for does not go back to the pool.
    pub(crate) async fn answer<T>(
        &self,
        statement: &'static str,
        connection: Object,
        work: impl AsyncFnOnce(&Object) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        let outcome = within(self.answer_timeout, statement, work(&connection)).await;
        returned(connection, &outcome);
        outcome
    }

    /// Rows of one statement, prepared once a connection.
    pub(crate) async fn query(
        &self,
        statement: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let connection = self.connection().await?;
        self.answer(statement, connection, async |connection| {
            let prepared = connection.prepare_cached(sql).await?;
            connection.query(&prepared, parameters).await
        })
        .await
    }

    /// Gives `take` each row of one statement as it arrives, so that an answer of any length takes no room. It is planned for
    /// these parameters: a plan for any window is a bad one for most.
    pub(crate) async fn query_each(
        &self,
        statement: &'static str,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        mut take: impl FnMut(&Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let connection = self.connection().await?;
        let outcome = within(self.answer_timeout, statement, each(&connection, sql, parameters, &mut take)).await;
        returned(connection, &outcome);
        outcome?
    }

    /// The same over a connection for tables, for hundreds of thousands of rows. To be called [at home](Tables::at_home).
    pub(crate) async fn query_table(
        &self,
        statement: &'static str,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
        mut take: impl FnMut(&Row) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut connection = self.tables.connection(self).await?;
        let rows = connection.with_client(async |client| each(client, sql, parameters, &mut take).await);
        let outcome = within(self.answer_timeout, statement, rows).await;
        if !must_go(&outcome) {
            self.tables.put_back(connection);
        }
        outcome?
    }

    /// The only row of one statement.
    pub(crate) async fn query_one(
        &self,
        statement: &'static str,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        let mut rows = self.query(statement, sql, parameters).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => Err(Error::Answer { statement, answer: "not one row".to_owned() }),
        }
    }
}

/// Gives a connection back to the pool, unless it must not be used again.
fn returned<T>(connection: Object, outcome: &Result<T, Error>) {
    if must_go(outcome) {
        drop(Object::take(connection));
    }
}

/// Whether a connection did not answer, broke, or met another schema than it had prepared for.
fn must_go<T>(outcome: &Result<T, Error>) -> bool {
    outcome.as_ref().is_err_and(|error| !error.is_certain() || error.class() == Class::Schema)
}

/// Gives `take` each row as it arrives, until it fails.
async fn each(
    client: &Client,
    sql: &str,
    parameters: &[(&(dyn ToSql + Sync), Type)],
    take: &mut impl FnMut(&Row) -> Result<(), Error>,
) -> Result<Result<(), Error>, tokio_postgres::Error> {
    let parameters = parameters.iter().map(|(value, of)| (*value, of.clone()));
    let mut rows = std::pin::pin!(client.query_typed_raw(sql, parameters).await?);
    while let Some(row) = rows.try_next().await? {
        if let Err(error) = take(&row) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

/// Waits for an answer until the deadline.
pub(crate) async fn within<T>(
    limit: Duration,
    statement: &'static str,
    work: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, work).await {
        Ok(outcome) => outcome.map_err(|source| Error::Database { statement, source }),
        Err(_) => Err(Error::Deadline { statement, waited: limit }),
    }
}

/// A value of the column, or an error that names the statement: a schema other than expected must not panic.
pub(crate) fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    statement: &'static str,
    row: &'a Row,
    name: &str,
) -> Result<T, Error> {
    row.try_get(name).map_err(|source| Error::Database { statement, source })
}

/// An amount: the database keeps bigints, none of them negative.
pub(crate) fn amount(statement: &'static str, row: &Row, name: &str) -> Result<u64, Error> {
    let value: i64 = column(statement, row, name)?;
    u64::try_from(value).map_err(|_| Error::Answer { statement, answer: format!("{name} = {value}") })
}

/// An amount as the database keeps it; it saturates, as the database's own sums do.
pub(crate) fn bigint(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

fn client_config(config: &Config) -> Result<tokio_postgres::Config, Error> {
    let mut client = tls::parse(&config.url)?;
    let given = client.get_options().unwrap_or_default();
    let options = format!(
        "{given} -c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} -c timezone=UTC \
         -c work_mem={WORK_MEM} -c jit={JIT}",
        config.statement_timeout.as_millis(),
        config.lock_timeout.as_millis(),
        config.statement_timeout.as_millis(),
    );
    client
        .options(options.trim_start())
        .application_name("tally")
        .connect_timeout(config.connect_timeout)
        .keepalives(true)
        .keepalives_idle(KEEPALIVE_IDLE)
        .tcp_user_timeout(KEEPALIVE_IDLE);
    Ok(client)
}
