//! Baseline and now beside each other, for a terminal; and the baseline as Markdown.

use std::fmt::Write as _;

use crate::{Count, Counts};

/// A smaller change, in percent, is not told from none: two runs of the same program differ by less.
const SAME_PERCENT: f64 = 0.1;
const HEAD: [&str; 5] = ["figure", "instructions per", "baseline", "now", "change"];

/// The counts of now beside those of the baseline. A figure that only one of them has is shown too.
#[must_use]
pub fn compared(baseline: &Counts, now: &Counts, is_whole: bool) -> String {
    let gone = baseline.counts.iter().filter(|count| is_whole && now.of(&count.figure).is_none());
    let rows = now.counts.iter().map(|count| row(count, baseline.of(&count.figure), Some(count)));
    let rows = rows.chain(gone.map(|count| row(count, Some(count), None)));
    let mut text = aligned(&std::iter::once(HEAD.map(str::to_owned)).chain(rows).collect::<Vec<_>>());
    if !baseline.counts.is_empty() && baseline.tools != now.tools {
        let _ = write!(
            text,
            "\nThe baseline was counted by other tools, so a change may be theirs:\n  {}\n  now {}\n",
            baseline.tools, now.tools
        );
    }
    text
}

fn row(named: &Count, baseline: Option<&Count>, now: Option<&Count>) -> [String; 5] {
    let each = |count: Option<&Count>| count.map_or_else(|| "-".to_owned(), |count| figure(count.each()));
    let change = match (baseline, now) {
        (Some(baseline), Some(now)) => change(baseline.each(), now.each()),
        (None, _) => "new".to_owned(),
        (_, None) => "gone".to_owned(),
    };
    [named.figure.clone(), named.unit.clone(), each(baseline), each(now), change]
}

fn change(before: f64, now: f64) -> String {
    let percent = (now / before - 1.0) * 100.0;
    if percent.abs() < SAME_PERCENT { "same".to_owned() } else { format!("{percent:+.1} %") }
}

/// With a comma between thousands, and a decimal below one.
fn figure(value: f64) -> String {
    let tenths = format!("{value:.1}");
    let (whole, rest) = tenths.split_at(tenths.len() - 2);
    let mut text = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text + rest
}

fn aligned(rows: &[[String; 5]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let mut text = String::new();
    for row in rows {
        let cell = |(i, cell): (usize, &String)| match i {
            0 | 1 => format!("{cell:<0$}", widths[i]),
            _ => format!("{cell:>0$}", widths[i]),
        };
        let _ = writeln!(text, "{}", row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end());
    }
    text
}

/// The counts to be read, and to be seen changing in a review.
#[must_use]
pub fn markdown(counts: &Counts) -> String {
    let mut text = "# Instructions of the hot loops\n\n".to_owned();
    text += "Written by `make bench-counts UPDATE=1`; not to be edited. [performance.md](../performance.md) says what the figures mean.\n\n";
    text += "| figure | instructions | per |\n|---|--:|---|\n";
    for count in &counts.counts {
        let _ = writeln!(text, "| {} | {} | {} |", count.figure, figure(count.each()), count.unit);
    }
    let _ = write!(text, "\nCounted with {}.\n", counts.tools);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(tools: &str, counts: &[(&str, u64)]) -> Counts {
        let count = |(figure, instructions): &(&str, u64)| Count {
            figure: (*figure).into(),
            unit: "event".into(),
            units: 10,
            instructions: *instructions,
        };
        Counts { tools: tools.into(), counts: counts.iter().map(count).collect() }
    }

    #[test]
    fn a_change_is_seen() {
        let baseline = counts("a", &[("parse", 10_000), ("pack", 20_000_000), ("old", 5)]);
        let now = counts("a", &[("parse", 11_000), ("pack", 20_010_000), ("young", 7)]);
        let text = compared(&baseline, &now, true);
        let cells: Vec<Vec<&str>> = text.lines().map(|line| line.split_ascii_whitespace().collect()).collect();
        assert_eq!(cells[1], ["parse", "event", "1,000.0", "1,100.0", "+10.0", "%"]);
        assert_eq!(cells[2], ["pack", "event", "2,000,000.0", "2,001,000.0", "same"]);
        assert_eq!(cells[3], ["young", "event", "-", "0.7", "new"]);
        assert_eq!(cells[4], ["old", "event", "0.5", "-", "gone"]);
        assert_eq!(cells.len(), 5);
    }

    #[test]
    fn a_part_misses_nothing() {
        let baseline = counts("a", &[("parse", 10_000), ("pack", 20_000)]);
        assert!(!compared(&baseline, &counts("a", &[("pack", 20_000)]), false).contains("gone"));
    }

    #[test]
    fn other_tools_are_named() {
        let baseline = counts("rustc 1", &[("parse", 1)]);
        assert!(compared(&baseline, &counts("rustc 2", &[("parse", 1)]), true).contains("rustc 1\n  now rustc 2"));
        assert!(!compared(&Counts::default(), &counts("rustc 2", &[("parse", 1)]), true).contains("other tools"));
    }
}
