//! A vote page that cannot be shown, or a vote that cannot be taken: a problem in words for people.

use std::fmt;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use askama::Template;

use crate::pages::assets::{self, Entry};
use crate::pages::{CONTENT_POLICY, REFERRER_POLICY};
use crate::polls::DEFAULT_POLL;
use crate::problem::{Kind, Problem};

/// A problem on its way to a person. The status and what the metrics count are the problem's own.
#[derive(Debug)]
pub(crate) struct Trouble {
    problem: Problem,
    poll: String,
    doing: Doing,
}

/// What the person was about to do.
#[derive(Debug)]
enum Doing {
    /// To look at a form or a result, at this path.
    Looking(String),
    /// To vote; `None` where the form said nothing that could be sent again.
    Voting(Option<Again>),
}

/// A vote that can be sent again as it was: it counts once.
#[derive(Debug, Clone)]
pub(super) struct Again {
    pub(super) poll: String,
    pub(super) option: String,
    pub(super) once: String,
}

impl Trouble {
    /// Nothing can be shown at `path`.
    pub(super) fn looking(problem: Problem, poll: &str, path: &str) -> Self {
        Self { problem, poll: poll.to_owned(), doing: Doing::Looking(path.to_owned()) }
    }

    /// A vote was not taken.
    pub(super) fn voting(problem: Problem, poll: &str, again: Option<Again>) -> Self {
        Self { problem, poll: poll.to_owned(), doing: Doing::Voting(again) }
    }

    /// The problem behind it.
    pub(crate) const fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Heading and sentence.
    fn words(&self) -> (&'static str, &'static str) {
        match (self.problem.kind(), &self.doing) {
            (Kind::UnknownPoll | Kind::InvalidParameter, _) => {
                ("There is no such poll.", "Nobody has made a poll of this name. Nothing was counted.")
            }
            (Kind::InvalidField, _) => ("Nothing was counted.", "Choose one of the options of this poll."),
            (Kind::CrossSite, _) => (
                "This vote came from another site.",
                "Nothing was counted. Votes are taken from the form on this site only, so that nobody else can vote for you.",
            ),
            (Kind::KeyReused, _) => (
                "This form has sent its vote.",
                "That vote stays. This browser keeps no cookie, so it cannot be told whose vote is to be changed.",
            ),
            (_, Doing::Looking(_)) => {
                ("The poll cannot be shown now.", "Votes are kept and nothing is lost. Please try again in a moment.")
            }
            (Kind::OutcomeUnknown, _) => (
                "It is not certain that your vote is in.",
                "Please try again: it counts once, however often it is sent.",
            ),
            (Kind::BacklogFull | Kind::DedupeFull, _) => (
                "Too many votes wait to be counted.",
                "Yours was not taken, and nothing was counted. Please try again in a little while.",
            ),
            (kind, _) if kind.status() == StatusCode::SERVICE_UNAVAILABLE => {
                ("Your vote could not be taken.", "Nothing was counted. Please try again in a moment.")
            }
            _ => ("The form cannot be read.", "Nothing was counted. Please go back to the form and try again."),
        }
    }

    /// Where to go from here.
    fn back(&self) -> (String, &'static str) {
        match (&self.doing, self.problem.kind()) {
            (_, Kind::UnknownPoll | Kind::InvalidParameter) => ("/vote".to_owned(), "Vote in the poll that is there"),
            (Doing::Looking(path), _) => (path.clone(), "Try again"),
            (Doing::Voting(_), Kind::KeyReused) => (format!("/vote/{}/result", self.poll), "See the result"),
            (Doing::Voting(_), _) => (format!("/vote/{}", self.poll), "Back to the form"),
        }
    }

    /// Only what may pass by itself is worth the same request.
    fn again(&self) -> Option<&Again> {
        match &self.doing {
            Doing::Voting(again) if self.problem.kind().status() == StatusCode::SERVICE_UNAVAILABLE => again.as_ref(),
            Doing::Voting(_) | Doing::Looking(_) => None,
        }
    }
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct Page<'a> {
    entry: &'static Entry,
    heading: &'a str,
    sentence: &'a str,
    again: Option<&'a Again>,
    back: &'a str,
    back_label: &'a str,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for Trouble {}

impl ResponseError for Trouble {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let (heading, sentence) = self.words();
        let (back, back_label) = self.back();
        let page =
            Page { entry: assets::vote_entry(), heading, sentence, again: self.again(), back: &back, back_label };
        // The headers of the refusal stay: when to come back, whether the connection is closed.
        let mut answer = self.problem.error_response();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
            (header::REFERRER_POLICY, REFERRER_POLICY),
        ] {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let text = page.render().unwrap_or_else(|_| format!("{heading} {sentence}"));
        answer.set_body(BoxBody::new(text))
    }
}

/// Where a poll's name is none, its default stands in links.
pub(super) fn linkable(poll: &str) -> &str {
    tally_model::poll_name(poll).map_or(DEFAULT_POLL, tally_model::Name::as_str)
}
