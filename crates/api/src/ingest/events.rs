//! `POST /v1/events`.

use actix_web::{HttpRequest, HttpResponse, web};
use tally_model::{Payload, Shard};
use tally_stream::{AppendRequest, Appended, ClientKey};

use crate::front::{Front, now_ms};
use crate::ingest::append::{Accepted, append, id};
use crate::ingest::key::Door;
use crate::ingest::parse::{BodyError, Form, Judged, judge_body};
use crate::ingest::verdict::{Rejections, Rules};
use crate::ingest::{body, content, key};
use crate::problem::{Kind, Problem};

const DOOR: Door<'static> = Door { name: "events", poll: "" };

/// Reads, judges and appends the events of one request.
pub(crate) async fn post(
    front: web::Data<Front>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&front.room, request.headers(), payload).await?;
    let form = content::form(request.headers())?;
    let key = key::of(request.headers(), DOOR, &body)?;
    let accepted = count(&front, body::text(&body)?, form, key).await?;
    front.metrics.judged(u64::from(accepted.accepted), &accepted.rejections, accepted.duplicate);
    Ok(HttpResponse::Accepted().json(accepted))
}

async fn count(front: &Front, text: &str, form: Form, key: Option<ClientKey>) -> Result<Accepted, Problem> {
    let rules = Rules { received_ms: now_ms(), keep_days: front.config.keep_days };
    let Judged { accepted, rejections } = judge_body(text, form, rules).map_err(|error| of_body(&error))?;
    let events = u32::try_from(accepted.len()).unwrap_or(u32::MAX);
    let shards = front.config.shards;
    let shard = match (key, accepted.endpoints().first()) {
        (Some(key), _) => Shard::of_request(key.id, shards),
        (None, Some(first)) => Shard::of_service(&first.service, shards),
        (None, None) => return Err(nothing_acceptable(front, rejections)),
    };
    let payload = Payload::Events(accepted);
    let appended = append(front, AppendRequest { shard, key, received_ms: rules.received_ms, payload }).await?;
    match appended {
        Appended::NothingToAppend => Err(nothing_acceptable(front, rejections)),
        Appended::Accepted { at, .. } => {
            Ok(Accepted { accepted: events, rejections, duplicate: false, id: id(shard, at) })
        }
        Appended::Duplicate { at, received_ms, events } => {
            // The answer is the first one's: what was too early or too late is so by the first time of receipt.
            let first = judge_body(text, form, Rules { received_ms, ..rules }).map_err(|error| of_body(&error))?;
            Ok(Accepted { accepted: events, rejections: first.rejections, duplicate: true, id: id(shard, at) })
        }
    }
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
