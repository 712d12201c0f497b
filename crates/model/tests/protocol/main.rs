//! The counting protocol of one shard, model-checked: every interleaving of every step, within small bounds.
//!
//! # What is modelled
//!
//! - **Clients** ([`world`]): requests with an id, each sent up to [`variant::SENDS_MAX`] times, with the answer heard
//!   or lost each time, also once more after it was heard (a late copy in the network).
//! - **Redis** ([`redis`]): the log with dense ids `(epoch, seq)`, headers `{prev, incarnation}`, running totals, kept
//!   request ids, generation, mirror, trim, the group's cursor. Each script is one atomic step. A crash starts another
//!   incarnation. With `everysec` it keeps what [`Action::Fsync`](world::Action::Fsync) last saved, and as that may
//!   happen at any moment or never, any prefix; with `always` it keeps everything, for a write that did not reach the
//!   disk was neither answered nor seen and is the same as a request that never arrived.
//! - **PostgreSQL** ([`database`]): position, generation and history, the counts with the ledger, totals, the headers
//!   crossed; one apply moves all of it behind one compare-and-set. Backup and restore at any time.
//! - **Two consumers** ([`consumer`]): SYNC in its steps, reading, applying with the answer heard or lost, mirroring,
//!   trimming in two steps (worked out, then sent). Each step waits as long as it likes (a pause) and each consumer may
//!   be killed at any time. There is no lease: both always think that the shard is theirs, so the lease is proved to be
//!   needed for liveness only.
//!
//! The position rule is not modelled: it is `tally_model::judge`, the one that ships.
//!
//! # What is not
//!
//! Opening a wiped Redis, two PostgreSQLs alive after a restore, a Redis clock set back across a lost epoch (epochs are
//! `max(old + 1, now)`, and `now` grows with each incarnation here), forgetting request ids after their window, dead
//! letters, votes, backlog limits, several shards (nothing is shared between them), and damage to entries (the checksum
//! of the anchor guards against an id used twice; here [`properties::FOLD_OF_THE_LOG`] shows that none is).
//!
//! # How to read it
//!
//! [`variant`] has the bounds and the switches, [`variants`] the tests: which protocol, which faults, what must come
//! out. The wrong protocols are kept as tests that the checker finds what is wrong with them. `cargo test -p tally-model
//! --test protocol -- --nocapture` prints the number of states and the steps to every discovery.

mod consumer;
mod database;
mod properties;
mod redis;
mod variant;
mod variants;
mod world;
