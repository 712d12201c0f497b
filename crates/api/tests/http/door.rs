//! An API with servers of its own, its shards open.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use tally_model::{HASH_NAMES, Position, Shard};
use tally_servers::{AppendFsync, Process, Redis, RedisOptions, TestDatabase, TestServers, free_port};
use tally_store::{MigrateSettings, Store};
use tally_stream::{Log, OpenRequest};
use tokio::time::{Instant, sleep};

/// How long anything may take that should take a moment.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
pub(crate) const SHARDS: u16 = 4;

pub(crate) struct Door {
    pub(crate) api: Process,
    pub(crate) base: String,
    pub(crate) http: Client,
    pub(crate) redis: Redis,
    pub(crate) database: TestDatabase<'static>,
    pub(crate) log: Log,
    pub(crate) store: Store,
    pub(crate) dir: PathBuf,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl Door {
    /// Servers, open shards, and an API that is ready.
    pub(crate) async fn open() -> Self {
        Self::open_with(&[]).await
    }

    /// The same with settings on top.
    pub(crate) async fn open_with(settings: &[(&str, &str)]) -> Self {
        let door = Self::closed_with(settings).await;
        door.open_shards().await;
        door.ready().await;
        door
    }

    /// The same with shards that are not open.
    pub(crate) async fn closed_with(settings: &[(&str, &str)]) -> Self {
        let servers = TestServers::shared().await.unwrap();
        let fast = RedisOptions { append_fsync: AppendFsync::No, ..RedisOptions::default() };
        let redis = servers.private_redis(fast).await.unwrap();
        let database = servers.test_database_from("schema", |url| async move { migrate(&url).await }).await.unwrap();
        let dir = servers.fresh_dir("door").unwrap();
        let (api, base) = start(&redis.url(), &database.url, settings, &dir);
        let http = Client::builder().timeout(PATIENCE).build().unwrap();
        let log = Log::connect(&log_config(&redis.url())).await.unwrap();
        let store = Store::connect(&tally_store::Config::new(&database.url)).await.unwrap();
        let door = Self { api, base, http, redis, database, log, store, dir };
        door.until("/health", 200).await;
        door
    }

    pub(crate) async fn open_shards(&self) {
        let cluster_id = self.store.layout().await.unwrap().cluster_id;
        for shard in Shard::all(SHARDS) {
            let cluster_id = cluster_id.clone();
            let request = OpenRequest { cluster_id, above_epoch: 0, generation: 0, applied: Position::GENESIS };
            self.log.open(shard, &request).await.unwrap();
        }
    }

    pub(crate) async fn ready(&self) {
        self.until("/ready", 200).await;
        // Until then the list of polls is what it is born with.
        while self.get("/v1/accounting").await.status != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a route answers with a status.
    pub(crate) async fn until(&self, path: &str, status: u16) {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.request(Method::GET, path).send().await {
                Ok(answer) if answer.status() == status => return,
                answer if Instant::now() > until => {
                    panic!("{path}: {answer:?}\n{}", tally_servers::tail(self.api.log()))
                }
                _ => sleep(Duration::from_millis(20)).await,
            }
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// An answer that was begun after it was asked for: what is kept may be a second old.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.request(Method::GET, path).header("Cache-Control", "no-cache").send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        self.send(Method::POST, path, headers, body).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request = self.request(method, path).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        answer(request.send().await.unwrap()).await
    }

    /// Events accepted so far, as the books say.
    pub(crate) async fn accepted(&self) -> u64 {
        self.get("/v1/accounting").await.body["accepted"].as_u64().unwrap()
    }
}

/// Starts the binary on a free port.
pub(crate) fn start(redis: &str, database: &str, settings: &[(&str, &str)], dir: &Path) -> (Process, String) {
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let shards = SHARDS.to_string();
    let mut environment = vec![
        ("TALLY_REDIS_URL", redis),
        ("TALLY_DATABASE_URL", database),
        ("TALLY_LISTEN", listen.as_str()),
        ("TALLY_SHARDS", &shards),
        ("TALLY_WORKERS", "2"),
    ];
    environment.extend(settings);
    let program = Path::new(env!("CARGO_BIN_EXE_tally-api"));
    (Process::spawn(program, &environment, &[], &dir.join("api.log")).unwrap(), format!("http://{listen}"))
}

pub(crate) async fn answer(response: Response) -> Answer {
    let header =
        |name| response.headers().get(name).map(|value: &reqwest::header::HeaderValue| value.to_str().unwrap());
    let (content_type, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
    let (content_type, retry_after) = (content_type.to_owned(), retry_after.map(str::to_owned));
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Answer { status, content_type, retry_after, body }
}

fn log_config(url: &str) -> tally_stream::Config {
    let (connect_timeout, command_timeout) = (PATIENCE, PATIENCE);
    tally_stream::Config { url: url.to_owned(), ca_file: None, shards: SHARDS, connect_timeout, command_timeout }
}

async fn migrate(url: &str) -> Result<(), tally_store::Error> {
    let store = Store::connect(&tally_store::Config::new(url)).await?;
    store.migrate(&MigrateSettings { shards: SHARDS, hash_names: HASH_NAMES.to_owned() }).await?;
    Ok(())
}
