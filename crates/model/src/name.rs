//! Names that clients send: parsed once at the edge, then trusted.

use crate::limits::{METHOD_CHARS_MAX, NAME_CHARS_MAX, SERVICE_CHARS_MAX, TITLE_CHARS_MAX};

/// Why a field was refused: which field, and what was expected of it. Both are safe to show to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct FieldError {
    /// The field's name as the client wrote it.
    pub field: &'static str,
    /// What was expected.
    pub reason: &'static str,
}

impl FieldError {
    pub(crate) const fn new(field: &'static str, reason: &'static str) -> Self {
        Self { field, reason }
    }
}

/// A checked name that borrows the text it was parsed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// The checked text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// A service's name: 1–100 characters, no control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Service<'a>(&'a str);

impl<'a> Service<'a> {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`FieldError`] on `service`, if it is empty, too long, or has a control character.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        if !chars_within(text, SERVICE_CHARS_MAX) {
            return Err(FieldError::new("service", "expected 1 to 100 characters"));
        }
        if has_control(text) {
            return Err(FieldError::new("service", "expected no control characters"));
        }
        Ok(Self(text))
    }

    /// The checked text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// A request method: a token of RFC 9110 §5.6.2, up to 32 characters, case kept as sent (methods are case-sensitive).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method<'a>(&'a str);

impl<'a> Method<'a> {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`FieldError`] on `method`, if it is not a token of at most 32 characters.
    pub fn parse(text: &'a str) -> Result<Self, FieldError> {
        let token = !text.is_empty() && text.len() <= METHOD_CHARS_MAX && text.bytes().all(is_tchar);
        if token {
            Ok(Self(text))
        } else {
            Err(FieldError::new("method", "expected an RFC 9110 token of 1 to 32 characters"))
        }
    }

    /// The checked text.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

/// Checks a poll's name: 1–100 of `A–Z a–z 0–9 . _ -`, so that it stands in a path as it is.
///
/// # Errors
/// [`FieldError`] on `poll`.
pub fn poll_name(text: &str) -> Result<Name<'_>, FieldError> {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain && chars_within(text, NAME_CHARS_MAX) {
        Ok(Name(text))
    } else {
        Err(FieldError::new("poll", "expected 1 to 100 letters, digits, dots, dashes or underscores"))
    }
}

/// Checks a poll's title: 1–200 characters, no control characters.
///
/// # Errors
/// [`FieldError`] on `title`.
pub fn poll_title(text: &str) -> Result<Name<'_>, FieldError> {
    if chars_within(text, TITLE_CHARS_MAX) && !has_control(text) {
        Ok(Name(text))
    } else {
        Err(FieldError::new("title", "expected 1 to 200 characters, none of them control characters"))
    }
}

/// Checks an option's name: 1–100 characters, no control characters.
///
/// # Errors
/// [`FieldError`] on `option`.
pub fn option_name(text: &str) -> Result<Name<'_>, FieldError> {
    plain_name(text, "option")
}

/// Checks a voter's id: 1–100 characters, no control characters.
///
/// # Errors
/// [`FieldError`] on `voter`.
pub fn voter_name(text: &str) -> Result<Name<'_>, FieldError> {
    plain_name(text, "voter")
}

fn plain_name<'a>(text: &'a str, field: &'static str) -> Result<Name<'a>, FieldError> {
    if chars_within(text, NAME_CHARS_MAX) && !has_control(text) {
        Ok(Name(text))
    } else {
        Err(FieldError::new(field, "expected 1 to 100 characters, none of them control characters"))
    }
}

/// Whether `text` has 1 to `max` characters; counts them only where bytes alone cannot tell.
pub(crate) fn chars_within(text: &str, max: usize) -> bool {
    !text.is_empty() && (text.len() <= max || text.chars().count() <= max)
}

/// Whether `text` has a C0 or C1 control character or DEL.
pub(crate) fn has_control(text: &str) -> bool {
    // Without a way out in between, so that many bytes are looked at in one instruction.
    let (is_plain, has_ascii_control) = text.bytes().fold((true, false), |(is_plain, has_control), byte| {
        (is_plain & byte.is_ascii(), has_control | (byte < 0x20) | (byte == 0x7f))
    });
    has_ascii_control || (!is_plain && text.chars().any(char::is_control))
}

fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services() {
        for good in ["a", "checkout", "größe", &"é".repeat(100)] {
            assert!(Service::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a\0b", "tab\t", "del\u{7f}", "c1\u{85}", &"x".repeat(101), &"é".repeat(101)] {
            assert_eq!(Service::parse(bad).unwrap_err().field, "service", "{bad:?}");
        }
    }

    #[test]
    fn methods() {
        for good in ["GET", "get", "M-SEARCH", "!#$%&'*+-.^_`|~", &"X".repeat(32)] {
            assert!(Method::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "GET ", "G/T", "GÉT", "a\n", &"X".repeat(33)] {
            assert!(Method::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn polls_and_options() {
        assert!(poll_name("lunch-2026.q1_a").is_ok());
        for bad in ["", "a b", "a/b", "ü", &"p".repeat(101)] {
            assert!(poll_name(bad).is_err(), "{bad:?}");
        }
        assert!(poll_title(&"ü".repeat(200)).is_ok() && poll_title("<b>?").is_ok());
        assert!(poll_title("").is_err() && poll_title(&"ü".repeat(201)).is_err() && poll_title("a\nb").is_err());
        assert!(option_name("fish & chips").is_ok());
        assert!(option_name("").is_err());
        assert!(voter_name("a\u{0}").is_err());
    }
}
