//! `GET /v1/dead-letters/reasons` and `POST /v1/dead-letters/redrive`: why events were set aside, and counting them after all.

use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tally_model::{Level, Payload};
use tally_store::{DeadReason, Floors, Redrive, SetAside};
use tally_stream::decode_unlabelled;

use crate::front::Front;
use crate::ingest::body;
use crate::problem::Problem;
use crate::reads::parameters::Parameters;
use crate::reads::{rfc3339_ms, unavailable};

/// Latest letters of a reason that are looked into; each may bring half a megabyte.
const SAMPLES: u32 = 5;
/// Most services that are named for a reason.
const SERVICES_MAX: usize = 5;
/// Characters of a sample.
const SAMPLE_CHARS_MAX: usize = 200;
/// Longest reason in characters; ours are shorter.
const REASON_CHARS_MAX: usize = 100;

#[derive(Serialize)]
struct Answer {
    counted_through: Option<String>,
    events: u64,
    reasons: Vec<Reason>,
}

#[derive(Serialize)]
struct Reason {
    reason: String,
    /// The same for people.
    text: String,
    events: u64,
    letters: u64,
    /// Of the latest letters, as far as they can be read.
    services: Vec<String>,
    last_at: String,
    sample: Option<String>,
    /// Whether any of the latest letters could be counted now, as far as can be seen without trying.
    redrivable: bool,
    redrive: Option<Asked>,
}

#[derive(Serialize)]
struct Asked {
    asked_at: String,
    asked: u64,
    redriven: u64,
    refused: u64,
    done_at: Option<String>,
}

/// Why events were set aside, most events first.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[])?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let store = front.store()?;
    let found = store.dead_reasons(SAMPLES).await.map_err(unavailable)?;
    let floors = store.floors().await.map_err(unavailable)?;
    let events = found.iter().map(|reason| reason.events).sum();
    let reasons = found.into_iter().map(|found| shown(found, floors)).collect();
    Ok(HttpResponse::Ok().json(Answer { counted_through, events, reasons }))
}

fn shown(found: DeadReason, floors: Floors) -> Reason {
    let services: BTreeSet<String> = found.samples.iter().flat_map(services_of).collect();
    Reason {
        text: text(&found.reason),
        events: found.events,
        letters: found.letters,
        services: services.into_iter().take(SERVICES_MAX).collect(),
        last_at: rfc3339_ms(found.last_at_ms),
        sample: found.samples.first().map(sample),
        redrivable: found.samples.iter().any(|letter| can_be_counted(letter, floors)),
        redrive: found.redrive.as_ref().map(asked),
        reason: found.reason,
    }
}

fn asked(redrive: &Redrive) -> Asked {
    Asked {
        asked_at: rfc3339_ms(redrive.asked_at_ms),
        asked: redrive.asked,
        redriven: redrive.redriven,
        refused: redrive.refused,
        done_at: redrive.done_at_ms.map(rfc3339_ms),
    }
}

/// A sentence for people.
fn text(reason: &str) -> String {
    match reason {
        "undecodable" => "The entry is damaged, or of a kind that is unknown to this consumer".to_owned(),
        "too_late" => "Older than everything that is kept".to_owned(),
        "refused_by_database" => "PostgreSQL refuses these events".to_owned(),
        other => match other.strip_prefix("unknown_format_") {
            Some(format) => format!("Payload format {format} is unknown to this consumer"),
            None => other.to_owned(),
        },
    }
}

fn sample(letter: &SetAside) -> String {
    match std::str::from_utf8(&letter.payload) {
        Ok(text) if !text.is_empty() => text.chars().take(SAMPLE_CHARS_MAX).collect(),
        _ => format!("{}-byte entry {}/{}", letter.payload.len(), letter.shard, letter.position),
    }
}

fn services_of(letter: &SetAside) -> Vec<String> {
    if let Ok(event) = serde_json::from_slice::<Value>(&letter.payload) {
        return event["service"].as_str().map(str::to_owned).into_iter().collect();
    }
    match decode_unlabelled(&letter.payload) {
        Ok(Payload::Events(block)) => block.endpoints().iter().map(|name| name.service().to_string()).collect(),
        Ok(Payload::Votes(_)) | Err(_) => Vec::new(),
    }
}

/// What a consumer of this version could count. What PostgreSQL refused before can only be tried.
fn can_be_counted(letter: &SetAside, floors: Floors) -> bool {
    if letter.index.is_some() {
        return true;
    }
    let late = serde_json::from_slice::<Value>(&letter.payload).ok();
    if let Some(start) = late.as_ref().and_then(|late| late["start"].as_str()) {
        let start_s = start.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second);
        let least_s = Level::ALL.into_iter().map(|level| floors.of(level)).min();
        return start_s.is_ok_and(|start_s| least_s.is_none_or(|least_s| start_s >= least_s));
    }
    decode_unlabelled(&letter.payload).is_ok_and(|payload| payload.len() as u64 == letter.events)
}

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Serialize)]
struct Accepted {
    asked: u64,
}

/// Asks that the letters of a reason be counted after all. A consumer carries it out.
pub(crate) async fn redrive(
    front: web::Data<Front>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let sent: Sent = body::object(&front.room, request.headers(), payload).await?;
    Parameters::of(&request, &[])?;
    let expected = format!("expected a reason of GET /v1/dead-letters/reasons, at most {REASON_CHARS_MAX} characters");
    let reason = sent.reason.filter(|reason| (1..=REASON_CHARS_MAX).contains(&reason.chars().count()));
    let reason = reason.filter(|reason| !reason.contains('\0')).ok_or_else(|| Problem::field("reason", expected))?;
    let asked = front.store()?.ask_redrive(&reason).await.map_err(unavailable)?;
    let asked = asked.ok_or_else(|| Problem::field("reason", format!("no event is set aside for {reason}")))?;
    front.changes.bump();
    Ok(HttpResponse::Accepted().json(Accepted { asked }))
}

#[cfg(test)]
mod tests {
    use tally_model::{Position, Shard};

    use super::*;

    fn letter(index: Option<u32>, events: u64, payload: &[u8]) -> SetAside {
        let (shard, position) = (Shard::new(3), Position::new(7, 9));
        SetAside { id: 1, shard, position, index, events, reason: "r".into(), payload: payload.to_vec(), at_ms: 0 }
    }

    #[test]
    fn reasons_are_sentences() {
        assert_eq!(text("unknown_format_3"), "Payload format 3 is unknown to this consumer");
        assert_eq!(text("of_tomorrow"), "of_tomorrow");
        assert_eq!(sample(&letter(None, 1, &[0xff; 68])), "68-byte entry 3/7-9");
        assert_eq!(sample(&letter(Some(0), 1, b"{\"a\":1}")), "{\"a\":1}");
    }

    #[test]
    fn only_what_can_be_counted_is_redrivable() {
        let floors = |months_s: i64| Floors { from_s: [9_000, 9_000, 9_000, months_s] };
        let late = letter(None, 2, br#"{"service":"s","start":"1970-01-01T00:10:00+00:00"}"#);
        assert_eq!(services_of(&late), ["s"]);
        assert!(can_be_counted(&late, floors(0)) && !can_be_counted(&late, floors(601)));
        let mut block = tally_model::EventBlock::new();
        block.push("shop", "GET", "/", (200, 0, None));
        let packed = tally_stream::encode(&Payload::Events(block)).bytes;
        let mut damaged = packed.clone();
        damaged[5] ^= 1;
        assert_eq!(services_of(&letter(None, 1, &packed)), ["shop"]);
        assert!(can_be_counted(&letter(None, 1, &packed), floors(0)));
        assert!(!can_be_counted(&letter(None, 2, &packed), floors(0)), "other events than it says");
        assert!(!can_be_counted(&letter(None, 1, &damaged), floors(0)));
        assert!(!can_be_counted(&letter(None, 1, b""), floors(0)), "nothing was kept of it");
    }
}
