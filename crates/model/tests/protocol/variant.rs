//! What distinguishes one checked protocol from another, and the bounds of the search.

/// Requests that clients make; each is one event.
pub(crate) const REQUESTS: usize = 2;
/// Times a request is sent at most, whatever was answered: a late copy in the network is a resend as well.
pub(crate) const SENDS_MAX: u8 = 2;
/// Consumers, all of which think that they own the shard.
pub(crate) const CONSUMERS: usize = 2;
/// Entries in one batch.
pub(crate) const BATCH_ENTRIES_MAX: usize = 2;
/// Crashes of Redis, where a variant has any.
pub(crate) const CRASHES_MAX: u8 = 1;
/// Restores of PostgreSQL, where a variant has any.
pub(crate) const RESTORES_MAX: u8 = 1;

/// When Redis answers an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// `appendfsync always`: after the disk has it. A crash loses nothing that was answered or read.
    Always,
    /// `appendfsync everysec`: before. A crash keeps any prefix.
    Everysec,
}

/// How a consumer reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// From its own position, by the position rule.
    Position,
    /// From the group's shared cursor (`NOACK`), by the position rule; from its own position when the rule refuses or
    /// nothing comes.
    Group,
    /// From the group's shared cursor, taking whatever comes. Wrong.
    GroupUnruled,
}

/// What apply compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    /// Position and generation.
    PositionAndGeneration,
    /// Those, and the chained hash of the REGRESSes crossed.
    History,
}

/// One protocol under one set of faults.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    pub(crate) profile: Profile,
    pub(crate) reading: Reading,
    pub(crate) fence: Fence,
    /// A failed compare-and-set that finds the position after the batch takes it for its own lost answer; otherwise
    /// every failed one leads to SYNC.
    pub(crate) claims_same_position: bool,
    /// Ids counted before a REGRESS are left out after it.
    pub(crate) filters: bool,
    /// Before it halts at a GAP, a consumer asks PostgreSQL whether its row is still the current one.
    pub(crate) doubts: bool,
    /// Consumers trim.
    pub(crate) trims: bool,
    /// Trimming heeds the barrier of a backup.
    pub(crate) heeds_barrier: bool,
    /// Times each request is sent.
    pub(crate) sends: [u8; REQUESTS],
    /// Crashes of Redis.
    pub(crate) crashes: u8,
    /// Restores of PostgreSQL.
    pub(crate) restores: u8,
}

impl Variant {
    /// The protocol whole, on a Redis with `appendfsync always`, without crash or restore.
    pub(crate) fn full() -> Self {
        Self {
            profile: Profile::Always,
            reading: Reading::Position,
            fence: Fence::History,
            claims_same_position: false,
            filters: true,
            doubts: true,
            trims: true,
            heeds_barrier: true,
            sends: [SENDS_MAX; REQUESTS],
            crashes: 0,
            restores: 0,
        }
    }
}
