//! The log against real Redis servers, in one test binary.

mod append;
mod backlog;
mod coalesce;
mod crash;
mod dedupe;
mod mirror;
mod open;
mod proxy;
mod read;
mod support;
