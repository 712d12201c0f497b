//! A consistent copy of the whole database, positions and counts of one moment.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{Error, Store};

/// Longest dump.
const DUMP_TIMEOUT: Duration = Duration::from_secs(6 * 3_600);
/// `--lock-wait-timeout`: a migration under way is waited for, but not for ever.
const ARGUMENTS: [&str; 3] = ["--format=custom", "--no-password", "--lock-wait-timeout=60s"];

impl Store {
    /// Writes a dump in PostgreSQL's custom format to `out`; its length in bytes. It is of one snapshot, so each shard's
    /// position in it goes with the counts in it. Only after `Ok` is what was written whole.
    ///
    /// # Errors
    /// [`Error::Program`] where there is no `pg_dump`, [`Error::ProgramFailed`] with what it said, [`Error::Copy`] where
    /// `out` does not take it.
    pub async fn dump(&self, out: &mut (impl AsyncWrite + Unpin)) -> Result<u64, Error> {
        let mut program = self.start("pg_dump", &ARGUMENTS, (Stdio::null(), Stdio::piped()))?;
        let stdout = program.child.stdout.take();
        let copy = async move {
            // Dropped at the end of this block, whatever came: pg_dump must not wait for a reader that is gone.
            let Some(mut stdout) = stdout else { return Ok(0) };
            let bytes = tokio::io::copy(&mut stdout, out).await?;
            out.flush().await?;
            Ok(bytes)
        };
        let work = async { tokio::join!(copy, program.succeed()) };
        let late = |_| Error::Deadline { statement: "pg_dump", waited: DUMP_TIMEOUT };
        match tokio::time::timeout(DUMP_TIMEOUT, work).await.map_err(late)? {
            (Ok(bytes), Ok(())) => Ok(bytes),
            (Err(source), _) => Err(Error::Copy(source)),
            (Ok(_), Err(error)) => Err(error),
        }
    }
}
