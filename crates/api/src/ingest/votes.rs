//! `POST /api/vote` and `POST /v1/polls/{poll}/votes`, and how any vote is cast.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tally_model::{Payload, Shard, Vote, option_name, voter_name};
use tally_store::Poll;
use tally_stream::{AppendRequest, Appended, ClientKey};

use crate::front::{Front, now_ms};
use crate::ingest::append::{Accepted, append};
use crate::ingest::key::Door;
use crate::ingest::{Rejections, Scalar, body, content, key, voter};
use crate::polls::DEFAULT_POLL;
use crate::problem::{Kind, Problem};

/// What somebody wants to be counted; whether it can be is judged by [`cast`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ballot<'a> {
    pub(crate) option: Option<&'a str>,
    pub(crate) voter: Option<&'a str>,
}

/// A vote as it was sent; other fields are ignored.
#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow, default)]
    option: Option<Scalar<'a>>,
    #[serde(borrow, default)]
    voter: Option<Scalar<'a>>,
}

/// A vote in the poll `default`.
pub(crate) async fn post_default(
    front: web::Data<Front>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    vote(&front, DEFAULT_POLL, &request, payload).await
}

/// A vote in the poll that the path names.
pub(crate) async fn post(
    front: web::Data<Front>,
    poll: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    vote(&front, &poll, &request, payload).await
}

async fn vote(
    front: &Front,
    poll: &str,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&front.room, request.headers(), payload).await?;
    content::form(request.headers())?;
    let key = key::of(request.headers(), Door { name: "votes", poll }, &body)?;
    let sent = body::text(&body).and_then(crate::json::object::<Sent<'_>>);
    let ballot = sent.as_ref().map_err(Problem::clone).and_then(Sent::ballot);
    Ok(cast(front, poll, request, ballot, key).await?.response())
}

impl Sent<'_> {
    fn ballot(&self) -> Result<Ballot<'_>, Problem> {
        let option = match &self.option {
            None => None,
            Some(Scalar::Text(option)) => Some(&**option),
            Some(_) => return Err(Problem::field("option", "expected a string")),
        };
        let voter = match &self.voter {
            None | Some(Scalar::Null) => None,
            Some(Scalar::Text(voter)) => Some(&**voter),
            Some(_) => return Err(Problem::field("voter", "expected a string or null")),
        };
        Ok(Ballot { option, voter })
    }
}

/// Judges a ballot and appends it. One that is no good still asks for its key: it may have been counted before.
///
/// # Errors
/// 404 and 422 for what cannot be counted, 503 for what cannot be counted now.
pub(crate) async fn cast(
    front: &Front,
    poll: &str,
    request: &HttpRequest,
    ballot: Result<Ballot<'_>, Problem>,
    key: Option<ClientKey>,
) -> Result<Accepted, Problem> {
    let known = front.polls.find(front, poll).await?;
    let judged = match ballot {
        Err(problem) => Err(problem),
        Ok(ballot) => match judge(front, &known, request, ballot) {
            // The poll may have learnt the option meanwhile.
            Err(problem) if problem.kind() == Kind::InvalidField => {
                let known = front.polls.find_anew(front, poll).await.unwrap_or(known);
                judge(front, &known, request, ballot)
            }
            judged => judged,
        },
    };
    let accepted = count(front, poll, judged, key).await?;
    front.metrics.judged(1, &accepted.rejections, accepted.duplicate);
    Ok(accepted)
}

async fn count(
    front: &Front,
    poll: &str,
    judged: Result<Vote, Problem>,
    key: Option<ClientKey>,
) -> Result<Accepted, Problem> {
    let shard = Shard::of_poll(poll, front.config.shards);
    let (votes, refusal) = match (judged, key) {
        (Ok(vote), _) => (vec![vote], None),
        (Err(problem), Some(_)) if problem.kind() == Kind::InvalidField => (Vec::new(), Some(problem)),
        (Err(problem), _) => return Err(problem),
    };
    let received_ms = votes.first().map_or_else(now_ms, |vote| vote.time_ms);
    let request = AppendRequest { shard, key, received_ms, payload: Payload::Votes(votes) };
    let (at, duplicate) = match append(front, request).await? {
        Appended::Accepted { at, .. } => (at, false),
        Appended::Duplicate { at, .. } => (at, true),
        Appended::NothingToAppend => {
            return Err(refusal.unwrap_or_else(|| Problem::new(Kind::NothingAcceptable, "there is no vote")));
        }
    };
    Ok(Accepted { accepted: 1, rejections: Rejections::default(), duplicate, entry: (shard, at) })
}

fn judge(front: &Front, poll: &Poll, request: &HttpRequest, ballot: Ballot<'_>) -> Result<Vote, Problem> {
    let allowed = || poll.options.iter().cloned();
    let Some(option) = ballot.option else { return Err(Problem::field("option", "missing").allowing(allowed())) };
    let option = option_name(option).map_err(|e| Problem::field(e.field, e.reason))?.as_str();
    if !poll.options.iter().any(|known| known == option) {
        let expected = format!("expected one of {}; found {option}", poll.options.join(", "));
        return Err(Problem::field("option", expected).allowing(allowed()));
    }
    let voter = ballot.voter.map(voter_name).transpose().map_err(|e| Problem::field(e.field, e.reason))?;
    Ok(Vote {
        poll: poll.name.as_str().into(),
        option: option.into(),
        voter: voter.map(|voter| voter.as_str().into()),
        source_ip: voter::source_ip(request, front.config.trust_forwarded),
        user_agent: voter::user_agent(request),
        time_ms: now_ms(),
    })
}
