//! An endpoint: who (service), how (method), where (route).

use std::fmt;

use sha2::{Digest, Sha256};

/// The three texts that name an endpoint. All were checked at the edge, so that none has a NUL in it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointName {
    /// `service NUL method NUL route`: one allocation in place of three, what the id is a hash of, and in the order of its parts.
    text: Box<str>,
    service_end: usize,
    method_end: usize,
}

impl EndpointName {
    /// Owns the three texts.
    #[must_use]
    pub fn new(service: &str, method: &str, route: &str) -> Self {
        let text = [service, "\0", method, "\0", route].concat().into();
        let service_end = service.len();
        Self { text, service_end, method_end: service_end + 1 + method.len() }
    }

    /// Name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.text[..self.service_end]
    }

    /// RFC 9110 method token.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.text[self.service_end + 1..self.method_end]
    }

    /// Route template.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.text[self.method_end + 1..]
    }

    /// Service, method and route as bytes, which need no look for where characters begin.
    pub(crate) fn bytes(&self) -> [&[u8]; 3] {
        let (service, rest) = self.text.as_bytes().split_at(self.service_end);
        let (method, route) = rest.split_at(self.method_end - self.service_end);
        [service, &method[1..], &route[1..]]
    }

    /// The id that follows from the name; see [`EndpointId`].
    #[must_use]
    pub fn id(&self) -> EndpointId {
        EndpointId::of(&self.text)
    }
}

impl fmt::Debug for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.service(), self.method(), self.route())
    }
}

/// The top 63 bits of SHA-256 over `service NUL method NUL route`: it follows from the name alone, so a restored or
/// rebuilt database can never give an id another meaning. Never negative. A string in JSON (a 63-bit integer does not
/// survive JavaScript).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(i64);

impl EndpointId {
    fn of(name: &str) -> Self {
        let digest = Sha256::digest(name);
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
        assert_eq!(EndpointName::new("web", "GET", "/").id().raw(), 4172787017804934708);
    }

    #[test]
    fn parts_do_not_run_together() {
        let (one, other) = (EndpointName::new("a", "b", "/c"), EndpointName::new("ab", "", "/c"));
        assert_ne!(one, other);
        assert_ne!(one.id(), other.id());
        assert_eq!((other.service(), other.method(), other.route()), ("ab", "", "/c"));
        assert_eq!(one.bytes(), [&b"a"[..], b"b", b"/c"]);
        assert_eq!(other.bytes(), [&b"ab"[..], b"", b"/c"]);
    }

    #[test]
    fn names_are_in_the_order_of_their_parts() {
        let parts = [("a", "Z", "/z"), ("a", "ZZ", "/"), ("a!", "A", "/"), ("ab", "A", "/"), ("b", "", "")];
        assert!(parts.is_sorted());
        assert!(parts.map(|(service, method, route)| EndpointName::new(service, method, route)).is_sorted());
    }
}
