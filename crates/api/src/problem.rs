//! Everything that is not a success, as RFC 9457 `application/problem+json`: all status codes of refusals stand here.

use std::fmt;

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

use crate::ingest::{Encoded, Rejections};

/// What went wrong: each kind has its own `type`, status and title, and says whether to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// The request itself is not HTTP that we understand.
    BadRequest,
    /// The body is not the JSON or UTF-8 it says it is.
    MalformedBody,
    /// The body cannot be decompressed.
    DamagedEncoding,
    /// The `Idempotency-Key` header is not 1–255 visible ASCII characters.
    InvalidIdempotencyKey,
    /// A query or path parameter is unknown or wrong.
    InvalidParameter,
    /// A form that was on a page of another site.
    CrossSite,
    /// No such route.
    NotFound,
    /// No such poll.
    UnknownPoll,
    /// No such endpoint.
    UnknownEndpoint,
    /// No such report.
    UnknownReport,
    /// The route exists, but not for this method.
    MethodNotAllowed,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is larger than 8 MB, before or after decompression.
    BodyTooLarge,
    /// More than 10,000 events.
    TooManyEvents,
    /// The events pack into more than one log entry may hold.
    EntryTooLarge,
    /// `Content-Type` names something that is not JSON or NDJSON.
    UnsupportedMediaType,
    /// `Content-Encoding` names something else than gzip, zstd or identity.
    UnsupportedEncoding,
    /// No event of the request is acceptable.
    NothingAcceptable,
    /// A field of a vote or a poll is missing or wrong.
    InvalidField,
    /// The same `Idempotency-Key` came with another body.
    KeyReused,
    /// The consumers are too far behind.
    BacklogFull,
    /// A shard has not been opened yet.
    LogNotOpen,
    /// Redis does not answer; nothing was appended.
    RedisUnavailable,
    /// Redis gave no definite answer; the request may or may not have been appended.
    OutcomeUnknown,
    /// There is no room to remember another `Idempotency-Key`.
    DedupeFull,
    /// Our own queue towards Redis is full.
    Overloaded,
    /// PostgreSQL, or its schema, is not there.
    DatabaseUnavailable,
    /// Not every shard can be appended to yet.
    NotReady,
    /// No directory is set to keep reports in.
    ReportsNotKept,
    /// As many reports are kept as may be.
    ReportsFull,
    /// The directory of reports cannot be used.
    ReportsUnwritable,
    /// A fault of ours; the log tells more.
    Internal,
}

/// Seconds a client is asked to wait before it repeats a request that met a passing trouble.
const RETRY_AFTER_SECONDS: u32 = 1;
/// Seconds to wait where trouble passes slowly: a backlog to be worked off, identities to expire.
const RETRY_AFTER_SLOW_SECONDS: u32 = 5;

impl Kind {
    /// Last part of the `type`, and the label of metrics.
    #[must_use]
    pub(crate) const fn slug(self) -> &'static str {
        self.row().0
    }

    /// Status of the answer.
    #[must_use]
    pub(crate) fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().1).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Title: the same for every occurrence.
    #[must_use]
    pub(crate) const fn title(self) -> &'static str {
        self.row().2
    }

    const fn row(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::BadRequest => ("bad-request", 400, "The request cannot be understood"),
            Self::MalformedBody => ("malformed-body", 400, "The body cannot be parsed"),
            Self::DamagedEncoding => ("damaged-encoding", 400, "The body cannot be decompressed"),
            Self::InvalidIdempotencyKey => ("invalid-idempotency-key", 400, "The Idempotency-Key is not valid"),
            Self::InvalidParameter => ("invalid-parameter", 400, "A parameter is not valid"),
            Self::CrossSite => ("cross-site", 403, "The form was on another site"),
            Self::NotFound => ("not-found", 404, "There is nothing here"),
            Self::UnknownPoll => ("no-such-poll", 404, "There is no such poll"),
            Self::UnknownEndpoint => ("no-such-endpoint", 404, "There is no such endpoint"),
            Self::UnknownReport => ("no-such-report", 404, "There is no such report"),
            Self::MethodNotAllowed => ("method-not-allowed", 405, "This method is not allowed here"),
            Self::BodyTimeout => ("body-timeout", 408, "The body did not arrive in time"),
            Self::BodyTooLarge => ("body-too-large", 413, "The body is too large"),
            Self::TooManyEvents => ("too-many-events", 413, "There are too many events in one request"),
            Self::EntryTooLarge => ("entry-too-large", 413, "The events pack into too much"),
            Self::UnsupportedMediaType => ("unsupported-media-type", 415, "This content type is not supported"),
            Self::UnsupportedEncoding => ("unsupported-encoding", 415, "This content encoding is not supported"),
            Self::NothingAcceptable => ("nothing-acceptable", 422, "No event is acceptable"),
            Self::InvalidField => ("invalid-field", 422, "A field is not valid"),
            Self::KeyReused => ("idempotency-key-reused", 422, "The Idempotency-Key was used for another body"),
            Self::BacklogFull => ("backlog-full", 503, "The backlog is full"),
            Self::LogNotOpen => ("log-not-open", 503, "The log is not open"),
            Self::RedisUnavailable => ("redis-unavailable", 503, "Redis is not available"),
            Self::OutcomeUnknown => ("outcome-unknown", 503, "The outcome is not known"),
            Self::DedupeFull => ("dedupe-full", 503, "No more Idempotency-Keys can be remembered"),
            Self::Overloaded => ("overloaded", 503, "Too much is under way"),
            Self::DatabaseUnavailable => ("database-unavailable", 503, "PostgreSQL is not available"),
            Self::NotReady => ("not-ready", 503, "Not ready to accept events"),
            Self::ReportsNotKept => ("reports-not-kept", 501, "No reports are kept here"),
            Self::ReportsFull => ("reports-full", 507, "There is no room for another report"),
            Self::ReportsUnwritable => ("reports-not-writable", 507, "The directory of reports cannot be used"),
            Self::Internal => ("internal", 500, "Something went wrong here"),
        }
    }

    const fn retry_after_seconds(self) -> Option<u32> {
        match self {
            Self::BacklogFull | Self::DedupeFull => Some(RETRY_AFTER_SLOW_SECONDS),
            _ if self.row().1 == 503 => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }
}

/// A refusal as the client sees it. What only operators should read goes to the log instead.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    kind: Kind,
    /// Boxed, so that a `Result` costs little where all goes well.
    told: Box<Told>,
}

#[derive(Debug, Clone, Default)]
struct Told {
    detail: String,
    field: Option<String>,
    allowed: Vec<String>,
    rejections: Option<Rejections>,
    allow_header: Option<String>,
    close: bool,
    status_in: Option<Encoded>,
}

impl Problem {
    /// A problem with a sentence for this occurrence.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, told: Box::new(Told { detail: detail.into(), ..Told::default() }) }
    }

    /// A query or path parameter that is not what was expected.
    pub(crate) fn parameter(name: &str, expected: impl fmt::Display) -> Self {
        Self::new(Kind::InvalidParameter, format!("{name}: {expected}")).on(name)
    }

    /// A field of the body that is not what was expected.
    pub(crate) fn field(name: &str, expected: impl fmt::Display) -> Self {
        Self::new(Kind::InvalidField, format!("{name}: {expected}")).on(name)
    }

    /// Names the field, header or parameter to blame.
    #[must_use]
    pub(crate) fn on(mut self, field: &str) -> Self {
        self.told.field = Some(field.to_owned());
        self
    }

    /// Lists what would have been accepted.
    #[must_use]
    pub(crate) fn allowing(mut self, allowed: impl IntoIterator<Item = String>) -> Self {
        self.told.allowed = allowed.into_iter().collect();
        self
    }

    /// Adds the verdicts on the events.
    #[must_use]
    pub(crate) fn rejecting(mut self, rejections: Rejections) -> Self {
        self.told.rejections = Some(rejections);
        self
    }

    /// Closes the connection after the answer: the rest of the body was not read.
    #[must_use]
    pub(crate) fn closing(mut self) -> Self {
        self.told.close = true;
        self
    }

    /// Says it to an OpenTelemetry exporter: the body is a `google.rpc.Status`, encoded as the request was.
    #[must_use]
    pub(crate) fn told_as_status(mut self, encoded: Encoded) -> Self {
        self.told.status_in = Some(encoded);
        self
    }

    /// 405 with the methods that the route has.
    #[must_use]
    pub(crate) fn method_not_allowed(method: &Method, allowed: &[Method]) -> Self {
        let names: Vec<&str> = allowed.iter().map(Method::as_str).collect();
        let names = names.join(", ");
        let mut problem = Self::new(Kind::MethodNotAllowed, format!("{method} is not allowed here; allowed: {names}"));
        problem.told.allow_header = Some(names);
        problem
    }

    /// What kind of problem it is.
    #[must_use]
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told.detail)
    }
}

impl std::error::Error for Problem {}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allowed: &'a [String],
    #[serde(flatten)]
    rejections: Option<&'a Rejections>,
}

impl Problem {
    /// Content type and body of the answer.
    fn said(&self) -> (&'static str, Vec<u8>) {
        if let Some(encoded) = self.told.status_in {
            let invalid = self.kind.status() == StatusCode::BAD_REQUEST;
            let violated = invalid.then(|| self.told.field.as_deref().unwrap_or("body"));
            return (encoded.media_type(), encoded.status(&self.told.detail, violated));
        }
        let body = Body {
            r#type: format!("/problems/{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.told.detail,
            field: self.told.field.as_deref(),
            allowed: &self.told.allowed,
            rejections: self.told.rejections.as_ref(),
        };
        ("application/problem+json", serde_json::to_vec(&body).unwrap_or_default())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.kind.status()
    }

    fn error_response(&self) -> HttpResponse {
        let (content_type, body) = self.said();
        let mut answer = HttpResponse::build(self.kind.status());
        answer.insert_header((header::CONTENT_TYPE, content_type));
        if let Some(seconds) = self.kind.retry_after_seconds() {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.kind == Kind::UnsupportedEncoding {
            answer.insert_header((header::ACCEPT_ENCODING, "gzip, zstd, identity"));
        }
        if let Some(allowed) = self.told.allow_header.as_deref().and_then(|names| HeaderValue::from_str(names).ok()) {
            answer.insert_header((header::ALLOW, allowed));
        }
        if self.told.close {
            answer.force_close();
        }
        answer.body(body)
    }
}
