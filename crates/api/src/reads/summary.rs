//! `GET /v1/summary`: everything at once.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::figures::Shown;
use crate::reads::parameters::Parameters;
use crate::reads::span;
use crate::reads::{rfc3339_ms, rfc3339_s, unavailable};

#[derive(Serialize)]
struct Answer {
    from: String,
    to: String,
    level: &'static str,
    counted_through: Option<String>,
    #[serde(flatten)]
    shown: Shown,
}

/// The figures of all services together.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to"])?;
    let pieces = span::read(&front, &parameters).await?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let figures = front.store()?.summary(&pieces).await.map_err(unavailable)?;
    let window = pieces.window();
    Ok(HttpResponse::Ok().json(Answer {
        from: rfc3339_s(window.from_s),
        to: rfc3339_s(window.to_s),
        level: pieces.level().name(),
        counted_through,
        shown: Shown::of(&figures, window.seconds()),
    }))
}
