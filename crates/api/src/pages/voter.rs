//! Who votes on the page: a browser, by a random number in a cookie.

use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Name of the cookie.
const NAME: &str = "tally_voter";
/// Where it is sent, and nowhere else.
const PATH: &str = "/vote";
/// How long it is kept after the last vote.
const KEPT_DAYS: i64 = 365;
/// Whether the client's connection to the proxy is TLS.
const FORWARDED_PROTO: &str = "X-Forwarded-Proto";

/// A browser. The number is its secret; what is counted under is a hash of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Voter {
    secret: Uuid,
    /// Votes it had an answer to: a form from before the last of them is not the same vote again.
    answered: u32,
    /// Whether the browser sent the cookie.
    known: bool,
}

impl Voter {
    /// The browser that the cookie tells of, or a new one.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let sent = request.cookie(NAME).and_then(|cookie| read(cookie.value()));
        match sent {
            Some((secret, answered)) => Self { secret, answered, known: true },
            None => Self { secret: Uuid::new_v4(), answered: 0, known: false },
        }
    }

    /// What it votes under.
    pub(super) fn name(&self) -> String {
        let hash = Sha256::digest(self.secret.as_bytes());
        hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key of a vote that came from the form `once`. A browser that keeps cookies may choose anew on a form it went
    /// back to, and its last choice counts. Of one that keeps none, a form takes one vote.
    pub(super) fn key(&self, once: &str, option: &str) -> String {
        if !self.known {
            return format!("form-{once}");
        }
        let parts = [once, &self.name(), &self.answered.to_string(), option];
        let hash = parts
            .iter()
            .fold(Sha256::new(), |hash, part| hash.chain_update((part.len() as u64).to_be_bytes()).chain_update(part));
        let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("vote-{digits}")
    }

    /// The same browser, after a vote was answered.
    pub(super) fn answered(self) -> Self {
        Self { answered: self.answered.wrapping_add(1), ..self }
    }

    /// The cookie to be kept: out of reach of scripts and of other sites' forms.
    pub(super) fn cookie(&self, request: &HttpRequest, trust_forwarded: bool) -> Cookie<'static> {
        Cookie::build(NAME, format!("{}.{}", self.secret.simple(), self.answered))
            .path(PATH)
            .max_age(Duration::days(KEPT_DAYS))
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(trust_forwarded && came_over_tls(request))
            .finish()
    }
}

fn read(value: &str) -> Option<(Uuid, u32)> {
    let (secret, answered) = value.split_once('.')?;
    Some((Uuid::try_parse(secret).ok()?, answered.parse().ok()?))
}

fn came_over_tls(request: &HttpRequest) -> bool {
    let last = request.headers().get_all(FORWARDED_PROTO).last().and_then(|value| value.to_str().ok());
    last.and_then(|all| all.rsplit(',').next()).is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn sent(cookie: &str) -> Voter {
        Voter::of(&TestRequest::default().insert_header(("Cookie", format!("{NAME}={cookie}"))).to_http_request())
    }

    #[test]
    fn a_browser_is_known_again_by_its_cookie() {
        let request = TestRequest::default().to_http_request();
        let new = Voter::of(&request);
        let cookie = new.cookie(&request, false).value().to_owned();
        assert_eq!(sent(&cookie).name(), new.name());
        assert_ne!(Voter::of(&request).name(), new.name());
        assert!(!new.name().contains(&new.secret.simple().to_string()[..8]), "the secret is not shown");
        for broken in ["", "x", "x.1", "f47ac10b58cc4372a5670e02b2c3d479", "f47ac10b58cc4372a5670e02b2c3d479.-1"] {
            assert!(!sent(broken).known, "{broken}");
        }
    }

    #[test]
    fn the_same_form_is_the_same_vote_until_it_is_answered() {
        let known = sent("f47ac10b58cc4372a5670e02b2c3d479.0");
        assert_eq!(known.key("f", "cats"), known.key("f", "cats"));
        assert_ne!(known.key("f", "cats"), known.key("f", "dogs"));
        assert_ne!(known.key("f", "cats"), known.answered().key("f", "cats"));
        let new = Voter::of(&TestRequest::default().to_http_request());
        assert_eq!(new.key("f", "cats"), new.key("f", "dogs"));
    }

    #[test]
    fn the_cookie_is_secure_where_a_trusted_proxy_says_tls() {
        let request = TestRequest::default().insert_header((FORWARDED_PROTO, "https")).to_http_request();
        let voter = Voter::of(&request);
        assert_eq!(voter.cookie(&request, true).secure(), Some(true));
        assert_eq!(voter.cookie(&request, false).secure(), Some(false));
        let plain = TestRequest::default().to_http_request();
        assert_eq!(voter.cookie(&plain, true).secure(), Some(false));
    }
}
