//! The order in which the parts start.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tally_servers::{Error, Postgres, PostgresOptions, Process, Redis, RedisOptions, binary, is_port_free, tail};
use tokio::time::{Instant, sleep};

use super::data::Data;
use super::part::{Binary, Part, Server};
use super::{Problem, log, say};
use crate::RunArguments;

/// The database that everything is counted into.
const DATABASE: &str = "tally";

/// How long the migrations may take.
const MIGRATE_DEADLINE: Duration = Duration::from_secs(300);

/// How long the API's port may stay taken, and how often it is looked at.
const PORT_PATIENCE: Duration = Duration::from_secs(3);
const PORT_LOOK: Duration = Duration::from_millis(50);

/// In the environment of our binaries: the data directory that they belong to. A later run knows by it which processes
/// of a killed run are its own.
const OWNER_VARIABLE: &str = "RUNS_FOR_DATA_DIRECTORY";

/// Everything that runs.
pub(super) struct Parts {
    pub(super) redis: Part,
    pub(super) postgres: Part,
    pub(super) consumer: Part,
    pub(super) api: Part,
    pub(super) log_directory: PathBuf,
}

/// Starts all parts, servers first. What has started is killed when a later part fails.
pub(super) async fn start(data: &Data, arguments: &RunArguments) -> Result<Parts, Problem> {
    let (consumer, api) = (locate(arguments, "tally-consumer")?, locate(arguments, "tally-api")?);
    let owner = format!("{OWNER_VARIABLE}={}", data.directory().display());
    tally_servers::stop_marked(&["tally-api", "tally-consumer"], &owner).await?;
    require_port(arguments.port).await?;
    let log_directory = data.of("log");
    log::rotate(&log_directory, &["redis", "postgres", "migrate", "consumer", "api"])?;
    let log = |part| log::of(&log_directory, part);

    let [redis_port, postgres_port, consumer_port] = data.ports(["redis", "postgres", "consumer"])?;
    let redis = start_redis(data, redis_port, arguments.redis_memory_mib, &log("redis")).await?;
    let postgres = start_postgres(data, postgres_port, &log("postgres")).await?;
    let addresses = vec![
        ("TALLY_REDIS_URL", redis.url()),
        ("TALLY_DATABASE_URL", postgres.url(DATABASE)),
        ("TALLY_LISTEN", format!("127.0.0.1:{}", arguments.port)),
        ("TALLY_CONSUMER_LISTEN", format!("127.0.0.1:{consumer_port}")),
    ];
    data.tell(&addresses)?;
    migrate(&consumer, &addresses, &log("migrate")).await?;

    let mut environment = addresses;
    environment.push((OWNER_VARIABLE, data.directory().display().to_string()));
    environment.push(("TALLY_REPORTS_DIR", data.of("reports").display().to_string()));
    let consumer = Binary::start(consumer, &["run"], environment.clone(), log("consumer"))?;
    let api = Binary::start(api, &[], environment, log("api"))?;
    Ok(Parts {
        redis: Part { name: "redis", server: Server::Redis(redis) },
        postgres: Part { name: "postgres", server: Server::Postgres(postgres) },
        consumer: Part { name: "consumer", server: Server::Binary(consumer) },
        api: Part { name: "api", server: Server::Binary(api) },
        log_directory,
    })
}

/// The API's port must be free. What is left of a killed run may hold it for a moment yet: a process that is ending shows no
/// mark by which it could be known.
async fn require_port(port: u16) -> Result<(), Problem> {
    let until = Instant::now() + PORT_PATIENCE;
    while !is_port_free(port) {
        if Instant::now() >= until {
            return Err(Problem::PortTaken(port));
        }
        sleep(PORT_LOOK).await;
    }
    Ok(())
}

fn locate(arguments: &RunArguments, name: &str) -> Result<PathBuf, Error> {
    match &arguments.binaries {
        None => binary(name),
        Some(directory) => {
            let found = directory.join(name).canonicalize();
            found.map_err(|source| Error::Path { action: "find", path: directory.join(name), source })
        }
    }
}

async fn start_redis(data: &Data, port: u16, memory_mib: u64, log: &Path) -> Result<Redis, Problem> {
    let directory = data.of("redis");
    let options = RedisOptions {
        port: Some(port),
        maxmemory_bytes: Some(memory_mib.saturating_mul(1024 * 1024)),
        ..RedisOptions::default()
    };
    let redis = Redis::start_logging_to(&directory, options, log).await?;
    say(&format!("redis     127.0.0.1:{port}, data in {}", directory.display()));
    Ok(redis)
}

async fn start_postgres(data: &Data, port: u16, log: &Path) -> Result<Postgres, Problem> {
    let wanted = data.of("postgres");
    let options = PostgresOptions { port: Some(port), ..PostgresOptions::default() };
    let postgres = Postgres::start_logging_to(&wanted, options, log).await?;
    say(&format!("postgres  127.0.0.1:{port}, data in {}", postgres.data_dir().display()));
    if postgres.data_dir() != wanted {
        say(&format!("          (its account cannot enter all parents of {})", wanted.display()));
    }
    postgres.create_database(DATABASE).await?;
    Ok(postgres)
}

async fn migrate(consumer: &Path, addresses: &[(&'static str, String)], log: &Path) -> Result<(), Problem> {
    let environment: Vec<(&str, &str)> = addresses.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let migration = Process::spawn(consumer, &environment, &["migrate"], log)?;
    let status = migration.wait(MIGRATE_DEADLINE).await?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Failed { program: "tally-consumer migrate".to_owned(), status: status.to_string(), tail: tail(log) }
        .into())
}
