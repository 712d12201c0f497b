//! The walls of the house: who may depend on whom, as `docs/ARCHITECTURE.md` draws it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Dependencies (not those of tests) that only these crates may have.
const RESERVED: [(&str, &[&str]); 14] = [
    ("redis", &["tally-stream"]),
    ("deadpool-redis", &["tally-stream"]),
    ("tokio-postgres", &["tally-store", "tally-bench"]),
    ("tokio-postgres-rustls", &["tally-store"]),
    ("deadpool-postgres", &["tally-store"]),
    ("refinery", &["tally-store"]),
    ("actix-web", &["tally-api", "tally-consumer", "tally-bench"]),
    ("askama", &["tally-api"]),
    ("rust-embed", &["tally-api"]),
    ("reqwest", &["tally", "tally-bench"]),
    ("tally-api", &[]),
    ("tally-consumer", &[]),
    ("tally-servers", &["tally-bench"]),
    ("tally-bench", &[]),
];

/// What each crate may use of ours.
const ROOMS: [(&str, &[&str]); 10] = [
    ("tally-model", &[]),
    ("tally-stream", &["tally-model"]),
    ("tally-store", &["tally-model"]),
    ("tally-api", &["tally-model", "tally-store", "tally-stream"]),
    ("tally-consumer", &["tally-model", "tally-store", "tally-stream"]),
    ("tally", &["tally-model"]),
    ("tally-servers", &[]),
    ("tally-bench", &["tally-model", "tally-servers", "tally-store", "tally-stream"]),
    ("tally-counts", &[]),
    ("tally-tests", &[]),
];

/// What `tally-model` must never touch: it has no I/O, no async, no logging, no environment.
const NOT_IN_MODEL: [&str; 6] = ["tokio", "tracing", "envy", "futures-util", "serde_json", "clap"];

fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let shipped = |package: &Value| {
        let all = package["dependencies"].as_array().unwrap().iter();
        all.filter(|d| d["kind"].is_null()).map(|d| text(&d["name"])).collect()
    };
    metadata["packages"].as_array().unwrap().iter().map(|p| (text(&p["name"]), shipped(p))).collect()
}

#[test]
fn every_crate_keeps_to_its_room() {
    let dependencies = dependencies();
    let known: BTreeSet<_> = ROOMS.iter().map(|room| room.0.to_owned()).collect();
    assert_eq!(dependencies.keys().cloned().collect::<BTreeSet<_>>(), known, "a crate without a room");
    for (name, allowed) in ROOMS {
        let ours = dependencies[name].iter().filter(|d| known.contains(*d));
        let strangers: Vec<_> = ours.filter(|d| !allowed.contains(&d.as_str())).collect();
        assert!(strangers.is_empty(), "{name} may not use {strangers:?}");
    }
}

#[test]
fn reserved_words_stay_in_their_rooms() {
    let dependencies = dependencies();
    for (word, rooms) in RESERVED {
        let users: Vec<_> = dependencies.iter().filter(|(_, uses)| uses.contains(word)).map(|(name, _)| name).collect();
        assert!(users.iter().all(|user| rooms.contains(&user.as_str())), "{word} is used by {users:?}");
    }
}

#[test]
fn the_model_touches_nothing() {
    let dependencies = dependencies();
    let touched: Vec<_> = NOT_IN_MODEL.iter().filter(|word| dependencies["tally-model"].contains(**word)).collect();
    assert!(touched.is_empty(), "{touched:?}");
}
