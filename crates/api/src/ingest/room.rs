//! Room for bodies: what all requests together may hold in memory at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::problem::{Kind, Problem};

/// Most bytes of bodies, as sent and unpacked, that are held at once.
const BODIES_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Counts the bytes held.
#[derive(Debug, Default)]
pub(crate) struct Room {
    held_bytes: AtomicUsize,
}

/// Bytes held for one request; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Held<'a> {
    room: &'a Room,
    bytes: usize,
}

impl Room {
    /// Holds nothing yet.
    pub(crate) fn enter(&self) -> Held<'_> {
        Held { room: self, bytes: 0 }
    }
}

impl Held<'_> {
    /// Takes more.
    ///
    /// # Errors
    /// 503 when there is no more.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        if self.room.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= BODIES_BYTES_MAX {
            return Ok(());
        }
        let detail = "too many large bodies are being read; nothing was counted, send the same request again";
        Err(Problem::new(Kind::Overloaded, detail).closing())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.room.held_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_given_back() {
        let room = Room::default();
        let mut first = room.enter();
        first.take(BODIES_BYTES_MAX).unwrap();
        assert_eq!(room.enter().take(1).unwrap_err().kind(), Kind::Overloaded);
        drop(first);
        room.enter().take(BODIES_BYTES_MAX).unwrap();
    }
}
