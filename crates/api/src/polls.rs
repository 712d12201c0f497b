//! Which polls there are and what can be voted for: a copy of PostgreSQL's list, so that votes go on without it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tally_model::{option_name, poll_name};
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
/// How old the copy may become before it is read again in the background.
pub(crate) const REFRESH_EVERY: Duration = Duration::from_secs(10);
/// How soon a vote for something unknown may cause another look.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Most options of one poll.
const OPTIONS_MAX: usize = 100;
/// Most polls; a poll is for people to choose in, not a counter for programs.
const POLLS_MAX: usize = 10_000;

type ByName = HashMap<String, Arc<[String]>>;

/// The copy.
#[derive(Debug)]
pub(crate) struct Polls {
    known: RwLock<Arc<ByName>>,
    /// When PostgreSQL was last asked, and whether it ever answered. Held while asking: one request asks for all.
    asked: Mutex<(Option<Instant>, bool)>,
}

impl Polls {
    pub(crate) fn new() -> Self {
        let default = DEFAULT_OPTIONS.map(str::to_owned);
        let known = ByName::from([(DEFAULT_POLL.to_owned(), Arc::from(default))]);
        Self { known: RwLock::new(Arc::new(known)), asked: Mutex::new((None, false)) }
    }

    /// The options of a poll.
    ///
    /// # Errors
    /// 404 if there is none; 503 while PostgreSQL has never been asked; 400 if the name cannot be one.
    pub(crate) async fn options(&self, front: &Front, poll: &str) -> Result<Arc<[String]>, Problem> {
        let name = poll_name(poll).map_err(|error| Problem::parameter(error.field, error.reason))?;
        match self.known(name.as_str()) {
            Some(options) => Ok(options),
            None => self.options_anew(front, name.as_str()).await,
        }
    }

    /// The same after another look, unless the last look is only just over.
    ///
    /// # Errors
    /// As [`Self::options`].
    pub(crate) async fn options_anew(&self, front: &Front, poll: &str) -> Result<Arc<[String]>, Problem> {
        let mut asked = self.asked.lock().await;
        if asked.0.is_none_or(|at| at.elapsed() >= LOOK_AGAIN_AFTER) {
            self.look(front, &mut asked).await;
        }
        match (self.known(poll), asked.1) {
            (Some(options), _) => Ok(options),
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
                self.set(polls.into_iter().map(|poll| (poll.name, poll.options.into())).collect());
            }
            Err(error) => tracing::debug!(%error, "cannot read the polls; votes are checked against the last list"),
        }
    }

    /// What was read is added to what was known: neither polls nor options are ever taken away, and a restored database
    /// may have forgotten some that votes were accepted for.
    fn set(&self, mut read: ByName) {
        let known = Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        for (name, options) in known.iter() {
            let read = read.entry(name.clone()).or_default();
            let forgotten = options.iter().filter(|option| !read.contains(option)).cloned();
            let all: Vec<String> = read.iter().cloned().chain(forgotten).collect();
            *read = all.into();
        }
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(read);
    }

    fn known(&self, poll: &str) -> Option<Arc<[String]>> {
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
    options: Option<Value>,
}

#[derive(Serialize)]
struct Defined {
    poll: String,
    options: Vec<String>,
}

/// `PUT /v1/polls/{poll}`: makes a poll, or adds options to it.
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
    let options = options(sent.options.as_ref())?;
    let store = front.store()?;
    front.polls.refresh(&front).await;
    let before = front.polls.known(poll.as_str());
    check_room(&front, before.as_deref(), &options)?;
    let Poll { name, options } = store.put_poll(poll.as_str(), &options).await.map_err(crate::reads::unavailable)?;
    front.polls.refresh(&front).await;
    front.changes.bump();
    let mut answer = if before.is_some() { HttpResponse::Ok() } else { HttpResponse::Created() };
    Ok(answer.json(Defined { poll: name, options }))
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
