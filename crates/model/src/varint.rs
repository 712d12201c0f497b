//! Unsigned LEB128, seven bits a byte, the lowest first: how the sketch and the log pack numbers.

/// Appends `value`, in 1 to 10 bytes.
pub fn push(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes one number off the front. `None`, if the bytes end within it or it does not fit 64 bits; `bytes` is then of no
/// further use.
pub fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        let part = u64::from(first & 0x7f);
        if part << shift >> shift != part {
            return None;
        }
        value |= part << shift;
        if *first < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn round_trip(value in any::<u64>(), rest in prop::collection::vec(any::<u8>(), 0..3)) {
            let mut bytes = Vec::new();
            push(&mut bytes, value);
            let length = bytes.len();
            bytes.extend(&rest);
            let mut left = &bytes[..];
            prop_assert_eq!(take(&mut left), Some(value));
            prop_assert_eq!(left, &rest[..]);
            prop_assert_eq!(take(&mut &bytes[..length - 1]), None);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(take(&mut &[0xff; 11][..]), None);
        assert_eq!(take(&mut &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02][..]), None);
    }
}
