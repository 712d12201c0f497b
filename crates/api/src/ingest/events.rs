//! `POST /v1/events`.

use actix_web::http::header::HeaderMap;
use actix_web::{HttpRequest, HttpResponse, web};
use tally_stream::ClientKey;

use crate::front::{Front, now_ms};
use crate::ingest::append::Accepted;
use crate::ingest::count::{self, Counted};
use crate::ingest::key::Door;
use crate::ingest::parse::{BodyError, Form, judge_body};
use crate::ingest::verdict::{Rejections, Rules};
use crate::ingest::{body, content, key};
use crate::problem::{Kind, Problem};

const DOOR: Door<'static> = Door { name: "events", poll: "" };

/// As a route. Most requests do not come this way, see `direct.rs`.
pub(crate) async fn post(
    front: web::Data<Front>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    answer(&front, request.headers(), payload).await
}

/// Reads, judges and appends the events of one request.
///
/// # Errors
/// Those of the body, its headers and the log, and 422 if no event is acceptable.
pub(crate) async fn answer(
    front: &Front,
    headers: &HeaderMap,
    payload: impl body::Chunks,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&front.room, headers, payload).await?;
    let form = content::form(headers)?;
    let key = key::of(headers, DOOR, &body)?;
    let accepted = count(front, body::text(&body)?, form, key).await?;
    front.metrics.judged(u64::from(accepted.accepted), &accepted.rejections, accepted.duplicate);
    Ok(accepted.response())
}

async fn count(front: &Front, text: &str, form: Form, key: Option<ClientKey>) -> Result<Accepted, Problem> {
    let rules = Rules { received_ms: now_ms(), keep_days: front.config.keep_days };
    let judge = |rules| judge_body(text, form, rules).map_err(|error| of_body(&error));
    let counted = count::count(front, key, judge(rules)?, rules, judge).await?;
    let Counted { accepted, rejections, duplicate, entry } = counted;
    let Some(entry) = entry else { return Err(nothing_acceptable(front, rejections)) };
    Ok(Accepted { accepted, rejections, duplicate, entry })
}

fn of_body(error: &BodyError) -> Problem {
    match error {
        BodyError::NotJson { .. } => Problem::new(Kind::MalformedBody, error.to_string()),
        BodyError::TooMany => Problem::new(Kind::TooManyEvents, error.to_string()),
    }
}

fn nothing_acceptable(front: &Front, rejections: Rejections) -> Problem {
    front.metrics.judged(0, &rejections, false);
    let Some(first) = rejections.shown().first() else {
        return Problem::new(Kind::NothingAcceptable, "the body holds no event");
    };
    let (index, reason, field) = (first.index, first.reason.clone(), first.field);
    let detail = format!(
        "none of {} events is acceptable; event {index}: {}{reason}",
        rejections.count(),
        field.map(|field| format!("{field}: ")).unwrap_or_default(),
    );
    let problem = Problem::new(Kind::NothingAcceptable, detail).rejecting(rejections);
    match field {
        Some(field) => problem.on(field),
        None => problem,
    }
}
