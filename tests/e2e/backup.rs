//! Backups: made under way, limited in number, restored at once or not at all, counted on from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use crate::system::{PATIENCE, System, days, event};

/// One log, which keeps nothing that was counted longer than it must.
const SETTINGS: [(&str, &str); 2] = [("TALLY_SHARDS", "1"), ("TALLY_RETENTION_SECONDS", "0")];

type Figures = (BTreeMap<(String, String, String), u64>, String);

/// Counts some events and a vote, and lets the position enter the history that trimming goes by.
async fn count_some(system: &System, service: &str) {
    system.postgres.psql("tally", "UPDATE shard_position SET history_stamp_ms = 0").await.unwrap();
    let events: Vec<_> = (0..50).map(|i| event(service, &format!("/{}", i % 5), 200, f64::from(i))).collect();
    system.post_events(&json!(events)).await;
    let (status, answer) = system.post("/api/vote", None, &json!({"option": "cats", "voter": service})).await;
    assert_eq!(status, 202, "{answer}");
    system.counted().await;
}

/// All that was counted, durations and audit included.
async fn figures(system: &System) -> Figures {
    let sql = "SELECT sum(requests), sum(timed), sum(duration_sum_us), (SELECT count(*) FROM vote_event), \
               (SELECT votes FROM poll_option WHERE poll = 'default' AND option = 'cats'), \
               (SELECT sum(counted) FROM shard_position) FROM endpoint_minutes";
    (system.requests().await, system.postgres.psql("tally", sql).await.unwrap())
}

async fn back_up(system: &System, arguments: &[&str]) {
    let (succeeded, output) = system.consumer_command(&[&["backup"], arguments].concat()).await;
    assert!(succeeded, "{output}");
}

async fn restore(system: &System, from: &Path) -> (bool, String) {
    system.consumer_command(&["restore", "--from", from.to_str().unwrap()]).await
}

fn backups(dir: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> = names.filter(|path| path.extension().is_some_and(|e| e == "dump")).collect();
    names.sort();
    names
}

async fn barriers(system: &System) -> usize {
    let sql = "SELECT count(DISTINCT label) FROM backup_barrier WHERE released_at IS NULL";
    system.postgres.psql("tally", sql).await.unwrap().parse().unwrap()
}

/// Asks Redis over a bare socket.
async fn ask_redis(system: &System, command: &str) -> String {
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", system.redis.port())).await.unwrap();
    socket.write_all(format!("{command}\r\n").as_bytes()).await.unwrap();
    let mut reply = [0; 64];
    let length = socket.read(&mut reply).await.unwrap();
    String::from_utf8_lossy(&reply[..length]).into_owned()
}

/// The first id in the log.
async fn first_id(system: &System) -> String {
    ask_redis(system, "XRANGE events:{0} - + COUNT 1").await.lines().nth(3).unwrap().to_owned()
}

/// A consumer trims when it starts; waits until it has trimmed up to `id`.
async fn trimmed_to(system: &mut System, id: &str) {
    system.stop_consumer().await;
    system.add_consumer();
    let until = Instant::now() + PATIENCE;
    while first_id(system).await != id {
        assert!(Instant::now() < until, "the log begins at {}, not {id}", first_id(system).await);
        sleep(Duration::from_millis(50)).await;
    }
}

async fn position(system: &System) -> String {
    system.postgres.psql("tally", "SELECT epoch || '-' || seq FROM shard_position").await.unwrap()
}

#[tokio::test]
async fn what_came_after_a_backup_is_counted_on_from_the_log() {
    let mut system = System::start_with(&SETTINGS).await;
    let dir = system.dir().join("backups");
    let to = dir.to_str().unwrap().to_owned();
    // Redis trims whole nodes of a stream; this makes each entry one.
    assert_eq!(ask_redis(&system, "CONFIG SET stream-node-max-entries 1").await, "+OK\r\n");
    count_some(&system, "before").await;
    count_some(&system, "before too").await;
    let barrier = position(&system).await;
    back_up(&system, &["--to", &to]).await;
    let backed_up = figures(&system).await;
    count_some(&system, "after").await;
    count_some(&system, "later").await;
    let all = figures(&system).await;
    assert_ne!(all, backed_up);

    trimmed_to(&mut system, &barrier).await;
    let (succeeded, output) = restore(&system, &dir).await;
    assert!(!succeeded && output.contains("consumers are counting (1)"), "{output}");
    assert_eq!(figures(&system).await, all);

    system.stop_consumer().await;
    let (succeeded, output) = restore(&system, &dir).await;
    assert!(succeeded, "{output}");
    assert_eq!(figures(&system).await, backed_up);
    system.add_consumer();
    system.counted().await;
    assert_eq!(figures(&system).await, all, "{}", system.logs());
    // The same again, in the generation after.
    system.stop_consumer().await;
    let (succeeded, output) = restore(&system, &backups(&dir)[0]).await;
    assert!(succeeded, "{output}");
    system.add_consumer();
    count_some(&system, "at last").await;
    assert_eq!(system.counted().await["counted"], 5 * 51);

    // Once its backup is gone, nothing holds the log any more.
    fs::remove_file(&backups(&dir)[0]).unwrap();
    back_up(&system, &["--to", &to]).await;
    let now = position(&system).await;
    trimmed_to(&mut system, &now).await;
}

#[tokio::test]
async fn seven_backups_are_kept_and_each_holds_the_log() {
    let system = System::start_with(&SETTINGS).await;
    let dir = system.dir().join("backups");
    let to = dir.to_str().unwrap().to_owned();
    count_some(&system, "s").await;
    back_up(&system, &["--to", &to]).await;
    let first = backups(&dir);
    for _ in 0..7 {
        back_up(&system, &["--to", &to]).await;
    }
    let kept = backups(&dir);
    assert_eq!((kept.len(), barriers(&system).await), (7, 7));
    assert!(!kept.contains(&first[0]), "the oldest is gone");
    // One that was killed leaves a part of a file, and a barrier without a backup: the next one clears both away.
    let killed = format!("{to}/tally-20200101T000000.000Z.dump");
    fs::write(format!("{killed}.partial"), "half").unwrap();
    let raise =
        format!("INSERT INTO backup_barrier (label, shard, epoch, seq, made_at) VALUES ('{killed}', 0, 0, 0, now())");
    system.postgres.psql("tally", &raise).await.unwrap();
    back_up(&system, &["--to", &to, "--keep", "2"]).await;
    assert_eq!((backups(&dir).len(), barriers(&system).await), (2, 2));
    assert!(!Path::new(&format!("{killed}.partial")).exists());
    let (_, listed) = system.consumer_command(&["backup", "--to", &to, "--list"]).await;
    assert_eq!(listed.matches("\treplayable").count(), 2, "{listed}");
    let release = "UPDATE backup_barrier SET released_at = now() WHERE label = (SELECT max(label) FROM backup_barrier)";
    system.postgres.psql("tally", release).await.unwrap();
    let (_, listed) = system.consumer_command(&["backup", "--to", &to, "--list"]).await;
    assert!(listed.lines().next().unwrap().contains("\tnot replayable"), "newest first: {listed}");
    system.postgres.stop().await.unwrap();
    let (succeeded, output) = system.consumer_command(&["backup", "--to", &to, "--list"]).await;
    assert!(succeeded && output.matches("\tunknown").count() == 2, "{output}");
}

#[tokio::test]
async fn a_command_gets_all_of_a_backup_or_is_killed() {
    let mut system = System::start_with(&SETTINGS).await;
    let dir = system.dir().join("sent");
    fs::create_dir(&dir).unwrap();
    count_some(&system, "s").await;
    let all = figures(&system).await;
    let script = format!("cat > '{}/{{name}}'", dir.display());
    for _ in 0..3 {
        back_up(&system, &["--keep", "2", "--command", "sh", "-c", &script]).await;
    }
    assert_eq!((backups(&dir).len(), barriers(&system).await), (3, 2), "what a command keeps is its own affair");
    for command in ["exit 3", "head -c 10 >/dev/null"] {
        let (succeeded, output) = system.consumer_command(&["backup", "--command", "sh", "-c", command]).await;
        assert!(!succeeded && output.contains("sh did not take the backup"), "{command}: {output}");
    }
    let (succeeded, output) = system.consumer_command(&["backup", "--command", "no-such-program"]).await;
    assert!(!succeeded && output.contains("no-such-program"), "{output}");
    assert_eq!(barriers(&system).await, 2, "what failed holds nothing");
    count_some(&system, "t").await;
    system.stop_consumer().await;
    assert!(restore(&system, &backups(&dir)[2]).await.0);
    assert_eq!(figures(&system).await, all);
}

#[tokio::test]
async fn a_restore_that_breaks_off_changes_nothing() {
    let mut system = System::start_with(&SETTINGS).await;
    let dir = system.dir().join("backups");
    count_some(&system, "before").await;
    back_up(&system, &["--to", dir.to_str().unwrap()]).await;
    count_some(&system, "after").await;
    system.stop_consumer().await;
    let all = figures(&system).await;
    let whole = fs::read(&backups(&dir)[0]).unwrap();

    let damaged = system.dir().join("damaged");
    for bytes in [&whole[..whole.len() * 9 / 10], b"no backup at all", b""] {
        fs::write(&damaged, bytes).unwrap();
        let (succeeded, output) = restore(&system, &damaged).await;
        assert!(!succeeded && output.contains("pg_restore failed"), "{output}");
        assert_eq!(figures(&system).await, all);
    }
    kill_half_way(&system, &whole).await;
    assert_eq!(figures(&system).await, all);

    let (succeeded, output) = restore(&system, &dir).await;
    assert!(succeeded, "{output}");
    assert_ne!(figures(&system).await, all);
    system.add_consumer();
    system.counted().await;
    assert_eq!(figures(&system).await, all);
    // Consumers that count meanwhile notice.
    let (succeeded, output) = system.consumer_command(&["restore", "--force", "--from", dir.to_str().unwrap()]).await;
    assert!(succeeded, "{output}");
    system.counted().await;
    assert_eq!(figures(&system).await, all);
}

#[tokio::test]
async fn whoever_reads_meanwhile_is_in_nobodys_way() {
    let mut system = System::start_with(&SETTINGS).await;
    count_some(&system, "read").await;
    let dir = system.dir().join("backups");
    back_up(&system, &["--to", dir.to_str().unwrap()]).await;
    system.stop_consumer().await;
    let all = figures(&system).await;
    let url = format!("{}/v1/endpoints?from={}&to={}", system.base, days(10).0, days(10).1);
    let readers: Vec<_> = (0..6).map(|_| tokio::spawn(read_on(system.http.clone(), url.clone()))).collect();
    for _ in 0..5 {
        let (succeeded, output) = restore(&system, &dir).await;
        assert!(succeeded, "{output}");
    }
    readers.iter().for_each(tokio::task::JoinHandle::abort);
    assert_eq!(figures(&system).await, all);
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'tally'";
    assert_eq!(system.postgres.psql("tally", deadlocks).await.unwrap(), "0", "{}", system.logs());
}

/// Reads the same table again and again.
async fn read_on(http: reqwest::Client, url: String) {
    loop {
        let answer = http.get(&url).header("Cache-Control", "no-cache").send().await.unwrap();
        answer.bytes().await.unwrap();
    }
}

/// Restores from a pipe that never gives the last bytes, and kills that with SIGKILL once the tables are gone in its
/// transaction.
async fn kill_half_way(system: &System, whole: &[u8]) {
    let pipe = system.dir().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let process = system.start_command(&["restore", "--from", pipe.to_str().unwrap()]);
    let mut writer = tokio::net::unix::pipe::OpenOptions::new();
    writer.read_write(true);
    let mut writer = writer.open_sender(&pipe).unwrap();
    let half = &whole[..whole.len() * 9 / 10];
    let busy = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                WHERE mode = 'AccessExclusiveLock' AND granted AND a.application_name = 'tally' AND a.datname = 'tally'";
    let until = Instant::now() + PATIENCE;
    let wait = async {
        while system.postgres.psql("postgres", busy).await.unwrap().parse::<u32>().unwrap() < 20 {
            assert!(Instant::now() < until, "{}", tally_servers::tail(process.log()));
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, writer.write_all(half)).await.unwrap().unwrap();
    wait.await;
    process.kill9().await.unwrap();
}
