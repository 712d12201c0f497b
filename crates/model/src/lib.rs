//! The nouns of Tally and the arithmetic between them: no I/O, no clock, no async, no environment, no logging.
//!
//! Read the modules in this order: an [`event`](EventBlock) names an endpoint and arrives in a block; a
//! [`shard`](Shard) is the log it goes to and a [`Position`] a place in that log; the [`Fold`] turns entries into a
//! [`Batch`] of counts with [`Sketch`]es; a [`Window`], cut into [`Pieces`], asks for them again.

mod batch;
mod bins;
mod block_unit;
mod cover;
mod endpoint;
mod event;
mod fold;
mod known;
mod limits;
mod name;
mod pieces;
mod position;
mod raw;
mod route;
mod shard;
mod sketch;
mod target;
pub mod varint;
mod vote;
mod window;

pub use batch::{Anchor, Batch, Crossing, DeadLetter, Lineage, Totals};
pub use block_unit::BlockUnit;
pub use cover::{Cover, OpenEnd};
pub use endpoint::{EndpointId, EndpointName};
pub use event::{EventBlock, EventRow, Payload};
pub use fold::{EndpointMinute, Fold, Tally};
pub use limits::*;
pub use name::{FieldError, Method, Name, Service, option_name, poll_name, poll_title, voter_name};
pub use pieces::Pieces;
pub use position::{Position, PositionError, Step, judge};
pub use raw::{RawBlock, RawEndpoint, RawPayload};
pub use route::{RouteTemplate, fold_ids};
pub use shard::{HASH_NAMES, RequestId, Shard};
pub use sketch::{RELATIVE_ERROR, Sketch, SketchError, SketchSum};
pub use target::route_of_target;
pub use vote::Vote;
pub use window::{Level, Window};
