//! The whole of Tally as its users meet it: real binaries, real Redis, real PostgreSQL, HTTP from outside.
//!
//! `rooms` holds the walls between the crates; `journey` is a first day with Tally; `bad_input` is in the API's own
//! tests; `ownership` moves shards between consumers; `recovery` restarts and goes back in time; `backup` backs up and
//! restores; `import` reads access logs; `check` looks whether all is well;
//! `chaos` kills everything at random and then counts; `alerts` and `dashboards` hold the chart's files to the programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod rooms;
mod system;

mod alerts;
mod backup;
mod chaos;
mod check;
mod dashboards;
mod import;
mod journey;
mod ownership;
mod recovery;
mod tls;
