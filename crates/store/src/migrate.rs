//! The schema: numbered migrations, functions rebuilt from their files, and the layout fixed when it is made.

use std::time::Duration;

use tokio_postgres::{Client, Transaction};

use crate::store::within;
use crate::{Error, Store};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// The stored functions, views and grants, in the order they need each other. Whoever changes what one takes or means adds a
/// migration (an empty one, if no table changes), so that an older program does not put the old text back; it may put back one
/// that did the same, only slower.
const FUNCTIONS: [&str; 12] = [
    include_str!("../functions/01_arithmetic.sql"),
    include_str!("../functions/02_sketch.sql"),
    include_str!("../functions/03_partition.sql"),
    include_str!("../functions/04_admission.sql"),
    include_str!("../functions/05_coarser.sql"),
    include_str!("../functions/06_vote.sql"),
    include_str!("../functions/07_apply.sql"),
    include_str!("../functions/07_redrive.sql"),
    include_str!("../functions/08_housekeeping.sql"),
    include_str!("../functions/08_seal.sql"),
    include_str!("../functions/09_views.sql"),
    GRANTS,
];
/// Who may do what.
pub(crate) const GRANTS: &str = include_str!("../functions/10_grants.sql");
/// Longest run of a migration, waiting for another one included. One that fills new tables from old ones takes its time.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Name of the work in errors.
const MIGRATE: &str = "migrate";

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
    /// When it was made, in milliseconds since the Unix epoch.
    pub made_at_ms: i64,
}

impl Store {
    /// Brings the schema up to this program's version and renews the functions; safe to run from several places at
    /// once. A schema newer than this program is left as it is.
    ///
    /// # Errors
    /// [`Error::Layout`] where the database was made with other shards or hashes; [`Error::Migration`].
    pub async fn migrate(&self, settings: &MigrateSettings) -> Result<Migrated, Error> {
        let work = async {
            // A connection of its own: the lock is the session's, and goes with it whatever happens.
            let (mut client, connection) = self.client_config().connect(self.tls()).await.map_err(Error::Connect)?;
            let driver = tokio::spawn(connection);
            let outcome = migrate_alone(&mut client, settings).await;
            drop(client);
            // It ends once the client is gone; what it says then is of no use.
            let _ = tokio::time::timeout(self.connect_timeout(), driver).await;
            outcome
        };
        let late = || Error::Deadline { statement: MIGRATE, waited: MIGRATION_TIMEOUT };
        tokio::time::timeout(MIGRATION_TIMEOUT, work).await.map_err(|_| late())?
    }

    /// Whether the schema is there and new enough.
    ///
    /// # Errors
    /// Whatever the connection says.
    pub async fn schema_ready(&self) -> Result<SchemaState, Error> {
        let needed = newest_version();
        let connection = self.connection().await?;
        let version = self.answer("schema_ready", connection, async |client| functions_version(client).await).await?;
        Ok(match version {
            0 => SchemaState::Missing,
            version if version < needed => SchemaState::Older { version, needed },
            version => SchemaState::Ready { version },
        })
    }

    /// The layout as recorded.
    ///
    /// # Errors
    /// [`Error::NotMigrated`] where there is none.
    pub async fn layout(&self) -> Result<Layout, Error> {
        let connection = self.connection().await?;
        let layout = self.answer("layout", connection, async |client| recorded_layout(client).await).await?;
        layout.ok_or(Error::NotMigrated { found: 0, needed: newest_version() })
    }
}

/// All that migrate does, under the lock.
async fn migrate_alone(client: &mut Client, settings: &MigrateSettings) -> Result<Migrated, Error> {
    let lock = "SET statement_timeout = 0; SET lock_timeout = 0; SET client_min_messages = warning; \
                SELECT pg_advisory_lock(1413565516, 1)";
    within(MIGRATION_TIMEOUT, MIGRATE, client.batch_execute(lock)).await?;
    let from = within(MIGRATION_TIMEOUT, MIGRATE, schema_version(client)).await?;
    let newest = newest_version();
    if from > newest {
        return Ok(Migrated { from, to: from });
    }
    let recorded = within(MIGRATION_TIMEOUT, MIGRATE, recorded_layout(client)).await?;
    if let Some(recorded) = recorded {
        settings.check(&recorded)?;
    }
    let run = embedded::migrations::runner().run_async(client).await;
    run.map_err(|error| Error::Migration(in_one_line(&error)))?;
    within(MIGRATION_TIMEOUT, MIGRATE, renew(client, settings, newest)).await?;
    Ok(Migrated { from, to: newest })
}

impl MigrateSettings {
    fn check(&self, recorded: &Layout) -> Result<(), Error> {
        let pairs = [
            ("shards", self.shards.to_string(), recorded.shards.to_string()),
            ("hash names", self.hash_names.clone(), recorded.hash_names.clone()),
        ];
        match pairs.into_iter().find(|(_, ours, theirs)| ours != theirs) {
            Some((what, ours, theirs)) => Err(Error::Layout { what, ours, theirs }),
            None => Ok(()),
        }
    }
}

/// Functions and fixed rows, in one transaction: a binary that looks meanwhile sees the old ones or the new.
async fn renew(client: &mut Client, settings: &MigrateSettings, version: i32) -> Result<(), tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    for file in FUNCTIONS {
        transaction.batch_execute(file).await?;
    }
    record_layout(&transaction, settings, version).await?;
    transaction.commit().await
}

async fn record_layout(
    transaction: &Transaction<'_>,
    settings: &MigrateSettings,
    version: i32,
) -> Result<(), tokio_postgres::Error> {
    let shards = i32::from(settings.shards);
    let layout = "INSERT INTO layout (cluster_id, shards, hash_names, functions_version) \
                  VALUES (gen_random_uuid()::text, $1, $2, $3) \
                  ON CONFLICT (one) DO UPDATE SET functions_version = excluded.functions_version";
    transaction.execute(layout, &[&shards, &settings.hash_names, &version]).await?;
    for table in ["shard_position", "shard_lease"] {
        let rows = format!(
            "INSERT INTO {table} (shard) SELECT generate_series(0, $1::integer - 1) ON CONFLICT (shard) DO NOTHING"
        );
        transaction.execute(&rows, &[&shards]).await?;
    }
    Ok(())
}

/// Version of the newest migration in this program.
pub(crate) fn newest_version() -> i32 {
    embedded::migrations::runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

/// Version of the newest migration that was run; 0 for none.
async fn schema_version(client: &Client) -> Result<i32, tokio_postgres::Error> {
    if !has_table(client, "refinery_schema_history").await? {
        return Ok(0);
    }
    client.query_one("SELECT coalesce(max(version), 0)::integer FROM refinery_schema_history", &[]).await?.try_get(0)
}

/// Version whose functions were built last; 0 for none. Only then is a schema ready.
async fn functions_version(client: &Client) -> Result<i32, tokio_postgres::Error> {
    if !has_table(client, "layout").await? {
        return Ok(0);
    }
    client.query_one("SELECT coalesce(max(functions_version), 0) FROM layout", &[]).await?.try_get(0)
}

async fn recorded_layout(client: &Client) -> Result<Option<Layout>, tokio_postgres::Error> {
    if !has_table(client, "layout").await? {
        return Ok(None);
    }
    let sql = "SELECT cluster_id, shards, hash_names, (extract(epoch FROM made_at) * 1000)::bigint FROM layout";
    let Some(row) = client.query_opt(sql, &[]).await? else {
        return Ok(None);
    };
    // The table holds shards to 1 .. 65535.
    let shards = u16::try_from(row.try_get::<_, i32>(1)?).unwrap_or(u16::MAX);
    Ok(Some(Layout { cluster_id: row.try_get(0)?, shards, hash_names: row.try_get(2)?, made_at_ms: row.try_get(3)? }))
}

async fn has_table(client: &Client, name: &str) -> Result<bool, tokio_postgres::Error> {
    client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await?.try_get(0)
}

fn in_one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}
