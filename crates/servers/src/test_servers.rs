//! One Redis and one PostgreSQL for all tests of a test process.

use std::collections::HashMap;
use std::fs::{self, File};
use std::future::Future;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::cluster::ELSEWHERE_SUFFIX;
use crate::postgres::POSTGRES_NAMES;
use crate::redis::REDIS_NAMES;
use crate::test_database::{self, TestDatabase};
use crate::{AppendFsync, Error, Postgres, PostgresOptions, Redis, RedisOptions, directory, running, spawner};

/// How the temporary directories of test processes begin; leftovers are swept by this name.
const PREFIX: &str = "tally-test-";

/// Held locked by the test process that a directory belongs to.
const LOCK_FILE: &str = "lock";

/// How many leftover directories one start sweeps at most.
const SWEEP_MAX: usize = 64;

/// How old a directory must be to be swept: a younger one may belong to a process that is about to lock it.
const SWEEP_AGE_MIN: Duration = Duration::from_secs(10);

/// What the cleaner runs once its input ends. Where Linux ends the servers with us there is no pid file left after the
/// second; elsewhere it is the cleaner that ends them.
const CLEANER: &str = r#"
cat > /dev/null
sleep 1
pids() { find "$1" -maxdepth 4 \( -name redis.pid -o -name postmaster.pid \) -exec head -n 1 {} \;; }
[ -e /proc/self ] || pids "$1" | xargs kill -9
find "$1" -maxdepth 3 -name "*$2" -exec cat {} \; | xargs rm -rf
rm -rf "$1"
"#;

static SHARED: OnceCell<TestServers> = OnceCell::const_new();

/// The servers that the tests of one process share. They start when first asked for and end with the process, also when
/// it is killed; the next test process removes what was left.
#[derive(Debug)]
pub struct TestServers {
    directory: PathBuf,
    _lock: File,
    redis: OnceCell<Redis>,
    postgres: OnceCell<Postgres>,
    templates: Mutex<HashMap<String, Arc<OnceCell<()>>>>,
}

impl TestServers {
    /// The servers of this process.
    pub async fn shared() -> Result<&'static TestServers, Error> {
        SHARED.get_or_try_init(TestServers::open).await
    }

    /// The shared Redis. It forces nothing to the disk: fast, and safe for everything but a crash of the machine. Tests
    /// that flush it, restart it or change its settings use [`TestServers::private_redis`].
    pub async fn redis(&self) -> Result<&Redis, Error> {
        let options = RedisOptions { append_fsync: AppendFsync::No, ..RedisOptions::default() };
        let directory = self.directory.join("redis");
        self.redis.get_or_try_init(|| Redis::start(&directory, options)).await
    }

    /// The shared PostgreSQL, without fsync.
    pub async fn postgres(&self) -> Result<&Postgres, Error> {
        let options = PostgresOptions { durable: false, port: None };
        let directory = self.directory.join("postgres");
        self.postgres.get_or_try_init(|| Postgres::start(&directory, options)).await
    }

    /// A Redis for one test, with its data in the shared temporary directory (about 50 ms).
    pub async fn private_redis(&self, options: RedisOptions) -> Result<Redis, Error> {
        Redis::start(&self.fresh_dir("redis")?, options).await
    }

    /// A new directory that goes when the process ends, for servers and files of one test.
    pub fn fresh_dir(&self, name: &str) -> Result<PathBuf, Error> {
        let made = tempfile::Builder::new().prefix(&format!("{name}-")).tempdir_in(&self.directory);
        let directory = made.map(TempDir::keep).map_err(Error::path("create a directory in", &self.directory))?;
        directory::let_others_enter(&directory)?;
        Ok(directory)
    }

    /// A new, empty database on the shared PostgreSQL.
    pub async fn test_database(&self) -> Result<TestDatabase<'_>, Error> {
        TestDatabase::create(self.postgres().await?, None).await
    }

    /// A new database with what `fill` put into the template, given the template's URL. `fill` runs once in a process for
    /// each name, so migrations cost a test only the copy. It must close its connections before it returns.
    pub async fn test_database_from<Filled, Problem>(
        &self,
        template: &str,
        fill: impl FnOnce(String) -> Filled,
    ) -> Result<TestDatabase<'_>, Error>
    where
        Filled: Future<Output = Result<(), Problem>>,
        Problem: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let postgres = self.postgres().await?;
        let filled = self.template(template);
        filled.get_or_try_init(|| test_database::fill_template(postgres, template, fill)).await?;
        TestDatabase::create(postgres, Some(template)).await
    }

    async fn open() -> Result<TestServers, Error> {
        sweep().await;
        let parent = std::env::temp_dir();
        let made =
            tempfile::Builder::new().prefix(PREFIX).tempdir_in(&parent).map_err(Error::path("create", &parent))?;
        let directory = directory::absolute(&made.keep())?;
        let lock = lock(&directory).map_err(Error::path("lock", directory.join(LOCK_FILE)))?;
        directory::let_others_enter(&directory)?;
        remove_at_exit(&directory)?;
        Ok(TestServers {
            directory,
            _lock: lock,
            redis: OnceCell::new(),
            postgres: OnceCell::new(),
            templates: Mutex::default(),
        })
    }

    fn template(&self, name: &str) -> Arc<OnceCell<()>> {
        let mut templates = self.templates.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(templates.entry(name.to_owned()).or_default())
    }
}

fn lock(directory: &Path) -> io::Result<File> {
    let file = File::create(directory.join(LOCK_FILE))?;
    file.try_lock()?;
    Ok(file)
}

/// Removes the directories of test processes that are gone, and ends servers that may still run there. Whatever fails is
/// left to the next sweep.
async fn sweep() {
    let user = rustix::process::geteuid().as_raw();
    let entries = fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let candidates = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    let is_old = |path: &PathBuf| {
        let age = fs::metadata(path).and_then(|found| found.modified()).ok().and_then(|time| time.elapsed().ok());
        age.is_some_and(|age| age >= SWEEP_AGE_MIN)
    };
    let ours =
        candidates.map(|entry| entry.path()).filter(|path| directory::owner(path) == Some(user) && path.is_dir());
    let abandoned = ours.filter(is_old);
    for directory in abandoned.take(SWEEP_MAX) {
        if let Ok(_lock) = lock(&directory) {
            let parts = subdirectories(&directory);
            let nested: Vec<PathBuf> = parts.iter().flat_map(|part| subdirectories(part)).collect();
            for data in parts.iter().chain(&nested) {
                let _ = running::stop_orphans(&REDIS_NAMES, data, Signal::KILL).await;
                let _ = running::stop_orphans(&POSTGRES_NAMES, data, Signal::QUIT).await;
            }
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

fn subdirectories(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Leaves behind a shell that waits for the end of this process, however it comes (the pipe to it closes then), gives the
/// servers a moment to end too, and removes the directory.
fn remove_at_exit(directory: &Path) -> Result<(), Error> {
    let mut command = Command::new("sh");
    command.args(["-c", CLEANER, "tally-test-cleaner"]).arg(directory).arg(ELSEWHERE_SUFFIX);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).current_dir("/");
    let child = spawner::spawn(command).map_err(Error::process("start", "sh"))?;
    // The pipe must stay open until the process ends, and only then be closed by the system.
    std::mem::forget(child);
    Ok(())
}
