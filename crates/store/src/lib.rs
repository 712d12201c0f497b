//! Every SQL word of Tally: the schema, the stored functions, and typed callers of both.
//!
//! Knows nothing of Redis, of HTTP, or of folding. One PostgreSQL (14 or newer, no extension) holds the position of each
//! shard and the rollups, and one call moves both: [`Store::apply`]. Read [`Store`] first; then a file for each noun.

mod config;
mod error;
mod store;
mod tls;

mod migrate;

mod apply;
mod columns;
mod position;

mod blocks;
mod retention;
mod roll_up;
mod seal;
mod sketches;
mod trim;

mod barrier;
mod dump;
mod program;
mod restore;

mod lease;

mod evidence;
mod redrive;

mod figures;
mod listen;
mod poll;
mod reads;
mod series;
mod services;
mod tables;

pub use apply::Applied;
pub use barrier::Barrier;
pub use config::Config;
pub use error::{Class, Error};
pub use evidence::{DeadReason, FoldedRoute, SetAside};
pub use figures::{EndpointFigures, Figures};
pub use lease::{Lease, Owners};
pub use listen::Listener;
pub use migrate::{Layout, MigrateSettings, Migrated, SchemaState};
pub use poll::{AuditedVote, Poll, Standing};
pub use position::ShardPosition;
pub use reads::EndpointQuery;
pub use redrive::{Redrive, RedriveWork, Redriven};
pub use retention::{Floors, Keep, Maintained};
pub use roll_up::RolledUp;
pub use seal::{SealPlace, Sealed};
pub use sketches::{GrownSketch, Whose};
pub use store::Store;
