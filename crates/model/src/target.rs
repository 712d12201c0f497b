//! From a raw request target, of a log or a span, to the route that is counted.

use std::borrow::Cow;

use crate::limits::ROUTE_CHARS_MAX;
use crate::route::fold_ids;

/// The route of a request target: no scheme and host, no query or fragment, ids folded into `{id}` unless `keep_ids`.
/// For those who have no template, only what was asked for.
///
/// Escapes (`%41`, `\x16`) stay as they are. Bytes that no route may have (control characters, invalid UTF-8) become
/// `%XX`, as a well-behaved client would have sent them. What names no path (`CONNECT host:443`, a request of only a
/// method) is `/`; a path longer than the API takes is cut and ends in `…`.
#[must_use]
pub fn route_of_target<'a>(method: &str, target: &'a [u8], keep_ids: bool) -> Cow<'a, str> {
    let path = path(method, target);
    if path == b"*" {
        return Cow::Borrowed("*");
    }
    let text = plain_text(path);
    let rooted = if text.starts_with('/') { text } else { Cow::Owned(format!("/{text}")) };
    within_limit(if keep_ids { rooted } else { folded(rooted) })
}

fn path<'a>(method: &str, target: &'a [u8]) -> &'a [u8] {
    let end = target.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(target.len());
    let target = &target[..end];
    if method == "CONNECT" && !target.starts_with(b"/") { b"/" } else { without_authority(target) }
}

/// `http://host:81/a` → `/a`; other targets as they are.
fn without_authority(target: &[u8]) -> &[u8] {
    let scheme = target.iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
    if scheme == 0 || !target[scheme..].starts_with(b"://") {
        return target;
    }
    let rest = &target[scheme + 3..];
    rest.iter().position(|b| *b == b'/').map_or(b"/", |slash| &rest[slash..])
}

fn plain_text(path: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(path) {
        Ok(text) if !text.chars().any(char::is_control) => Cow::Borrowed(text),
        _ => Cow::Owned(percent_encoded(path)),
    }
}

fn percent_encoded(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len() + 16);
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() {
                character.encode_utf8(&mut [0; 4]).bytes().for_each(|b| push_percent(&mut text, b));
            } else {
                text.push(character);
            }
        }
        chunk.invalid().iter().for_each(|b| push_percent(&mut text, *b));
    }
    text
}

fn push_percent(text: &mut String, byte: u8) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    text.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
}

fn folded(path: Cow<'_, str>) -> Cow<'_, str> {
    match path {
        Cow::Borrowed(text) => fold_ids(text),
        Cow::Owned(text) => Cow::Owned(fold_ids(&text).into_owned()),
    }
}

fn within_limit(path: Cow<'_, str>) -> Cow<'_, str> {
    if path.len() <= ROUTE_CHARS_MAX || path.chars().count() <= ROUTE_CHARS_MAX {
        return path;
    }
    let cut: String = path.chars().take(ROUTE_CHARS_MAX - 1).chain(['…']).collect();
    Cow::Owned(cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::route::RouteTemplate;

    #[test]
    fn targets_become_routes() {
        let cases: [(&str, &[u8], &str); 24] = [
            ("GET", b"/", "/"),
            ("GET", b"", "/"),
            ("GET", b"/a?b=c", "/a"),
            ("GET", b"/a#b?c", "/a"),
            ("GET", b"?flav=rss20", "/"),
            ("GET", b"/users/42/orders?x=1", "/users/{id}/orders"),
            ("OPTIONS", b"*", "*"),
            ("GET", b"*", "*"),
            ("GET", b"**", "/**"),
            ("CONNECT", b"example.com:443", "/"),
            ("CONNECT", b"/odd", "/odd"),
            ("GET", b"http://example.com/a/7?q", "/a/{id}"),
            ("GET", b"https://[::1]:8443", "/"),
            ("GET", b"http://example.com?q=/x", "/"),
            ("GET", b"//double/slash", "//double/slash"),
            ("GET", b"/http://inside/x", "/http://inside/x"),
            ("GET", b"index.html", "/index.html"),
            ("GET", b"://x", "/://x"),
            ("GET", b"/%7Ejo/%C3%A9?x", "/%7Ejo/%C3%A9"),
            ("GET", b"/\\x16\\x03\\\"", "/\\x16\\x03\\\""),
            ("GET", b"/tab\there\x7f", "/tab%09here%7F"),
            ("GET", b"/\xff\xfe/\xc3\xa9", "/%FF%FE/\u{e9}"),
            ("GET", "/c1\u{85}x".as_bytes(), "/c1%C2%85x"),
            ("GET", b"/a b", "/a b"),
        ];
        for (method, target, expected) in cases {
            assert_eq!(route_of_target(method, target, false), expected, "{}", String::from_utf8_lossy(target));
        }
    }

    #[test]
    fn ids_stay_when_asked() {
        assert_eq!(route_of_target("GET", b"/users/42?x", true), "/users/42");
    }

    #[test]
    fn a_long_path_is_cut_visibly_after_folding() {
        let long = format!("/{}", "é".repeat(ROUTE_CHARS_MAX));
        let route_of_long = route_of_target("GET", long.as_bytes(), false);
        assert_eq!(route_of_long.chars().count(), ROUTE_CHARS_MAX);
        assert!(route_of_long.ends_with("é…"));
        let ids = "/1234567890".repeat(400);
        assert_eq!(route_of_target("GET", ids.as_bytes(), false), "/{id}".repeat(400));
        let exact = format!("/{}", "x".repeat(ROUTE_CHARS_MAX - 1));
        assert_eq!(route_of_target("GET", exact.as_bytes(), false), exact);
    }

    proptest! {
        #[test]
        fn every_target_gives_a_route_the_api_accepts(
            target in prop::collection::vec(any::<u8>(), 0..64),
            keep_ids in any::<bool>(),
            connect in any::<bool>(),
        ) {
            let method = if connect { "CONNECT" } else { "GET" };
            prop_assert!(RouteTemplate::parse(&route_of_target(method, &target, keep_ids)).is_ok());
        }
    }
}
