//! The room that requests take while they wait or are in flight: what bounds them, and the figures of the appender.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::AppenderStats;

/// Most requests that wait or are in flight.
const QUEUE_REQUESTS_MAX: u64 = 100_000;
/// Most bytes of requests that wait or are in flight.
const QUEUE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What a waiting request takes beside its payload, in bytes.
const REQUEST_BYTES: usize = 256;

/// The bounds of the queue, and its figures.
#[derive(Debug, Default)]
pub(super) struct Room {
    requests: AtomicU64,
    bytes: AtomicU64,
    pub(super) in_flight: AtomicU64,
    pub(super) flushes: AtomicU64,
    pub(super) entries: AtomicU64,
    pub(super) entry_bytes: AtomicU64,
    pub(super) resends: AtomicU64,
}

impl Room {
    /// A place for a request, or none.
    pub(super) fn take(room: &Arc<Self>, bytes: usize) -> Option<Place> {
        let place = Place { room: Arc::clone(room), bytes: (bytes + REQUEST_BYTES) as u64 };
        let requests = room.requests.fetch_add(1, Ordering::Relaxed);
        let held = room.bytes.fetch_add(place.bytes, Ordering::Relaxed);
        // Dropping the place gives it back.
        (requests < QUEUE_REQUESTS_MAX && held + place.bytes <= QUEUE_BYTES_MAX).then_some(place)
    }

    pub(super) fn stats(&self) -> AppenderStats {
        let read = |figure: &AtomicU64| figure.load(Ordering::Relaxed);
        AppenderStats {
            queued_requests: read(&self.requests),
            queued_bytes: read(&self.bytes),
            in_flight_requests: read(&self.in_flight),
            flushes: read(&self.flushes),
            entries: read(&self.entries),
            bytes: read(&self.entry_bytes),
            resends: read(&self.resends),
        }
    }
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Place {
    room: Arc<Room>,
    bytes: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.requests.fetch_sub(1, Ordering::Relaxed);
        self.room.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_is_bounded() {
        let room = Arc::new(Room::default());
        let large = Room::take(&room, 40_000_000);
        assert!(large.is_some() && Room::take(&room, 40_000_000).is_none());
        drop(large);
        let places: Vec<_> = (0..QUEUE_REQUESTS_MAX).map(|_| Room::take(&room, 0)).collect();
        assert!(places.iter().all(Option::is_some) && Room::take(&room, 0).is_none());
        drop(places);
        assert_eq!(room.stats(), AppenderStats::default());
    }
}
