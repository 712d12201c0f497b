//! The alerts of the chart: each has a runbook entry and both of its tests, and asks for metrics that the programs have.
//! `make rules-check` runs the tests themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Suffixes that the text format adds to the names of counters and histograms.
const SUFFIXES: [&str; 4] = ["_total", "_bucket", "_sum", "_count"];

fn read(path: &str) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What follows each `- alert: NAME`, by name.
fn alerts() -> BTreeMap<String, String> {
    let rules = read("helm/files/rules.yaml");
    let named = rules.split("- alert: ").skip(1).map(|text| {
        let (name, rest) = text.split_once('\n').unwrap();
        (name.to_owned(), rest.to_owned())
    });
    let alerts: BTreeMap<_, _> = named.collect();
    assert_eq!(alerts.len(), rules.matches("- alert: ").count(), "two alerts share a name");
    alerts
}

fn value<'a>(alert: &'a str, key: &str) -> &'a str {
    let found = alert.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
    found.unwrap_or_else(|| panic!("no {key} in\n{alert}"))
}

#[test]
fn every_alert_has_a_severity_a_sentence_and_a_runbook_entry() {
    let runbook = read("docs/runbook.md");
    let headings: BTreeSet<&str> = runbook.lines().filter_map(|line| line.strip_prefix("### Tally")).collect();
    let alerts = alerts();
    for (name, alert) in &alerts {
        assert!(["{ severity: critical }", "{ severity: warning }"].contains(&value(alert, "labels")), "{name}");
        for sentence in [value(alert, "summary"), value(alert, "description")] {
            assert!(sentence.trim_end_matches('"').ends_with('.'), "{name}: no sentence: {sentence}");
        }
        let anchor = format!("docs/runbook.md#{}", name.to_lowercase());
        assert_eq!(value(alert, "runbook_url"), anchor, "{name}");
        assert!(headings.contains(name.trim_start_matches("Tally")), "docs/runbook.md has no heading ### {name}");
    }
    assert_eq!(headings.len(), alerts.len(), "docs/runbook.md has entries of alerts that are gone");
}

#[test]
fn every_alert_is_tested_firing_and_quiet() {
    let tests: String =
        ["api", "consumer", "stores"].map(|theme| read(&format!("tests/monitoring/{theme}_test.yaml"))).concat();
    let (mut firing, mut quiet) = (BTreeSet::new(), BTreeSet::new());
    for case in tests.split("alertname: ").skip(1) {
        let name: String = case.chars().take_while(char::is_ascii_alphanumeric).collect();
        let expected = case.split_once("exp_alerts:").unwrap().1;
        let is_quiet = expected.trim_start().starts_with("[]");
        if is_quiet {
            quiet.insert(name)
        } else {
            firing.insert(name)
        };
    }
    let names: BTreeSet<String> = alerts().into_keys().collect();
    assert_eq!(firing, names, "alerts with a test in which they fire, and all alerts");
    assert_eq!(quiet, names, "alerts with a test in which they keep quiet, and all alerts");
}

/// Names of `tally_…` metrics in a text, with the program that they belong to and without what the text format adds.
fn metrics_in(text: &str, program: &str) -> BTreeSet<String> {
    let prefix = format!("tally_{program}_");
    let starts = text.match_indices(&prefix).map(|(at, _)| &text[at + prefix.len()..]);
    let names = starts.map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>());
    let bare = |name: String| {
        SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix).map(str::to_owned)).unwrap_or_else(|| name.clone())
    };
    names.map(bare).collect()
}

#[test]
fn alerts_and_dashboards_ask_for_metrics_that_exist() {
    let asked = read("helm/files/rules.yaml") + &read("helm/files/dashboards/pipeline.json");
    for program in ["api", "consumer"] {
        let source = read(&format!("crates/{program}/src/metrics.rs"));
        let names = metrics_in(&asked, program);
        assert!(names.len() > 5, "{names:?}");
        for name in names {
            assert!(source.contains(&format!("\"{name}\"")), "tally-{program} has no metric {name}");
        }
    }
}
