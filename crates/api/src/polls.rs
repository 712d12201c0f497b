//! Which polls there are and what can be voted for: a copy of PostgreSQL's list, so that votes go on without it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tally_model::{option_name, poll_name, poll_title};
use tally_store::Poll;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::front::Front;
use crate::ingest::{body, content};
use crate::problem::{Kind, Problem};

/// The poll of `/api/vote` and `/api/results`.
pub(crate) const DEFAULT_POLL: &str = "default";
/// What the poll `default` starts with; known before PostgreSQL was ever asked.
const DEFAULT_OPTIONS: [&str; 2] = ["cats", "dogs"];
/// What it asks.
const DEFAULT_TITLE: &str = "Cats or dogs?";
/// How old the copy may become before it is read again in the background.
pub(crate) const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// How soon a vote for something unknown may cause another look.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Most options of one poll.
const OPTIONS_MAX: usize = 100;
/// Most polls; a poll is for people to choose in, not a counter for programs.
const POLLS_MAX: usize = 10_000;

type ByName = HashMap<String, Arc<Poll>>;

/// The copy.
#[derive(Debug)]
pub(crate) struct Polls {
    known: RwLock<Arc<ByName>>,
    /// When PostgreSQL was last asked, and whether it ever answered. Held while asking: one request asks for all.
    asked: Mutex<(Option<Instant>, bool)>,
}

impl Polls {
    pub(crate) fn new() -> Self {
        let default = Poll {
            name: DEFAULT_POLL.to_owned(),
            title: Some(DEFAULT_TITLE.to_owned()),
            options: DEFAULT_OPTIONS.map(str::to_owned).into(),
        };
        let known = ByName::from([(DEFAULT_POLL.to_owned(), Arc::new(default))]);
        Self { known: RwLock::new(Arc::new(known)), asked: Mutex::new((None, false)) }
    }

    /// A poll: what it asks, and what can be voted for.
    ///
    /// # Errors
    /// 404 if there is none; 503 while PostgreSQL has never been asked; 400 if the name cannot be one.
    pub(crate) async fn find(&self, front: &Front, poll: &str) -> Result<Arc<Poll>, Problem> {
        let name = poll_name(poll).map_err(|error| Problem::parameter(error.field, error.reason))?;
        match self.known(name.as_str()) {
            Some(poll) => Ok(poll),
            None => self.find_anew(front, name.as_str()).await,
        }
    }

    /// The same after another look, unless the last look is only just over.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(crate) async fn find_anew(&self, front: &Front, poll: &str) -> Result<Arc<Poll>, Problem> {
        let mut asked = self.asked.lock().await;
        if asked.0.is_none_or(|at| at.elapsed() >= LOOK_AGAIN_AFTER) {
            self.look(front, &mut asked).await;
        }
        match (self.known(poll), asked.1) {
            (Some(poll), _) => Ok(poll),
            (None, true) => Err(unknown(poll)),
            (None, false) => {
                let detail = "polls have not been read from PostgreSQL yet; send the same request again";
                Err(Problem::new(Kind::DatabaseUnavailable, detail))
            }
        }
    }

    /// Reads the list again.
    pub(crate) async fn refresh(&self, front: &Front) {
        let mut asked = self.asked.lock().await;
        self.look(front, &mut asked).await;
    }

    async fn look(&self, front: &Front, asked: &mut (Option<Instant>, bool)) {
        asked.0 = Some(Instant::now());
        let Ok(store) = front.store() else { return };
        match store.polls().await {
            Ok(polls) => {
                asked.1 = true;
                self.set(polls.into_iter().map(|poll| (poll.name.clone(), Arc::new(poll))).collect());
            }
            Err(error) => tracing::debug!(%error, "cannot read the polls; votes are checked against the last list"),
        }
    }

    /// What was read is added to what was known: neither polls nor options are ever taken away, and a restored database
    /// may have forgotten some that votes were accepted for.
    fn set(&self, mut read: ByName) {
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        for (name, before) in known.iter() {
            let read = read.entry(name.clone()).or_insert_with(|| Arc::clone(before));
            let forgotten: Vec<_> = before.options.iter().filter(|option| !read.options.contains(option)).collect();
            if !forgotten.is_empty() {
                let mut all = Poll::clone(read);
                all.options.extend(forgotten.into_iter().cloned());
                *read = Arc::new(all);
            }
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
    }

    fn known(&self, poll: &str) -> Option<Arc<Poll>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(poll).cloned()
    }

    fn count(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }
}

pub(crate) fn unknown(poll: &str) -> Problem {
    let detail = format!("there is no poll {poll}; PUT /v1/polls/{poll} makes one");
    Problem::new(Kind::UnknownPoll, detail).on("poll")
}

#[derive(Deserialize)]
struct Definition {
    #[serde(default)]
    title: Option<Value>,
    #[serde(default)]
    options: Option<Value>,
}

#[derive(Serialize)]
struct Defined {
    poll: String,
    title: Option<String>,
    options: Vec<String>,
}

/// `PUT /v1/polls/{poll}`: makes a poll, adds options to it, or gives it another title.
pub(crate) async fn put(
    front: web::Data<Front>,
    poll: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let body = body::read(&front.room, request.headers(), payload).await?;
    content::form(request.headers())?;
    let poll = poll_name(&poll).map_err(|error| Problem::parameter(error.field, error.reason))?;
    let sent: Definition = crate::json::object(body::text(&body)?)?;
    let (title, options) = (title(sent.title.as_ref())?, options(sent.options.as_ref())?);
    let store = front.store()?;
    front.polls.refresh(&front).await;
    let before = front.polls.known(poll.as_str());
    check_room(&front, before.as_ref().map(|poll| poll.options.as_slice()), &options)?;
    let put = store.put_poll(poll.as_str(), title, &options).await;
    let Poll { name, title, options } = put.map_err(crate::reads::unavailable)?;
    front.polls.refresh(&front).await;
    front.changes.bump();
    let mut answer = if before.is_some() { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(answer.json(Defined { poll: name, title, options }))
}

fn title(sent: Option<&Value>) -> Result<Option<&str>, Problem> {
    let title = match sent {
        None | Some(Value::Null) => return Ok(None),
        Some(title) => title.as_str().ok_or_else(|| Problem::field("title", "expected a string or null"))?,
    };
    poll_title(title).map(|title| Some(title.as_str())).map_err(|error| Problem::field(error.field, error.reason))
}

fn options(sent: Option<&Value>) -> Result<Vec<&str>, Problem> {
    let expected = format!("expected an array of 1 to {OPTIONS_MAX} strings");
    let listed = sent.and_then(Value::as_array).filter(|list| (1..=OPTIONS_MAX).contains(&list.len()));
    let listed = listed.ok_or_else(|| Problem::field("options", &expected))?;
    let mut options = Vec::with_capacity(listed.len());
    for (index, option) in listed.iter().enumerate() {
        let option = option.as_str().ok_or_else(|| Problem::field("options", &expected))?;
        let wrong = |reason| Problem::field("options", format!("option {index}: {reason}"));
        let option = option_name(option).map_err(|error| wrong(error.reason))?.as_str();
        if options.contains(&option) {
            return Err(wrong("expected once, found twice"));
        }
        options.push(option);
    }
    Ok(options)
}

fn check_room(front: &Front, before: Option<&[String]>, options: &[&str]) -> Result<(), Problem> {
    let known = before.unwrap_or_default();
    let added = options.iter().filter(|option| !known.iter().any(|known| known == *option)).count();
    if known.len() + added > OPTIONS_MAX {
        let detail = format!("a poll has at most {OPTIONS_MAX} options; this one has {}", known.len());
        return Err(Problem::field("options", detail));
    }
    if before.is_none() && front.polls.count() >= POLLS_MAX {
        return Err(Problem::field("poll", format!("there are {POLLS_MAX} polls already")));
    }
    Ok(())
}
