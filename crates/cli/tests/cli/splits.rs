//! Blocks that do not fit into one request.

use crate::fake_api::{FakeApi, Reply};
use crate::tool::{numbered_log, tally_with_stdin};

fn too_large() -> Reply {
    Reply::Status("413 Content Too Large", "", r#"{"detail":"packs into more than 512 KiB"}"#.to_owned())
}

#[test]
fn a_413_halves_the_block_the_same_way_each_time() {
    let api = FakeApi::scripted(|request, _| if request.events().len() > 600 { too_large() } else { Reply::Accept });
    let log = numbered_log(2_000);
    let args = ["import", "--json", "--to", &api.url(), "-"];
    let first = tally_with_stdin(&args, log.as_bytes());
    assert_eq!((first.code, first.figures()), (Some(0), [2_000, 0, 2_000, 0, 0]));
    let before = api.requests();
    let mut sizes: Vec<_> = before.iter().map(|request| request.events().len()).collect();
    sizes.sort();
    assert_eq!(sizes, [500, 500, 500, 500, 1_000, 1_000, 2_000]);
    let second = tally_with_stdin(&args, log.as_bytes());
    assert_eq!(second.figures(), [2_000, 0, 0, 2_000, 0]);
    let mut twice = [before.clone(), before].concat();
    twice.sort();
    assert_eq!(api.requests(), twice);
}

#[test]
fn an_event_that_is_too_large_alone_is_rejected_not_fatal() {
    let api = FakeApi::scripted(|request, _| {
        let heavy = request.body.windows(5).any(|bytes| bytes == b"x777x");
        if heavy { too_large() } else { Reply::Accept }
    });
    let ran = tally_with_stdin(&["import", "--json", "--to", &api.url(), "-"], numbered_log(2_000).as_bytes());
    assert_eq!((ran.code, ran.figures()), (Some(0), [2_000, 0, 1_999, 0, 1]));
    let example = &ran.json()["rejected_examples"][0];
    assert_eq!((&example["line"], &example["reason"]), (&778.into(), &"packs into more than 512 KiB".into()));
}

#[test]
fn long_urls_are_split_before_they_are_posted() {
    let api = FakeApi::start();
    let path = "y".repeat(4_000);
    let log = numbered_log(2_000).replace("/n/", &format!("/{path}/"));
    let ran = tally_with_stdin(&["import", "--json", "--to", &api.url(), "-"], log.as_bytes());
    assert_eq!(ran.figures(), [2_000, 0, 2_000, 0, 0]);
    let requests = api.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.body.len() <= 4_000_000 && request.key.len() == 64));
    assert!(api.events().iter().all(|event| event["route"].as_str().unwrap().chars().count() == 2_048));
}
