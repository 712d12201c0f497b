//! Going back to a dump, in one transaction: whatever is killed, the database is as before or as in the dump.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, ChildStdout};

use crate::migrate::{GRANTS, newest_version};
use crate::program::Program;
use crate::{Error, Store};

/// Longest restore.
const RESTORE_TIMEOUT: Duration = Duration::from_secs(6 * 3_600);
/// Begins, and takes away what is there.
const BEFORE: &str = include_str!("../restore/before.sql");
/// Checks what came, keeps what is not of the past, and commits.
const AFTER: &str = include_str!("../restore/after.sql");
/// The dump as a script. Owners and grants are given anew: the roles of this server may be others.
const UNPACK: [&str; 4] = ["--file=-", "--no-owner", "--no-privileges", "--no-comments"];

impl Store {
    /// Replaces everything in the database by the dump that `archive` is. What the database knows of barriers stays: they
    /// are about files and the log, not about counts. The schema may be older afterwards: [`Store::migrate`] follows.
    ///
    /// # Errors
    /// [`Error::Program`] where there is no `pg_restore` or `psql`, [`Error::ProgramFailed`] with what they said: nothing
    /// has changed then.
    pub async fn restore(&self, archive: Stdio) -> Result<(), Error> {
        let late = |_| Error::Deadline { statement: "restore", waited: RESTORE_TIMEOUT };
        tokio::time::timeout(RESTORE_TIMEOUT, self.restore_whole(archive)).await.map_err(late)?
    }

    async fn restore_whole(&self, archive: Stdio) -> Result<(), Error> {
        let newest = format!("newest={}", newest_version());
        // Not --single-transaction: that commits at the end of its input, also when the input broke off.
        let script = ["--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--set", &newest, "--file=-"];
        let mut psql = self.start("psql", &script, (Stdio::piped(), Stdio::null()))?;
        let mut unpack = self.start("pg_restore", &UNPACK, (archive, Stdio::piped()))?;
        let pipes = psql.child.stdin.take().zip(unpack.child.stdout.take());
        let feed = async {
            let Some((stdin, stdout)) = pipes else { return Ok(()) };
            feed(stdin, stdout, unpack).await
        };
        let broken = psql.broken();
        match tokio::join!(feed, psql.succeed()) {
            // What psql said explains why it read no more.
            (_, Err(error)) | (Err(Fed::Unpack(error)), Ok(())) => Err(error),
            (Err(Fed::Psql(source)), Ok(())) => Err(broken(source)),
            (Ok(()), Ok(())) => Ok(()),
        }
    }
}

/// Why psql was not given the whole script.
enum Fed {
    /// It took no more.
    Psql(std::io::Error),
    /// The dump could not be unpacked.
    Unpack(Error),
}

/// Gives psql the whole script. The last part, which commits, only after the dump was unpacked to its end; without it,
/// psql ends and the server rolls back.
async fn feed(mut stdin: ChildStdin, mut stdout: ChildStdout, unpack: Program) -> Result<(), Fed> {
    let copied = async {
        stdin.write_all(BEFORE.as_bytes()).await?;
        tokio::io::copy(&mut stdout, &mut stdin).await?;
        // Closed here where psql is gone: pg_restore must not wait for a reader.
        drop(stdout);
        Ok(stdin)
    };
    let (copied, unpacked) = tokio::join!(copied, unpack.succeed());
    let mut stdin = copied.map_err(Fed::Psql)?;
    unpacked.map_err(Fed::Unpack)?;
    for part in [AFTER, GRANTS, "\nCOMMIT;\n"] {
        stdin.write_all(part.as_bytes()).await.map_err(Fed::Psql)?;
    }
    stdin.shutdown().await.map_err(Fed::Psql)
}
