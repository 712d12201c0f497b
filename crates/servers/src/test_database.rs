//! A database for one test.

use std::future::Future;
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::postgres::identifier;
use crate::{Error, Postgres, spawner};

/// Numbers the databases of this process; every process has a server of its own.
static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A database that is dropped, with whoever is still connected, when this value is.
#[derive(Debug)]
pub struct TestDatabase<'a> {
    /// `postgres://…`, for clients.
    pub url: String,
    /// The database's name on its server.
    pub name: String,
    postgres: &'a Postgres,
}

impl TestDatabase<'_> {
    /// The server that it is on.
    #[must_use]
    pub fn postgres(&self) -> &Postgres {
        self.postgres
    }

    pub(crate) async fn create<'a>(postgres: &'a Postgres, template: Option<&str>) -> Result<TestDatabase<'a>, Error> {
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let source = template.map_or("template0".to_owned(), template_name);
        let statement = format!("CREATE DATABASE {} TEMPLATE {}", identifier(&name), identifier(&source));
        postgres.psql("postgres", &statement).await?;
        Ok(TestDatabase { url: postgres.url(&name), name, postgres })
    }
}

impl Drop for TestDatabase<'_> {
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(&self.name));
        let mut command = self.postgres.psql_command("postgres", &statement);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        // Nobody waits for it: a test need not last as long, and what remains goes with the server.
        if let Ok(mut dropping) = spawner::spawn(command) {
            thread::spawn(move || dropping.wait());
        }
    }
}

/// Makes the template's database, lets `fill` fill it, and closes it to connections, which would be in the way of copies.
pub(crate) async fn fill_template<Filled, Problem>(
    postgres: &Postgres,
    template: &str,
    fill: impl FnOnce(String) -> Filled,
) -> Result<(), Error>
where
    Filled: Future<Output = Result<(), Problem>>,
    Problem: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let name = template_name(template);
    let quoted = identifier(&name);
    postgres.psql("postgres", &format!("DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")).await?;
    postgres.psql("postgres", &format!("CREATE DATABASE {quoted} TEMPLATE template0")).await?;
    fill(postgres.url(&name))
        .await
        .map_err(|problem| Error::Template { template: template.to_owned(), source: problem.into() })?;
    postgres.psql("postgres", &format!("ALTER DATABASE {quoted} ALLOW_CONNECTIONS false")).await?;
    let end = format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{}'",
        name.replace('\'', "''")
    );
    postgres.psql("postgres", &end).await.map(drop)
}

fn template_name(template: &str) -> String {
    format!("template_{template}")
}
