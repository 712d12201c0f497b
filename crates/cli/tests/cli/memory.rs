//! A million lines need no more memory than a thousand.

use std::io::Write;
use std::process::{ChildStdin, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fake_api::{FakeApi, Reply};
use crate::tool::{command, numbered_log};

/// The most memory that the process held so far, in KiB; Linux only, as the tests are.
fn peak_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Feeds a running import and reads its peak before its input ends.
fn peak_of_import(feed: impl FnOnce(&mut ChildStdin)) -> u64 {
    let api = FakeApi::start();
    let mut child = command(&["import", "--to", &api.url(), "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    feed(&mut stdin);
    let deadline = Instant::now() + Duration::from_secs(10);
    while api.requests().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    let peak = peak_kib(child.id());
    drop(stdin);
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    peak
}

#[test]
fn the_peak_does_not_grow_with_the_log() {
    let small = numbered_log(4_000);
    let one = peak_of_import(|stdin| stdin.write_all(small.as_bytes()).unwrap());
    let hundred = peak_of_import(|stdin| (0..100).for_each(|_| stdin.write_all(small.as_bytes()).unwrap()));
    // Six blocks on their way instead of two, and what the allocator keeps.
    assert!(hundred < one + 16 * 1024, "{one} KiB for 4,000 lines, {hundred} KiB for 400,000");
}

#[test]
fn one_absurd_line_is_counted_not_kept() {
    let small = numbered_log(4_000);
    let one = peak_of_import(|stdin| stdin.write_all(small.as_bytes()).unwrap());
    let absurd = peak_of_import(|stdin| {
        let megabyte = vec![b'x'; 1 << 20];
        (0..100).for_each(|_| stdin.write_all(&megabyte).unwrap());
        stdin.write_all(b"\n").unwrap();
        stdin.write_all(small.as_bytes()).unwrap();
    });
    assert!(absurd < one + 16 * 1024, "{one} KiB without, {absurd} KiB with a line of 100 MiB");
}

#[test]
fn a_silent_api_stops_the_reading() {
    let api = FakeApi::scripted(|_, _| Reply::Hang);
    let mut child = command(&["import", "--to", &api.url(), "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&written);
    let log = numbered_log(2_000);
    let block_bytes = log.len() as u64;
    std::thread::spawn(move || {
        while log.as_bytes().chunks(4_096).all(|chunk| stdin.write_all(chunk).is_ok()) {
            counter.fetch_add(block_bytes, Ordering::SeqCst);
        }
    });
    let mut last = u64::MAX;
    while written.load(Ordering::SeqCst) != last || last == 0 {
        last = written.load(Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(1_500));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let blocks = last / block_bytes;
    // 4 in flight, 2 ahead, 1 waiting for room, 1 being read, and what pipe and buffer hold.
    assert!((6..=12).contains(&blocks), "{blocks} blocks were taken");
    assert!(api.requests().len() <= 4, "at most four at a time");
}
