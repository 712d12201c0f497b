//! Whether a form was on a page of ours: no other site may vote for its visitors.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap};

use crate::problem::{Kind, Problem};

/// Where the request came from, in the browser's words.
const FETCH_SITE: &str = "Sec-Fetch-Site";
/// Under which name a proxy was asked.
const FORWARDED_HOST: &str = "X-Forwarded-Host";

/// Lets in what a browser says is ours, or what no browser says anything of: a program brings nobody's cookies.
///
/// # Errors
/// 403, if the form was elsewhere.
pub(super) fn check(request: &HttpRequest, trust_forwarded: bool) -> Result<(), Problem> {
    let headers = request.headers();
    let ours = match (text(headers, FETCH_SITE), headers.get(header::ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        // A browser leaves the first one out where the connection is neither TLS nor local.
        (None, Some(origin)) => origin.to_str().is_ok_and(|origin| is_ours(headers, origin, trust_forwarded)),
        (None, None) => true,
    };
    if ours {
        return Ok(());
    }
    Err(Problem::new(Kind::CrossSite, "the form was on a page of another site; nothing was counted"))
}

fn is_ours(headers: &HeaderMap, origin: &str, trust_forwarded: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let forwarded = text(headers, FORWARDED_HOST).filter(|_| trust_forwarded).and_then(|all| all.rsplit(',').next());
    let names = [text(headers, header::HOST.as_str()), forwarded];
    names.into_iter().flatten().any(|host| without_port(host.trim(), scheme).eq_ignore_ascii_case(authority))
}

/// The port that goes without saying is left out.
fn without_port<'a>(host: &'a str, scheme: &str) -> &'a str {
    let default = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(default).unwrap_or(host)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn passes(sent: &[(&str, &str)], trust: bool) -> bool {
        let request = TestRequest::default();
        let request = sent.iter().fold(request, |request, (name, value)| request.insert_header((*name, *value)));
        check(&request.to_http_request(), trust).is_ok()
    }

    #[test]
    fn the_browsers_own_word_comes_first() {
        for (site, ours) in [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)] {
            assert_eq!(passes(&[("Sec-Fetch-Site", site), ("Host", "t.example")], false), ours, "{site}");
        }
        assert!(passes(&[("Sec-Fetch-Site", "same-origin"), ("Origin", "null"), ("Host", "t.example")], false));
    }

    #[test]
    fn an_origin_is_held_to_the_name_that_was_asked() {
        let passes = |origin: &str, host: &str| passes(&[("Origin", origin), ("Host", host)], false);
        assert!(passes("http://t.example:8080", "t.example:8080"));
        assert!(passes("https://T.example", "t.example:443"));
        assert!(passes("http://[::1]", "[::1]:80"));
        assert!(!passes("http://evil.example", "t.example"));
        assert!(!passes("http://t.example:9000", "t.example:8080"));
        assert!(!passes("null", "t.example"));
    }

    #[test]
    fn a_proxys_name_counts_where_it_is_trusted() {
        let sent = [("Origin", "https://votes.example"), ("Host", "10.0.0.7:8080"), (FORWARDED_HOST, "votes.example")];
        assert!(passes(&sent, true));
        assert!(!passes(&sent, false));
        assert!(passes(&[], false));
    }
}
