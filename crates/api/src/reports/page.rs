//! A report as one page: it needs no network, no script and no other file, is at home on A4, and looks like the dashboard.

use std::fmt::Write as _;

use askama::Template;
use tally_model::Level;

use crate::problem::{Kind, Problem};
use crate::reads::accounting::Books;
use crate::reports::changed::Changed;
use crate::reports::charts::{self, Chart};
use crate::reports::compared::Compared;
use crate::reports::numbers::{
    Amount, Change, count, count_change, duration, exact, percent, quantile_change, ratio_change, share,
};
use crate::reports::report::{Measured, Report, Row};
use crate::reports::{PROMISE, times};

/// Most endpoints on the page: some 20 MB, beyond which browsers give up printing. CSV and JSON have all.
const ROWS_MAX: usize = 20_000;
/// A class with less than this share of a row is not drawn, one with more is at least [`CLASS_WIDTH_MIN`] of 100 wide.
const CLASS_SHARE_MIN: f64 = 0.005;
const CLASS_WIDTH_MIN: f64 = 3.0;
const CLASSES: [(u8, &str); 5] =
    [(1, "informational"), (2, "success"), (3, "redirects"), (4, "client errors"), (5, "errors")];

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    title: String,
    subtitle: String,
    style: &'static str,
    warnings: Vec<String>,
    figures: Vec<Figure>,
    changed_title: &'static str,
    changed_none: &'static str,
    changed: Vec<Pointed>,
    /// What the compared period is called.
    compared: Option<&'static str>,
    rate: Chart,
    latency: Chart,
    distribution: Chart,
    classes: Vec<Class>,
    endpoints_total: String,
    rows: Vec<Line>,
    left_out: Option<String>,
    covers: Vec<(&'static str, String)>,
    accounting: String,
    promise: &'static str,
}

/// A headline figure.
struct Figure {
    name: &'static str,
    amount: Amount,
    change: Change,
    note: String,
}

/// An endpoint to look at.
struct Pointed {
    id: String,
    service: String,
    method: String,
    route: String,
    what: String,
    more: String,
    bad: bool,
}

struct Class {
    digit: u8,
    meaning: &'static str,
    requests: String,
    share: Amount,
    before_requests: String,
    before_share: Amount,
}

/// A row of the table.
struct Line {
    id: String,
    service: String,
    method: String,
    route: String,
    requests: Amount,
    change: Change,
    ratio: Amount,
    ratio_worse: bool,
    classes: String,
    classes_words: String,
    p50: Amount,
    p95: Amount,
    p99: Amount,
    p99_change: Change,
}

/// The page.
///
/// # Errors
/// 500, if the template fails, which it has no reason to.
pub(crate) fn html(report: &Report) -> Result<String, Problem> {
    let compared = report.compared.as_ref();
    let before_series = report.before_series.as_ref();
    let total = exact(report.endpoints.len() as u64);
    let page = Page {
        title: report.title(),
        subtitle: subtitle(report),
        style: include_str!("../../templates/report.css").trim_ascii_end(),
        warnings: warnings(report),
        figures: figures(report),
        changed_title: if compared.is_some() { "Changed most" } else { "Failed most" },
        changed_none: if compared.is_some() {
            "Nothing got worse by enough to be no accident."
        } else {
            "No request failed."
        },
        changed: report.changed.iter().map(|one| pointed(one, report.window.seconds())).collect(),
        compared: compared.map(Compared::called),
        rate: charts::rate(&report.series, before_series, &report.marks),
        latency: charts::latency(&report.series, before_series),
        distribution: charts::distribution(&report.total, report.before.as_ref()),
        classes: classes(report),
        left_out: (report.endpoints.len() > ROWS_MAX).then(|| {
            format!(
                "The {} with most requests of {total}; the CSV and JSON of this report have all.",
                exact(ROWS_MAX as u64)
            )
        }),
        endpoints_total: total,
        rows: report.endpoints.iter().take(ROWS_MAX).map(|row| line(row, compared.is_some())).collect(),
        covers: covers(report),
        accounting: accounting(report.books.as_ref()),
        promise: PROMISE,
    };
    page.render().map_err(|error| {
        tracing::error!(%error, "a report cannot be rendered");
        Problem::new(Kind::Internal, "the report cannot be rendered; the log tells more")
    })
}

fn subtitle(report: &Report) -> String {
    let length = times::length(report.window.seconds());
    let made = times::to_the_minute(report.made_ms.div_euclid(1_000));
    let compared = report.compared.as_ref().map_or("not compared with anything earlier".to_owned(), |compared| {
        let window = compared.pieces.window();
        format!("compared with {}: {}", compared.called(), times::window(window.from_s, window.to_s))
    });
    format!("{length}, {compared}. Made {made}.")
}

fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = Vec::new();
    if !report.is_complete() {
        warnings.push(match report.counted_through_ms {
            Some(through_ms) => format!(
                "Counting was behind when this report was made: counted through {}. What was accepted later is missing; nothing is lost.",
                times::to_the_second(through_ms.div_euclid(1_000))
            ),
            None => "Nobody knows up to when everything is counted: Redis or the consumers did not say.".to_owned(),
        });
    }
    if let Some(first_s) = report.first_s.filter(|first_s| *first_s > report.window.from_s) {
        let began = times::to_the_minute(first_s);
        warnings.push(format!("Counting began at {began}, after this window did: before, there is nothing to show."));
    }
    if report.books.as_ref().is_some_and(|books| !books.balanced) {
        warnings
            .push("The books did not balance when this report was made; /v1/accounting has the details.".to_owned());
    }
    warnings
}

fn figures(report: &Report) -> Vec<Figure> {
    let seconds = report.window.seconds();
    let now = Measured::of(&report.total, seconds).shown;
    let before = report.before.as_ref().map(|before| Measured::of(before, seconds).shown);
    let was =
        |amount: Option<Amount>| amount.map_or("nothing to compare with".to_owned(), |amount| format!("was {amount}"));
    let quantile = |name, of: fn(&crate::reads::figures::Shown) -> Option<f64>| Figure {
        name,
        amount: duration(of(&now)),
        change: before.as_ref().map(|before| quantile_change(of(&now), of(before), now.requests)).unwrap_or_default(),
        note: was(before.as_ref().map(|before| duration(of(before)))),
    };
    let requests = before.as_ref().map(|before| count_change(now.requests, before.requests)).unwrap_or_default();
    let errors = before.as_ref().filter(|before| before.requests > 0);
    let new = report.endpoints.iter().filter(|row| row.before.is_none()).count() as u64;
    let new = if report.before.is_some() && new > 0 { format!(", {} new", exact(new)) } else { String::new() };
    vec![
        Figure {
            name: "Requests",
            amount: count(now.requests),
            change: requests,
            note: was(before.as_ref().map(|b| count(b.requests))),
        },
        Figure {
            name: "Error ratio (5xx)",
            amount: share(now.errors, now.requests),
            change: errors
                .map(|before| ratio_change(now.error_ratio, before.error_ratio, now.requests))
                .unwrap_or_default(),
            note: was(before.as_ref().map(|before| share(before.errors, before.requests))),
        },
        quantile("p50 latency", |shown| shown.duration_ms.p50),
        quantile("p95 latency", |shown| shown.duration_ms.p95),
        quantile("p99 latency", |shown| shown.duration_ms.p99),
        Figure {
            name: "Active services",
            amount: count(report.services as u64),
            change: Change::default(),
            note: format!("{} endpoints{new}", exact(report.endpoints.len() as u64)),
        },
    ]
}

fn pointed(one: &Changed, span_s: i64) -> Pointed {
    let (now, before) = (&one.now.shown, one.before.as_ref().map(|before| &before.shown));
    let ratio = match before {
        Some(before) => format!("5xx {} → {}", percent(before.error_ratio), percent(now.error_ratio)),
        None => format!("5xx {}", percent(now.error_ratio)),
    };
    let p99 = match before {
        Some(before) => format!("p99 {} → {}", duration(before.duration_ms.p99), duration(now.duration_ms.p99)),
        None => format!("p99 {}", duration(now.duration_ms.p99)),
    };
    let failing = one.more_errors > 0;
    let more = if before.is_some() { "more failures" } else { "failures" };
    let what = if failing { format!("▲ {} {more}", exact(one.more_errors)) } else { format!("▲ {p99}") };
    let peak = one.peak.filter(|_| failing);
    let peak = peak.map(|peak| {
        format!("peak {} at {}", percent(peak.ratio().unwrap_or_default()), times::within(span_s, peak.start_s))
    });
    let more = if failing { [Some(ratio), peak, Some(p99)] } else { [Some(ratio), None, None] };
    Pointed {
        id: one.id.to_string(),
        service: one.name.service().to_string(),
        method: one.name.method().to_string(),
        route: one.name.route().to_string(),
        what,
        more: more.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        bad: true,
    }
}

fn classes(report: &Report) -> Vec<Class> {
    let class = |(index, (digit, meaning)): (usize, (u8, &'static str))| {
        let before = report.before.as_ref().map_or((0, 0), |before| (before.status[index], before.requests));
        Class {
            digit,
            meaning,
            requests: exact(report.total.status[index]),
            share: share(report.total.status[index], report.total.requests),
            before_requests: exact(before.0),
            before_share: share(before.0, before.1),
        }
    };
    CLASSES.into_iter().enumerate().map(class).collect()
}

fn line(row: &Row, compared: bool) -> Line {
    let (now, before) = (&row.now.shown, row.before.as_ref().map(|before| &before.shown));
    let requests = before.map_or(0, |before| before.requests);
    let ratio_before = before.map_or(0.0, |before| before.error_ratio);
    Line {
        id: row.id.to_string(),
        service: row.name.service().to_string(),
        method: row.name.method().to_string(),
        route: row.name.route().to_string(),
        requests: count(now.requests),
        change: count_change(now.requests, requests),
        ratio: share(now.errors, now.requests),
        ratio_worse: compared && ratio_change(now.error_ratio, ratio_before, now.requests).worse,
        classes: classes_bar(&row.now),
        classes_words: classes_words(&row.now),
        p50: duration(now.duration_ms.p50),
        p95: duration(now.duration_ms.p95),
        p99: duration(now.duration_ms.p99),
        p99_change: quantile_change(
            now.duration_ms.p99,
            before.and_then(|before| before.duration_ms.p99),
            now.requests,
        ),
    }
}

/// Shares of a row as rectangles, 100 wide together; 5xx ends the bar.
fn classes_bar(measured: &Measured) -> String {
    let requests = measured.shown.requests.max(1) as f64;
    let shares = measured.status.map(|count| count as f64 / requests);
    let widths = shares.map(|share| if share < CLASS_SHARE_MIN { 0.0 } else { (share * 100.0).max(CLASS_WIDTH_MIN) });
    let sum: f64 = widths.iter().sum();
    let (mut svg, mut at) = (String::new(), 0.0);
    for (width, (digit, _)) in widths.into_iter().zip(CLASSES) {
        let width = width / sum.max(1.0) * 100.0;
        if width > 0.0 {
            // Writing to a String does not fail.
            let _ = write!(svg, r#"<rect class="s{digit}" x="{at:.1}" width="{width:.1}" height="8"/>"#);
        }
        at += width;
    }
    svg
}

fn classes_words(measured: &Measured) -> String {
    let there = measured.status.into_iter().zip(CLASSES).filter(|(count, _)| *count > 0);
    let words = there.map(|(count, (digit, _))| format!("{digit}xx {}", share(count, measured.shown.requests)));
    words.collect::<Vec<_>>().join(", ")
}

fn covers(report: &Report) -> Vec<(&'static str, String)> {
    let level = match report.level {
        Level::Minute => "whole minutes",
        Level::Hour => "hours, with minutes at both ends as far as they are kept",
        Level::Day => "days, with hours at both ends as far as they are kept",
        Level::Month => "months, with days at both ends as far as they are kept",
    };
    let window =
        |from_s, to_s| format!("{} to {} (exclusive)", times::to_the_second(from_s), times::to_the_second(to_s));
    let compared = report.compared.as_ref().map_or(
        "nothing: counting had not begun, or it is no longer kept as finely".to_owned(),
        |compared| {
            let earlier = compared.pieces.window();
            format!("{}, {}", compared.called(), window(earlier.from_s, earlier.to_s))
        },
    );
    let counted = report.counted_through_ms.map_or("not known".to_owned(), |through_ms| {
        format!(
            "{}: everything accepted before is in these numbers",
            times::to_the_second(through_ms.div_euclid(1_000))
        )
    });
    vec![
        ("Window", window(report.window.from_s, report.window.to_s)),
        ("Of", report.service.as_ref().map_or("all services".to_owned(), |service| format!("the service {service}"))),
        ("Added up from", level.to_owned()),
        ("Counted through", counted),
        ("Compared with", compared),
        ("Made", times::to_the_second(report.made_ms.div_euclid(1_000))),
        ("By", format!("Tally {}", env!("CARGO_PKG_VERSION"))),
    ]
}

/// The books of everything since counting began; never shortened, so that they add up by eye.
fn accounting(books: Option<&Books>) -> String {
    let Some(books) = books else {
        return "Accounting: Redis did not answer when this report was made, so what was accepted in all is not known."
            .to_owned();
    };
    let filtered = if books.filtered > 0 { format!(" + {} filtered", exact(books.filtered)) } else { String::new() };
    format!(
        "Accounting since counting began, in events: {} accepted = {} counted + {} dead-lettered{filtered} + {} in flight{}",
        exact(books.accepted),
        exact(books.counted),
        exact(books.dead_lettered),
        exact(books.in_flight),
        if books.balanced { "." } else { ": this does not balance." }
    )
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
