//! Questions: what was counted. Each read tells first up to when everything is counted, then what.

pub(crate) mod accounting;
pub(crate) mod changed;
mod columns;
pub(crate) mod compare;
mod cursor;
pub(crate) mod cut;
pub(crate) mod dead_reasons;
pub(crate) mod download;
pub(crate) mod endpoint;
pub(crate) mod endpoints;
pub(crate) mod evidence;
pub(crate) mod figures;
mod heat;
pub(crate) mod marks;
pub(crate) mod overview;
pub(crate) mod parameters;
pub(crate) mod polls;
mod question;
pub(crate) mod results;
pub(crate) mod series;
pub(crate) mod services;
mod sort;
pub(crate) mod span;
pub(crate) mod sparklines;
pub(crate) mod summary;
pub(crate) mod votes;
mod worst;

use crate::problem::{Kind, Problem};

/// What a failing database is to a client; the log tells more.
#[allow(clippy::needless_pass_by_value)] // it stands in map_err
pub(crate) fn unavailable(error: tally_store::Error) -> Problem {
    tracing::warn!(%error, "PostgreSQL did not answer a request");
    let detail = if error.class() == tally_store::Class::Schema {
        "PostgreSQL does not have this program's schema (yet); run tally-consumer migrate, then ask again"
    } else {
        "PostgreSQL does not answer; ask again (events are accepted all the same)"
    };
    Problem::new(Kind::DatabaseUnavailable, detail)
}

/// A time for an answer: RFC 3339, in UTC.
pub(crate) fn rfc3339_s(at_s: i64) -> String {
    jiff::Timestamp::from_second(at_s).map(|at| at.to_string()).unwrap_or_default()
}

/// The same from milliseconds, which it always shows.
pub(crate) fn rfc3339_ms(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map(|at| format!("{at:.3}")).unwrap_or_default()
}
