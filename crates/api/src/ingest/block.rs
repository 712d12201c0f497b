//! A body's way to a block of events without a request around it, for `make bench-counts`.

use tally_model::EventBlock;

use crate::ingest::body;
use crate::ingest::parse::{Form, judge_body};
use crate::ingest::verdict::Rules;

/// Days that are kept by default.
const KEEP_DAYS: u32 = 731;

/// The acceptable events of a body that is received at `received_ms` (since the Unix epoch): events on a line each, or one
/// JSON document. `None` if the body as a whole is refused.
#[must_use]
pub fn block_of(body: &[u8], is_lines: bool, received_ms: i64) -> Option<EventBlock> {
    let form = if is_lines { Form::Lines } else { Form::Document };
    let rules = Rules { received_ms, keep_days: KEEP_DAYS };
    Some(judge_body(body::text(body).ok()?, form, rules).ok()?.accepted)
}
