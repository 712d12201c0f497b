//! Names of kept reports: made by us, out of letters, digits and dashes, so that a name never leads out of its directory.

use std::fmt;

use serde::{Deserialize, Serialize};
use tally_model::Window;

use crate::reports::times;

const DAY_S: i64 = 86_400;
/// Longest part that tells the service, in characters.
const SERVICE_CHARS_MAX: usize = 40;
/// Longest name that is looked at, in characters.
const NAME_CHARS_MAX: usize = 120;

/// `2026-03-12T0240Z-0410Z-payments-1a2b`: window, service, and four digits that tell reports of the same apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ReportName(String);

impl ReportName {
    /// A name for a report; `salt` tells two of the same apart where they are kept.
    pub(crate) fn of(window: Window, service: Option<&str>, daily: bool, salt: Option<u16>) -> Self {
        let mut name = bounds(window);
        if daily {
            name.push_str("-daily");
        }
        let service = service.map(slug).filter(|slug| !slug.is_empty());
        service.into_iter().for_each(|slug| name.extend(["-", &slug]));
        Self(salt.map_or(name.clone(), |salt| format!("{name}-{salt:04x}")))
    }

    /// Takes only what may be one of our names.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let ours = plain && text.len() <= NAME_CHARS_MAX && text.starts_with(|c: char| c.is_ascii_digit());
        ours.then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReportName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not the name of a report")
    }
}

impl fmt::Display for ReportName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn bounds(Window { from_s, to_s }: Window) -> String {
    let from = times::in_a_name(from_s);
    let date = from.get(..10).unwrap_or_default();
    if from_s.rem_euclid(DAY_S) == 0 && to_s - from_s == DAY_S {
        return date.to_owned();
    }
    let to = times::in_a_name(to_s);
    // On the same day the time is enough.
    let to = if to.starts_with(date) { to.get(11..).unwrap_or_default() } else { &to };
    format!("{from}-{to}")
}

/// A service's name in small letters, digits and single dashes.
fn slug(service: &str) -> String {
    let kept: String =
        service.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let words: Vec<&str> = kept.split('-').filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(SERVICE_CHARS_MAX).collect();
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(from: &str, to: &str, service: Option<&str>, daily: bool) -> String {
        let s = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_second();
        let name = ReportName::of(Window { from_s: s(from), to_s: s(to) }, service, daily, Some(0x1a2b));
        assert_eq!(ReportName::parse(name.as_str()), Some(name.clone()), "{name}");
        name.to_string()
    }

    #[test]
    fn names_tell_window_and_service() {
        let night = ("2026-03-12T02:40:00Z", "2026-03-12T04:10:00Z");
        assert_eq!(name(night.0, night.1, Some("payments"), false), "2026-03-12T0240Z-0410Z-payments-1a2b");
        assert_eq!(name(night.0, night.1, Some("../../etc/passwd"), false), "2026-03-12T0240Z-0410Z-etc-passwd-1a2b");
        assert_eq!(name(night.0, night.1, Some("größe <script>"), false), "2026-03-12T0240Z-0410Z-gr-e-script-1a2b");
        assert_eq!(name(night.0, night.1, Some("支付"), false), "2026-03-12T0240Z-0410Z-1a2b");
        assert_eq!(name("2026-03-11T00:00:00Z", "2026-03-12T00:00:00Z", None, true), "2026-03-11-daily-1a2b");
        let long = name("2026-03-11T14:30:00Z", "2026-03-12T14:30:00Z", Some(&"s".repeat(100)), true);
        assert!(long.starts_with("2026-03-11T1430Z-2026-03-12T1430Z-daily-ssss") && long.len() < 100, "{long}");
    }

    #[test]
    fn nothing_else_is_a_name() {
        for text in [
            "",
            "..",
            ".",
            "a",
            "2026/../x",
            "2026-03-12\0",
            "2026.html",
            "2026 ",
            "-2026",
            ".new-2026",
            "2026%2f",
            "２０２６",
        ] {
            assert_eq!(ReportName::parse(text), None, "{text:?}");
        }
        assert_eq!(ReportName::parse(&"1".repeat(121)), None);
    }
}
