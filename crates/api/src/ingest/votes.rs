//! `POST /api/vote` and `POST /v1/polls/{poll}/votes`.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use tally_model::{Payload, Shard, Vote, option_name, voter_name};
use tally_stream::{AppendRequest, Appended, ClientKey};

use crate::front::{Front, now_ms};
use crate::ingest::append::{Accepted, append, id};
use crate::ingest::key::Door;
use crate::ingest::{Rejections, Scalar, body, content, key, voter};
use crate::polls::DEFAULT_POLL;
use crate::problem::{Kind, Problem};

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
    let options = front.polls.options(front, poll).await?;
    let judged = judge(&body, poll, &options, request, front.config.trust_forwarded);
    let judged = match judged {
        // The poll may have learnt the option meanwhile.
        Err(problem) if problem.kind() == Kind::InvalidField => {
            let options = front.polls.options_anew(front, poll).await.unwrap_or(options);
            judge(&body, poll, &options, request, front.config.trust_forwarded)
        }
        judged => judged,
    };
    let accepted = count(front, poll, judged, key).await?;
    front.metrics.judged(1, &accepted.rejections, accepted.duplicate);
    Ok(HttpResponse::Accepted().json(accepted))
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
    Ok(Accepted { accepted: 1, rejections: Rejections::default(), duplicate, id: id(shard, at) })
}

fn judge(
    body: &[u8],
    poll: &str,
    options: &[String],
    request: &HttpRequest,
    trust_forwarded: bool,
) -> Result<Vote, Problem> {
    let sent: Sent<'_> = crate::json::object(body::text(body)?)?;
    let option = match &sent.option {
        Some(Scalar::Text(option)) => option_name(option).map_err(|e| Problem::field(e.field, e.reason))?.as_str(),
        Some(_) => return Err(Problem::field("option", "expected a string")),
        None => return Err(Problem::field("option", "missing").allowing(options.iter().cloned())),
    };
    if !options.iter().any(|known| known == option) {
        let expected = format!("expected one of {}; found {option}", options.join(", "));
        return Err(Problem::field("option", expected).allowing(options.iter().cloned()));
    }
    let voter = match &sent.voter {
        None | Some(Scalar::Null) => None,
        Some(Scalar::Text(voter)) => {
            Some(voter_name(voter).map_err(|e| Problem::field(e.field, e.reason))?.as_str().into())
        }
        Some(_) => return Err(Problem::field("voter", "expected a string or null")),
    };
    Ok(Vote {
        poll: poll.into(),
        option: option.into(),
        voter,
        source_ip: voter::source_ip(request, trust_forwarded),
        user_agent: voter::user_agent(request),
        time_ms: now_ms(),
    })
}
