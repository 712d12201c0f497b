//! The store against a real PostgreSQL. One binary, so that one server serves all tests of the crate; a module a theme.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic where it stands")]

mod fixture;
mod plain_fold;

mod admission;
mod apply;
mod compaction;
mod late;
mod leases;
mod levels;
mod listen;
mod migrate;
mod positions;
mod quantiles;
mod racing;
mod reads;
mod redrive;
mod retention;
mod roles;
mod seal;
mod seal_days;
mod tls;
mod votes;
