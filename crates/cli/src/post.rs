//! Posting: one body, one key, repeated unchanged until the API has answered.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;

use crate::error::{Error, chain};

/// Longest wait for a connection, in seconds.
const CONNECT_SECONDS: u64 = 5;
/// Longest wait for an answer, in seconds; the API gives up on Redis well before.
const ANSWER_SECONDS: u64 = 60;
/// First wait after a failure, in milliseconds; doubled up to [`BACKOFF_MS_MAX`].
const BACKOFF_MS_MIN: u64 = 100;
/// Longest wait between two attempts when the API names none, in milliseconds.
const BACKOFF_MS_MAX: u64 = 5_000;
/// Longest answer that is read, in bytes: 10,000 verdicts fit.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Smallest body worth compressing, in bytes.
const COMPRESS_BYTES_MIN: usize = 1_024;
/// zstd's fastest regular level: a network is slower than it.
const COMPRESS_LEVEL: i32 = 1;
/// Longest detail of an error answer that is shown, in characters.
const DETAIL_CHARS_MAX: usize = 300;

/// A verdict of the API on one event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Rejection {
    /// The event's place in the body, from 0.
    pub(crate) index: usize,
    /// The field at fault.
    #[serde(default)]
    pub(crate) field: String,
    /// What was expected.
    #[serde(default)]
    pub(crate) reason: String,
}

/// What the API said about a body that it understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Durable: `accepted` events, counted by this post or, when `duplicate`, by an earlier one.
    Accepted { accepted: u64, rejected: Vec<Rejection>, duplicate: bool },
    /// No event was acceptable.
    NothingAcceptable(Vec<Rejection>),
    /// To be cut in two.
    TooLarge(String),
}

#[derive(Deserialize)]
struct AcceptedBody {
    accepted: u64,
    #[serde(default)]
    rejected: Vec<Rejection>,
    #[serde(default)]
    duplicate: bool,
}

/// RFC 9457, as far as it is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    title: String,
    detail: String,
    rejected: Option<Vec<Rejection>>,
}

/// Where a body is posted to; the shapes of the answers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Events,
    Votes,
}

/// One attempt: an answer, or the reason to try again.
enum Attempt {
    Answered(Answer),
    Away { reason: String, retry_after: Option<Duration> },
}

/// Told before each wait: why, and how long the API may still stay away.
pub(crate) type OnWait = Box<dyn Fn(&str, Duration) + Send + Sync>;

/// Posts to one Tally.
pub(crate) struct Poster {
    client: Client,
    base: Url,
    retry_for: Duration,
    compress: bool,
    last_success: Mutex<Option<Instant>>,
    on_wait: OnWait,
}

impl Poster {
    /// A poster to the API at `base`, which gives up when nothing got through for `retry_for`.
    ///
    /// # Errors
    /// [`Error::Internal`] when no HTTP client can be made.
    pub(crate) fn new(base: Url, retry_for: Duration, on_wait: OnWait) -> Result<Self, Error> {
        let client = client(&base, Duration::from_secs(ANSWER_SECONDS))?;
        let compress = !is_loopback(&base);
        Ok(Self { client, base, retry_for, compress, last_success: Mutex::new(None), on_wait })
    }

    /// Posts NDJSON events, repeating the same bytes under the same `key` while the API is away.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when `retry_for` has run out, [`Error::Refused`] when repeating is no use.
    pub(crate) async fn post_events(&self, key: &str, body: &Bytes) -> Result<Answer, Error> {
        let packed = self.packed(body)?;
        let send = || {
            let (content, encoding) = packed.clone();
            let request = self.client.post(self.url("v1/events")).header(CONTENT_TYPE, "application/x-ndjson");
            let request = encoding.into_iter().fold(request, |r, encoding| r.header(CONTENT_ENCODING, encoding));
            request.header("idempotency-key", key).body(content)
        };
        self.until_answered(Door::Events, send).await
    }

    /// Posts one vote, a JSON object.
    ///
    /// # Errors
    /// As [`post_events`](Self::post_events).
    pub(crate) async fn post_vote(&self, key: &str, vote: &serde_json::Value) -> Result<(), Error> {
        let send = || self.client.post(self.url("api/vote")).header("idempotency-key", key).json(vote);
        self.until_answered(Door::Votes, send).await.map(|_| ())
    }

    async fn until_answered(&self, door: Door, send: impl Fn() -> reqwest::RequestBuilder) -> Result<Answer, Error> {
        let began = Instant::now();
        let mut backoff = Duration::from_millis(BACKOFF_MS_MIN);
        loop {
            let (reason, retry_after) = match self.attempt(door, send()).await? {
                Attempt::Answered(answer) => {
                    *self.last_success.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                    return Ok(answer);
                }
                Attempt::Away { reason, retry_after } => (reason, retry_after),
            };
            let last_success = *self.last_success.lock().unwrap_or_else(PoisonError::into_inner);
            let tried_for = last_success.map_or(began, |at| at.max(began)).elapsed();
            let left = self.retry_for.saturating_sub(tried_for);
            if left.is_zero() {
                return Err(Error::Unreachable { url: self.base.to_string(), reason, tried_for });
            }
            (self.on_wait)(&reason, left);
            tokio::time::sleep(retry_after.unwrap_or(backoff).min(left)).await;
            backoff = (backoff * 2).min(Duration::from_millis(BACKOFF_MS_MAX));
        }
    }

    async fn attempt(&self, door: Door, request: reqwest::RequestBuilder) -> Result<Attempt, Error> {
        let away = |error: reqwest::Error| Attempt::Away { reason: failure(&error), retry_after: None };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Ok(away(error)),
        };
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        match read_answer(response).await {
            Ok(content) => self.judge(door, status, &headers, &content),
            Err(error) => Ok(away(error)),
        }
    }

    fn judge(&self, door: Door, status: u16, headers: &HeaderMap, content: &[u8]) -> Result<Attempt, Error> {
        let refused = |detail| Err(Error::Refused { url: self.base.to_string(), status, detail });
        let problem = || serde_json::from_slice::<Problem>(content).unwrap_or_default();
        match status {
            200..=299 if door == Door::Votes => {
                Ok(Attempt::Answered(Answer::Accepted { accepted: 1, rejected: Vec::new(), duplicate: false }))
            }
            202 => match serde_json::from_slice::<AcceptedBody>(content) {
                Ok(AcceptedBody { accepted, rejected, duplicate }) => {
                    Ok(Attempt::Answered(Answer::Accepted { accepted, rejected, duplicate }))
                }
                Err(error) => refused(format!("not an answer of Tally ({error}); is --to its address?")),
            },
            413 => Ok(Attempt::Answered(Answer::TooLarge(detail(&problem(), content)))),
            422 => match problem() {
                Problem { rejected: Some(rejected), .. } if !rejected.is_empty() => {
                    Ok(Attempt::Answered(Answer::NothingAcceptable(rejected)))
                }
                other => refused(detail(&other, content)),
            },
            408 | 425 | 429 | 500 | 502..=504 => Ok(Attempt::Away {
                reason: format!("{status} {}", detail(&problem(), content)).trim_end().to_owned(),
                retry_after: retry_after(headers),
            }),
            300..=399 => refused(redirect_advice(headers)),
            404 | 405 => refused("no POST /v1/events there; is --to the address of Tally's API?".to_owned()),
            _ => refused(detail(&problem(), content)),
        }
    }

    /// The body as it travels: compressed when that is worth it, which it is not to the same machine.
    fn packed(&self, body: &Bytes) -> Result<(Bytes, Option<&'static str>), Error> {
        if !self.compress || body.len() < COMPRESS_BYTES_MIN {
            return Ok((body.clone(), None));
        }
        let packed = zstd::bulk::compress(body, COMPRESS_LEVEL).map_err(|error| Error::Internal(error.to_string()))?;
        Ok((packed.into(), Some("zstd")))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }
}

/// A client for the API at `base` that waits `answer_within` for a whole answer.
///
/// # Errors
/// [`Error::Internal`] when no HTTP client can be made.
pub(crate) fn client(base: &Url, answer_within: Duration) -> Result<Client, Error> {
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .timeout(answer_within)
        .redirect(Policy::none())
        .user_agent(concat!("tally/", env!("CARGO_PKG_VERSION")));
    let client = if is_loopback(base) { client.no_proxy() } else { client };
    client.build().map_err(|error| Error::Internal(chain(&error)))
}

async fn read_answer(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES_MAX - content.len();
        content.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(content)
}

/// The cause without the URL, which the message names already.
pub(crate) fn failure(error: &reqwest::Error) -> String {
    match () {
        () if error.is_timeout() && error.is_connect() => format!("no connection within {CONNECT_SECONDS} s"),
        () if error.is_timeout() => format!("no answer within {ANSWER_SECONDS} s"),
        () => {
            let mut cause: &dyn std::error::Error = error;
            while let Some(next) = cause.source() {
                cause = next;
            }
            cause.to_string()
        }
    }
}

pub(crate) fn detail(problem: &Problem, content: &[u8]) -> String {
    let raw;
    let text = match problem {
        Problem { detail, .. } if !detail.is_empty() => detail,
        Problem { title, .. } if !title.is_empty() => title,
        _ => {
            raw = String::from_utf8_lossy(content);
            raw.trim()
        }
    };
    text.chars().take(DETAIL_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn redirect_advice(headers: &HeaderMap) -> String {
    let location = headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or("another address");
    format!("it redirects to {location}; name the final address with --to")
}

pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poster(base: &str) -> Poster {
        Poster::new(base.parse().unwrap(), Duration::ZERO, Box::new(|_, _| ())).unwrap()
    }

    #[test]
    fn a_base_with_or_without_a_path() {
        for (base, url) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/events"),
            ("http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/events"),
            ("https://example.com/tally/", "https://example.com/tally/v1/events"),
        ] {
            assert_eq!(poster(base).url("v1/events"), url);
        }
    }

    #[test]
    fn bodies_are_compressed_for_other_machines_only() {
        let body = Bytes::from("{\"service\":\"web\"}\n".repeat(200));
        for near in ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost"] {
            assert_eq!(poster(near).packed(&body).unwrap(), (body.clone(), None));
        }
        let far = poster("http://tally.example");
        let (packed, encoding) = far.packed(&body).unwrap();
        assert_eq!((encoding, zstd::decode_all(&packed[..]).unwrap()), (Some("zstd"), body.to_vec()));
        assert_eq!(far.packed(&Bytes::from("short")).unwrap().1, None);
    }

    #[test]
    fn an_answer_that_is_not_tallys_is_refused() {
        for (status, content) in [(202, "<html>"), (200, "{}"), (404, ""), (301, ""), (401, ""), (422, "{}"), (400, "")]
        {
            let judged =
                poster("http://127.0.0.1:1").judge(Door::Events, status, &HeaderMap::new(), content.as_bytes());
            assert!(matches!(judged, Err(Error::Refused { .. })), "{status}");
        }
    }
}
