//! `/vote` and `/vote/{poll}`: the form, and what it sends.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use uuid::Uuid;

use crate::front::Front;
use crate::ingest::key::{self, Door};
use crate::ingest::votes::{Ballot, cast};
use crate::ingest::{Accepted, body};
use crate::pages::assets::{self, Entry};
use crate::pages::trouble::{Again, Trouble, linkable};
use crate::pages::voter::Voter;
use crate::pages::{rendered, same_site};
use crate::polls::DEFAULT_POLL;
use crate::problem::{Kind, Problem};

/// Longest form in bytes: an option has up to 100 characters, each up to 12 bytes as a form writes them.
const FORM_BYTES_MAX: usize = 4_096;
/// Longest one-time id that a form may bring back, in characters.
const ONCE_CHARS_MAX: usize = 64;

#[derive(Template)]
#[template(path = "vote.html")]
struct Page<'a> {
    entry: &'static Entry,
    poll: &'a str,
    title: &'a str,
    once: String,
    options: &'a [String],
}

/// The form of the poll `default`.
pub(crate) async fn get_default(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Trouble> {
    form(&front, DEFAULT_POLL, &request).await
}

/// The form of the poll that the path names.
pub(crate) async fn get(
    front: web::Data<Front>,
    poll: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Trouble> {
    form(&front, &poll, &request).await
}

/// The browser gets its cookie with the form, so that even its first vote is known again when it is sent twice.
async fn form(front: &Front, poll: &str, request: &HttpRequest) -> Result<HttpResponse, Trouble> {
    let trouble = |problem| Trouble::looking(problem, linkable(poll), request.path());
    let known = front.polls.find(front, poll).await.map_err(trouble)?;
    let page = Page {
        entry: assets::vote_entry(),
        poll: &known.name,
        title: known.title.as_deref().unwrap_or(&known.name),
        once: Uuid::new_v4().simple().to_string(),
        options: &known.options,
    };
    let mut answer = HttpResponse::Ok();
    answer.cookie(Voter::of(request).cookie(request, front.config.trust_forwarded));
    rendered(answer, &page).map_err(trouble)
}

/// `POST /vote/{poll}`: casts the vote and leads to the result.
pub(crate) async fn post(
    front: web::Data<Front>,
    poll: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Trouble> {
    let not_taken = |problem| Trouble::voting(problem, linkable(&poll), None);
    let body = body::read(&front.room, request.headers(), payload).await.map_err(not_taken)?;
    same_site::check(&request, front.config.trust_forwarded).map_err(not_taken)?;
    let sent = Form::read(&request, &body).map_err(not_taken)?;
    let voter = Voter::of(&request);
    match sent.cast(&front, &poll, &request, &voter).await {
        Ok(accepted) => {
            let cookie = voter.answered().cookie(&request, front.config.trust_forwarded);
            let result = result_path(&poll, &sent, &accepted);
            Ok(HttpResponse::SeeOther().insert_header((header::LOCATION, result)).cookie(cookie).finish())
        }
        Err(problem) => Err(Trouble::voting(problem, linkable(&poll), sent.again(&poll))),
    }
}

/// What a form sent.
struct Form {
    option: Option<String>,
    once: Option<String>,
}

impl Form {
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Problem> {
        if body.len() > FORM_BYTES_MAX {
            return Err(Problem::new(Kind::BodyTooLarge, format!("the form is larger than {FORM_BYTES_MAX} bytes")));
        }
        let media = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = media.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
        if !media.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let detail = "Content-Type: send application/x-www-form-urlencoded, as a form does";
            return Err(Problem::new(Kind::UnsupportedMediaType, detail).on("Content-Type"));
        }
        let fields = web::Query::<Vec<(String, String)>>::from_query(body::text(body)?);
        let fields = fields.map_err(|error| Problem::new(Kind::MalformedBody, format!("the form: {error}")))?;
        let field = |name| fields.iter().find(|field| field.0 == name).map(|field| field.1.clone());
        let is_id = |once: &String| {
            (1..=ONCE_CHARS_MAX).contains(&once.len()) && once.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        Ok(Self { option: field("option"), once: field("once").filter(is_id) })
    }

    /// Through the door that every vote goes through. Without a one-time id nothing is known again.
    async fn cast(&self, front: &Front, poll: &str, request: &HttpRequest, voter: &Voter) -> Result<Accepted, Problem> {
        let option = self.option.as_deref();
        let chosen = option.unwrap_or_default();
        let door = Door { name: "page", poll };
        let key = self.once.as_ref().map(|once| key::made(&voter.key(once, chosen), door, chosen.as_bytes()));
        let name = voter.name();
        cast(front, poll, request, Ok(Ballot { option, voter: Some(&name) }), key).await
    }

    fn again(&self, poll: &str) -> Option<Again> {
        let (option, once) = self.option.clone().zip(self.once.clone())?;
        Some(Again { poll: linkable(poll).to_owned(), option, once })
    }
}

/// The result's page, told what was chosen, and where in the log it stands.
fn result_path(poll: &str, sent: &Form, accepted: &Accepted) -> String {
    let option = sent.option.as_deref().unwrap_or_default();
    let (_, at) = accepted.entry;
    let query = serde_urlencoded::to_string([("voted", option), ("at", &at.to_string())]).unwrap_or_default();
    format!("/vote/{poll}/result?{query}")
}
