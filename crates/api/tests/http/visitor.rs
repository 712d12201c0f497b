//! A browser without JavaScript: it keeps a cookie, sends forms, and reads pages.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use tokio::time::{Instant, sleep};

use crate::door::{Door, PATIENCE};
use crate::pages::assert_nothing_inline;

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// Keeps one cookie and follows no redirect by itself.
pub(crate) struct Browser<'a> {
    door: &'a Door,
    pub(crate) http: Client,
    pub(crate) cookie: Option<String>,
    /// Headers on every request.
    pub(crate) headers: Vec<(&'static str, &'static str)>,
}

pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: String,
    pub(crate) set_cookie: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) text: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(door: &'a Door) -> Self {
        let http = Client::builder().redirect(Policy::none()).timeout(PATIENCE).build().unwrap();
        Self { door, http, cookie: None, headers: Vec::new() }
    }

    pub(crate) async fn open(&mut self, path: &str) -> Page {
        self.send(Method::GET, path, None).await
    }

    /// Opens a page until it says something: an answer is shared for a moment.
    pub(crate) async fn open_until(&mut self, path: &str, sentence: &str) -> Page {
        let until = Instant::now() + PATIENCE;
        loop {
            let page = self.open(path).await;
            if page.words().contains(sentence) {
                return page;
            }
            assert!(Instant::now() < until, "{sentence:?} in {}", page.words());
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub(crate) async fn submit(&mut self, path: &str, option: &str, once: &str) -> Page {
        self.send(Method::POST, path, Some(format!("once={once}&option={option}"))).await
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, form: Option<String>) -> Page {
        let mut request = self.http.request(method, format!("{}{path}", self.door.base));
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("Cookie", cookie);
        }
        if let Some(form) = form {
            request = request.header("Content-Type", FORM).body(form);
        }
        let page = Page::read(request.send().await.unwrap()).await;
        if let Some(cookie) = page.set_cookie.split(';').next().filter(|cookie| !cookie.is_empty()) {
            self.cookie = Some(cookie.to_owned());
        }
        page
    }

    /// Opens the form, chooses, and lands on the result's page.
    pub(crate) async fn vote(&mut self, poll: &str, option: &str) -> Page {
        let form = self.open(&format!("/vote/{poll}")).await;
        let sent = self.submit(&format!("/vote/{poll}"), option, &form.once()).await;
        assert_eq!(sent.status, 303, "{}", sent.text);
        self.open(&sent.location).await
    }
}

impl Page {
    pub(crate) async fn read(answer: Response) -> Self {
        let of = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let status = answer.status().as_u16();
        let (location, set_cookie) = (of("location").unwrap_or_default(), of("set-cookie").unwrap_or_default());
        let retry_after = of("retry-after");
        if status != 303 {
            assert_eq!(of("content-type").as_deref(), Some("text/html; charset=utf-8"));
            assert!(of("content-security-policy").unwrap().starts_with("default-src 'self'; "));
            assert_eq!(
                (of("cache-control").as_deref(), of("referrer-policy").as_deref()),
                (Some("no-store"), Some("same-origin"))
            );
        }
        let text = answer.text().await.unwrap();
        if status != 303 {
            assert_nothing_inline(&text);
            assert_eq!(text.matches("<h1").count(), 1, "{text}");
            assert!(text.contains("<html lang=\"en\">") && text.contains("href=\"#main\"") && text.contains("<title>"));
        }
        Self { status, location, set_cookie, retry_after, text }
    }

    pub(crate) fn once(&self) -> String {
        let (_, rest) = self.text.split_once("name=\"once\" value=\"").unwrap_or_else(|| panic!("{}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }

    /// As a reader sees it: without tags and what is hidden, in one line.
    pub(crate) fn words(&self) -> String {
        let shown: String = self.text.lines().filter(|line| !line.contains(" hidden>")).collect();
        let text = shown.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text);
        text.collect::<Vec<_>>().join(" ").replace("&#8239;", "").split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[track_caller]
    pub(crate) fn says(&self, sentence: &str) {
        assert!(self.words().contains(sentence), "{sentence:?} in {}", self.words());
    }
}
