//! `tally-servers run` with real servers, and scripts in place of our binaries.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tally_servers::{Process, free_port, stop_marked};
use tempfile::TempDir;

use crate::redis::ask;
use crate::{signal, temporary};

/// How long anything that should happen may take.
const SOON: Duration = Duration::from_secs(30);

const CONSUMER: &str = "#!/bin/sh
echo \"consumer $1\"
[ \"$1\" = migrate ] && exit 0
trap 'exit 0' TERM
while :; do sleep 0.05; done
";

const API: &str = "#!/usr/bin/perl
use IO::Socket::INET;
$SIG{TERM} = sub { exit 0 };
open(F, '>', $0 . '.pid'); print F $$; close F;
my $server = IO::Socket::INET->new(LocalAddr => $ENV{TALLY_LISTEN}, Listen => 5, ReuseAddr => 1) or die 'no port';
while (1) {
    my $client = $server->accept or next;
    my $line = <$client>;
    print $client \"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n\";
    close $client;
}
";

/// A place with data and binaries for runs.
struct Stage {
    directory: TempDir,
    port: u16,
}

impl Stage {
    fn set(consumer: &str, api: &str) -> Stage {
        let stage = Stage { directory: temporary(), port: free_port().unwrap() };
        for (name, script) in [("tally-consumer", consumer), ("tally-api", api)] {
            let path = stage.path(name);
            fs::write(&path, script).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts a run whose output goes to `NAME.out`.
    fn run(&self, name: &str) -> Run {
        let (data, port) = (self.path("data"), self.port.to_string());
        let (data, here) = (data.to_str().unwrap(), self.directory.path().to_str().unwrap());
        let arguments = ["run", "--data", data, "--port", &port, "--binaries", here];
        let output = self.path(&format!("{name}.out"));
        let program = Path::new(env!("CARGO_BIN_EXE_tally-servers"));
        Run { process: Process::spawn(program, &[], &arguments, &output).unwrap(), output }
    }

    fn redis_port(&self) -> u16 {
        let ports = fs::read_to_string(self.path("data/ports")).unwrap();
        ports.lines().find_map(|line| line.strip_prefix("redis ")).unwrap().parse().unwrap()
    }
}

struct Run {
    process: Process,
    output: PathBuf,
}

impl Run {
    fn output(&self) -> String {
        fs::read_to_string(&self.output).unwrap()
    }

    async fn says(&self, text: &str) {
        let until = Instant::now() + SOON;
        while !self.output().contains(text) {
            assert!(Instant::now() < until, "it did not say {text:?} but:\n{}", self.output());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn exit_code(&self) -> Option<i32> {
        self.process.wait(SOON).await.unwrap().code()
    }
}

#[tokio::test]
async fn a_stop_is_orderly_and_the_next_run_finds_its_data() {
    let stage = Stage::set(CONSUMER, API);
    let first = stage.run("first");
    first.says(&format!("ready http://127.0.0.1:{}", stage.port)).await;
    first.says(&format!("curl -sS http://127.0.0.1:{}/v1/events", stage.port)).await;
    let redis = stage.redis_port();
    assert_eq!(ask(redis, "SET color teal").unwrap(), "+OK\r\n");
    assert_eq!(ask(redis, "CONFIG GET maxmemory").unwrap().lines().last(), Some("1073741824"));
    first.process.terminate().unwrap();
    assert_eq!(first.exit_code().await, Some(0));
    assert!(ask(redis, "PING").is_err());
    assert!(fs::read_to_string(stage.path("data/log/postgres.log")).unwrap().contains("database system is shut down"));

    let second = stage.run("second");
    second.says("ready ").await;
    assert_eq!(stage.redis_port(), redis);
    assert_eq!(ask(redis, "GET color").unwrap(), "$4\r\nteal\r\n");
    second.process.terminate().unwrap();
    assert_eq!(second.exit_code().await, Some(0));
}

#[tokio::test]
async fn after_a_kill_of_the_run_the_next_one_starts() {
    let stage = Stage::set(CONSUMER, API);
    let first = stage.run("first");
    first.says("ready ").await;
    assert_eq!(ask(stage.redis_port(), "SET color teal").unwrap(), "+OK\r\n");
    let pid = i32::try_from(first.process.pid()).unwrap();
    // Only the run itself, as an operator's kill -9 would: not its children, as `kill9` does.
    signal(pid, Signal::KILL);
    first.process.wait(SOON).await.unwrap();
    let second = stage.run("second");
    second.says("ready ").await;
    assert_eq!(ask(stage.redis_port(), "GET color").unwrap(), "$4\r\nteal\r\n");
}

#[tokio::test]
async fn a_part_that_dies_is_started_again() {
    let stage = Stage::set(CONSUMER, API);
    let run = stage.run("run");
    run.says("ready ").await;
    let api: i32 = fs::read_to_string(stage.path("tally-api.pid")).unwrap().parse().unwrap();
    signal(api, Signal::KILL);
    run.says("api ended (signal: 9 (SIGKILL)) and was started again").await;
    let lock = stage.path("data/postgres/postmaster.pid");
    let postgres = fs::read_to_string(lock).unwrap().lines().next().unwrap().parse().unwrap();
    signal(postgres, Signal::KILL);
    run.says("postgres ended (signal: 9 (SIGKILL)) and was started again").await;
    assert_eq!(ask(stage.redis_port(), "SHUTDOWN").unwrap(), "");
    run.says("redis ended (exit status: 0) and was started again").await;
    assert_eq!(ask(stage.redis_port(), "PING").unwrap(), "+PONG\r\n");
}

#[tokio::test]
async fn a_crash_loop_shows_the_log() {
    let stage = Stage::set(CONSUMER, "#!/bin/sh\necho 'TALLY_SHARDS is no number'\nexit 2\n");
    let run = stage.run("run");
    run.says("api keeps ending (3 times in a row, now with exit status: 2)").await;
    run.says("TALLY_SHARDS is no number").await;
    run.process.terminate().unwrap();
    assert_eq!(run.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_failed_migration_ends_the_run_with_its_words() {
    let stage = Stage::set("#!/bin/sh\necho 'no such schema'\nexit 1\n", API);
    let run = stage.run("run");
    assert_eq!(run.exit_code().await, Some(1));
    run.says("tally-consumer migrate failed (exit status: 1)").await;
    run.says("no such schema").await;
}

#[tokio::test]
async fn a_second_run_on_the_same_data_names_the_first() {
    let stage = Stage::set(CONSUMER, API);
    let first = stage.run("first");
    first.says("ready ").await;
    let second = stage.run("second");
    assert_eq!(second.exit_code().await, Some(1));
    second.says(&format!("process {}", first.process.pid())).await;
    second.says("DATA=").await;
    assert!(first.process.is_running());
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let stage = Stage::set(CONSUMER, API);
    let _taken = TcpListener::bind(("127.0.0.1", stage.port)).unwrap();
    let run = stage.run("run");
    assert_eq!(run.exit_code().await, Some(1));
    run.says(&format!("port {} of 127.0.0.1 is taken", stage.port)).await;
    run.says("PORT=").await;
}

#[tokio::test]
async fn a_second_signal_hurries() {
    let stubborn = CONSUMER.replace("trap 'exit 0' TERM", "trap '' TERM");
    let stage = Stage::set(&stubborn, API);
    let run = stage.run("run");
    run.says("ready ").await;
    run.process.terminate().unwrap();
    run.says("stopping").await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(run.process.is_running());
    run.process.terminate().unwrap();
    assert_eq!(run.exit_code().await, Some(0));
}

#[tokio::test]
async fn only_marked_processes_are_stopped() {
    let stage = Stage::set(CONSUMER, API);
    let spawn = |marker: &str| {
        let program = stage.path("tally-consumer");
        Process::spawn(&program, &[("RUNS_FOR", marker)], &["run"], &stage.path("log")).unwrap()
    };
    let (ours, other) = (spawn("here"), spawn("there"));
    while fs::read_to_string(stage.path("log")).unwrap().lines().count() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop_marked(&["tally-consumer"], "RUNS_FOR=here").await.unwrap();
    assert!(!ours.is_running());
    assert!(other.is_running());
}
