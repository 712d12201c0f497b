//! Instructions that the hot loops take, held against a committed baseline: a time says something about a quiet machine, a
//! count says the same on a busy one. `make bench-counts` runs `benches/counts`, which holds the loops; here is what runs
//! them under callgrind ([`Callgrind`]), what was counted ([`Counts`]), and the [`table`] of the two.

mod callgrind;
mod counts;
mod error;
pub mod table;

pub use callgrind::Callgrind;
pub use counts::{Count, Counts};
pub use error::Error;
