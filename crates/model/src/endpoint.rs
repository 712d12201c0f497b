//! An endpoint: who (service), how (method), where (route).

use std::fmt;

use sha2::{Digest, Sha256};

/// The three texts that name an endpoint; all were checked at the edge.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointName {
    /// Name of the service.
    pub service: Box<str>,
    /// RFC 9110 method token.
    pub method: Box<str>,
    /// Route template.
    pub route: Box<str>,
}

impl EndpointName {
    /// Owns the three texts.
    #[must_use]
    pub fn new(service: &str, method: &str, route: &str) -> Self {
        Self { service: service.into(), method: method.into(), route: route.into() }
    }

    /// The id that follows from the name; see [`EndpointId`].
    #[must_use]
    pub fn id(&self) -> EndpointId {
        EndpointId::of(&self.service, &self.method, &self.route)
    }
}

/// The top 63 bits of SHA-256 over `service NUL method NUL route`: it follows from the name alone, so a restored or
/// rebuilt database can never give an id another meaning. Never negative. A string in JSON (a 63-bit integer does not
/// survive JavaScript).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(i64);

impl EndpointId {
    /// Computes the id of an endpoint.
    #[must_use]
    pub fn of(service: &str, method: &str, route: &str) -> Self {
        let mut hash = Sha256::new();
        for (i, part) in [service, method, route].into_iter().enumerate() {
            if i > 0 {
                hash.update([0]);
            }
            hash.update(part);
        }
        let digest = hash.finalize();
        let mut top = [0; 8];
        top.copy_from_slice(&digest[..8]);
        Self(i64::from_be_bytes(top).cast_unsigned().wrapping_shr(1).cast_signed())
    }

    /// Takes an id back from the database.
    #[must_use]
    pub const fn from_raw(raw: i64) -> Self {
        Self(raw)
    }

    /// The id as the database keeps it.
    #[must_use]
    pub const fn raw(self) -> i64 {
        self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_fixed_for_ever() {
        // python3: int.from_bytes(hashlib.sha256(b"web\0GET\0/").digest()[:8], "big") >> 1
        assert_eq!(EndpointId::of("web", "GET", "/").raw(), 4172787017804934708);
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(EndpointId::of("a", "b", "/c"), EndpointId::of("ab", "", "/c"));
    }
}
