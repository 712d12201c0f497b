//! Every Redis word of Tally: the log, its keys, its scripts and its entries. Knows nothing of SQL, of HTTP, or of what
//! is counted.
//!
//! # Primer
//!
//! The log has N shards (fixed when it is made). Shard `i` lives in these keys, which share the hash tag `{i}`, so that
//! a Redis Cluster keeps them on one node:
//!
//! | key | type | holds |
//! |---|---|---|
//! | `events:{i}` | stream | the entries. Group `aggregators` reads them; its cursor is a mirror of what PostgreSQL says |
//! | `events:{i}:meta` | hash | `cluster_id`, `layout`, `epoch`, `inc` (incarnation), the totals `entries` `events` `bytes`, `duplicates`, the mirror `applied` with its totals, `generation`, `window` |
//! | `events:{i}:ids:<width>:<bucket>` | string | bytes charged to the clients' ids of one bucket of Redis TIME; expires |
//! | `events:{i}:ids:<width>:<bucket>:<part>` | hash | request id → what was answered, 1/1024 of the bucket; expires |
//! | `events:{i}:outcomes:<width>:<bucket>` | hash | sender (a thread of an API process) → number and answers of its last call; expires |
//!
//! Entry ids are `epoch-seq` and dense. `(E, 0)` is a **header** that chains to the last id before it; `(E, n)` is one
//! request. An entry has two fields: `h`, the envelope that the append script packs, and `p`, the payload that
//! [`encode`] packs.
//!
//! Only scripts write: `open.lua` makes a shard, `append.lua` appends to it, `mirror.lua` and `set_generation.lua` tell it
//! what was applied, `set_cursor.lua` moves the group, `trim.lua` forgets. Nothing in this crate sends a bare `XADD`.
//!
//! # Commands
//!
//! What an ACL must allow on `~events:*`, inside the scripts too:
//! both programs `EVALSHA`, `EXISTS`, `HGET`, `HMGET`, `HSET`, `TIME`, `XADD`, `XINFO STREAM`, `XINFO GROUPS`, `XRANGE`;
//! the API also `GET`, `HINCRBY`, `HLEN`, `INCRBY`, `PEXPIREAT`;
//! the consumer also `XGROUP CREATE`, `XGROUP SETID`, `XREVRANGE`, `XREADGROUP`, `XTRIM`.
//! And, with no key: `SCRIPT LOAD`, `INFO`, `CONFIG GET` (only for the warnings at start and to show `appendfsync`; where it is
//! forbidden, that is said instead). A user that lacks one of the API's would break an append in its middle: give all of them or none.

mod codec;
mod config;
mod entry;
mod error;
mod keys;

mod appender;
mod durability;
mod link;
mod log;
mod memory;
mod reader;
mod reply;
mod script;
mod tls;

pub use appender::{AppendRequest, Appended, Appender, AppenderStats, Appenders, ClientKey};
pub use codec::{CodecError, Encoded, decode, decode_unlabelled, decode_with, encode};
pub use config::{Config, Limits};
pub use entry::{Entry, EntryBody, Header, Kind, Stamp};
pub use error::{Error, Refused};
pub use log::{Log, Mirrored, OpenRequest, Opened, ShardStatus, Trimmed};
pub use memory::Memory;
pub use reader::Reader;

// The appender without Redis, for what counts its instructions; no interface of this crate.
#[doc(hidden)]
pub use appender::{Framed, frame};
