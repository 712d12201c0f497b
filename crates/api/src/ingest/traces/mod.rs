//! `POST /v1/traces`: OTLP/HTTP, protobuf and JSON. HTTP server spans are counted; all other spans are for others.
//!
//! Spans are judged one by one while the export is read, so that no list of them is ever held. Read `span.rs` (what is
//! counted, and as what), then `protobuf.rs` and `json.rs` (the two encodings), then `answer.rs`.

mod answer;
mod json;
mod protobuf;
mod span;
#[cfg(test)]
mod tests;
mod wire;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::front::{Front, now_ms};
use crate::ingest::key::Door;
use crate::ingest::verdict::{Rejections, Rules};
use crate::ingest::{body, content, count, key};
use crate::problem::{Kind, Problem};
pub(crate) use answer::Encoded;
use span::{Spans, Unreadable};

const DOOR: Door<'static> = Door { name: "traces", poll: "" };
/// Longest export in bytes, before and after decompression: what the protocol recommends to take, so that exporters and
/// collectors need no setting.
const EXPORT_BYTES_MAX: usize = 20 * 1024 * 1024;

/// Reads an export, judges its spans, and appends those that are requests.
pub(crate) async fn post(
    front: web::Data<Front>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let encoded = content::encoded(request.headers());
    let read = body::read_within(EXPORT_BYTES_MAX, &front.room, request.headers(), payload).await;
    let body = match (read, &encoded) {
        (Ok(body), _) => body,
        (Err(problem), Ok(encoded)) => return Err(problem.told_as_status(*encoded)),
        (Err(problem), Err(_)) => return Err(problem),
    };
    let encoded = encoded?;
    let rejections = count(&front, &body, encoded).await.map_err(|problem| problem.told_as_status(encoded))?;
    let partial = (rejections.count() > 0).then(|| (rejections.count(), summary(&rejections)));
    Ok(HttpResponse::Ok().content_type(encoded.media_type()).body(encoded.response(partial)))
}

/// Returns the spans that should have been counted and cannot be.
///
/// An exporter sends no `Idempotency-Key`, and repeats an export byte for byte until it has an answer: its content is the
/// key. Two exports with the same content are the same one, because every span has an id of its own.
async fn count(front: &Front, body: &[u8], encoded: Encoded) -> Result<Rejections, Problem> {
    let rules = Rules { received_ms: now_ms(), keep_days: front.config.keep_days };
    let read = |rules| read(body, encoded, rules).map_err(|error| of_export(&error));
    let spans = read(rules)?;
    front.metrics.passed_over(spans.passed_over);
    if spans.are_none() {
        return Ok(Rejections::default());
    }
    let again = |rules| read(rules).map(|spans| spans.judged);
    let counted = count::count(front, Some(key::of_content(DOOR, body)), spans.judged, rules, again).await?;
    front.metrics.judged(u64::from(counted.accepted), &counted.rejections, counted.duplicate);
    Ok(counted.rejections)
}

fn read(body: &[u8], encoded: Encoded, rules: Rules) -> Result<Spans, Unreadable> {
    match encoded {
        Encoded::Protobuf => protobuf::read(body, Spans::new(rules)),
        Encoded::Json => json::read(body, Spans::new(rules)),
    }
}

fn of_export(error: &Unreadable) -> Problem {
    let kind = match error {
        Unreadable::Malformed(_) => Kind::MalformedBody,
        Unreadable::TooMany => Kind::TooManyEvents,
    };
    Problem::new(kind, error.to_string())
}

fn summary(rejections: &Rejections) -> String {
    let first = rejections.shown().first();
    let first = first.map(|r| format!("{}{}", r.field.map(|f| format!("{f}: ")).unwrap_or_default(), r.reason));
    let (count, first) = (rejections.count(), first.unwrap_or_default());
    format!("{count} HTTP server spans cannot be counted, the others are; the first: {first}")
}
