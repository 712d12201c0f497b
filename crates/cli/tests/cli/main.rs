//! The real binary against a small real server on 127.0.0.1.

#![allow(clippy::unwrap_used, reason = "tests panic, outside of test functions too")]

mod fake_api;
mod follow;
mod tool;

mod check;
mod inputs;
mod memory;
mod outages;
mod output;
mod repeats;
mod report;
mod splits;
