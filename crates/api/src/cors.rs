//! Which pages of other origins may call the API from a browser: none, unless the settings name them.

use actix_cors::Cors;
use actix_web::http::{Method, header};
use actix_web::middleware::Condition;

/// How long a browser may keep the answer to its preflight, in seconds.
const PREFLIGHT_SECONDS: usize = 600;

/// Any origin.
const ANY: &str = "*";

/// Lets pages of `origins` in (`*`: of every origin), without credentials: the only cookie is the vote page's, and
/// it is for this site alone. Where none is let in, no request pays for being looked at.
pub(crate) fn layer(origins: &[String]) -> Condition<Cors> {
    Condition::new(!origins.is_empty(), cors(origins))
}

fn cors(origins: &[String]) -> Cors {
    let cors = Cors::default()
        .allowed_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE])
        .allow_any_header()
        .expose_headers([header::RETRY_AFTER])
        .max_age(PREFLIGHT_SECONDS);
    if origins.iter().any(|origin| origin == ANY) {
        return cors.allow_any_origin().send_wildcard();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(origin))
}
