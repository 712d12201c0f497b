//! Dead letters counted after all, whatever is killed and however many try.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tally_consumer::{Shutdown, Turn, redrive, redrive_some};
use tally_servers::{Process, TestServers, tail};
use tokio::time::sleep;

use crate::stage::Stage;

/// Looks at a request that is carried out before it is given up.
const LOOKS_MAX: usize = 600;

/// Takes turns until there is nothing to do; the sum.
async fn redrive_all(stage: &Stage, reason: &str) -> Turn {
    stage.links.store.ask_redrive(reason).await.unwrap().unwrap();
    let mut sum = Turn::default();
    while stage.links.store.last_redrive(reason).await.unwrap().unwrap().done_at_ms.is_none() {
        let turn = redrive_some(&stage.links.store, "test").await.unwrap();
        sum.redriven += turn.redriven;
        sum.refused += turn.refused;
    }
    let shown = stage.links.store.last_redrive(reason).await.unwrap().unwrap();
    assert_eq!((shown.redriven, shown.refused), (sum.redriven, sum.refused));
    sum
}

/// Makes the database refuse every row of an endpoint (SQLSTATE 23514).
async fn refuse(stage: &Stage, route: &str) {
    let id = tally_model::EndpointName::new("shop", "GET", route).id().raw();
    stage.psql(&format!("alter table endpoint_minute add constraint refused check (endpoint <> {id})")).await;
}

/// Sets `letters` events of `/bad` aside, one a letter, as the consumer does it: one by one this would take minutes.
async fn set_many_aside(stage: &Stage, letters: u64) {
    let mut counter = stage.running().await;
    refuse(stage, "/bad").await;
    stage.append("/bad", 1, Some("bad")).await;
    stage.count_all(&mut counter).await;
    let more = letters - 1;
    let copies = format!(
        "insert into dead_letter (shard, epoch, seq, idx, events, reason, payload, at)
           select shard, epoch, seq, n, events, reason, payload, at from dead_letter, generate_series(1, {more}) as n;
         update shard_position set dead_lettered = dead_lettered + {more}, rebase_events = rebase_events + {more} where shard = 0;
         alter table endpoint_minute drop constraint refused"
    );
    stage.psql(&copies).await;
    stage.check(0, letters, 0).await;
}

/// CRC-32 as zip has it.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn what_a_newer_api_wrote_is_counted_after_the_upgrade() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append("/new", 4, Some("new")).await;
    let at = stage.last().await;
    stage.append("/old", 2, Some("old")).await;
    let payload = stage.links.log.entry_at(crate::stage::SHARD, at).await.unwrap().unwrap();
    let tally_stream::EntryBody::Request { payload, .. } = payload.body else { panic!() };
    // Kind 1, format 3, and a checksum that is right.
    let sum = crc32(&[&[1, 3], &payload[4..]].concat());
    let bytes: String = sum.to_le_bytes().iter().map(|byte| format!("\\{byte:03}")).collect();
    let change = format!("h = h:sub(1, 17) .. string.char(3) .. h:sub(19); p = '{bytes}' .. p:sub(5)");
    stage.rewrite(at, &change).await;
    stage.count_all(&mut counter).await;
    stage.check(2, 4, 0).await;
    let reason = "unknown_format_3";
    assert_eq!(stage.psql("select reason from dead_letter").await, reason);

    assert_eq!(redrive_all(&stage, reason).await, Turn { redriven: 0, refused: 4 }, "it is as unknown as before");
    stage.check(2, 4, 0).await;
    // The upgrade: this program now knows what the letter holds.
    stage.psql(&format!("update dead_letter set payload = '\\x{}'", hex(&payload))).await;
    assert_eq!(redrive_all(&stage, reason).await, Turn { redriven: 4, refused: 0 });
    stage.check(6, 0, 0).await;
    assert_eq!(stage.requests().await, ["/new=4", "/old=2"]);
    assert_eq!(stage.psql("select count(*) from dead_letter").await, "0");
    stage.append("/later", 1, None).await;
    stage.count_all(&mut counter).await;
    stage.check(7, 0, 0).await;
}

#[tokio::test]
async fn a_label_that_was_damaged_does_not_matter() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.append("/a", 5, Some("a")).await;
    let at = stage.last().await;
    stage.append("/b", 3, Some("b")).await;
    stage.rewrite(at, "h = h:sub(1, 17) .. string.char(7) .. h:sub(19)").await;
    stage.count_all(&mut counter).await;
    stage.check(3, 5, 0).await;
    assert_eq!(redrive_all(&stage, "undecodable").await, Turn { redriven: 5, refused: 0 });
    stage.check(8, 0, 0).await;
}

#[tokio::test]
async fn what_is_refused_still_stays_and_is_not_tried_again() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    refuse(&stage, "/bad").await;
    stage.append_mixed(&[("/fine", 3), ("/bad", 2)]).await;
    stage.append("/bad", 2, Some("bad")).await;
    stage.count_all(&mut counter).await;
    stage.check(3, 4, 0).await;
    let reason = "refused_by_database";
    assert_eq!(redrive_all(&stage, reason).await, Turn { redriven: 0, refused: 4 });
    stage.check(3, 4, 0).await;
    assert_eq!(redrive_some(&stage.links.store, "test").await.unwrap(), Turn::default());
    stage.psql("alter table endpoint_minute drop constraint refused").await;
    redrive(&stage.config(), Some(reason.into()), Shutdown::new()).await.unwrap();
    stage.check(7, 0, 0).await;
    assert_eq!(stage.requests().await, ["/bad=4", "/fine=3"]);
    let none = redrive(&stage.config(), Some(reason.into()), Shutdown::new()).await.unwrap_err();
    assert!(none.to_string().contains(reason), "{none}");
}

#[tokio::test]
async fn what_was_too_late_counts_where_its_level_is_kept_again() {
    let stage = Stage::start().await;
    let mut counter = stage.running().await;
    stage.psql("update kept_floor set at = now() - interval '100 days'").await;
    stage.append_late("/old", 200).await;
    stage.append("/new", 1, None).await;
    stage.count_all(&mut counter).await;
    let row = stage.row().await;
    assert_eq!((row.counted, row.dead_lettered), (1, 1));
    assert_eq!(redrive_all(&stage, "too_late").await, Turn { redriven: 0, refused: 1 });
    stage.psql("update kept_floor set at = now() - interval '300 days' where level = 'month'").await;
    assert_eq!(redrive_all(&stage, "too_late").await, Turn { redriven: 1, refused: 0 });
    let row = stage.row().await;
    assert_eq!((row.counted, row.dead_lettered, row.is_balanced()), (2, 0, true));
    assert_eq!(stage.psql("select sum(requests) from endpoint_month").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_do_it_at_once_each_letter_counts_once() {
    let stage = Stage::start().await;
    set_many_aside(&stage, 1_000).await;
    stage.links.store.ask_redrive("refused_by_database").await.unwrap().unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let workers: Vec<_> = (0..4)
        .map(|n| {
            let (store, done) = (stage.links.store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut counted = 0;
                while !done.load(Ordering::Relaxed) {
                    counted += redrive_some(&store, &format!("worker-{n}")).await.unwrap().redriven;
                }
                counted
            })
        })
        .collect();
    for _ in 0..LOOKS_MAX {
        if stage.links.store.last_redrive("refused_by_database").await.unwrap().unwrap().done_at_ms.is_some() {
            break;
        }
        // No lease is respected: all work on the same letters.
        stage.psql("update redrive set until = '-infinity'").await;
        let row = stage.row().await;
        assert!(row.is_balanced(), "{row:?}");
    }
    done.store(true, Ordering::Relaxed);
    let mut counted = 0;
    for worker in workers {
        counted += worker.await.unwrap();
    }
    let shown = stage.links.store.last_redrive("refused_by_database").await.unwrap().unwrap();
    assert_eq!((shown.redriven, shown.refused), (1_000, 0));
    assert!(counted <= 1_000, "{counted}");
    stage.check(1_000, 0, 0).await;
}

fn consumer(stage: &Stage, dir: &std::path::Path, name: &str) -> Process {
    let mut environment = stage.environment();
    environment.push(("TALLY_CONSUMER_LISTEN", "127.0.0.1:0".into()));
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let log = dir.join(format!("{name}.log"));
    Process::spawn(env!("CARGO_BIN_EXE_tally-consumer").as_ref(), &environment, &["run"], &log).unwrap()
}

#[tokio::test]
async fn a_consumer_that_is_killed_in_the_middle_is_followed() {
    let stage = Stage::start().await;
    set_many_aside(&stage, 1_000).await;
    // Slow enough to be met in the middle of a statement.
    stage
        .psql(
            "create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(0.004); return old; end $$;
             create trigger slow before delete on dead_letter for each row execute function slow()",
        )
        .await;
    stage.links.store.ask_redrive("refused_by_database").await.unwrap().unwrap();
    let dir = TestServers::shared().await.unwrap().fresh_dir("redrive").unwrap();
    let mut kills = 0;
    for round in 0..LOOKS_MAX {
        let before = shown(&stage).await;
        if before.done_at_ms.is_some() {
            break;
        }
        let process = consumer(&stage, &dir, &format!("{round}"));
        // Killed when it has begun, while it counts more; at last it may finish.
        for _ in 0..LOOKS_MAX {
            let now = shown(&stage).await;
            if now.done_at_ms.is_some() || (kills < 3 && now.redriven > before.redriven) {
                break;
            }
            assert!(process.is_running(), "{}", tail(process.log()));
            sleep(Duration::from_millis(20)).await;
        }
        process.kill9().await.unwrap();
        kills += 1;
        let row = stage.row().await;
        assert!(row.is_balanced() && row.counted + row.dead_lettered == 1_000, "{row:?}");
        // The next one need not wait for the lease.
        stage.psql("update redrive set until = '-infinity' where done_at is null").await;
    }
    let end = shown(&stage).await;
    assert!(end.done_at_ms.is_some() && kills >= 2, "{kills} kills, {end:?}");
    assert_eq!((end.redriven, end.refused), (1_000, 0));
    stage.check(1_000, 0, 0).await;
}

async fn shown(stage: &Stage) -> tally_store::Redrive {
    stage.links.store.last_redrive("refused_by_database").await.unwrap().unwrap()
}
