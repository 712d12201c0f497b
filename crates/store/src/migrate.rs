//! The schema: numbered migrations, functions rebuilt from their files, and the layout fixed when it is made.

use crate::{Error, Store};

/// What is fixed when the schema is made.
#[derive(Debug, Clone)]
pub struct MigrateSettings {
    /// Number of shards.
    pub shards: u16,
    /// Names of the hashes that choose a shard: `tally_model::HASH_NAMES`.
    pub hash_names: String,
}

/// What a migration did: from which schema version to which (0: none). Equal where nothing but functions was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Version before.
    pub from: i32,
    /// Version after.
    pub to: i32,
}

/// Whether the schema is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// As new as this program needs, or newer.
    Ready {
        /// Version found.
        version: i32,
    },
    /// No schema.
    Missing,
    /// Older than this program needs.
    Older {
        /// Version found.
        version: i32,
        /// Version needed.
        needed: i32,
    },
}

/// What was fixed when the schema was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Made once, at random; Redis must carry the same.
    pub cluster_id: String,
    /// Number of shards.
    pub shards: u16,
    /// Names of the hashes that choose a shard.
    pub hash_names: String,
}

impl Store {
    /// Brings the schema up to this program's version and renews the functions; safe to run from several places at
    /// once. A schema newer than this program is left as it is.
    ///
    /// # Errors
    /// [`Error::Layout`] where the database was made with other shards or hashes; [`Error::Migration`].
    pub async fn migrate(&self, _settings: &MigrateSettings) -> Result<Migrated, Error> {
        unimplemented!()
    }

    /// Whether the schema is there and new enough.
    ///
    /// # Errors
    /// Whatever the connection says.
    pub async fn schema_ready(&self) -> Result<SchemaState, Error> {
        unimplemented!()
    }

    /// The layout as recorded.
    ///
    /// # Errors
    /// [`Error::NotMigrated`] where there is none.
    pub async fn layout(&self) -> Result<Layout, Error> {
        unimplemented!()
    }
}
