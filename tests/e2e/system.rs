//! A whole Tally of one test's own: its servers, an API, any number of consumers, and a client.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tally_servers::{Postgres, PostgresOptions, Process, Redis, RedisOptions, TestServers, binary, free_port};
use tokio::time::sleep;

/// How long a system may take to be ready, or a backlog to be counted, before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// Lease of a shard in these tests: short, so that a takeover takes little of the test's time.
const LEASE_SECONDS: &str = "3";

/// A Tally that dies with the value.
pub(crate) struct System {
    pub(crate) redis: Redis,
    pub(crate) postgres: Postgres,
    pub(crate) api: Process,
    pub(crate) consumers: Vec<Process>,
    pub(crate) http: reqwest::Client,
    pub(crate) base: String,
    environment: Vec<(String, String)>,
    dir: PathBuf,
}

impl System {
    /// Servers as in production (`appendfsync always`, PostgreSQL with fsync), an API and one consumer, ready.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with settings on top.
    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        let dir = TestServers::shared().await.unwrap().fresh_dir("system").unwrap();
        let redis = Redis::start(&dir.join("redis"), RedisOptions::default()).await.unwrap();
        let durable = PostgresOptions { durable: true, port: None };
        let postgres = Postgres::start(&dir.join("postgres"), durable).await.unwrap();
        postgres.create_database("tally").await.unwrap();
        let port = free_port().unwrap();
        let listen = format!("127.0.0.1:{port}");
        let (redis_url, database_url) = (redis.url(), postgres.url("tally"));
        let mut environment: Vec<(String, String)> = [
            ("TALLY_REDIS_URL", redis_url.as_str()),
            ("TALLY_DATABASE_URL", &database_url),
            ("TALLY_LISTEN", &listen),
            ("TALLY_LEASE_SECONDS", LEASE_SECONDS),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        environment.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let migrate = spawn("tally-consumer", &["migrate"], &environment, &dir, "migrate");
        assert!(migrate.wait(PATIENCE).await.unwrap().success(), "{}", tally_servers::tail(migrate.log()));
        let api = spawn("tally-api", &[], &environment, &dir, "api");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap();
        let base = format!("http://{listen}");
        let mut system = Self { redis, postgres, api, consumers: Vec::new(), http, base, environment, dir };
        system.add_consumer();
        system.ready().await;
        system
    }

    /// Starts one more consumer.
    pub(crate) fn add_consumer(&mut self) {
        let mut environment = self.environment.clone();
        let listen = format!("127.0.0.1:{}", free_port().unwrap());
        environment.push(("TALLY_CONSUMER_LISTEN".to_owned(), listen));
        let name = format!("consumer-{}", self.consumers.len());
        self.consumers.push(spawn("tally-consumer", &["run"], &environment, &self.dir, &name));
    }

    /// Runs `tally-consumer` with these arguments to its end; returns whether it succeeded, and the end of its output.
    pub(crate) async fn consumer_command(&self, arguments: &[&str]) -> (bool, String) {
        let process = self.start_command(arguments);
        let status = process.wait(PATIENCE).await.unwrap();
        (status.success(), tally_servers::tail(process.log()))
    }

    /// Starts `tally-consumer` with these arguments, with a log of its own.
    pub(crate) fn start_command(&self, arguments: &[&str]) -> Process {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let name = format!("command-{}-{}", STARTED.fetch_add(1, Ordering::Relaxed), arguments[0]);
        spawn("tally-consumer", arguments, &self.environment, &self.dir, &name)
    }

    /// A directory that no other test uses.
    pub(crate) fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// Stops a consumer in order.
    pub(crate) async fn stop_consumer(&mut self) {
        let consumer = self.consumers.pop().unwrap();
        consumer.terminate().unwrap();
        assert!(consumer.wait(PATIENCE).await.unwrap().success(), "{}", tally_servers::tail(consumer.log()));
    }

    /// Kills the API with SIGKILL and starts another.
    pub(crate) async fn kill_api(&mut self) {
        self.api.kill9().await.unwrap();
        self.api = spawn("tally-api", &[], &self.environment, &self.dir, "api");
    }

    /// Kills a consumer with SIGKILL and starts another in its place.
    pub(crate) async fn kill_consumer(&mut self, index: usize) {
        self.consumers[index].kill9().await.unwrap();
        self.add_consumer();
        self.consumers.swap_remove(index);
    }

    /// Waits until the API says that an event can be appended to every shard.
    pub(crate) async fn ready(&self) {
        let until = Instant::now() + PATIENCE;
        let url = format!("{}/ready", self.base);
        loop {
            let answer = self.http.get(&url).send().await;
            if answer.as_ref().is_ok_and(|a| a.status().is_success()) {
                return;
            }
            assert!(Instant::now() < until, "not ready: {answer:?}\n{}", self.logs());
            sleep(LOOK).await;
        }
    }

    /// GET of a JSON document that must be there, made after it was asked for: what is kept may be a second old.
    pub(crate) async fn read(&self, path: &str) -> Value {
        let request = self.http.get(format!("{}{path}", self.base)).header("Cache-Control", "no-cache");
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "GET {path}: {status} {body}\n{}", self.logs());
        body
    }

    /// POST of JSON; the status and the answer.
    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: &Value) -> (u16, Value) {
        let mut request = self.http.post(format!("{}{path}", self.base)).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Posts events that must be accepted, all of them.
    pub(crate) async fn post_events(&self, events: &Value) {
        let (status, answer) = self.post("/v1/events", None, events).await;
        assert_eq!(status, 202, "{answer}");
        assert_eq!(answer["accepted"].as_u64().unwrap(), events.as_array().unwrap().len() as u64, "{answer}");
    }

    /// Waits until nothing is in flight, and returns the accounting, which must balance.
    pub(crate) async fn counted(&self) -> Value {
        let until = Instant::now() + PATIENCE;
        let url = format!("{}/v1/accounting", self.base);
        loop {
            let answer = match self.http.get(&url).send().await {
                Ok(answer) if answer.status().is_success() => answer.json::<Value>().await.ok(),
                _ => None,
            };
            if let Some(accounting) = answer.as_ref().filter(|a| a["in_flight"] == 0) {
                assert_eq!(accounting["balanced"], true, "{accounting}");
                return accounting.clone();
            }
            assert!(Instant::now() < until, "still in flight: {answer:?}\n{}", self.logs());
            sleep(LOOK).await;
        }
    }

    /// Requests by `(service, method, route)`, over all of the last days.
    pub(crate) async fn requests(&self) -> std::collections::BTreeMap<(String, String, String), u64> {
        let (from, to) = days(10);
        let answer = self.read(&format!("/v1/endpoints?from={from}&to={to}&limit=100000")).await;
        assert!(answer["next"].is_null(), "one page holds all");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let rows = answer["endpoints"].as_array().unwrap().iter();
        rows.map(|e| ((text(&e["service"]), text(&e["method"]), text(&e["route"])), e["requests"].as_u64().unwrap()))
            .collect()
    }

    /// The ends of all logs, for a failure that must be understood from CI's output alone.
    pub(crate) fn logs(&self) -> String {
        let ours = self.consumers.iter().chain([&self.api]);
        ours.map(|p| format!("--- {}\n{}\n", p.log().display(), tally_servers::tail(p.log()))).collect()
    }
}

fn spawn(
    program: &str,
    arguments: &[&str],
    environment: &[(String, String)],
    dir: &std::path::Path,
    name: &str,
) -> Process {
    let environment: Vec<_> = environment.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let log = dir.join(format!("{name}.log"));
    Process::spawn(&binary(program).unwrap(), &environment, arguments, &log).unwrap()
}

/// A window from `past` days ago until tomorrow, as query parameters.
pub(crate) fn days(past: i64) -> (String, String) {
    let now = jiff::Timestamp::now();
    let hours = |n: i64| jiff::SignedDuration::from_hours(n);
    ((now - hours(24 * past)).to_string(), (now + hours(24)).to_string())
}

/// One event of now.
pub(crate) fn event(service: &str, route: &str, status: u16, duration_ms: f64) -> Value {
    json!({"service": service, "method": "GET", "route": route, "status": status, "duration_ms": duration_ms})
}
