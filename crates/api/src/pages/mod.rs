//! Pages for people: the dashboard as it was built and embedded, and the vote pages, which are written here and work without
//! JavaScript. Everything a page needs comes from this process; nothing in it is inline, so that the policy can forbid that.

pub(crate) mod app;
pub(crate) mod assets;
pub(crate) mod result;
mod same_site;
mod standing;
mod trouble;
pub(crate) mod vote;
mod voter;

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};
use askama::Template;

use crate::problem::{Kind, Problem};

pub(crate) use trouble::Trouble;

/// What a page may load and do: files of ours, nothing inline, in nobody's frame.
const CONTENT_POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// A page with a form tells its own server where the form was; without that, the browser hides its origin from us too.
const REFERRER_POLICY: &str = "same-origin";

/// Says of an answer that it is a page.
fn as_page(answer: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    answer
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_POLICY))
        .insert_header((header::CONTENT_TYPE, "text/html; charset=utf-8"))
}

/// A page that was written here, for this request only.
fn rendered(mut answer: HttpResponseBuilder, page: &impl Template) -> Result<HttpResponse, Problem> {
    let text = page.render().map_err(|error| {
        tracing::error!(%error, "a page cannot be written");
        Problem::new(Kind::Internal, "the page cannot be written")
    })?;
    Ok(as_page(&mut answer).insert_header((header::REFERRER_POLICY, REFERRER_POLICY)).body(text))
}
