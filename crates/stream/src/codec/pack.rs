//! The smallest parts: signed numbers, times and texts.

use tally_model::varint;

use super::CodecError;

/// Appends a signed number so that small ones of both signs are short.
pub(super) fn push_zigzag(bytes: &mut Vec<u8>, value: i64) {
    varint::push(bytes, (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned());
}

/// Appends a text with its length.
pub(super) fn push_text(bytes: &mut Vec<u8>, text: &str) {
    varint::push(bytes, text.len() as u64);
    bytes.extend(text.as_bytes());
}

/// Appends times as the differences between them.
pub(super) fn push_times(bytes: &mut Vec<u8>, times: impl Iterator<Item = i64>) {
    let mut before = 0_i64;
    for time in times {
        push_zigzag(bytes, time.wrapping_sub(before));
        before = time;
    }
}

/// Reads what the functions above wrote.
pub(super) struct Unpack<'a> {
    bytes: &'a [u8],
}

impl<'a> Unpack<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }

    pub(super) fn end(&self) -> Result<(), CodecError> {
        if self.bytes.is_empty() { Ok(()) } else { Err(CodecError("something follows the end")) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, CodecError> {
        let (first, rest) = self.bytes.split_first().ok_or(CodecError("it ends early"))?;
        self.bytes = rest;
        Ok(*first)
    }

    /// Most numbers are of one byte, most durations of three.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, CodecError> {
        let low = |byte: u8| u64::from(byte & 0x7f);
        let (value, length) = match *self.bytes {
            [a, ..] if a < 0x80 => (low(a), 1),
            [a, b, ..] if b < 0x80 => (low(a) | low(b) << 7, 2),
            [a, b, c, ..] if c < 0x80 => (low(a) | low(b) << 7 | low(c) << 14, 3),
            _ => return varint::take(&mut self.bytes).ok_or(CodecError("a number ends early or is too long")),
        };
        self.bytes = &self.bytes[length..];
        Ok(value)
    }

    pub(super) fn zigzag(&mut self) -> Result<i64, CodecError> {
        let value = self.varint()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// A number of things, at most `max`.
    pub(super) fn count(&mut self, max: usize) -> Result<usize, CodecError> {
        let count = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        if count <= max { Ok(count) } else { Err(CodecError("a count is too large")) }
    }

    /// A number of things that take at least a byte each of what is left, and at most `max`.
    pub(super) fn count_of_bytes(&mut self, max: usize) -> Result<usize, CodecError> {
        let count = self.count(max)?;
        if count <= self.bytes.len() { Ok(count) } else { Err(CodecError("a count is beyond the end")) }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(CodecError("it ends early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    /// Bytes after their number.
    pub(super) fn slice(&mut self) -> Result<&'a [u8], CodecError> {
        let length = self.count(self.bytes.len())?;
        self.take(length)
    }

    pub(super) fn slices(&mut self, max: usize) -> Result<Vec<&'a [u8]>, CodecError> {
        let count = self.count_of_bytes(max)?;
        (0..count).map(|_| self.slice()).collect()
    }

    pub(super) fn text(&mut self) -> Result<&'a str, CodecError> {
        std::str::from_utf8(self.slice()?).map_err(|_| CodecError("a text is not UTF-8"))
    }

    pub(super) fn texts(&mut self, max: usize) -> Result<Vec<&'a str>, CodecError> {
        let count = self.count_of_bytes(max)?;
        (0..count).map(|_| self.text()).collect()
    }

    pub(super) fn times<'t>(&mut self, times: impl Iterator<Item = &'t mut i64>) -> Result<(), CodecError> {
        let mut before = 0_i64;
        for time in times {
            before = before.wrapping_add(self.zigzag()?);
            *time = before;
        }
        Ok(())
    }
}
