//! The names of a shard's keys.

use tally_model::Shard;

/// The consumer group that reads every stream.
pub(crate) const GROUP: &str = "aggregators";

/// The stream of a shard.
pub(crate) fn stream(shard: Shard) -> String {
    format!("events:{{{shard}}}")
}

/// The hash with what is known about a shard.
pub(crate) fn meta(shard: Shard) -> String {
    format!("events:{{{shard}}}:meta")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_shard_share_its_hash_tag() {
        let shard = Shard::new(3);
        assert_eq!(stream(shard), "events:{3}");
        assert_eq!(meta(shard), "events:{3}:meta");
    }
}
