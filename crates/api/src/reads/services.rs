//! `GET /v1/services`.

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
    services: Vec<Service>,
}

#[derive(Serialize)]
struct Service {
    service: String,
    #[serde(flatten)]
    shown: Shown,
}

/// The services that had a request in the window, most requests first.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to"])?;
    let pieces = span::read(&front, &parameters).await?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let found = front.store()?.services(&pieces).await.map_err(unavailable)?;
    let window = pieces.window();
    let shown = |(service, figures)| Service { service, shown: Shown::of(&figures, window.seconds()) };
    let mut services: Vec<Service> = found.into_iter().map(shown).collect();
    services.sort_by(|a, b| b.shown.requests.cmp(&a.shown.requests).then_with(|| a.service.cmp(&b.service)));
    Ok(HttpResponse::Ok().json(Answer {
        from: rfc3339_s(window.from_s),
        to: rfc3339_s(window.to_s),
        level: pieces.level().name(),
        counted_through,
        services,
    }))
}
