//! `GET /v1/polls`: every poll, and how it stands.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_store::Standing;

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::parameters::Parameters;
use crate::reads::results::{OfOption, shares};
use crate::reads::{rfc3339_ms, unavailable};

/// Most polls of one answer; each may have a hundred options.
const POLLS_MAX: usize = 1_000;
const POLLS_DEFAULT: usize = 100;

#[derive(Serialize)]
struct Answer {
    counted_through: Option<String>,
    polls: Vec<OfPoll>,
    next: Option<String>,
}

#[derive(Serialize)]
struct OfPoll {
    poll: String,
    title: Option<String>,
    total: i64,
    results: Vec<OfOption>,
}

/// Polls by name.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["limit", "cursor"])?;
    let limit = parameters.limit(POLLS_DEFAULT, POLLS_MAX)?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let wanted = u32::try_from(limit).unwrap_or(u32::MAX);
    let found = front.store()?.standings(wanted, parameters.text("cursor")).await.map_err(unavailable)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.name.clone());
    let polls = found.into_iter().map(OfPoll::of).collect();
    Ok(HttpResponse::Ok().json(Answer { counted_through, polls, next }))
}

impl OfPoll {
    fn of(standing: Standing) -> Self {
        let total = standing.votes.iter().map(|(_, votes)| votes).sum();
        Self { poll: standing.name, title: standing.title, total, results: shares(standing.votes, total) }
    }
}
