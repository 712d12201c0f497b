//! The front door of Tally: ingest, reads, health, metrics.
//!
//! Knows no Redis command and no SQL word, and writes no aggregate. Read the modules in this order: [`config`] is what can
//! be set; `server` binds and serves; `routes` has every path, and `direct` stands before them; `ingest` takes a POST to the
//! log; `reads` answers what was counted; `reports` writes it down to be kept; `pages` are for people; `problem` has every
//! refusal.

mod answering;
mod changes;
pub mod config;
mod connect;
mod cors;
mod counted_through;
mod direct;
mod front;
mod index;
mod ingest;
mod json;
mod live;
pub mod logging;
mod metrics;
mod pages;
mod polls;
mod problem;
mod reads;
mod ready;
mod reports;
mod routes;
pub mod server;
mod shared_answers;

// The parse loop, for what counts its instructions; no interface of this crate.
#[doc(hidden)]
pub use ingest::block_of;
// What fuzz/ calls; no interface of this crate.
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub use ingest::hold_equal;
