//! Asking the API for a report: repeated while the API is away, streamed while it answers.

use std::io::Write;
use std::time::{Duration, Instant};

use reqwest::header::CONTENT_DISPOSITION;
use reqwest::{Client, RequestBuilder, Response, Url};

use crate::error::Error;
use crate::post::{Problem, client, detail, failure, retry_after};

/// Longest wait for a whole report, in seconds: the API gathers for a minute at most, then it travels.
const ANSWER_SECONDS: u64 = 300;
/// First wait after a failure, in milliseconds; doubled up to [`BACKOFF_MS_MAX`].
const BACKOFF_MS_MIN: u64 = 200;
/// Longest wait between two attempts when the API names none, in milliseconds.
const BACKOFF_MS_MAX: u64 = 5_000;
/// Longest report that is taken, in bytes.
const REPORT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Longest answer of other kinds that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Told before each wait: why, and how long the API may still stay away.
pub(crate) type OnWait<'a> = &'a (dyn Fn(&str, Duration) + Sync);

/// Asks one Tally.
pub(crate) struct Fetcher<'a> {
    client: Client,
    base: &'a Url,
    retry_for: Duration,
    on_wait: OnWait<'a>,
}

/// A report on its way.
pub(crate) struct Coming<'a> {
    /// What the API calls the file.
    pub(crate) file_name: Option<String>,
    response: Response,
    base: &'a Url,
}

impl<'a> Fetcher<'a> {
    /// # Errors
    /// [`Error::Internal`] when no HTTP client can be made.
    pub(crate) fn new(base: &'a Url, retry_for: Duration, on_wait: OnWait<'a>) -> Result<Self, Error> {
        Ok(Self { client: client(base, Duration::from_secs(ANSWER_SECONDS))?, base, retry_for, on_wait })
    }

    /// A report that the API makes and does not keep.
    ///
    /// # Errors
    /// [`Error::NoReport`] when `retry_for` has run out, [`Error::ReportRefused`] when repeating is no use.
    pub(crate) async fn once(&self, query: &[(&str, String)]) -> Result<Coming<'a>, Error> {
        let response = self.until_answered(|| self.client.get(self.url("v1/report")).query(query)).await?;
        let disposition = response.headers().get(CONTENT_DISPOSITION).and_then(|value| value.to_str().ok());
        let file_name = disposition.and_then(file_name);
        Ok(Coming { file_name, response, base: self.base })
    }

    /// Has a report made and kept; what the API says about it.
    ///
    /// # Errors
    /// As [`Self::once`].
    pub(crate) async fn kept(&self, asked: &serde_json::Value) -> Result<serde_json::Value, Error> {
        let response = self.until_answered(|| self.client.post(self.url("v1/reports")).json(asked)).await?;
        let status = response.status().as_u16();
        let content = short(response).await;
        serde_json::from_slice(&content).map_err(|error| Error::ReportRefused {
            url: self.base.to_string(),
            status,
            detail: format!("not an answer of Tally ({error}); is --api its address?"),
        })
    }

    async fn until_answered(&self, ask: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
        let began = Instant::now();
        let mut backoff = Duration::from_millis(BACKOFF_MS_MIN);
        loop {
            let (reason, wait) = match ask().send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => self.away(response).await?,
                Err(error) => (failure(&error), None),
            };
            let tried_for = began.elapsed();
            let left = self.retry_for.saturating_sub(tried_for);
            if left.is_zero() {
                return Err(Error::NoReport { url: self.base.to_string(), reason, tried_for });
            }
            (self.on_wait)(&reason, left);
            tokio::time::sleep(wait.unwrap_or(backoff).min(left)).await;
            backoff = (backoff * 2).min(Duration::from_millis(BACKOFF_MS_MAX));
        }
    }

    /// Why to ask again, and how long to wait before.
    async fn away(&self, response: Response) -> Result<(String, Option<Duration>), Error> {
        let (status, wait) = (response.status().as_u16(), retry_after(response.headers()));
        let content = short(response).await;
        let problem: Problem = serde_json::from_slice(&content).unwrap_or_default();
        match status {
            408 | 425 | 429 | 500 | 502..=504 => {
                Ok((format!("{status} {}", detail(&problem, &content)).trim_end().to_owned(), wait))
            }
            _ => {
                let said = match status {
                    404 | 405 => "no reports there; is --api the address of Tally's API?".to_owned(),
                    300..=399 => "it redirects; name the final address with --api".to_owned(),
                    _ => detail(&problem, &content),
                };
                Err(Error::ReportRefused { url: self.base.to_string(), status, detail: said })
            }
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.as_str().trim_end_matches('/'))
    }
}

impl Coming<'_> {
    /// Writes the report to `out`, which `name` stands for; its length in bytes.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::ReportRefused`] when it breaks off, so that half a report is not taken for one.
    pub(crate) async fn write(mut self, name: &str, out: &mut impl Write) -> Result<u64, Error> {
        let status = self.response.status().as_u16();
        let broken = |detail: String| Error::ReportRefused { url: self.base.to_string(), status, detail };
        let mut length = 0;
        while let Some(chunk) = self.response.chunk().await.map_err(|error| broken(failure(&error)))? {
            length += chunk.len() as u64;
            if length > REPORT_BYTES_MAX {
                return Err(broken(format!("it is longer than {REPORT_BYTES_MAX} bytes; ask for a shorter window")));
            }
            out.write_all(&chunk).map_err(|source| Error::Write { name: name.to_owned(), source })?;
        }
        out.flush().map_err(|source| Error::Write { name: name.to_owned(), source })?;
        Ok(length)
    }
}

async fn short(mut response: Response) -> Vec<u8> {
    let mut content = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER_BYTES_MAX - content.len();
        content.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    content
}

/// The name in a `Content-Disposition`, if it can be nothing but a name.
fn file_name(disposition: &str) -> Option<String> {
    let name = disposition.split_once("filename=\"")?.1.split('"').next()?;
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    (plain && !name.is_empty() && !name.starts_with('.')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_taken_for_names() {
        for (disposition, name) in [
            ("inline; filename=\"tally-2026-03-11.html\"", Some("tally-2026-03-11.html")),
            ("attachment; filename=\"../../etc/passwd\"", None),
            ("attachment; filename=\"..\"", None),
            ("attachment; filename=\"\"", None),
            ("attachment", None),
        ] {
            assert_eq!(file_name(disposition).as_deref(), name, "{disposition}");
        }
    }
}
