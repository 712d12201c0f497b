//! Answers of scripts, taken apart without trusting them.

use redis::Value;
use tally_model::Position;

use crate::error::Error;

/// An answer that is none of those known.
pub(crate) fn unexpected(what: &str) -> Error {
    Error::Unexpected(what.to_owned())
}

/// An answer that is a text.
pub(crate) fn text(value: Value) -> Result<String, Error> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes).map_err(|_| unexpected("a text that is not UTF-8")),
        Value::SimpleString(text) => Ok(text),
        Value::VerbatimString { text, .. } => Ok(text),
        other => Err(Error::Unexpected(format!("{other:?} in place of a text"))),
    }
}

/// An answer that is a number, written out or not; an empty text is 0.
pub(crate) fn number(value: Value) -> Result<u64, Error> {
    if let Value::Int(number) = value {
        return Ok(number.cast_unsigned());
    }
    let text = text(value)?;
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| unexpected("a number that is none")) }
}

/// The parts of an answer, one after the other.
pub(crate) struct Parts(std::vec::IntoIter<Value>);

impl Parts {
    pub(crate) fn of(value: Value) -> Result<Self, Error> {
        match value {
            Value::Array(parts) => Ok(Self(parts.into_iter())),
            other => Err(Error::Unexpected(format!("{other:?} in place of a list"))),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(crate) fn next(&mut self) -> Result<Value, Error> {
        self.0.next().ok_or_else(|| unexpected("a list that ends early"))
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Error> {
        match self.next()? {
            Value::BulkString(bytes) => Ok(bytes),
            other => Err(Error::Unexpected(format!("{other:?} in place of bytes"))),
        }
    }

    pub(crate) fn text(&mut self) -> Result<String, Error> {
        text(self.next()?)
    }

    pub(crate) fn number(&mut self) -> Result<u64, Error> {
        number(self.next()?)
    }

    pub(crate) fn position(&mut self) -> Result<Position, Error> {
        self.position_or_none()?.ok_or_else(|| unexpected("no position"))
    }

    /// A position; an empty text is none.
    pub(crate) fn position_or_none(&mut self) -> Result<Option<Position>, Error> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|_| unexpected("a position that is none"))
    }
}
