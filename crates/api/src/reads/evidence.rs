//! `GET /v1/dead-letters` and `GET /v1/folded`: what was not counted as it was sent, and why.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_store::SetAside;

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::download::{self, Wanted};
use crate::reads::parameters::Parameters;
use crate::reads::{rfc3339_ms, rfc3339_s, unavailable};

/// Most dead letters of one page; each may bring half a megabyte.
const DEAD_LETTERS_MAX: usize = 100;
const DEAD_LETTERS_DEFAULT: usize = 20;
/// Most folded routes of one answer.
const FOLDED_MAX: usize = 10_000;
const FOLDED_DEFAULT: usize = 100;
/// Characters of a payload that are shown.
const PAYLOAD_CHARS_MAX: usize = 2_000;

#[derive(Serialize)]
struct DeadLetters {
    counted_through: Option<String>,
    dead_letters: Vec<DeadLetter>,
    next: Option<String>,
}

/// A dead letter without its payload.
#[derive(Serialize)]
pub(crate) struct Label {
    id: String,
    /// The entry, as `POST /v1/events` named it: `shard/epoch-seq`.
    entry: String,
    index: Option<u32>,
    events: u64,
    reason: String,
    at: String,
    payload_bytes: usize,
}

#[derive(Serialize)]
struct DeadLetter {
    #[serde(flatten)]
    label: Label,
    /// Beginning of the payload, where it is text.
    payload: Option<String>,
}

/// What was set aside, the latest first.
pub(crate) async fn dead_letters(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["limit", "cursor", "reason", "format"])?;
    let as_lines = match parameters.text("format") {
        None | Some("json") => false,
        Some("ndjson") => true,
        Some(_) => return Err(Problem::parameter("format", "expected json or ndjson")),
    };
    let reason = parameters.text("reason").map(str::to_owned);
    let before = parameters.text("cursor").map(|text| {
        text.parse().map_err(|_| Problem::parameter("cursor", "expected what an answer gave as next, unchanged"))
    });
    let before: Option<i64> = before.transpose()?;
    if as_lines {
        let limit = parameters.limit(download::LETTERS_MAX, download::LETTERS_MAX)?;
        if request.method() == Method::HEAD {
            return Ok(HttpResponse::Ok().content_type("application/x-ndjson").finish());
        }
        return download::start(&front, Wanted { reason, before, limit }).await;
    }
    let limit = parameters.limit(DEAD_LETTERS_DEFAULT, DEAD_LETTERS_MAX)?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let wanted = u32::try_from(limit).unwrap_or(u32::MAX);
    let found = front.store()?.dead_letters(wanted, before, reason.as_deref()).await.map_err(unavailable)?;
    let next = found.last().filter(|_| found.len() == limit).map(|last| last.id.to_string());
    let dead_letters = found.into_iter().map(shown).collect();
    Ok(HttpResponse::Ok().json(DeadLetters { counted_through, dead_letters, next }))
}

fn shown(found: SetAside) -> DeadLetter {
    let (label, payload) = Label::off(found);
    DeadLetter {
        label,
        payload: String::from_utf8(payload).ok().map(|text| text.chars().take(PAYLOAD_CHARS_MAX).collect()),
    }
}

impl Label {
    /// Takes the label off its payload.
    pub(crate) fn off(found: SetAside) -> (Self, Vec<u8>) {
        let label = Self {
            id: found.id.to_string(),
            entry: format!("{}/{}", found.shard, found.position),
            index: found.index,
            events: found.events,
            reason: found.reason,
            at: rfc3339_ms(found.at_ms),
            payload_bytes: found.payload.len(),
        };
        (label, found.payload)
    }
}

#[derive(Serialize)]
struct Folded {
    counted_through: Option<String>,
    folded: Vec<FoldedRoute>,
}

#[derive(Serialize)]
struct FoldedRoute {
    service: String,
    method: String,
    route: String,
    requests: u64,
    last: String,
}

/// A sample of the endpoints that count under `<other>`, most requests first.
pub(crate) async fn folded(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["limit"])?;
    let limit = u32::try_from(parameters.limit(FOLDED_DEFAULT, FOLDED_MAX)?).unwrap_or(u32::MAX);
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let found = front.store()?.folded(limit).await.map_err(unavailable)?;
    let folded = found.into_iter().map(|route| FoldedRoute {
        service: route.name.service().into(),
        method: route.name.method().into(),
        route: route.name.route().into(),
        requests: route.requests,
        last: rfc3339_s(route.last_s),
    });
    Ok(HttpResponse::Ok().json(Folded { counted_through, folded: folded.collect() }))
}
