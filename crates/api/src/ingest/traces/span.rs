//! From a span to an event: which spans are counted, as what, and why one is not.
//!
//! Names of attributes are those of OpenTelemetry's semantic conventions for HTTP, the stable ones and those before them.

use std::borrow::Cow;

use tally_model::{DURATION_US_MAX, FieldError, Method, REQUEST_EVENTS_MAX, RouteTemplate, Service, route_of_target};

use crate::ingest::parse::Judged;
use crate::ingest::traces::wire::Malformed;
use crate::ingest::verdict::{Fault, Rejection, Rules};

/// `SPAN_KIND_SERVER`.
pub(super) const SERVER: u64 = 2;
/// `STATUS_CODE_ERROR`.
pub(super) const ERROR: u64 = 2;
/// Service of a resource that does not name itself, as SDKs call it too.
const UNKNOWN_SERVICE: &str = "unknown_service";
/// Where the time comes from.
const END_TIME: &str = "end_time_unix_nano";

/// An export that cannot be judged span by span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// Not what it says it is.
    #[error("the body is no ExportTraceServiceRequest: {0}")]
    Malformed(String),
    /// More requests than one export may have.
    #[error("more than {REQUEST_EVENTS_MAX} HTTP server spans in one export; send them in several")]
    TooMany,
}

impl From<Malformed> for Unreadable {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.to_string())
    }
}

/// The attributes that are read; all others are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    ServiceName,
    RequestMethod,
    Method,
    Route,
    UrlPath,
    Target,
    Url,
    ResponseStatusCode,
    StatusCode,
}

impl Attribute {
    const ALL: [Self; 9] = [
        Self::ServiceName,
        Self::RequestMethod,
        Self::Method,
        Self::Route,
        Self::UrlPath,
        Self::Target,
        Self::Url,
        Self::ResponseStatusCode,
        Self::StatusCode,
    ];
    /// Those that make a server span one of HTTP.
    const HTTP: &[Self] = Self::ALL.split_at(1).1;

    const fn name(self) -> &'static str {
        match self {
            Self::ServiceName => "service.name",
            Self::RequestMethod => "http.request.method",
            Self::Method => "http.method",
            Self::Route => "http.route",
            Self::UrlPath => "url.path",
            Self::Target => "http.target",
            Self::Url => "http.url",
            Self::ResponseStatusCode => "http.response.status_code",
            Self::StatusCode => "http.status_code",
        }
    }
}

/// An attribute's value as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AttributeValue<'a> {
    Text(Cow<'a, str>),
    Integer(i64),
    /// Of a kind that no attribute which is read has.
    Other,
}

/// Attributes of a span or a resource. Of two with one name, which there must not be, the last holds.
#[derive(Debug, Default)]
pub(super) struct Attributes<'a> {
    values: [Option<AttributeValue<'a>>; Attribute::ALL.len()],
}

impl<'a> Attributes<'a> {
    /// Keeps the attribute if it is one that is read.
    pub(super) fn set(&mut self, name: &str, value: AttributeValue<'a>) {
        if let Some(attribute) = Attribute::ALL.into_iter().find(|attribute| attribute.name() == name) {
            self.values[attribute as usize] = Some(value);
        }
    }

    /// The first of these that is there; an empty text is not.
    fn first(&self, attributes: &[Attribute]) -> Option<(Attribute, &AttributeValue<'a>)> {
        attributes.iter().find_map(|attribute| match self.values[*attribute as usize].as_ref() {
            None => None,
            Some(AttributeValue::Text(text)) if text.is_empty() => None,
            Some(value) => Some((*attribute, value)),
        })
    }

    fn first_text(&self, attributes: &[Attribute]) -> Result<Option<(Attribute, &str)>, Fault> {
        match self.first(attributes) {
            None => Ok(None),
            Some((attribute, AttributeValue::Text(text))) => Ok(Some((attribute, text))),
            Some((attribute, _)) => Err(fault(attribute, "expected a string")),
        }
    }
}

/// What is read of a span.
#[derive(Debug, Default)]
pub(super) struct Span<'a> {
    pub(super) kind: u64,
    /// Since the Unix epoch; 0 if it is not said.
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) status_code: u64,
    pub(super) attributes: Attributes<'a>,
}

impl Span<'_> {
    fn is_http_server(&self) -> bool {
        self.kind == SERVER && self.attributes.first(Attribute::HTTP).is_some()
    }

    fn method(&self) -> Result<&str, Fault> {
        let found = self.attributes.first_text(&[Attribute::RequestMethod, Attribute::Method])?;
        let Some((attribute, text)) = found else { return Err(fault(Attribute::RequestMethod, "missing")) };
        Method::parse(text).map(Method::as_str).map_err(|error| of_model(attribute, error))
    }

    /// The template as it was sent, with the slash that some frameworks leave out; or what was asked for, with the ids
    /// folded.
    fn route(&self, method: &str) -> Result<Cow<'_, str>, Fault> {
        if let Some((attribute, text)) = self.attributes.first_text(&[Attribute::Route])? {
            let rooted = text.starts_with('/') || text == "*";
            let route = if rooted { Cow::Borrowed(text) } else { Cow::Owned(format!("/{text}")) };
            RouteTemplate::parse(&route).map_err(|error| of_model(attribute, error))?;
            return Ok(route);
        }
        let found = self.attributes.first_text(&[Attribute::UrlPath, Attribute::Target, Attribute::Url])?;
        let Some((_, target)) = found else {
            return Err(fault(Attribute::Route, "missing, and none of url.path, http.target and http.url is there"));
        };
        Ok(route_of_target(method, target.as_bytes(), false))
    }

    /// A span without one sent no response, or its framework does not say: then the span's own status decides.
    fn status(&self) -> Result<u16, Fault> {
        let found = self.attributes.first(&[Attribute::ResponseStatusCode, Attribute::StatusCode]);
        let Some((attribute, value)) = found else {
            return Ok(if self.status_code == ERROR { 500 } else { 200 });
        };
        let status = match value {
            AttributeValue::Integer(status) => u16::try_from(*status).ok(),
            AttributeValue::Text(text) => text.parse().ok(),
            AttributeValue::Other => None,
        };
        let status = status.filter(|status| (100..=599).contains(status));
        status.ok_or_else(|| fault(attribute, "expected an integer from 100 to 599"))
    }

    fn time_ms(&self, rules: Rules) -> Result<i64, Fault> {
        if self.end_ns == 0 {
            return Err((Some(END_TIME), "missing".into()));
        }
        let time_ms = i64::try_from(self.end_ns / 1_000_000).unwrap_or(i64::MAX);
        rules.admit(time_ms).map_err(|reason| (Some(END_TIME), reason))
    }

    /// `None` where the span's times make no duration that an event may have: the request is counted all the same.
    fn duration_us(&self) -> Option<u64> {
        let ns = (self.start_ns > 0).then(|| self.end_ns.checked_sub(self.start_ns)).flatten()?;
        let us = ns.saturating_add(500) / 1_000;
        (us <= DURATION_US_MAX).then_some(us)
    }
}

/// The spans of an export: the requests among them, judged.
#[derive(Debug)]
pub(super) struct Spans {
    rules: Rules,
    /// The HTTP server spans.
    pub(super) judged: Judged,
    /// How many others there were.
    pub(super) passed_over: u64,
    /// Whether there were more than may be.
    pub(super) too_many: bool,
}

impl Spans {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, judged: Judged::default(), passed_over: 0, too_many: false }
    }

    /// Whether there was none that is, or should have been, counted.
    pub(super) fn are_none(&self) -> bool {
        self.judged.accepted.is_empty() && self.judged.rejections.count() == 0
    }

    /// Judges one span of a resource.
    ///
    /// # Errors
    /// [`Unreadable::TooMany`].
    pub(super) fn judge(&mut self, resource: &Attributes<'_>, span: &Span<'_>) -> Result<(), Unreadable> {
        if !span.is_http_server() {
            self.passed_over += 1;
            return Ok(());
        }
        self.admit_one()?;
        if let Err(fault) = self.accept(resource, span) {
            self.reject(fault);
        }
        Ok(())
    }

    /// Sets aside a span that cannot be read.
    ///
    /// # Errors
    /// [`Unreadable::TooMany`].
    pub(super) fn judge_unreadable(&mut self, reason: String) -> Result<(), Unreadable> {
        self.admit_one()?;
        self.reject((None, reason.into()));
        Ok(())
    }

    fn admit_one(&mut self) -> Result<(), Unreadable> {
        self.too_many = self.len() >= REQUEST_EVENTS_MAX;
        if self.too_many { Err(Unreadable::TooMany) } else { Ok(()) }
    }

    fn accept(&mut self, resource: &Attributes<'_>, span: &Span<'_>) -> Result<(), Fault> {
        let service = service(resource)?;
        let method = span.method()?;
        let route = span.route(method)?;
        let event = (span.status()?, span.time_ms(self.rules)?, span.duration_us());
        self.judged.accepted.push(service, method, &route, event);
        Ok(())
    }

    fn reject(&mut self, (field, reason): Fault) {
        let index = self.len();
        self.judged.rejections.push(Rejection { index, field, reason });
    }

    fn len(&self) -> usize {
        self.judged.accepted.len() + self.judged.rejections.count()
    }
}

fn service<'r>(resource: &'r Attributes<'_>) -> Result<&'r str, Fault> {
    let named = resource.first_text(&[Attribute::ServiceName])?.map_or(UNKNOWN_SERVICE, |(_, name)| name);
    Service::parse(named).map(Service::as_str).map_err(|error| of_model(Attribute::ServiceName, error))
}

fn fault(attribute: Attribute, reason: &'static str) -> Fault {
    (Some(attribute.name()), reason.into())
}

fn of_model(attribute: Attribute, error: FieldError) -> Fault {
    fault(attribute, error.reason)
}
