//! The log against real Redis servers, in one test binary.

#![allow(clippy::unwrap_used)] // as in tests themselves; clippy does not count the functions beside them

mod append;
mod backlog;
mod coalesce;
mod crash;
mod dedupe;
mod mirror;
mod open;
mod proxy;
mod read;
mod shards;
mod support;
mod tls;
