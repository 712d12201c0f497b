//! A log and a database of one test's own, and counters that the test steps by hand.

use std::sync::Arc;
use std::time::Duration;

use tally_consumer::{Bell, Config, Counter, Desk, Links, Metrics, Permit, Secret, Shutdown, State, Tuning};
use tally_model::{EventBlock, HASH_NAMES, Payload, Position, RequestId, Shard};
use tally_servers::{Redis, RedisOptions, TestDatabase, TestServers};
use tally_store::{Keep, MigrateSettings, ShardPosition, Store};
use tally_stream::{AppendRequest, Appended, Appender, ClientKey, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::proxy::Proxy;

/// Shards of a test's log.
pub(crate) const SHARDS: u16 = 2;
/// The one that most tests use.
pub(crate) const SHARD: Shard = Shard::new(0);
/// Most steps that a counter may need to come to rest.
const STEPS_MAX: usize = 2_000;
/// Longest wait of a read for something new.
const BLOCK: Duration = Duration::from_millis(40);

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

pub(crate) struct Stage {
    pub(crate) redis: Redis,
    pub(crate) database: TestDatabase<'static>,
    pub(crate) links: Links,
    pub(crate) appender: Appender,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tuning: Tuning,
}

impl Stage {
    pub(crate) async fn start() -> Self {
        let servers = TestServers::shared().await.unwrap();
        let redis = servers.private_redis(RedisOptions::default()).await.unwrap();
        let database = servers.test_database_from("consumer", async |url| migrate(&url).await).await.unwrap();
        let links = connect(&redis, &database).await;
        let appender = links.log.appender(limits());
        let tuning = Tuning { flush: Duration::from_millis(1), block: BLOCK, ..Tuning::default() };
        Self { redis, database, links, appender, metrics: Arc::new(Metrics::new()), tuning }
    }

    /// The same, reaching PostgreSQL through a proxy.
    pub(crate) async fn start_behind_a_proxy() -> (Self, Proxy) {
        let stage = Self::start().await;
        let server = stage.database.postgres().port();
        let proxy = Proxy::before(server).await;
        let url = stage.database.url.replace(&format!(":{server}/"), &format!(":{}/", proxy.port));
        assert_ne!(url, stage.database.url);
        let config = Config { database_url: Secret(url), ..stage.config() };
        let links = Links::connect(&config, Some(config.wait()), &Shutdown::new()).await.unwrap();
        (Self { links, ..stage }, proxy)
    }

    /// Settings that reach this stage.
    pub(crate) fn config(&self) -> Config {
        config(&self.redis, &self.database)
    }

    /// Whose settings are also an environment for the binary.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("TALLY_REDIS_URL", self.redis.url()),
            ("TALLY_DATABASE_URL", self.database.url.clone()),
            ("TALLY_SHARDS", SHARDS.to_string()),
            ("TALLY_LEASE_SECONDS", "3".into()),
        ]
    }

    pub(crate) fn counter(&self) -> Counter {
        self.counter_under(Permit::unlimited())
    }

    pub(crate) fn counter_under(&self, permit: Permit) -> Counter {
        let desk = Desk {
            log: self.links.log.clone(),
            store: self.links.store.clone(),
            cluster: self.links.cluster.clone(),
            consumer: format!("test-{:p}", &permit),
            tuning: self.tuning.clone(),
            metrics: Arc::clone(&self.metrics),
            writers: Arc::new(Semaphore::new(1)),
            bell: Bell::default(),
        };
        Counter::new(desk, SHARD, permit)
    }

    /// A counter past its SYNC, with the shard open.
    pub(crate) async fn running(&self) -> Counter {
        let mut counter = self.counter();
        run(&mut counter).await;
        counter
    }

    /// Appends a request of `events` events of `route`, with a client's key if one is given.
    pub(crate) async fn append(&self, route: &str, events: usize, key: Option<&str>) -> Appended {
        self.append_routes(&[(route, events)], key).await
    }

    /// Appends one request of so many events of each route, in this order.
    pub(crate) async fn append_mixed(&self, routes: &[(&str, usize)]) {
        self.append_routes(routes, Some("mixed")).await;
    }

    /// Appends one event that happened so many days ago.
    pub(crate) async fn append_late(&self, route: &str, days: i64) {
        let key = format!("late-{days}");
        self.append_at(&[(route, 1)], Some(&key), now_ms() - days * 86_400_000).await;
    }

    async fn append_routes(&self, routes: &[(&str, usize)], key: Option<&str>) -> Appended {
        self.append_at(routes, key, now_ms()).await
    }

    async fn append_at(&self, routes: &[(&str, usize)], key: Option<&str>, received_ms: i64) -> Appended {
        let mut block = EventBlock::new();
        for (route, events) in routes {
            for i in 0..*events {
                block.push("shop", "GET", route, (200, received_ms, Some(i as u64 * 10)));
            }
        }
        let id = |key| ClientKey { id: RequestId::of_key("", "events", "", key), body_hash: [7; 8] };
        let payload = Payload::Events(block);
        let request = AppendRequest { shard: SHARD, key: key.map(id), received_ms, payload };
        self.appender.append(request).await.unwrap()
    }

    /// Appends `requests` requests with keys `prefix-0…`, of three events each; events in all.
    pub(crate) async fn append_many(&self, prefix: &str, requests: usize) -> u64 {
        let keys: Vec<String> = (0..requests).map(|i| format!("{prefix}-{i}")).collect();
        for key in &keys {
            self.append(&format!("/{prefix}"), 3, Some(key)).await;
        }
        requests as u64 * 3
    }

    pub(crate) async fn row(&self) -> ShardPosition {
        self.links.store.position(SHARD).await.unwrap()
    }

    pub(crate) async fn last(&self) -> Position {
        self.links.log.status(SHARD).await.unwrap().last
    }

    /// Steps until everything in the log is applied.
    pub(crate) async fn count_all(&self, counter: &mut Counter) {
        for _ in 0..STEPS_MAX {
            counter.step().await.unwrap();
            if counter.is_running() && counter.position() == Some(self.last().await) {
                return;
            }
        }
        panic!("{:?} is not at {}", counter.state(), self.last().await);
    }

    /// Steps until the counter halts; the reason.
    pub(crate) async fn until_halted(&self, counter: &mut Counter) -> String {
        for _ in 0..STEPS_MAX {
            counter.step().await.unwrap();
            if let State::Halted { reason } = counter.state() {
                return reason.clone();
            }
        }
        panic!("{:?}", counter.state());
    }

    /// Requests in the database, by route, as `route=n` texts.
    pub(crate) async fn requests(&self) -> Vec<String> {
        let sql = "select e.route || '=' || sum(m.requests) from endpoint_minutes m join endpoint e on e.id = m.endpoint \
                   group by e.route order by e.route";
        let text = self.psql(sql).await;
        text.lines().map(str::to_owned).collect()
    }

    pub(crate) async fn psql(&self, sql: &str) -> String {
        self.database.postgres().psql(&self.database.name, sql).await.unwrap()
    }

    /// The row balances, and says exactly this.
    pub(crate) async fn check(&self, counted: u64, dead_lettered: u64, filtered: u64) {
        let row = self.row().await;
        assert_eq!((row.counted, row.dead_lettered, row.filtered), (counted, dead_lettered, filtered), "{row:?}");
        assert!(row.is_balanced(), "{row:?}");
        let sum = self.psql("select coalesce(sum(requests), 0) from endpoint_minutes").await;
        assert_eq!(sum, counted.to_string(), "rows and books differ");
    }

    /// One command to Redis by hand, as an operator's mistake; its reply as it comes.
    pub(crate) async fn redis(&self, words: &[&[u8]]) -> String {
        let mut socket = TcpStream::connect(("127.0.0.1", self.redis.port())).await.unwrap();
        let mut command = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            command.extend(format!("${}\r\n", word.len()).into_bytes());
            command.extend_from_slice(word);
            command.extend_from_slice(b"\r\n");
        }
        socket.write_all(&command).await.unwrap();
        let mut reply = vec![0; 64 * 1024];
        let n = socket.read(&mut reply).await.unwrap();
        let reply = String::from_utf8_lossy(&reply[..n]).into_owned();
        assert!(!reply.starts_with('-'), "{reply}");
        reply
    }

    /// Writes the stream again with one entry changed: same ids, other bytes. `change` is Lua over the fields `h` and `p`.
    pub(crate) async fn rewrite(&self, at: Position, change: &str) {
        let script = format!(
            "local all = redis.call('XRANGE', KEYS[1], '-', '+')
         redis.call('XTRIM', KEYS[1], 'MAXLEN', '=', '0')
         redis.call('XSETID', KEYS[1], '0-0')
         for _, entry in ipairs(all) do
           local h, p = entry[2][2], entry[2][4]
           if entry[1] == ARGV[1] then {change} end
           redis.call('XADD', KEYS[1], entry[1], 'h', h, 'p', p)
         end
         return #all"
        );
        let reply = self.redis(&[b"EVAL", script.as_bytes(), b"1", b"events:{0}", at.to_string().as_bytes()]).await;
        assert!(reply.starts_with(':'), "{reply}");
        assert!(self.links.log.status(SHARD).await.unwrap().group);
    }
}

/// Steps until the counter runs.
pub(crate) async fn run(counter: &mut Counter) {
    for _ in 0..STEPS_MAX {
        counter.step().await.unwrap();
        if counter.is_running() {
            return;
        }
    }
    panic!("{:?}", counter.state());
}

pub(crate) fn limits() -> Limits {
    Limits {
        backlog_events: 1_000_000,
        backlog_bytes: 64 << 20,
        dedupe_bytes: 64 << 20,
        dedupe_window: Duration::from_secs(3_600),
        deadline: Duration::from_secs(10),
    }
}

fn config(redis: &Redis, database: &TestDatabase<'_>) -> Config {
    Config {
        redis_url: Secret(redis.url()),
        database_url: Secret(database.url.clone()),
        shards: SHARDS,
        lease_seconds: 3,
        wait_seconds: 20,
        ..Config::default()
    }
}

async fn connect(redis: &Redis, database: &TestDatabase<'_>) -> Links {
    let patience = Some(Duration::from_secs(20));
    Links::connect(&config(redis, database), patience, &Shutdown::new()).await.unwrap()
}

async fn migrate(url: &str) -> Result<(), tally_store::Error> {
    let store = Store::connect(&tally_store::Config::new(url)).await?;
    store.migrate(&MigrateSettings { shards: SHARDS, hash_names: HASH_NAMES.to_owned() }).await?;
    store.maintain(&Keep::default()).await?;
    Ok(())
}
