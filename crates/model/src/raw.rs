//! A payload as it lies in the log: what it names is not checked, and not owned.

use crate::endpoint::EndpointName;
use crate::event::{EventBlock, EventRow, Payload};
use crate::name::{FieldError, Method, Service};
use crate::route::RouteTemplate;
use crate::vote::Vote;

/// The three texts of an endpoint as bytes; it takes a look at each to know that they are text, and another that they are
/// valid, which whoever has seen the same bytes before may save.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawEndpoint<'a> {
    /// Route template.
    pub route: &'a [u8],
    /// Name of the service.
    pub service: &'a [u8],
    /// Method.
    pub method: &'a [u8],
}

impl<'a> RawEndpoint<'a> {
    pub(crate) fn of(name: &'a EndpointName) -> Self {
        let [service, method, route] = name.bytes();
        Self { route, service, method }
    }

    /// The endpoint's name, if its texts are valid.
    ///
    /// # Errors
    /// [`FieldError`] on the first text that is not.
    pub fn parse(&self) -> Result<EndpointName, FieldError> {
        let service = Service::parse(text("service", self.service)?)?;
        let method = Method::parse(text("method", self.method)?)?;
        let route = RouteTemplate::parse(text("route", self.route)?)?;
        Ok(EndpointName::new(service.as_str(), method.as_str(), route.as_str()))
    }
}

fn text<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str, FieldError> {
    std::str::from_utf8(bytes).map_err(|_| FieldError::new(field, "expected UTF-8"))
}

/// Events as [`EventBlock`] has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawBlock<'a> {
    endpoints: Vec<RawEndpoint<'a>>,
    rows: &'a [EventRow],
}

impl<'a> RawBlock<'a> {
    /// `None`, if the endpoint of a row is not among `endpoints`.
    #[must_use]
    pub fn new(endpoints: Vec<RawEndpoint<'a>>, rows: &'a [EventRow]) -> Option<Self> {
        let last = rows.iter().map(|row| row.endpoint as usize).max();
        last.is_none_or(|last| last < endpoints.len()).then_some(Self { endpoints, rows })
    }

    /// The dictionary.
    #[must_use]
    pub fn endpoints(&self) -> &[RawEndpoint<'a>] {
        &self.endpoints
    }

    /// The events, in the order they were sent.
    #[must_use]
    pub fn rows(&self) -> &'a [EventRow] {
        self.rows
    }

    fn parse(&self) -> Result<EventBlock, FieldError> {
        let mut block = EventBlock::new();
        let names = self.endpoints.iter().map(RawEndpoint::parse).collect::<Result<Vec<_>, _>>()?;
        let places: Vec<u32> = names.iter().map(|e| block.intern(e.service(), e.method(), e.route())).collect();
        for row in self.rows {
            // The place is one that the block gave out.
            let _ = block.push_row(EventRow { endpoint: places[row.endpoint as usize], ..*row });
        }
        Ok(block)
    }
}

/// What one log entry carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawPayload<'a> {
    /// Request events.
    Events(RawBlock<'a>),
    /// Votes, in the order they were accepted.
    Votes(Vec<Vote>),
}

impl RawPayload<'_> {
    /// Number of events (a vote is an event).
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Events(block) => block.rows.len(),
            Self::Votes(votes) => votes.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload, owned, if its names are valid.
    ///
    /// # Errors
    /// [`FieldError`] on the first text that is not.
    pub fn parse(self) -> Result<Payload, FieldError> {
        Ok(match self {
            Self::Events(block) => Payload::Events(block.parse()?),
            Self::Votes(votes) => Payload::Votes(votes),
        })
    }
}
