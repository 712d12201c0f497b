//! A private PostgreSQL keeps its data whatever is done to it, and starts for every account.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tally_servers::{Postgres, PostgresOptions};

use crate::{chmod, is_root, temporary};

const FAST: PostgresOptions = PostgresOptions { durable: false, port: None };

async fn started(directory: &Path) -> Postgres {
    Postgres::start(&directory.join("postgres"), FAST).await.unwrap()
}

async fn put_color(postgres: &Postgres, color: &str) {
    postgres.psql("postgres", "CREATE TABLE IF NOT EXISTS kept (color text)").await.unwrap();
    postgres.psql("postgres", &format!("INSERT INTO kept VALUES ('{color}')")).await.unwrap();
}

async fn colors(postgres: &Postgres) -> String {
    postgres.psql("postgres", "SELECT color FROM kept").await.unwrap()
}

#[tokio::test]
async fn keeps_its_data_over_kill_stop_and_restart() {
    let directory = temporary();
    let postgres = Postgres::start(&directory.path().join("postgres"), PostgresOptions::default()).await.unwrap();
    assert_eq!(postgres.psql("postgres", "SHOW fsync").await.unwrap(), "on");
    assert_eq!(postgres.psql("postgres", "SHOW unix_socket_directories").await.unwrap(), "");
    assert_eq!(postgres.psql("postgres", "SHOW server_encoding").await.unwrap(), "UTF8");
    put_color(&postgres, "blue").await;
    let pid = postgres.pid();
    postgres.kill9().await.unwrap();
    assert!(!postgres.is_running());
    postgres.restart().await.unwrap();
    assert_ne!(postgres.pid(), pid);
    assert_eq!(colors(&postgres).await, "blue");
    postgres.stop().await.unwrap();
    drop(postgres);
    let again = Postgres::start(&directory.path().join("postgres"), PostgresOptions::default()).await.unwrap();
    assert_eq!(colors(&again).await, "blue");
}

#[tokio::test]
async fn a_lock_file_with_a_reused_process_id_is_no_obstacle() {
    let directory = temporary();
    let postgres = started(directory.path()).await;
    put_color(&postgres, "red").await;
    postgres.kill9().await.unwrap();
    let lock = postgres.data_dir().join("postmaster.pid");
    let stale = fs::read_to_string(&lock).unwrap();
    // This test's own process runs, as the process that took over the id after a crash would.
    let reused = stale.replacen(stale.lines().next().unwrap(), &std::process::id().to_string(), 1);
    fs::write(&lock, reused).unwrap();
    postgres.restart().await.unwrap();
    assert_eq!(colors(&postgres).await, "red");
}

#[tokio::test]
async fn an_orphan_on_the_same_data_is_stopped_first() {
    let directory = temporary();
    let first = started(directory.path()).await;
    put_color(&first, "green").await;
    let second = started(directory.path()).await;
    assert!(!first.is_running());
    assert_eq!(colors(&second).await, "green");
}

#[tokio::test]
async fn a_crash_during_initialisation_is_no_obstacle() {
    let directory = temporary();
    let draft = directory.path().join("postgres.init");
    fs::create_dir(&draft).unwrap();
    fs::write(draft.join("PG_VERSION"), "15\n").unwrap();
    let postgres = started(directory.path()).await;
    assert_eq!(postgres.psql("postgres", "SELECT 1").await.unwrap(), "1");
    assert!(!draft.exists());
}

#[tokio::test]
async fn a_killed_server_takes_its_busy_backends_along() {
    let directory = temporary();
    let postgres = started(directory.path()).await;
    let sleeping = postgres.psql("postgres", "SELECT pg_sleep(60)");
    let killing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        postgres.kill9().await.unwrap();
    };
    let (slept, ()) = tokio::join!(sleeping, killing);
    assert!(slept.is_err());
    postgres.restart().await.unwrap();
}

#[tokio::test]
async fn a_paused_server_goes_on_when_resumed() {
    let directory = temporary();
    let postgres = started(directory.path()).await;
    postgres.pause().unwrap();
    let stopped = tokio::time::timeout(Duration::from_millis(500), postgres.psql("postgres", "SELECT 1")).await;
    assert!(stopped.is_err(), "a paused server answered");
    postgres.resume().unwrap();
    assert_eq!(postgres.psql("postgres", "SELECT 1").await.unwrap(), "1");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let directory = temporary();
    let postgres = started(directory.path()).await;
    let url = format!("postgres://tally:wrong@127.0.0.1:{}/postgres", postgres.port());
    let answer = Command::new("psql").args(["-w", "-c", "SELECT 1", &url]).output().unwrap();
    assert!(!answer.status.success());
    assert!(String::from_utf8_lossy(&answer.stderr).contains("password authentication failed"));
}

#[tokio::test]
async fn a_database_is_made_once() {
    let directory = temporary();
    let postgres = started(directory.path()).await;
    postgres.create_database("odd \"name'").await.unwrap();
    postgres.create_database("odd \"name'").await.unwrap();
    assert_eq!(postgres.psql("odd \"name'", "SELECT current_database()").await.unwrap(), "odd \"name'");
}

/// As root, PostgreSQL runs as another account, which a closed parent directory shuts out.
#[tokio::test]
async fn a_parent_that_its_account_cannot_enter_means_another_directory() {
    if !is_root() {
        return;
    }
    let directory = temporary();
    let closed = directory.path().join("closed");
    fs::create_dir(&closed).unwrap();
    chmod("700", &closed);
    let postgres = started(&closed).await;
    let elsewhere = postgres.data_dir().to_owned();
    assert!(!elsewhere.starts_with(&closed), "{}", elsewhere.display());
    assert_ne!(fs::metadata(&elsewhere).unwrap().uid(), 0);
    put_color(&postgres, "grey").await;
    postgres.stop().await.unwrap();
    let again = started(&closed).await;
    assert_eq!(again.data_dir(), elsewhere);
    assert_eq!(colors(&again).await, "grey");
    again.stop().await.unwrap();
    fs::remove_dir_all(elsewhere).unwrap();

    // Who removes the directory has removed the data.
    fs::remove_dir_all(&closed).unwrap();
    fs::create_dir(&closed).unwrap();
    chmod("700", &closed);
    let afresh = started(&closed).await;
    assert_eq!(afresh.psql("postgres", "SELECT count(*) FROM pg_tables WHERE tablename = 'kept'").await.unwrap(), "0");
    fs::remove_dir_all(afresh.data_dir()).unwrap();
}

/// Root finds what an ordinary user's run left, and runs PostgreSQL as that user.
#[tokio::test]
async fn data_of_an_ordinary_user_stay_that_users() {
    if !is_root() {
        return;
    }
    let directory = temporary();
    let postgres = started(directory.path()).await;
    put_color(&postgres, "white").await;
    postgres.stop().await.unwrap();
    let data = postgres.data_dir().to_owned();
    assert!(Command::new("chown").args(["-R", "12345:12345"]).arg(&data).status().unwrap().success());
    let again = started(directory.path()).await;
    assert_eq!(fs::metadata(format!("/proc/{}", again.pid())).unwrap().uid(), 12345);
    assert_eq!(colors(&again).await, "white");
}
