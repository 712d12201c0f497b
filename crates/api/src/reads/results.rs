//! `GET /api/results` and `GET /v1/polls/{poll}`: who is winning.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::poll_name;

use crate::front::Front;
use crate::polls::{self, DEFAULT_POLL};
use crate::problem::Problem;
use crate::reads::parameters::Parameters;
use crate::reads::{rfc3339_ms, unavailable};

#[derive(Serialize)]
struct Answer<'a> {
    poll: &'a str,
    total: i64,
    results: Vec<OfOption>,
    counted_through: Option<String>,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct OfOption {
    option: String,
    votes: i64,
    percentage: f64,
}

/// Results of the poll `default`.
pub(crate) async fn get_default(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    results(&front, DEFAULT_POLL, &request).await
}

/// Results of the poll that the path names.
pub(crate) async fn get(
    front: web::Data<Front>,
    poll: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    results(&front, &poll, &request).await
}

async fn results(front: &Front, poll: &str, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::of(request, &[])?;
    let poll = poll_name(poll).map_err(|error| Problem::parameter(error.field, error.reason))?.as_str();
    let counted_through = front.counted_through.ms(front).await?.map(rfc3339_ms);
    let found = front.store()?.poll_results(poll).await.map_err(unavailable)?;
    let found = found.ok_or_else(|| polls::unknown(poll))?;
    let total = found.iter().map(|(_, votes)| votes).sum();
    Ok(HttpResponse::Ok().json(Answer { poll, total, results: shares(found, total), counted_through }))
}

/// Percentages to two digits; most votes first, then by name.
pub(super) fn shares(mut votes: Vec<(String, i64)>, total: i64) -> Vec<OfOption> {
    votes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    #[allow(clippy::cast_precision_loss)]
    let percentage = |votes: i64| if total == 0 { 0.0 } else { (votes as f64 * 1e4 / total as f64).round() / 1e2 };
    votes.into_iter().map(|(option, votes)| OfOption { option, votes, percentage: percentage(votes) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_votes_first() {
        let shown = shares(vec![("b".into(), 1), ("c".into(), 2), ("a".into(), 1), ("d".into(), 0)], 4);
        let shown: Vec<_> = shown.iter().map(|row| (row.option.as_str(), row.percentage)).collect();
        assert_eq!(shown, [("c", 50.0), ("a", 25.0), ("b", 25.0), ("d", 0.0)]);
        assert_eq!(shares(vec![("a".into(), 0)], 0)[0].percentage, 0.0);
    }
}
