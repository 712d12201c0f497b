//! Protobuf as it stands on the wire, read where it lies: a message is a row of numbered fields, and whoever reads it takes
//! those it knows. Nothing is copied or collected, so a small body cannot make a large one in memory.

use tally_model::varint;

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a protobuf message of this type")]
pub(super) struct Malformed;

/// A field's value, in one of the forms that the wire has (groups are long gone).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Value<'a> {
    /// Text, bytes, or a message within.
    pub(super) fn bytes(self) -> Result<&'a [u8], Malformed> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Malformed) }
    }

    /// An integer or an enum.
    pub(super) fn varint(self) -> Result<u64, Malformed> {
        if let Self::Varint(value) = self { Ok(value) } else { Err(Malformed) }
    }

    /// A time.
    pub(super) fn fixed64(self) -> Result<u64, Malformed> {
        if let Self::Fixed64(value) = self { Ok(value) } else { Err(Malformed) }
    }
}

/// The fields of a message, in the order sent. Ends after the first that is malformed.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or(Malformed))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u32, Value<'a>)> {
        let key = u32::try_from(varint::take(&mut self.0)?).ok()?;
        let number = key >> 3;
        let value = match key & 7 {
            0 => Value::Varint(varint::take(&mut self.0)?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = usize::try_from(varint::take(&mut self.0)?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return None,
        };
        (number > 0).then_some((number, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }
}

/// Appends an integer field.
pub(super) fn push_varint(message: &mut Vec<u8>, number: u32, value: u64) {
    varint::push(message, u64::from(number) << 3);
    varint::push(message, value);
}

/// Appends a field of text, or of a message within.
pub(super) fn push_bytes(message: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    varint::push(message, u64::from(number) << 3 | 2);
    varint::push(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_form_is_read() {
        let mut message = vec![];
        push_varint(&mut message, 1, 300);
        push_bytes(&mut message, 16, b"abc");
        message.extend([0x11, 1, 0, 0, 0, 0, 0, 0, 0x80]);
        message.extend([0x1d, 7, 0, 0, 0]);
        let fields: Vec<_> = Fields(&message).map(Result::unwrap).collect();
        let expected = [
            (1, Value::Varint(300)),
            (16, Value::Bytes(b"abc")),
            (2, Value::Fixed64(1 << 63 | 1)),
            (3, Value::Fixed32(7)),
        ];
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_no_message() {
        for bytes in [
            &b"{\"resourceSpans\":[]}"[..],
            &[0x0a],
            &[0x0a, 5, 1],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x09, 1, 2, 3],
            &[0x02, 0],
            &[0x0b],
            &[0xff; 12],
        ] {
            assert_eq!(Fields(bytes).last(), Some(Err(Malformed)), "{bytes:?}");
        }
        assert_eq!(Fields(b"").next(), None);
    }

    proptest! {
        #[test]
        fn garbage_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Fields(&bytes).count() <= bytes.len());
        }
    }
}
