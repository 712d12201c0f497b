//! From a POST to the log: read the body, parse it, judge each event, append what is acceptable, answer.

mod append;
mod block;
pub(crate) mod body;
pub(crate) mod content;
mod count;
mod deadline;
pub(crate) mod events;
pub(crate) mod key;
mod parse;
mod raw;
mod room;
mod timestamp;
pub(crate) mod traces;
mod usual;
mod verdict;
mod voter;
pub(crate) mod votes;

pub(crate) use append::Accepted;
pub use block::block_of;
#[cfg(any(test, feature = "fuzz"))]
pub use parse::equal::hold_equal;
pub(crate) use raw::Scalar;
pub(crate) use room::Room;
pub(crate) use timestamp::parse_ms;
pub(crate) use traces::Encoded;
pub(crate) use verdict::Rejections;
