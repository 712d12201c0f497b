//! The consumer against a real Redis and a real PostgreSQL. One binary, so that the servers start once.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod proxy;
mod stage;

mod counting;
mod database_faults;
mod poison;
mod redis_faults;
mod redrive;
mod restore;

mod commands;
mod program;
