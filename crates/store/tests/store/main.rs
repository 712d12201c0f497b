//! The store against a real PostgreSQL. One binary, so that one server serves all tests of the crate; a module a theme.

mod fixture;
mod plain_fold;

mod migrate;
mod apply;
mod late;
mod admission;
mod votes;
mod leases;
mod positions;
mod retention;
mod compaction;
mod quantiles;
mod reads;
mod levels;
mod racing;
