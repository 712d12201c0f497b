//! `GET /v1/votes`: the audit, as far as everybody may see it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_store::AuditedVote;

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::parameters::Parameters;
use crate::reads::{rfc3339_ms, unavailable};

/// Most votes of one answer.
const VOTES_MAX: usize = 1_000;
const VOTES_DEFAULT: usize = 20;

#[derive(Serialize)]
struct Answer {
    counted_through: Option<String>,
    votes: Vec<Shown>,
}

#[derive(Serialize)]
struct Shown {
    at: String,
    poll: String,
    option: String,
    voter: Option<String>,
    verdict: &'static str,
    changed_from: Option<String>,
}

/// The last votes that were counted, the latest first.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["limit"])?;
    let limit = u32::try_from(parameters.limit(VOTES_DEFAULT, VOTES_MAX)?).unwrap_or(u32::MAX);
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let found = front.store()?.audited_votes(limit).await.map_err(unavailable)?;
    Ok(HttpResponse::Ok().json(Answer { counted_through, votes: found.into_iter().map(shown).collect() }))
}

fn shown(vote: AuditedVote) -> Shown {
    Shown {
        at: rfc3339_ms(vote.at_ms),
        poll: vote.poll,
        option: vote.option,
        voter: vote.voter,
        verdict: if vote.changed_from.is_some() { "changed" } else { "counted" },
        changed_from: vote.changed_from,
    }
}
