//! A whole Tally of its own: private servers, the release binaries, and its books.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::Value;
use tally_servers::{
    AppendFsync, Postgres, PostgresOptions, Process, Redis, RedisOptions, TestServers, binary, free_port,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::data::Key;
use crate::error::Error;
use crate::machine;

/// How long a start, or the counting of a backlog, may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// Pause between two looks at the books.
const LOOK: Duration = Duration::from_millis(20);
/// How long one answer of the API may take.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// Days before and after now that the counts are asked for.
const DAYS: i64 = 2;

/// A Tally that ends with the value.
pub(crate) struct System {
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
    pub(crate) api: Process,
    /// APIs beside it, on the same log and database.
    pub(crate) more_apis: Vec<Process>,
    pub(crate) consumer: Option<Process>,
    pub(crate) base: String,
    pub(crate) dir: PathBuf,
    http: reqwest::Client,
    environment: Vec<(String, String)>,
}

/// What was accepted and what became of it, in events.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Books {
    pub(crate) accepted: u64,
    pub(crate) counted: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) in_flight: u64,
    duplicates: u64,
    balanced: bool,
}

/// Processor seconds so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) api: f64,
    pub(crate) redis: f64,
    pub(crate) consumer: f64,
    pub(crate) postgres: f64,
}

impl Cpu {
    /// What was taken since another look.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            api: self.api - before.api,
            redis: self.redis - before.redis,
            consumer: self.consumer - before.consumer,
            postgres: self.postgres - before.postgres,
        }
    }
}

impl System {
    /// Redis as said, a durable PostgreSQL, migrated, and an API that is ready. No consumer yet, but the log is open.
    pub(crate) async fn start(append_fsync: AppendFsync, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let dir = TestServers::shared().await?.fresh_dir("bench")?;
        let redis = Redis::start(&dir.join("redis"), RedisOptions { append_fsync, ..RedisOptions::default() }).await?;
        let postgres = Postgres::start(&dir.join("postgres"), PostgresOptions { durable: true, port: None }).await?;
        postgres.create_database("tally").await?;
        let listen = format!("127.0.0.1:{}", free_port()?);
        let (redis_url, database_url) = (redis.url(), postgres.url("tally"));
        let fixed: [(&str, &str); 4] = [
            ("TALLY_REDIS_URL", &redis_url),
            ("TALLY_DATABASE_URL", &database_url),
            ("TALLY_LISTEN", &listen),
            ("TALLY_LOG", "warn"),
        ];
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment: Vec<_> = fixed.iter().chain(settings).map(owned).collect();
        for command in ["migrate", "open"] {
            let done = spawn(&binary("tally-consumer")?, &[command], &environment, &dir, command)?;
            if !done.wait(PATIENCE).await?.success() {
                return Error::wrong(format!("tally-consumer {command} failed:\n{}", tally_servers::tail(done.log())));
            }
        }
        let api = spawn(&binary("tally-api")?, &[], &environment, &dir, "api")?;
        let http = reqwest::Client::builder().timeout(ANSWER_DEADLINE).build()?;
        let base = format!("http://{listen}");
        let more_apis = Vec::new();
        let system = Self { redis, postgres, api, more_apis, consumer: None, base, dir, http, environment };
        system.ready(&system.base, &system.api).await?;
        Ok(system)
    }

    /// Starts another API on the same log and database, waits until it is ready, and tells its base address.
    pub(crate) async fn start_api(&mut self) -> Result<String, Error> {
        let listen = format!("127.0.0.1:{}", free_port()?);
        let mut environment = self.environment.clone();
        environment.retain(|(name, _)| name != "TALLY_LISTEN");
        environment.push(("TALLY_LISTEN".to_owned(), listen.clone()));
        let name = format!("api-{}", self.more_apis.len() + 2);
        let api = spawn(&binary("tally-api")?, &[], &environment, &self.dir, &name)?;
        let base = format!("http://{listen}");
        self.ready(&base, &api).await?;
        self.more_apis.push(api);
        Ok(base)
    }

    /// The same with a consumer that counts.
    pub(crate) async fn start_counting(append_fsync: AppendFsync, settings: &[(&str, &str)]) -> Result<Self, Error> {
        let mut system = Self::start(append_fsync, settings).await?;
        system.start_consumer(&[])?;
        Ok(system)
    }

    /// Starts the consumer, behind a command such as `taskset -c 0`.
    pub(crate) fn start_consumer(&mut self, behind: &[&str]) -> Result<(), Error> {
        let mut environment = self.environment.clone();
        environment.push(("TALLY_CONSUMER_LISTEN".to_owned(), format!("127.0.0.1:{}", free_port()?)));
        let program = binary("tally-consumer")?;
        let path = program.to_string_lossy();
        let (first, arguments) = match behind {
            [] => (program.clone(), vec!["run"]),
            [first, rest @ ..] => (PathBuf::from(first), rest.iter().copied().chain([&*path, "run"]).collect()),
        };
        self.consumer = Some(spawn(&first, &arguments, &environment, &self.dir, "consumer")?);
        Ok(())
    }

    /// Stops the consumer in order.
    pub(crate) async fn stop_consumer(&mut self) -> Result<(), Error> {
        if let Some(consumer) = self.consumer.take() {
            consumer.terminate()?;
            consumer.wait(PATIENCE).await?;
        }
        Ok(())
    }

    async fn ready(&self, base: &str, api: &Process) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.http.get(format!("{base}/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if Instant::now() > until {
                return Error::wrong(format!("the API is not ready:\n{}", tally_servers::tail(api.log())));
            }
            sleep(LOOK).await;
        }
    }

    /// A JSON answer that was made after it was asked for, not one that is shared.
    pub(crate) async fn read<T: for<'a> Deserialize<'a>>(&self, path: &str) -> Result<T, Error> {
        let bytes = self.fetch(path).await?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// The bytes of such an answer.
    pub(crate) async fn fetch(&self, path: &str) -> Result<bytes::Bytes, Error> {
        let request = self.http.get(format!("{}{path}", self.base)).header("Cache-Control", "no-cache");
        Ok(request.send().await?.error_for_status()?.bytes().await?)
    }

    /// Posts one JSON object.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<(), Error> {
        let request = self.http.post(format!("{}{path}", self.base)).json(body);
        request.send().await?.error_for_status()?.bytes().await?;
        Ok(())
    }

    /// The books as they are.
    pub(crate) async fn books(&self) -> Result<Books, Error> {
        self.read("/v1/accounting").await
    }

    /// Waits until everything is counted, and tells the books and when that was, in seconds since the Unix epoch.
    pub(crate) async fn counted(&self) -> Result<(Books, f64), Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            let books = self.books().await?;
            if books.in_flight == 0 {
                return if books.is_whole() {
                    Ok((books, now_s()))
                } else {
                    Error::wrong(format!("the books: {books:?}"))
                };
            }
            if Instant::now() > until {
                let log =
                    self.consumer.as_ref().map(|consumer| tally_servers::tail(consumer.log())).unwrap_or_default();
                return Error::wrong(format!("still not counted: {books:?}\n{log}"));
            }
            sleep(LOOK).await;
        }
    }

    /// Requests counted so far, by endpoint.
    pub(crate) async fn requests(&self) -> Result<BTreeMap<Key, u64>, Error> {
        let now = jiff::Timestamp::now();
        let days = jiff::SignedDuration::from_hours(24 * DAYS);
        let answer: Value =
            self.read(&format!("/v1/endpoints?from={}&to={}&limit=100000", now - days, now + days)).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = answer["endpoints"].as_array().map(Vec::as_slice).unwrap_or_default();
        let count = |row: &Value| row["requests"].as_u64().unwrap_or_default();
        Ok(rows
            .iter()
            .map(|row| ((text(&row["service"]), text(&row["method"]), text(&row["route"])), count(row)))
            .collect())
    }

    /// Processor time of each part so far.
    pub(crate) fn cpu(&self) -> Cpu {
        let of = machine::cpu_seconds;
        let consumer = self.consumer.as_ref().map_or(0.0, |consumer| of(consumer.pid()));
        let apis = std::iter::once(&self.api).chain(&self.more_apis);
        Cpu {
            api: apis.map(|api| of(api.pid())).sum(),
            redis: of(self.redis.pid()),
            consumer,
            postgres: of(self.postgres.pid()),
        }
    }

    /// Memory that Redis has allocated, in bytes.
    pub(crate) async fn redis_bytes(&self) -> Result<f64, Error> {
        Ok(self.redis_info("used_memory").await? as f64)
    }

    /// Waits until Redis does not rewrite its append-only file, which takes a core while it lasts.
    pub(crate) async fn redis_at_rest(&self) -> Result<(), Error> {
        let until = Instant::now() + PATIENCE;
        while self.redis_info("aof_rewrite_in_progress").await? + self.redis_info("aof_rewrite_scheduled").await? > 0 {
            if Instant::now() > until {
                return Error::wrong("Redis rewrites its append-only file without end");
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// A number of Redis's `INFO`.
    async fn redis_info(&self, name: &str) -> Result<u64, Error> {
        let ask = async {
            let mut redis = TcpStream::connect(("127.0.0.1", self.redis.port())).await?;
            redis.write_all(b"INFO\r\nQUIT\r\n").await?;
            let mut answer = String::new();
            redis.read_to_string(&mut answer).await.map(|_| answer)
        };
        let answer = ask.await.map_err(Error::io("ask Redis for INFO"))?;
        let told = answer.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.parse().ok());
        told.ok_or_else(|| Error::Wrong(format!("Redis does not tell its {name}")))
    }
}

impl Books {
    const fn is_whole(&self) -> bool {
        self.balanced && self.dead_lettered == 0 && self.duplicates == 0 && self.accepted == self.counted
    }
}

/// Now, in seconds since the Unix epoch.
pub(crate) fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Starts a program whose output goes to a file in `dir`.
pub(crate) fn spawn(
    program: &Path,
    arguments: &[&str],
    environment: &[(String, String)],
    dir: &Path,
    name: &str,
) -> Result<Process, Error> {
    let environment: Vec<_> = environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ok(Process::spawn(program, &environment, arguments, &dir.join(format!("{name}.log")))?)
}
