//! Who votes, as far as the audit wants to know: address and user agent.

use std::net::{IpAddr, SocketAddr};

use actix_web::HttpRequest;
use actix_web::http::header;
use tally_model::USER_AGENT_CHARS_MAX;

/// The address a vote came from: the peer's, or where a proxy is trusted, the last one in `X-Forwarded-For` (the one that
/// our proxy itself wrote; those before it are the client's own words).
pub(super) fn source_ip(request: &HttpRequest, trust_forwarded: bool) -> Option<Box<str>> {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let found = if trust_forwarded { forwarded(request).or(peer) } else { peer };
    found.map(|ip| ip.to_string().into())
}

fn forwarded(request: &HttpRequest) -> Option<IpAddr> {
    let last = request.headers().get_all("X-Forwarded-For").last()?.to_str().ok()?;
    let last = last.rsplit(',').next()?.trim();
    last.parse().ok().or_else(|| last.parse().ok().map(|with_port: SocketAddr| with_port.ip()))
}

/// The user agent, cut to its limit.
pub(super) fn user_agent(request: &HttpRequest) -> Option<Box<str>> {
    let sent = String::from_utf8_lossy(request.headers().get(header::USER_AGENT)?.as_bytes());
    let kept: String = sent.chars().filter(|c| !c.is_control()).take(USER_AGENT_CHARS_MAX).collect();
    (!kept.is_empty()).then(|| kept.into())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_last_forwarded_address_counts_only_where_it_is_trusted() {
        let peer = "10.0.0.9:5000".parse().unwrap();
        let ip = |forwarded: &str, trust| {
            let request = TestRequest::default().peer_addr(peer).insert_header(("X-Forwarded-For", forwarded));
            source_ip(&request.to_http_request(), trust).unwrap()
        };
        assert_eq!(&*ip("1.2.3.4, 5.6.7.8", true), "5.6.7.8");
        assert_eq!(&*ip("1.2.3.4, [2001:db8::1]:443", true), "2001:db8::1");
        assert_eq!(&*ip("1.2.3.4, unknown", true), "10.0.0.9");
        assert_eq!(&*ip("1.2.3.4", false), "10.0.0.9");
    }

    #[test]
    fn a_long_user_agent_is_cut() {
        let request = TestRequest::default().insert_header(("User-Agent", "u".repeat(2_000))).to_http_request();
        assert_eq!(user_agent(&request).unwrap().len(), USER_AGENT_CHARS_MAX);
        assert_eq!(user_agent(&TestRequest::default().to_http_request()), None);
    }
}
