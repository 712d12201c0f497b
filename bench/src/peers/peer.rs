//! A peer that runs on servers of its own, and its counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use tally_servers::{AppendFsync, Postgres, PostgresOptions, Process, Redis, RedisOptions, free_port};
use tokio::time::sleep;
use tokio_postgres::Client;

use super::kind::{Kind, Start};
use super::programs::Programs;
use crate::data::{Bodies, Key};
use crate::database::client;
use crate::error::Error;
use crate::load;
use crate::machine::cpu_seconds;
use crate::rounds::Sample;
use crate::run::{Astray, astray, sample};
use crate::system::{Cpu, now_s, spawn};

/// Its tables, and what it calls there.
const SCHEMA: &str = include_str!("../../peers/schema.sql");
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long all may take to be counted; event by event at 100 a POST it is some twenty times the load.
const DRAIN_MAX: Duration = Duration::from_secs(240);
/// How long nothing more may be counted before what is missing is called lost.
const LOST_AFTER: Duration = Duration::from_secs(15);
/// How long the count stays what it is before it is called final: longer than any program here waits for more.
const SETTLED_AFTER: Duration = Duration::from_millis(1_500);
/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A peer that ends with the value.
pub(super) struct Peer {
    kind: Kind,
    redis: Redis,
    postgres: Postgres,
    front: Process,
    counter: Process,
    base: String,
    sql: Client,
}

impl Peer {
    /// Redis everysec and a durable PostgreSQL, as Tally has them, and its two programs, ready.
    pub(super) async fn start(kind: Kind, programs: &Programs, dir: &Path) -> Result<Self, Error> {
        let dir = dir.join(format!("{kind:?}"));
        std::fs::create_dir_all(&dir).map_err(Error::io("make a peer's directory"))?;
        let append_fsync = AppendFsync::EverySec;
        let redis = Redis::start(&dir.join("redis"), RedisOptions { append_fsync, ..RedisOptions::default() }).await?;
        let postgres = Postgres::start(&dir.join("postgres"), PostgresOptions { durable: true, port: None }).await?;
        postgres.create_database("peer").await?;
        let database_url = postgres.url("peer");
        let sql = client(&database_url).await?;
        sql.batch_execute(SCHEMA).await?;
        let [port, front_status, counter_status] = [free_port()?, free_port()?, free_port()?];
        let run = async |start: Start, status_port: u16, name: &str| {
            let environment = [
                ("REDIS_URL", redis.url()),
                ("DATABASE_URL", format!("{database_url}?sslmode=disable")),
                ("LISTEN", format!("127.0.0.1:{port}")),
                ("STATUS", format!("127.0.0.1:{status_port}")),
                ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
            ];
            let environment = environment.map(|(name, value)| (name.to_owned(), value));
            let arguments: Vec<&str> = start.arguments.iter().map(String::as_str).collect();
            let process = spawn(programs.of(kind), &arguments, &environment, &dir, name)?;
            if let Some(url) = start.ready {
                ready(&url, &process).await?;
            }
            Ok::<_, Error>(process)
        };
        let counter = run(kind.counter(Programs::sources(), counter_status), counter_status, "counter").await?;
        let front = run(kind.front(Programs::sources(), port, front_status), front_status, "front").await?;
        let base = format!("http://127.0.0.1:{port}");
        Ok(Self { kind, redis, postgres, front, counter, base, sql })
    }

    /// Loads it for so long and waits until all is counted. What is not counted rightly is in the sample.
    pub(super) async fn run(&self, bodies: &Bodies, seconds: u64) -> Result<Sample, Error> {
        let (before, cpu_before) = (self.counts().await?, self.cpu());
        let load = load::post(&self.base, self.kind.path(bodies.batch), bodies, seconds).await?;
        let sum = before.values().sum::<u64>();
        let counted_at_s = self.drained(sum + load.answered * bodies.batch as u64).await?;
        let cpu = self.cpu().since(cpu_before);
        let after = self.counts().await?;
        let Astray { lost, surplus } = astray(bodies, &[load], &before, &after);
        let events = after.values().sum::<u64>() - sum;
        let mut sample = sample(&[load], bodies.batch, (events, counted_at_s), cpu);
        sample.extend([("lost", lost as f64), ("surplus", surplus as f64)]);
        Ok(sample)
    }

    /// Waits until so many events are counted and no more come, or until they are lost, and tells when the last came, in
    /// seconds since the Unix epoch.
    async fn drained(&self, wanted: u64) -> Result<f64, Error> {
        let began = Instant::now();
        let (mut sum, mut since, mut at_s) = (0, Instant::now(), now_s());
        while began.elapsed() < DRAIN_MAX {
            let now = self.sum().await?;
            if now != sum {
                (sum, since, at_s) = (now, Instant::now(), now_s());
            }
            if since.elapsed() > if sum >= wanted { SETTLED_AFTER } else { LOST_AFTER } {
                return Ok(at_s);
            }
            sleep(LOOK).await;
        }
        let (name, log) = (self.kind.name(), tally_servers::tail(self.counter.log()));
        Error::wrong(format!("{name} counted {sum} of {wanted} events in {DRAIN_MAX:?}:\n{log}"))
    }

    async fn sum(&self) -> Result<u64, Error> {
        let row = self.sql.query_one("select coalesce(sum(requests), 0)::bigint from endpoint_minute", &[]).await?;
        Ok(row.get::<_, i64>(0).unsigned_abs())
    }

    /// Requests counted so far, by endpoint.
    async fn counts(&self) -> Result<BTreeMap<Key, u64>, Error> {
        let query = "select service, method, route, sum(requests)::bigint from endpoint_minute group by 1, 2, 3";
        let rows = self.sql.query(query, &[]).await?;
        let count = |row: &tokio_postgres::Row| row.get::<_, i64>(3).unsigned_abs();
        Ok(rows.iter().map(|row| ((row.get(0), row.get(1), row.get(2)), count(row))).collect())
    }

    fn cpu(&self) -> Cpu {
        Cpu {
            api: cpu_seconds(self.front.pid()),
            redis: cpu_seconds(self.redis.pid()),
            consumer: cpu_seconds(self.counter.pid()),
            postgres: cpu_seconds(self.postgres.pid()),
        }
    }
}

async fn ready(url: &str, process: &Process) -> Result<(), Error> {
    let until = Instant::now() + PATIENCE;
    loop {
        if reqwest::get(url).await.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(());
        }
        if Instant::now() > until || !process.is_running() {
            return Error::wrong(format!("{url} is not ready:\n{}", tally_servers::tail(process.log())));
        }
        sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::{Value, json};
    use tally_servers::TestServers;
    use tokio_postgres::types::ToSql;

    use super::*;

    const CONSUMER: &str = include_str!("../../peers/python/consumer.py");
    /// A row, as one JSON array.
    const ROWS: &str = "select json_agg(to_json(t) order by service, route, minute)::text from endpoint_minute t";

    async fn rows(sql: &Client) -> Value {
        let text: String = sql.query_one(ROWS, &[]).await.unwrap().get(0);
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn each_peer_counts_the_same() {
        let servers = TestServers::shared().await.unwrap();
        let databases = (servers.test_database().await.unwrap(), servers.test_database().await.unwrap());
        let (python, bento) = (client(&databases.0.url).await.unwrap(), client(&databases.1.url).await.unwrap());
        let increment = CONSUMER.split("INCREMENT = \"\"\"").nth(1).unwrap().split("\"\"\"").next().unwrap();
        python.batch_execute(SCHEMA).await.unwrap();
        bento.batch_execute(SCHEMA).await.unwrap();
        let events = [("/a", 200, 1_500_i64, 0), ("/a", 404, 250, 59), ("/a", 500, 2_000, 60), ("/b", 399, 1, 61)];
        for _ in 0..2 {
            let mut array = Vec::new();
            for (route, status, us, second) in events {
                let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
                let (client_errors, errors) = (i64::from((400..500).contains(&status)), i64::from(status >= 500));
                let values: [&(dyn ToSql + Sync); 7] = [&"shop", &"GET", &route, &at, &client_errors, &errors, &us];
                python.execute(increment, &values).await.unwrap();
                let (ms, at) = (us as f64 / 1e3, jiff::Timestamp::from_second(second as i64).unwrap());
                let (service, method) = ("shop", "GET");
                array.push(json!({"service": service, "method": method, "route": route, "status": status, "duration_ms": ms, "timestamp": at.to_string()}));
            }
            bento.execute("select count_events($1::text::jsonb)", &[&json!(array).to_string()]).await.unwrap();
        }
        let counted = rows(&python).await;
        assert_eq!(counted, rows(&bento).await);
        let column =
            |name: &str| counted.as_array().unwrap().iter().map(|row| row[name].as_i64().unwrap()).collect::<Vec<_>>();
        assert_eq!(
            (column("requests"), column("client_errors"), column("errors")),
            (vec![4, 2, 2], vec![2, 0, 0], vec![0, 2, 0])
        );
        assert_eq!(
            (column("duration_sum_us"), column("duration_max_us")),
            (vec![3_500, 4_000, 2], vec![1_500, 2_000, 1])
        );
    }
}
