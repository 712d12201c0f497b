//! From judged events to the log, whatever door they came through.

use tally_model::{Payload, Position, Shard};
use tally_stream::{AppendRequest, Appended, ClientKey};

use crate::front::Front;
use crate::ingest::append::append;
use crate::ingest::parse::Judged;
use crate::ingest::verdict::{Rejections, Rules};
use crate::problem::Problem;

/// What became of a request's events.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Events that are in the log.
    pub(crate) accepted: u32,
    /// The others.
    pub(crate) rejections: Rejections,
    /// Whether they were there before.
    pub(crate) duplicate: bool,
    /// Where they are; `None` if none was acceptable.
    pub(crate) entry: Option<(Shard, Position)>,
}

/// Appends what was judged acceptable under `rules`. A request that was here before is answered as it was then: it is judged
/// `again`, by the first time of receipt.
///
/// # Errors
/// What [`append`] refuses, and what `again` does.
pub(crate) async fn count(
    front: &Front,
    key: Option<ClientKey>,
    judged: Judged,
    rules: Rules,
    again: impl FnOnce(Rules) -> Result<Judged, Problem>,
) -> Result<Counted, Problem> {
    let Judged { accepted, rejections } = judged;
    let nothing = |rejections| Counted { accepted: 0, rejections, duplicate: false, entry: None };
    let events = u32::try_from(accepted.len()).unwrap_or(u32::MAX);
    let shards = front.config.shards;
    let shard = match key {
        Some(key) => Shard::of_request(key.id, shards),
        None if accepted.is_empty() => return Ok(nothing(rejections)),
        None => Shard::in_turn(rules.received_ms, shards),
    };
    let payload = Payload::Events(accepted);
    let request = AppendRequest { shard, key, received_ms: rules.received_ms, payload };
    match append(front, request).await? {
        Appended::NothingToAppend => Ok(nothing(rejections)),
        Appended::Accepted { shard, at, .. } => {
            Ok(Counted { accepted: events, rejections, duplicate: false, entry: Some((shard, at)) })
        }
        Appended::Duplicate { at, received_ms, events } => {
            // What was too early or too late is so by the first time of receipt.
            let rejections = again(Rules { received_ms, ..rules })?.rejections;
            Ok(Counted { accepted: events, rejections, duplicate: true, entry: Some((shard, at)) })
        }
    }
}
