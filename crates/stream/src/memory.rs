//! What Redis has in memory, for whoever watches it fill.

use crate::error::Error;
use crate::link::Link;
use crate::{durability, reply, script};

/// Memory and durability of the server, as it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Bytes in use.
    pub used_bytes: u64,
    /// Most bytes that it may use; `None` for no limit.
    pub max_bytes: Option<u64>,
    /// `always`, `everysec` or `no`; `None` where it is not told, or nothing is appended to a file.
    pub append_fsync: Option<String>,
}

pub(crate) async fn ask(link: &Link) -> Result<Memory, Error> {
    let mut info = redis::cmd("INFO");
    info.arg("memory");
    let info = reply::text(script::read(link, info).await?)?;
    let number = |name: &str| {
        let line = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|number| number.trim().parse::<u64>().ok())
    };
    let used_bytes = number("used_memory").ok_or_else(|| reply::unexpected("INFO memory without used_memory"))?;
    let max_bytes = number("maxmemory").filter(|bytes| *bytes > 0);
    Ok(Memory { used_bytes, max_bytes, append_fsync: durability::append_fsync(link).await? })
}
