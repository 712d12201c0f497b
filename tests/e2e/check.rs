//! `tally check` against the real thing.

use std::process::{Command, Output};

use crate::system::System;

fn check(arguments: &[&str]) -> Output {
    Command::new(tally_servers::binary("tally").unwrap()).arg("check").args(arguments).output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_posts_an_event_and_sees_it_counted() {
    let mut system = System::start().await;
    let ready = check(&["--to", &system.base]);
    assert!(ready.status.success(), "{ready:?}");
    assert!(system.requests().await.is_empty(), "it only looked");
    for counted in 1..=2 {
        let posted = check(&["--to", &system.base, "--post"]);
        assert!(posted.status.success(), "{posted:?}");
        assert_eq!(system.requests().await.values().sum::<u64>(), counted);
    }
    // Ready, because events are taken; but nobody counts.
    system.stop_consumer().await;
    assert!(check(&["--to", &system.base]).status.success());
    let uncounted = check(&["--to", &system.base, "--post", "--within", "2s"]);
    assert_eq!(uncounted.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&uncounted.stderr).contains("not counted within"), "{uncounted:?}");
}
