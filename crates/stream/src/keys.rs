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

/// What the keys of a shard's clients' ids begin with.
pub(crate) fn ids(shard: Shard) -> String {
    format!("events:{{{shard}}}:ids")
}

/// What the keys of the outcomes of a shard's senders begin with.
pub(crate) fn outcomes(shard: Shard) -> String {
    format!("events:{{{shard}}}:outcomes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_shard_share_its_hash_tag() {
        let shard = Shard::new(3);
        assert_eq!(stream(shard), "events:{3}");
        for key in [meta(shard), ids(shard), outcomes(shard)] {
            assert!(key.starts_with("events:{3}:"), "{key}");
        }
    }
}
