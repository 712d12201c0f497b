//! Handing a request to the log, and what the log's refusals are called outside.

use std::borrow::Cow;
use std::time::Instant;

use actix_web::HttpResponse;
use actix_web::error::JsonPayloadError;
use actix_web::http::header::{self, HeaderValue};
use tally_model::{ENTRY_BYTES_MAX, Position, Shard};
use tally_stream::{AppendRequest, Appended, Refused};

use crate::front::Front;
use crate::ingest::verdict::Rejections;
use crate::problem::{Kind, Problem};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The answer to an accepted request.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) accepted: u32,
    pub(crate) rejections: Rejections,
    pub(crate) duplicate: bool,
    /// Its place in the log.
    pub(crate) entry: (Shard, Position),
}

impl Accepted {
    /// As JSON, put together: but for rejections nothing in it has anything to escape, and looking for that takes longer than all
    /// the rest. The id is `shard/epoch-seq`.
    pub(crate) fn response(&self) -> HttpResponse {
        let rejected: Cow<'_, str> = match self.rejections.shown() {
            [] => "[]".into(),
            shown => match serde_json::to_string(shown) {
                Ok(shown) => shown.into(),
                Err(error) => return HttpResponse::from_error(JsonPayloadError::Serialize(error)),
            },
        };
        let (shard, at) = self.entry;
        let mut numbers = [itoa::Buffer::new(); 5];
        let [accepted, count, of_shard, epoch, seq] = &mut numbers;
        let parts = [
            r#"{"accepted":"#,
            accepted.format(self.accepted),
            r#","rejected":"#,
            &rejected,
            r#","rejected_count":"#,
            count.format(self.rejections.count()),
            if self.duplicate { r#","duplicate":true,"id":""# } else { r#","duplicate":false,"id":""# },
            of_shard.format(shard.index()),
            "/",
            epoch.format(at.epoch),
            "-",
            seq.format(at.seq),
            r#""}"#,
        ];
        HttpResponse::Accepted().insert_header((header::CONTENT_TYPE, JSON)).body(parts.concat())
    }
}

/// Appends, and says in the words of HTTP why not.
///
/// # Errors
/// 413 (packs into too much), 422 (key reused) or 503.
pub(crate) async fn append(front: &Front, request: AppendRequest) -> Result<Appended, Problem> {
    let appender = front.appender()?;
    let began = Instant::now();
    let appended = appender.append(request).await.map_err(|refused| problem(&refused))?;
    front.live.appends.observe(began.elapsed());
    Ok(appended)
}

fn problem(refused: &Refused) -> Problem {
    let (kind, detail) = match refused {
        Refused::NotOpen => (
            Kind::LogNotOpen,
            "no consumer has opened this shard of the log yet; nothing was counted, send the same request again"
                .to_owned(),
        ),
        Refused::Backlog { events, bytes } => (
            Kind::BacklogFull,
            format!(
                "{events} events ({bytes} bytes) of this shard wait to be counted; nothing was counted of this request, \
                 send it again later"
            ),
        ),
        Refused::DedupeFull => (
            Kind::DedupeFull,
            "TALLY_DEDUPE_BYTES is used up by Idempotency-Keys (and trace exports) that must still be remembered; nothing was \
             counted, send the same request again later (events without a key are accepted)"
                .to_owned(),
        ),
        Refused::KeyReused => {
            let detail = "the same Idempotency-Key came with another body before; nothing was counted, use a new key";
            return Problem::new(Kind::KeyReused, detail).on("Idempotency-Key");
        }
        Refused::TooLarge { bytes } => (
            Kind::EntryTooLarge,
            format!("the events pack into {bytes} bytes, more than {ENTRY_BYTES_MAX}; send them in several requests"),
        ),
        Refused::Unknown => (
            Kind::OutcomeUnknown,
            "Redis gave no definite answer: the events may or may not have been accepted; send the same request again, \
             with the same Idempotency-Key if it had one (without a key they may then be counted twice)"
                .to_owned(),
        ),
        Refused::Unavailable => (
            Kind::RedisUnavailable,
            "Redis is away or refuses writes; nothing was counted, send the same request again".to_owned(),
        ),
        Refused::Overloaded => (
            Kind::Overloaded,
            "too many requests wait for Redis; nothing was counted, send the same request again".to_owned(),
        ),
    };
    Problem::new(kind, detail)
}
