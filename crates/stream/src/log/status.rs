//! The state of one shard.

use redis::{Cmd, Value};
use tally_model::{Position, Shard, Totals};

use crate::error::Error;
use crate::{keys, reply, script};

/// What is known about one shard, from one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStatus {
    /// Which shard.
    pub shard: Shard,
    /// Redis TIME in milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Incarnation of the Redis that answered.
    pub incarnation: String,
    /// Whether it is open: both its stream and what is known about it are there.
    pub open: bool,
    /// The cluster it belongs to; empty where it has never been opened (as all below).
    pub cluster_id: String,
    /// Number of shards and names of the hashes that it was made with.
    pub layout: String,
    /// Epoch that is written now.
    pub epoch: u64,
    /// Incarnation that the present epoch was opened for.
    pub recorded_incarnation: String,
    /// Totals of all that was appended.
    pub totals: Totals,
    /// Events of clients' requests that were sent again.
    pub duplicates: u64,
    /// Generation that may mirror and trim.
    pub generation: u64,
    /// Mirror of the applied position.
    pub applied: Position,
    /// Totals at `applied`.
    pub applied_totals: Totals,
    /// First entry that is still there.
    pub first: Option<Position>,
    /// Last id that was given; it stays when its entry is trimmed. `0-0` without a stream.
    pub last: Position,
    /// Whether the group of readers is there.
    pub group: bool,
}

pub(super) fn call(shard: Shard) -> Cmd {
    script::call(&script::STATUS, &[keys::stream(shard), keys::meta(shard)])
}

pub(super) fn parse(shard: Shard, reply: Value) -> Result<ShardStatus, Error> {
    let mut reply = reply::Parts::of(reply)?;
    let (time_ms, incarnation) = (reply.number()?.cast_signed(), reply.text()?);
    let has_stream = reply.number()? == 1;
    let (first, last) = (reply.position_or_none()?, reply.position_or_none()?);
    let group = reply.number()? == 1;
    let (cluster_id, layout) = (reply.text()?, reply.text()?);
    let (epoch, recorded_incarnation) = (reply.number()?, reply.text()?);
    let totals = totals(&mut reply)?;
    let (duplicates, generation) = (reply.number()?, reply.number()?);
    let applied = reply.position_or_none()?.unwrap_or_default();
    let applied_totals = self::totals(&mut reply)?;
    Ok(ShardStatus {
        shard,
        time_ms,
        incarnation,
        open: has_stream && !cluster_id.is_empty(),
        cluster_id,
        layout,
        epoch,
        recorded_incarnation,
        totals,
        duplicates,
        generation,
        applied,
        applied_totals,
        first,
        last: last.unwrap_or(Position::GENESIS),
        group,
    })
}

fn totals(reply: &mut reply::Parts) -> Result<Totals, Error> {
    Ok(Totals { entries: reply.number()?, events: reply.number()?, bytes: reply.number()? })
}
