//! What makes a repeated request the same request: its `Idempotency-Key` or, where clients send none, its content.

use actix_web::http::header::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256};
use tally_model::{IDEMPOTENCY_KEY_CHARS_MAX, RequestId};
use tally_stream::ClientKey;

use crate::problem::{Kind, Problem};

/// The header, as it is written and as it is looked up.
const HEADER: &str = "Idempotency-Key";
static NAME: HeaderName = HeaderName::from_static("idempotency-key");
/// Owner of every key, until there are owners.
const OWNER: &str = "";

/// Which route a request came through, and for which poll: the same key means something else at another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Door<'a> {
    pub(crate) name: &'static str,
    pub(crate) poll: &'a str,
}

/// Reads the key, if there is one, and what it stands for.
///
/// # Errors
/// 400, if there are several, or it is not 1–255 visible ASCII characters.
pub(crate) fn of(headers: &HeaderMap, door: Door<'_>, body: &[u8]) -> Result<Option<ClientKey>, Problem> {
    let mut values = headers.get_all(&NAME);
    let Some(value) = values.next() else { return Ok(None) };
    let key = std::str::from_utf8(value.as_bytes()).ok().filter(|key| is_valid(key) && values.next().is_none());
    let key = key.ok_or_else(|| {
        let detail = format!("{HEADER}: expected once, 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters");
        Problem::new(Kind::InvalidIdempotencyKey, detail).on(HEADER)
    })?;
    Ok(Some(made(key, door, body)))
}

/// What a key stands for that is known to be one.
pub(crate) fn made(key: &str, door: Door<'_>, body: &[u8]) -> ClientKey {
    let id = RequestId::of_key(OWNER, door.name, door.poll, key);
    ClientKey { id, body_hash: first_8(&digest(door, body)) }
}

/// The key of a request whose clients send none but repeat it byte for byte: its content. Only for bodies that cannot be
/// equal unless they are the same, as those with span ids in them.
pub(crate) fn of_content(door: Door<'_>, body: &[u8]) -> ClientKey {
    let digest = digest(door, body);
    let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    ClientKey { id: RequestId::of_key(OWNER, door.name, door.poll, &key), body_hash: first_8(&digest) }
}

fn is_valid(key: &str) -> bool {
    (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}

/// SHA-256 over door, poll and the unpacked body. Nothing of ours goes in, no time of receipt above all: a retry must not
/// look like another request.
fn digest(door: Door<'_>, body: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [door.name.as_bytes(), door.poll.as_bytes(), body] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// As much of the digest as is kept with an id.
fn first_8(digest: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    first
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    const EVENTS: Door<'_> = Door { name: "events", poll: "" };

    fn key_of(keys: &[&[u8]], body: &str) -> Result<Option<ClientKey>, Problem> {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("idempotency-key");
        keys.iter().for_each(|key| headers.append(name.clone(), HeaderValue::from_bytes(key).unwrap()));
        of(&headers, EVENTS, body.as_bytes())
    }

    #[test]
    fn keys_that_are_none() {
        assert!(key_of(&[], "").unwrap().is_none());
        assert!(key_of(&[b"k"], "").unwrap().is_some());
        assert!(key_of(&[&[b'~'; 255]], "").unwrap().is_some());
        for bad in [&[&b""[..]][..], &[b"a b"], &["é".as_bytes()], &[&[b'k'; 256]], &[b"a", b"a"], &[b"\xff"]] {
            assert_eq!(key_of(bad, "").unwrap_err().kind(), Kind::InvalidIdempotencyKey, "{bad:?}");
        }
    }

    #[test]
    fn the_hash_follows_body_and_door() {
        let hash = |door, body: &str| first_8(&digest(door, body.as_bytes()));
        assert_eq!(hash(EVENTS, "a"), hash(EVENTS, "a"));
        assert_ne!(hash(EVENTS, "a"), hash(EVENTS, "b"));
        assert_ne!(hash(Door { name: "votes", poll: "a" }, "b"), hash(Door { name: "votes", poll: "" }, "ab"));
    }

    #[test]
    fn content_is_a_key_of_its_own() {
        assert_eq!(of_content(EVENTS, b"a"), of_content(EVENTS, b"a"));
        assert_ne!(of_content(EVENTS, b"a").id, of_content(EVENTS, b"b").id);
        assert_ne!(of_content(EVENTS, b"a").id, of_content(Door { name: "traces", poll: "" }, b"a").id);
    }
}
