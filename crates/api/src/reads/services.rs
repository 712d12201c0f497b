//! `GET /v1/services`.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_store::Figures;

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::figures::Shown;
use crate::reads::parameters::Parameters;
use crate::reads::question::{Head, Needs, Question};
use crate::reads::unavailable;

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    head: Head,
    services: Vec<Service>,
}

#[derive(Serialize)]
struct Service {
    service: String,
    #[serde(flatten)]
    shown: Shown,
    before: Option<Shown>,
}

/// The services that had a request in the window, most requests first.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to", "compare"])?;
    let question = Question::read(&front, &parameters, Needs::default()).await?;
    let store = front.store()?;
    let found = store.services(&question.pieces).await.map_err(unavailable)?;
    let before: HashMap<String, Figures> = match question.before() {
        Some(pieces) => store.services(pieces).await.map_err(unavailable)?.into_iter().collect(),
        None => HashMap::new(),
    };
    let shown = |(service, figures)| Service {
        before: question.before().map(|pieces| Shown::before(before.get(&service), pieces.window().seconds())),
        shown: Shown::of(&figures, question.pieces.window().seconds()),
        service,
    };
    let mut services: Vec<Service> = found.into_iter().map(shown).collect();
    services.sort_by(|a, b| b.shown.requests.cmp(&a.shown.requests).then_with(|| a.service.cmp(&b.service)));
    Ok(HttpResponse::Ok().json(Answer { head: question.head(), services }))
}
