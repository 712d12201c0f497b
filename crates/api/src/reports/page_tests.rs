use std::collections::BTreeSet;

use tally_model::{EndpointName, Sketch, Window};
use tally_store::{EndpointFigures, Figures, Floors};

use super::*;
use crate::reads::cut::Cut;
use crate::reads::marks::marks;
use crate::reports::changed;
use crate::reports::compared::Compared;
use crate::reports::report::rows;
use crate::reports::series::{Series, buckets, steps};

const NAMES: [(&str, &str, &str); 6] = [
    ("storefront", "GET", "/assets/{file}"),
    ("search", "GET", "/suggest"),
    ("payments", "POST", "/v1/charges"),
    ("checkout", "POST", "/v1/orders/{id}/pay"),
    ("<img src=x>", "GET", "/\"'&<script>"),
    ("accounts", "DELETE", "/me/addresses/a-route-that-is-rather-long/{id}/and-goes-on/and-on/{more}"),
];
const ALL: Floors = Floors { from_s: [i64::MIN; 4] };
/// 2026-03-11T14:30:00Z
const FROM_S: i64 = 1_773_239_400;
const TO_S: i64 = FROM_S + 86_400;

/// A step of ten minutes of an endpoint: a calm day, and in the second one a bad night for payments.
fn step(endpoint: usize, index: i64, bad_day: bool) -> Figures {
    let wave = (index as f64 / 144.0 * std::f64::consts::TAU).sin();
    let requests = ((wave + 1.6) * 400.0 / (endpoint as f64 + 1.0)) as u64 + 3;
    let bad = bad_day && matches!(endpoint, 2 | 3) && (73..82).contains(&index);
    let errors = if bad { requests / 3 } else { u64::from(index % 29 == 0) };
    let mut figures = Figures {
        requests,
        status: [0, requests - errors - requests / 9, requests / 18, requests / 9 - requests / 18, errors],
        timed: requests,
        duration_min_us: Some(500),
        duration_max_us: Some(5_100_000),
        ..Figures::default()
    };
    let mut sketch = Sketch::new();
    for n in 0..requests {
        let spread = 1.0 + (n * 7_919 % 1_000) as f64 / 70.0;
        let base_ms = 4.0 * (endpoint as f64 + 1.0);
        sketch.insert(if bad && n % 3 == 0 { 5_000_000 } else { (base_ms * spread * 1_000.0) as u64 });
    }
    figures.sketch = sketch;
    figures
}

fn endpoints(bad_day: bool) -> Vec<EndpointFigures> {
    let whole = |(endpoint, (service, method, route)): (usize, &(&str, &str, &str))| {
        let name = EndpointName::new(service, method, route);
        let mut figures = Figures::default();
        (0..144).for_each(|index| figures.add(&step(endpoint, index, bad_day)));
        EndpointFigures { id: name.id(), name, figures }
    };
    NAMES.iter().enumerate().map(whole).collect()
}

fn series(cut: Cut, later_s: i64, bad_day: bool) -> Series {
    let starts = cut.starts(i64::MAX - 1);
    let whole = |(index, start_s): (usize, &i64)| {
        let mut figures = Figures::default();
        // Steps are half as long as those of the endpoints.
        (0..NAMES.len()).for_each(|endpoint| figures.add(&step(endpoint, index as i64 / 2, bad_day)));
        (*start_s, figures)
    };
    let points = cut.points(starts.iter().enumerate().map(whole).collect(), TO_S);
    Series::of(steps(&points, later_s, i64::MAX), Some(0))
}

fn report() -> Report {
    let window = Window { from_s: FROM_S, to_s: TO_S };
    let cut = Cut::drawn(window, window.seconds(), ALL);
    let compared = Compared::with(window, ALL, Some(0));
    let (found, earlier) = (endpoints(true), endpoints(false));
    let (now, before) = (series(cut, 0, true), series(cut.earlier(86_400, ALL).unwrap(), 86_400, false));
    let rows = rows(&found, Some(&earlier), window.seconds());
    let sum = |all: &[EndpointFigures]| {
        let mut sum = Figures::default();
        all.iter().for_each(|one| sum.add(&one.figures));
        sum
    };
    Report {
        window,
        level: Level::Hour,
        service: None,
        daily: false,
        counted_through_ms: Some(TO_S * 1_000 + 7_204),
        first_s: Some(0),
        made_ms: TO_S * 1_000 + 7_410,
        compared,
        total: sum(&found),
        before: Some(sum(&earlier)),
        services: 6,
        changed: changed::most(&rows, true),
        endpoints: rows,
        step_s: cut.step_s,
        marks: marks(&buckets(&now.steps), Some(&buckets(&before.steps))),
        series: now,
        before_series: Some(before),
        books: Some(Books {
            accepted: 1_234_567,
            counted: 1_234_560,
            in_flight: 7,
            balanced: true,
            ..Books::default()
        }),
    }
}

#[test]
fn a_bad_night_is_told() {
    let page = html(&report()).unwrap().replace('\u{202f}', " ");
    if let Some(path) = std::env::var_os("TALLY_TEST_REPORT") {
        std::fs::write(path, html(&report()).unwrap()).unwrap();
    }
    for told in [
        "<h1>Wed 11 Mar 2026, 14:30 – Thu 12 Mar 2026, 14:30 UTC</h1>",
        "24 h, compared with the day before: Tue 10 Mar 2026, 14:30 – Wed 11 Mar 2026, 14:30.",
        "more failures",
        "02:40 – 04:10",
        "1,234,567 accepted = 1,234,560 counted + 0 dead-lettered + 7 in flight.",
        PROMISE,
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("class=\"banner\""), "nothing to warn of");
}

#[test]
fn the_page_is_sound() {
    let page = html(&report()).unwrap();
    let after = |mark: &'static str| page.split(mark).skip(1).map(|rest| rest.split('"').next().unwrap());
    let ids: Vec<&str> = after(" id=\"").collect();
    let once: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), once.len(), "an id is there twice");
    for used in after("aria-labelledby=\"").chain(after("href=\"#")) {
        assert!(once.contains(used), "{used}");
    }
    for never in ["<img", "<script", "NaN", "inf"] {
        assert!(!page.replace("info", "").contains(never), "{never}");
    }
    assert_eq!(
        page.matches("<svg class=\"chart").count(),
        page.matches("role=\"img\" aria-label=").count() - NAMES.len()
    );
    for tag in [
        "section", "table", "tr", "th", "td", "svg", "dl", "dd", "dt", "ol", "li", "p", "span", "main", "div", "strong",
    ] {
        let (open, closed) = (format!("<{tag}"), format!("</{tag}>"));
        let opened =
            page.match_indices(&open).filter(|(at, _)| matches!(page.as_bytes()[at + open.len()], b' ' | b'>')).count();
        assert_eq!(opened, page.matches(&closed).count(), "{tag}");
    }
    assert!(page.len() < 120_000, "{} bytes", page.len());
}

#[test]
fn what_is_missing_is_warned_of() {
    let late = Report { counted_through_ms: Some((TO_S - 7_200) * 1_000), ..report() };
    let mut late = late;
    late.series.counted_through_s = Some(TO_S - 7_200);
    let page = html(&late).unwrap();
    assert!(page.contains("Counting was behind") && page.contains("not counted yet"));
    let young = Report { first_s: Some(FROM_S + 3_600), ..report() };
    assert!(html(&young).unwrap().contains("Counting began at 2026-03-11 15:30 UTC"));
    let unknown =
        Report { counted_through_ms: None, books: None, compared: None, before: None, before_series: None, ..report() };
    let page = html(&unknown).unwrap();
    assert!(page.contains("Nobody knows up to when") && page.contains("Redis did not answer"));
    assert!(page.contains("Failed most") && !page.contains("Change</th>"));
}

#[test]
fn bars_fill_their_width_and_show_what_is_rare() {
    let figures = Figures { requests: 1_000, status: [0, 990, 0, 0, 10], ..Figures::default() };
    let measured = Measured::of(&figures, 60);
    let bar = classes_bar(&measured);
    assert!(bar.starts_with(r#"<rect class="s2" x="0.0" width="97.1""#), "{bar}");
    assert!(bar.contains(r#"<rect class="s5" x="97.1" width="2.9""#), "{bar}");
    assert_eq!(classes_words(&measured), "2xx 99.0\u{202f}%, 5xx 1.00\u{202f}%");
}
