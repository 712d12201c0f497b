//! How long to wait before the next try.

use std::time::Duration;

/// First wait.
const FIRST: Duration = Duration::from_millis(50);

/// Waits that double up to a bound, each cut by up to a half so that many waiters do not come back at once.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    max: Duration,
    tries: u32,
}

impl Backoff {
    /// Waits of at most `max`.
    pub(crate) fn new(max: Duration) -> Self {
        Self { next: FIRST, max, tries: 0 }
    }

    /// Number of waits so far.
    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    /// The next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let whole = self.next.min(self.max);
        self.next = (whole * 2).min(self.max);
        self.tries = self.tries.saturating_add(1);
        // Two consumers started in one moment differ in their process id, and each try in its number.
        let spread = std::process::id().wrapping_mul(2_654_435_761).wrapping_add(self.tries.wrapping_mul(40_503)) % 512;
        whole - whole.mul_f64(f64::from(spread) / 1024.0)
    }

    /// Starts again with the first wait.
    pub(crate) fn reset(&mut self) {
        self.next = FIRST;
        self.tries = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_their_bound() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        let waits: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(waits[0] <= FIRST && waits[0] >= FIRST / 2, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(1)), "{waits:?}");
        assert!(waits[19] >= Duration::from_millis(500), "{waits:?}");
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
