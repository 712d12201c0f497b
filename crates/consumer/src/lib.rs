//! The counting house of Tally: owns shards of the log, reads, folds, applies, trims; and the operator's commands.
//!
//! Knows no Redis command and no SQL word: those are `tally-stream` and `tally-store`. Start at [`Counter`], which counts
//! one shard as a small state machine; [`run`] gives a process its shards by leases and keeps a counter on each.

mod backoff;
mod config;
mod error;
mod logging;
mod shutdown;

mod connect;
mod drain;
mod migrate;
mod open;
mod run;
mod wait;

mod backup;
mod redrive;
mod restore;

mod bell;
mod housekeeping;
mod lease;
mod owner;
mod shard;

mod health;
mod metrics;

pub use backup::{Backup, Destination, backup, list_backups};
pub use bell::Bell;
pub use config::{Config, LogFormat, Secret};
pub use connect::Links;
pub use drain::drain;
pub use error::Error;
pub use lease::{End, Grant, Permit};
pub use logging::start_logging;
pub use metrics::Metrics;
pub use migrate::migrate;
pub use open::open;
pub use redrive::{Turn, redrive, redrive_some};
pub use restore::{Restore, restore};
pub use run::run;
pub use shard::{Cluster, Counter, Desk, State, Tuning};
pub use shutdown::Shutdown;
pub use wait::wait;
