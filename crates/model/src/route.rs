//! Route templates, and how raw paths are folded towards them.

use std::borrow::Cow;

use crate::limits::ROUTE_CHARS_MAX;
use crate::name::{FieldError, chars_within, has_control};

/// A route as the service names it, `/users/{id}`: 1–2,048 characters starting with `/`, or `*` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteTemplate<'a>(&'a str);

impl<'a> RouteTemplate<'a> {
    /// Checks `text`; it is taken as sent, nothing is folded here.
    ///
    /// # Errors
    /// [`FieldError`] on `route`, if it does not start with `/` (and is not `*`), is too long, or has a control
    /// character.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        if !(text.starts_with('/') || text == "*") {
            return Err(FieldError::new("route", "expected a path starting with / (or *)"));
        }
        if !chars_within(text, ROUTE_CHARS_MAX) {
            return Err(FieldError::new("route", "expected at most 2048 characters"));
        }
        if has_control(text) {
            return Err(FieldError::new("route", "expected no control characters"));
        }
        Ok(Self(text))
    }

    /// The checked text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Replaces each segment of a raw path that is obviously an id by `{id}`: decimal numbers, UUIDs, and hexadecimal,
/// ULID-like or base-62 tokens that mix letters with digits and are too long to be a word.
///
/// For clients that have only raw paths. Segments that could be names stay: `/v2/users/42/top10` becomes
/// `/v2/users/{id}/top10`.
#[must_use]
pub fn fold_ids(path: &str) -> Cow<'_, str> {
    if !path.split('/').any(is_id) {
        return Cow::Borrowed(path);
    }
    let mut folded = String::with_capacity(path.len());
    for (i, segment) in path.split('/').enumerate() {
        if i > 0 {
            folded.push('/');
        }
        folded.push_str(if is_id(segment) { "{id}" } else { segment });
    }
    Cow::Owned(folded)
}

/// Shortest hexadecimal segment with a digit that is taken for an id, in characters (a Git short hash has 7; words
/// such as `decade` have no digit).
const HEX_ID_CHARS_MIN: usize = 8;
/// Shortest alphanumeric segment with digits that is taken for an id, in characters (a ULID has 26, a KSUID 27, a
/// Mongo id 24, a NanoID 21).
const TOKEN_ID_CHARS_MIN: usize = 20;
/// Fewest digits in such a segment; fewer could be a slug like `introduction2development`.
const TOKEN_ID_DIGITS_MIN: usize = 3;

fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return false;
    }
    digits == bytes.len() || is_uuid(bytes) || is_hex_id(bytes) || is_token_id(bytes, digits)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

fn is_hex_id(bytes: &[u8]) -> bool {
    bytes.len() >= HEX_ID_CHARS_MIN && bytes.iter().all(u8::is_ascii_hexdigit)
}

fn is_token_id(bytes: &[u8], digits: usize) -> bool {
    bytes.len() >= TOKEN_ID_CHARS_MIN && digits >= TOKEN_ID_DIGITS_MIN && bytes.iter().all(u8::is_ascii_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates() {
        for good in ["/", "*", "/users/{id}", "/größe", &format!("/{}", "x".repeat(2047))] {
            assert!(RouteTemplate::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "users", "**", "/a\nb", "/a\u{0}", &format!("/{}", "x".repeat(2048))] {
            assert_eq!(RouteTemplate::parse(bad).unwrap_err().field, "route", "{bad:?}");
        }
    }

    #[test]
    fn ids_are_folded_and_names_stay() {
        let cases = [
            ("/", "/"),
            ("/v2/users/42/top10", "/v2/users/{id}/top10"),
            ("/users/42/", "/users/{id}/"),
            ("/o/6f9619ff-8b86-d011-b42d-00cf4fc964ff", "/o/{id}"),
            ("/c/3f786850e387550fdab836ed7e6dc881de23001b", "/c/{id}"),
            ("/u/01ARZ3NDEKTSV4RRFFQ69G5FAV/x", "/u/{id}/x"),
            ("/images/logo-2x.png", "/images/logo-2x.png"),
            ("/decade/facade", "/decade/facade"),
            ("/2015/05/17/post", "/{id}/{id}/{id}/post"),
            ("/introduction2development", "/introduction2development"),
            ("*", "*"),
        ];
        for (path, route) in cases {
            assert_eq!(fold_ids(path), route, "{path}");
        }
    }
}
