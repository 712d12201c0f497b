//! `GET /v1/summary`: everything at once.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;

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
    #[serde(flatten)]
    shown: Shown,
    before: Option<Shown>,
}

/// The figures of all services together.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to", "compare"])?;
    let question = Question::read(&front, &parameters, Needs::default()).await?;
    let store = front.store()?;
    let figures = store.summary(&question.pieces).await.map_err(unavailable)?;
    let before = match question.before() {
        Some(pieces) => Some(Shown::of(&store.summary(pieces).await.map_err(unavailable)?, pieces.window().seconds())),
        None => None,
    };
    let shown = Shown::of(&figures, question.pieces.window().seconds());
    Ok(HttpResponse::Ok().json(Answer { head: question.head(), shown, before }))
}
