//! A connection that is made when it is needed, and again when it broke.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, IntoConnectionInfo, Pipeline, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::Config;
use crate::error::Error;
use crate::tls;

/// How long a connection may be silent before TCP asks whether the other side is there, and how often it asks then.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// What went wrong on the way, and whether anything had been sent.
#[derive(Debug)]
pub(crate) enum Broken {
    /// There was no connection: nothing was sent.
    NotSent(Error),
    /// It was, or may have been, sent, and no answer came.
    NoAnswer(Error),
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::NotSent(error) | Broken::NoAnswer(error) => error,
        }
    }
}

/// One multiplexed connection for all who share it. Whatever breaks it, or does not answer in time, makes the next command
/// connect anew: a half-open connection would otherwise time out for ever.
pub(crate) struct Link {
    client: Client,
    connect_timeout: Duration,
    command_timeout: Duration,
    connection: Mutex<Option<Connected>>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("command_timeout", &self.command_timeout).finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Connected {
    connection: MultiplexedConnection,
    /// Tells one connection from the next.
    identity: Arc<()>,
}

impl Link {
    /// Checks the settings; connects to nothing yet.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let info = config.url.as_str().into_connection_info().map_err(|error| settings_error(&error))?;
        let client = tls::client(tuned(info, config.command_timeout), config.ca_file.as_deref())?;
        Ok(Self {
            client,
            connect_timeout: config.connect_timeout,
            command_timeout: config.command_timeout,
            connection: Mutex::new(None),
        })
    }

    /// Another link to the same server, with a connection of its own.
    pub(crate) fn another(&self) -> Self {
        Self { client: self.client.clone(), connection: Mutex::new(None), ..*self }
    }

    /// Sends a pipeline and waits for its answers, one for each command; an error of the server is an answer. Waits
    /// `longer` than the usual limit, for commands that block.
    pub(crate) async fn send(&self, pipeline: &Pipeline, longer: Duration) -> Result<Vec<Value>, Broken> {
        let connected = timeout(self.connect_timeout, self.connected()).await;
        let mut connected = in_time(connected, self.connect_timeout).map_err(Broken::NotSent)?;
        let limit = self.command_timeout.saturating_add(longer);
        let answers = timeout(limit, connected.connection.send_packed_commands(pipeline, 0, pipeline.len())).await;
        let answers = in_time(answers, limit);
        if answers.is_err() {
            self.forget(&connected).await;
        }
        answers.map_err(Broken::NoAnswer)
    }

    /// Makes the next command connect anew.
    pub(crate) async fn reset(&self) {
        *self.connection.lock().await = None;
    }

    async fn connected(&self) -> Result<Connected, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Some(connected) = &*connection {
            return Ok(connected.clone());
        }
        // The deadlines are ours; the crate's default of 500 ms would cut a slow fsync or a blocking read short.
        let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let made = self.client.get_multiplexed_async_connection_with_config(&settings).await?;
        let connected = Connected { connection: made, identity: Arc::new(()) };
        *connection = Some(connected.clone());
        Ok(connected)
    }

    async fn forget(&self, used: &Connected) {
        let mut connection = self.connection.lock().await;
        if connection.as_ref().is_some_and(|present| Arc::ptr_eq(&present.identity, &used.identity)) {
            *connection = None;
        }
    }
}

fn tuned(info: ConnectionInfo, silence_max: Duration) -> ConnectionInfo {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE);
    // Linger 0: closing discards what is still to be sent. A command must not arrive long after it was given up and its
    // id was forgotten.
    let tcp = info.tcp_settings().clone().set_nodelay(true).set_keepalive(keepalive).set_linger_time(Duration::ZERO);
    #[cfg(target_os = "linux")]
    let tcp = tcp.set_user_timeout(silence_max);
    info.set_tcp_settings(tcp)
}

fn in_time<T>(answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>, limit: Duration) -> Result<T, Error> {
    answer.map_err(|_| Error::Late(limit))?.map_err(Error::Away)
}

/// The category alone: details may repeat the URL.
pub(crate) fn settings_error(error: &RedisError) -> Error {
    Error::Settings(error.category().to_owned())
}
