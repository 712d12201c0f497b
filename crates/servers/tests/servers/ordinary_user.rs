//! What an ordinary user meets, also when the tests run as root: then one test runs again as `nobody`.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

use tally_servers::{Error, Postgres, PostgresOptions, Redis, RedisOptions};

use crate::{is_root, temporary};

/// User and group `nobody` where systems do not say otherwise.
const NOBODY: u32 = 65534;

const FAST: PostgresOptions = PostgresOptions { durable: false, port: None };

#[tokio::test]
async fn servers_start_as_an_ordinary_user() {
    if is_root() {
        return run_again_as_nobody("servers_start_as_an_ordinary_user");
    }
    let directory = temporary();
    let postgres = Postgres::start(&directory.path().join("postgres"), FAST).await.unwrap();
    assert_eq!(postgres.psql("postgres", "SELECT 1").await.unwrap(), "1");
    assert_eq!(postgres.data_dir(), directory.path().canonicalize().unwrap().join("postgres"));
    let redis = Redis::start(&directory.path().join("redis"), RedisOptions::default()).await.unwrap();
    redis.kill9().await.unwrap();
    redis.restart().await.unwrap();
}

#[tokio::test]
async fn data_of_another_account_are_refused_in_words() {
    if is_root() {
        return run_again_as_nobody("data_of_another_account_are_refused_in_words");
    }
    // Of root on every system, and no PostgreSQL data, so nothing can be harmed.
    let refused = Postgres::start(std::path::Path::new("/usr/lib"), FAST).await.unwrap_err();
    assert!(matches!(&refused, Error::ForeignDirectory { owner: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("another account"), "{refused}");
}

/// Runs this test in a process of its own. Where `nobody` cannot reach the test executable, there is nothing to run.
fn run_again_as_nobody(test: &str) {
    let executable = env::current_exe().unwrap();
    let mut again = Command::new(&executable);
    again.args(["--exact", &format!("ordinary_user::{test}"), "--nocapture"]).env("TMPDIR", "/tmp");
    match again.uid(NOBODY).gid(NOBODY).current_dir("/").output() {
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied, "{error}"),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && text.contains("1 passed"), "{text}");
        }
    }
}
