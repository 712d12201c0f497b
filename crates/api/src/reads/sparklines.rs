//! `GET /v1/sparklines`: requests and errors over time, in few points, for the rows that are in view.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::EndpointId;
use tally_store::Store;

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::cut::Cut;
use crate::reads::marks::Bucket;
use crate::reads::parameters::Parameters;
use crate::reads::question::{Head, Needs, Question};
use crate::reads::series::endpoint_id;
use crate::reads::unavailable;

/// Most endpoints of one answer.
const IDS_MAX: usize = 100;

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    head: Head,
    step_seconds: Option<i64>,
    start_s: Vec<i64>,
    sparklines: Vec<Sparkline>,
}

#[derive(Serialize)]
struct Sparkline {
    id: String,
    requests: Vec<u64>,
    errors: Vec<u64>,
}

/// A sparkline for each id, in the order in which they are asked for; an id that is none has zeros.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to", "ids"])?;
    let ids = ids(&parameters)?;
    let question = Question::read(&front, &parameters, Needs::default()).await?;
    let cut = Cut::sparks(question.pieces.window(), question.asked_s(), question.floors);
    let steps = steps(front.store()?, &ids, cut, question.now_s).await?;
    let sparkline = |(id, steps): (&EndpointId, Vec<Bucket>)| Sparkline {
        id: id.to_string(),
        requests: steps.iter().map(|step| step.requests).collect(),
        errors: steps.iter().map(|step| step.errors).collect(),
    };
    Ok(HttpResponse::Ok().json(Answer {
        head: question.head_of(cut.window, cut.level),
        step_seconds: cut.step_s,
        start_s: cut.starts(question.now_s),
        sparklines: ids.iter().zip(steps).map(sparkline).collect(),
    }))
}

fn ids(parameters: &Parameters) -> Result<Vec<EndpointId>, Problem> {
    let expected = || Problem::parameter("ids", format!("expected 1 to {IDS_MAX} ids of endpoints, divided by commas"));
    let text = parameters.text("ids").ok_or_else(expected)?;
    if text.split(',').count() > IDS_MAX {
        return Err(expected());
    }
    let ids = text.split(',').map(|id| endpoint_id(id).map_err(|_| expected()));
    ids.collect()
}

/// Requests and errors of each endpoint by step, up to the one that runs at `now_s`; all steps are there.
///
/// # Errors
/// 503.
pub(crate) async fn steps(
    store: &Store,
    ids: &[EndpointId],
    cut: Cut,
    now_s: i64,
) -> Result<Vec<Vec<Bucket>>, Problem> {
    let found = store.sparklines(ids, cut.window, cut.level, cut.read_step_s()).await.map_err(unavailable)?;
    let found: HashMap<(EndpointId, i64), (u64, u64)> =
        found.into_iter().map(|(id, start_s, requests, errors)| ((id, start_s), (requests, errors))).collect();
    let starts = cut.starts(now_s);
    let bucket = |id, start_s: i64| {
        let (requests, errors) = found.get(&(id, start_s)).copied().unwrap_or_default();
        Bucket { start_s, end_s: cut.next(start_s), requests, errors }
    };
    Ok(ids.iter().map(|id| starts.iter().map(|start_s| bucket(*id, *start_s)).collect()).collect())
}
