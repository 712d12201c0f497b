//! Reading from one Tally.

use std::time::Duration;

use reqwest::{Client, Url};
use serde::de::DeserializeOwned;

use crate::error::{Error, chain};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);
/// Longest part of an answer that is shown, in characters.
const SHOWN_CHARS_MAX: usize = 300;

/// A Tally that is asked.
pub(crate) struct Reader {
    client: Client,
    base: Url,
}

impl Reader {
    /// A reader of the API at `base`.
    ///
    /// # Errors
    /// [`Error::Internal`] when no HTTP client can be made.
    pub(crate) fn new(base: Url) -> Result<Self, Error> {
        let client = Client::builder().timeout(ANSWER).no_proxy().build();
        Ok(Self { client: client.map_err(|error| Error::Internal(chain(&error)))?, base })
    }

    /// The JSON of a page.
    ///
    /// # Errors
    /// [`Error::NotReady`] when it does not answer, or not with success, or with something else.
    pub(crate) async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        serde_json::from_str(&self.text(path).await?)
            .map_err(|error| Error::NotReady { url: self.base.to_string(), reason: error.to_string() })
    }

    /// The text of a page that answers with success.
    ///
    /// # Errors
    /// [`Error::NotReady`] when it does not.
    pub(crate) async fn text(&self, path: &str) -> Result<String, Error> {
        let url = format!("{}/{path}", self.base.as_str().trim_end_matches('/'));
        let failed = |reason: String| Error::NotReady { url: url.clone(), reason };
        let answer = self.client.get(&url).send().await.map_err(|error| failed(chain(&error)))?;
        let status = answer.status();
        let text = answer.text().await.map_err(|error| failed(chain(&error)))?;
        if status.is_success() {
            return Ok(text);
        }
        let shown: String = text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Err(failed(format!("{status} {shown}").trim_end().to_owned()))
    }
}
