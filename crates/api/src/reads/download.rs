//! Dead letters as a file: one JSON object a line, whole payloads, bounded.

use std::fmt::Write as _;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use serde::Serialize;
use tally_store::{SetAside, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::front::Front;
use crate::problem::{Kind, Problem};
use crate::reads::evidence::Label;
use crate::reads::unavailable;

/// Most letters of one download, and most bytes of their payloads.
pub(crate) const LETTERS_MAX: usize = 10_000;
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Letters read at once: about ten megabytes where each is as large as it can be.
const PAGE: usize = 20;
/// Downloads at once.
const DOWNLOADS_MAX: usize = 4;

/// Places for downloads.
#[derive(Debug)]
pub(crate) struct Downloads(Arc<Semaphore>);

impl Downloads {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(DOWNLOADS_MAX)))
    }
}

/// Which letters.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) reason: Option<String>,
    pub(crate) before: Option<i64>,
    pub(crate) limit: usize,
}

#[derive(Serialize)]
struct Line {
    #[serde(flatten)]
    label: Label,
    /// Where it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    /// Where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// The last line: a file without it broke off.
#[derive(Serialize)]
struct End {
    end: bool,
    letters: usize,
    /// Where to go on, if there is more.
    next: Option<String>,
}

/// A download under way.
struct Download {
    store: Store,
    wanted: Wanted,
    letters: usize,
    bytes: usize,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

/// Starts a download. What fails later breaks the connection.
///
/// # Errors
/// 503 when there are too many, or without PostgreSQL.
pub(crate) async fn start(front: &Front, wanted: Wanted) -> Result<HttpResponse, Problem> {
    let place = Arc::clone(&front.downloads.0).try_acquire_owned().map_err(|_| {
        Problem::new(Kind::Overloaded, format!("{DOWNLOADS_MAX} downloads are under way; ask again in a moment"))
    })?;
    let store = front.store()?.clone();
    let mut download = Download { store, wanted, letters: 0, bytes: 0, is_over: false, _place: place };
    // The first page before the first byte, so that a database that is away is a 503.
    let first = download.page().await.map_err(unavailable)?;
    let pages = stream::unfold((Some(first), download), next);
    let mut answer = HttpResponse::Ok();
    answer.insert_header((CONTENT_TYPE, "application/x-ndjson"));
    answer.insert_header((CONTENT_DISPOSITION, "attachment; filename=\"dead-letters.ndjson\""));
    Ok(answer.streaming(pages))
}

type Step = (Option<Bytes>, Download);

async fn next((first, mut download): Step) -> Option<(Result<Bytes, tally_store::Error>, Step)> {
    if let Some(first) = first {
        return Some((Ok(first), (None, download)));
    }
    if download.is_over {
        return None;
    }
    let page = download.page().await;
    if let Err(error) = &page {
        tracing::warn!(%error, "a download of dead letters broke off");
        download.is_over = true;
    }
    Some((page, (None, download)))
}

impl Download {
    /// The next lines; the last ones end with the line that says so.
    async fn page(&mut self) -> Result<Bytes, tally_store::Error> {
        let ask = PAGE.min(self.wanted.limit - self.letters);
        let asked = u32::try_from(ask).unwrap_or(u32::MAX);
        let found = self.store.dead_letters(asked, self.wanted.before, self.wanted.reason.as_deref()).await?;
        let is_last = found.len() < ask;
        self.wanted.before = found.last().map(|last| last.id).or(self.wanted.before);
        self.letters += found.len();
        let mut lines = String::new();
        for letter in found {
            self.bytes += letter.payload.len();
            push(&mut lines, &line(letter));
        }
        if is_last || self.letters >= self.wanted.limit || self.bytes >= BYTES_MAX {
            self.is_over = true;
            let next = self.wanted.before.filter(|_| !is_last).map(|id| id.to_string());
            push(&mut lines, &End { end: true, letters: self.letters, next });
        }
        Ok(lines.into())
    }
}

fn line(letter: SetAside) -> Line {
    let (label, payload) = Label::off(letter);
    let (payload, payload_base64) = match String::from_utf8(payload) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    Line { label, payload, payload_base64 }
}

fn push(lines: &mut String, line: &impl Serialize) {
    // Neither fails: the structs are plain, and the writer is a String.
    let _ = writeln!(lines, "{}", serde_json::to_string(line).unwrap_or_default());
}
