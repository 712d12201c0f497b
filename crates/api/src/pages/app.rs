//! The views of the dashboard: one page whatever the path; the script looks at the path.

use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use crate::index;
use crate::pages::assets;
use crate::problem::Problem;

/// The page, for every path that the script knows.
pub(crate) async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    assets::index(&request)
}

/// `GET /`: the dashboard, or the list of routes for a program that asks for JSON.
pub(crate) async fn root(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let mut answer = if asks_for_json(&request) { index::list() } else { assets::index(&request)? };
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}

/// Whether JSON is named in `Accept`, and no page. Who asks for anything at all (`*/*`, nothing) gets the page.
fn asks_for_json(request: &HttpRequest) -> bool {
    let values = request.headers().get_all(header::ACCEPT).filter_map(|value| value.to_str().ok());
    let named: Vec<&str> = values.flat_map(|value| value.split(',')).map(media).collect();
    named.contains(&"application/json") && !named.iter().any(|media| media.eq_ignore_ascii_case("text/html"))
}

fn media(part: &str) -> &str {
    part.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_who_names_json_gets_it() {
        let json = |accept: &str| {
            asks_for_json(&TestRequest::default().insert_header((header::ACCEPT, accept)).to_http_request())
        };
        assert!(json("application/json"));
        assert!(json("application/json;q=0.9, */*;q=0.1"));
        assert!(!json("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(!json("text/html, application/json"));
        assert!(!json("*/*"));
        assert!(!asks_for_json(&TestRequest::default().to_http_request()));
    }
}
