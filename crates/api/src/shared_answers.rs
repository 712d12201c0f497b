//! One answer for all who ask the same: a thousand open pages cost the database no more than one.
//!
//! A question is the path with its query. Whoever asks first is answered by the handler; who asks the same meanwhile waits
//! for that answer, and who asks a moment later gets it as it was kept: bytes, and compressed at most once.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, AcceptEncoding, Encoding, Header, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpResponse, web};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{MutexGuard, OnceCell};
use tokio::time::{Instant, timeout};

use crate::front::Front;
use crate::problem::{Kind, Problem};

/// How long an answer may be given again while no change is seen: the time in it moves on all the same.
const AGE_MAX: Duration = Duration::from_secs(1);
/// How long a question rests after an answer, in times of what the answer took, whatever changes meanwhile: no question
/// keeps a connection busy for more than a tenth of the time.
const REST_FACTOR: u32 = 9;
/// Longest rest: an answer is never older than this.
const REST_MAX: Duration = Duration::from_secs(5);
/// Longest wait for others' answers to the same question.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Most questions whose answers are kept.
const QUESTIONS_MAX: usize = 512;
/// Most bytes that are kept, the compressed ones included.
const BYTES_MAX: usize = 64 << 20;
/// What is shorter is not worth compressing.
const GZIP_FROM_BYTES: usize = 1_024;
/// What is longer is compressed beside the workers, which have others to serve.
const GZIP_ASIDE_FROM_BYTES: usize = 32 << 10;

/// For how long an answer serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Until a change is seen, or [`AGE_MAX`].
    UntilChanged,
    /// Only for those who asked before it was begun to be made.
    WhileAsked,
}

/// The kept answers.
#[derive(Debug, Default)]
pub(crate) struct SharedAnswers {
    /// Never held across an await.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_question: HashMap<String, Place>,
    bytes: usize,
}

/// Where the answer to a question is kept, what it weighs, and since when.
#[derive(Debug)]
struct Place {
    slot: Arc<Slot>,
    bytes: usize,
    since: Instant,
}

/// The last outcome, held while another is made: so one request asks for all, and if its client goes away the next does.
type Slot = tokio::sync::Mutex<Option<Made>>;

/// An outcome, and what tells whether it still serves.
#[derive(Debug, Clone)]
struct Made {
    outcome: Outcome,
    began: Instant,
    took: Duration,
    version: u64,
}

#[derive(Debug, Clone)]
enum Outcome {
    Answered(Arc<Answer>),
    /// Never kept: it serves only those who were waiting for it.
    Refused(Problem),
}

#[derive(Debug)]
struct Answer {
    headers: HeaderMap,
    body: Bytes,
    gzip: OnceCell<Bytes>,
}

/// Middleware of a read: answers are kept until something changes.
///
/// # Errors
/// As the read.
pub(crate) async fn keep(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    share(Keep::UntilChanged, request, next).await
}

/// Middleware of a read that tells of what no commit announces: those who ask at once share, nothing is kept.
///
/// # Errors
/// As the read.
pub(crate) async fn join(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    share(Keep::WhileAsked, request, next).await
}

async fn share(
    keep: Keep,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let front = request.app_data::<web::Data<Front>>().cloned();
    let gzip_wanted = accepts_gzip(&request);
    let asks = matches!(*request.method(), Method::GET | Method::HEAD);
    let Some(front) = front.filter(|_| asks) else { return Ok(next.call(request).await?.map_into_boxed_body()) };
    let keep = if wants_new(&request) { Keep::WhileAsked } else { keep };
    let arrived = Instant::now();
    let question = request.uri().to_string();
    let slot = front.shared_answers.slot(&question);
    let Ok(mut last) = timeout(WAIT_MAX, slot.lock()).await else {
        let waited = format!("the same question has been under way for {} s; ask again", WAIT_MAX.as_secs());
        return Ok(refused(request, Problem::new(Kind::DatabaseUnavailable, waited)));
    };
    let shared = last.as_ref().filter(|made| made.serves(keep, arrived, front.changes.version()));
    if let Some(outcome) = shared.map(|made| made.outcome.clone()) {
        drop(last);
        front.metrics.shared();
        return match outcome {
            Outcome::Answered(answer) => {
                let response = answer.response(&front, &question, gzip_wanted).await;
                Ok(request.into_response(response))
            }
            Outcome::Refused(problem) => Ok(refused(request, problem)),
        };
    }
    let (began, version) = (Instant::now(), front.changes.version());
    let made = next.call(request).await?;
    settle(&front, &question, &mut last, (began, version), made, gzip_wanted).await
}

/// Keeps what the handler made, where it can be kept, and answers with it.
async fn settle(
    front: &Front,
    question: &str,
    last: &mut MutexGuard<'_, Option<Made>>,
    (began, version): (Instant, u64),
    made: ServiceResponse<impl MessageBody + 'static>,
    gzip_wanted: bool,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let (request, response) = made.into_parts();
    let outcome = |outcome| Some(Made { outcome, began, took: began.elapsed(), version });
    if let Some(problem) = response.error().and_then(|error| error.as_error::<Problem>()) {
        **last = outcome(Outcome::Refused(problem.clone()));
        return Ok(ServiceResponse::new(request, response.map_into_boxed_body()));
    }
    **last = None;
    let (head, body) = response.into_parts();
    let body = match body.try_into_bytes() {
        // A cookie is for one client alone.
        Ok(body) if head.status() == StatusCode::OK && !head.headers().contains_key(header::SET_COOKIE) => body,
        Ok(body) => return Ok(ServiceResponse::new(request, head.set_body(body).map_into_boxed_body())),
        Err(stream) => return Ok(ServiceResponse::new(request, head.set_body(stream).map_into_boxed_body())),
    };
    let answer = Arc::new(Answer { headers: head.headers().clone(), body, gzip: OnceCell::new() });
    **last = outcome(Outcome::Answered(Arc::clone(&answer)));
    front.shared_answers.weigh(question, &answer);
    let response = answer.response(front, question, gzip_wanted).await;
    Ok(ServiceResponse::new(request, response))
}

fn refused(request: ServiceRequest, problem: Problem) -> ServiceResponse<BoxBody> {
    request.into_response(HttpResponse::from_error(problem))
}

impl Made {
    /// Whether this outcome is good for who asked at `arrived`, now that `version` is the last change seen.
    fn serves(&self, keep: Keep, arrived: Instant, version: u64) -> bool {
        if self.began >= arrived {
            return true;
        }
        let kept = matches!(self.outcome, Outcome::Answered(_)) && keep == Keep::UntilChanged;
        let age = self.began.elapsed();
        let rest = (self.took * REST_FACTOR).min(REST_MAX);
        kept && (age < rest || (age < AGE_MAX && self.version == version))
    }
}

impl Answer {
    /// The answer as a client gets it, whoever asked first.
    async fn response(&self, front: &Front, question: &str, gzip_wanted: bool) -> HttpResponse {
        let mut response = HttpResponse::Ok();
        for (name, value) in &self.headers {
            response.append_header((name.clone(), value.clone()));
        }
        if self.body.len() < GZIP_FROM_BYTES {
            return response.body(self.body.clone());
        }
        response.append_header((header::VARY, HeaderValue::from_static("accept-encoding")));
        let Some(gzip) = (if gzip_wanted { self.gzip().await } else { None }) else {
            return response.body(self.body.clone());
        };
        front.shared_answers.weigh(question, self);
        response.insert_header((header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))).body(gzip)
    }

    /// The body compressed, once for all.
    async fn gzip(&self) -> Option<Bytes> {
        let body = self.body.clone();
        let compressed = self.gzip.get_or_try_init(|| async {
            if body.len() < GZIP_ASIDE_FROM_BYTES {
                return gzip(&body).ok_or(());
            }
            tokio::task::spawn_blocking(move || gzip(&body)).await.ok().flatten().ok_or(())
        });
        compressed.await.ok().cloned()
    }

    fn bytes(&self) -> usize {
        self.body.len() + self.gzip.get().map_or(0, Bytes::len)
    }
}

fn gzip(body: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::default());
    encoder.write_all(body).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Whether the client wants no kept answer (`Cache-Control: no-cache`): it may have seen a commit that we have not.
fn wants_new(request: &ServiceRequest) -> bool {
    let said = request.headers().get_all(header::CACHE_CONTROL).filter_map(|value| value.to_str().ok());
    said.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case("no-cache"))
}

/// Who says nothing of encodings gets none.
fn accepts_gzip(request: &ServiceRequest) -> bool {
    let supported = [Encoding::gzip(), Encoding::identity()];
    let chosen = AcceptEncoding::parse(request).ok().and_then(|listed| listed.negotiate(supported.iter()));
    chosen == Some(Encoding::gzip())
}

impl SharedAnswers {
    /// The place of a question, made if it is not there.
    fn slot(&self, question: &str) -> Arc<Slot> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = kept.by_question.get(question) {
            return Arc::clone(&place.slot);
        }
        kept.forget_old();
        while kept.by_question.len() >= QUESTIONS_MAX && kept.forget_oldest() {}
        let place = Place { slot: Arc::default(), bytes: question.len(), since: Instant::now() };
        let slot = Arc::clone(&place.slot);
        kept.bytes += place.bytes;
        kept.by_question.insert(question.to_owned(), place);
        slot
    }

    /// Notes what an answer weighs now, and forgets others until there is room.
    fn weigh(&self, question: &str, answer: &Answer) {
        let kept = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = kept.by_question.get_mut(question) else { return };
        let bytes = question.len() + answer.bytes();
        kept.bytes = kept.bytes - place.bytes + bytes;
        place.bytes = bytes;
        place.since = Instant::now();
        while kept.bytes > BYTES_MAX && kept.forget_oldest() {}
    }
}

impl Kept {
    /// Forgets answers that serve nobody any more. What is being made is held by those who wait for it.
    fn forget_old(&mut self) {
        let before = self.by_question.len();
        self.by_question.retain(|_, place| place.since.elapsed() < REST_MAX || Arc::strong_count(&place.slot) > 1);
        if self.by_question.len() < before {
            self.bytes = self.by_question.values().map(|place| place.bytes).sum();
        }
    }

    /// Forgets the answer that was made longest ago; whether there was one.
    fn forget_oldest(&mut self) -> bool {
        let oldest = self.by_question.iter().min_by_key(|(_, place)| place.since).map(|(question, _)| question.clone());
        let forgotten = oldest.and_then(|question| self.by_question.remove(&question));
        self.bytes -= forgotten.as_ref().map_or(0, |place| place.bytes);
        forgotten.is_some()
    }
}

#[cfg(test)]
#[path = "shared_answers_tests.rs"]
mod tests;
