//! Who sends calls: the name under which Redis keeps the outcome of its last one.

/// A sender; two never have the same name, in this process or any other.
pub(super) struct Sender {
    name: [u8; 8],
    calls: u64,
    requests: u64,
}

impl Sender {
    pub(super) fn new() -> Self {
        let mut name = [0; 8];
        name.copy_from_slice(&uuid::Uuid::new_v4().as_bytes()[..8]);
        Self { name, calls: 0, requests: 0 }
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.name
    }

    /// The number of the next call: higher than all before.
    pub(super) fn call_number(&mut self) -> u64 {
        self.calls += 1;
        self.calls
    }

    /// An id for an entry whose requests have none: the name and a count.
    pub(super) fn request_id(&mut self) -> [u8; 16] {
        self.requests += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.name);
        id[8..].copy_from_slice(&self.requests.to_be_bytes());
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_numbers_rise() {
        let (mut one, mut other) = (Sender::new(), Sender::new());
        let mut ids: Vec<_> = (0..3).flat_map(|_| [one.request_id(), other.request_id()]).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
        assert!(one.call_number() < one.call_number());
    }
}
