//! What was measured, as one aligned table, as Markdown, and as JSON.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::machine;
use crate::rounds::{Measured, Range, short};
use crate::say;

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Target {
    /// At least these shares of the limit: must, stretch.
    Share(f64, f64),
    /// At least these multiples of the limit.
    Factor(f64, f64),
    /// At most these multiples of the limit.
    Times(f64, f64),
    /// At most these values.
    AtMost(f64, f64),
}

/// Processor time of an event, in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Hops {
    api: f64,
    redis: f64,
    consumer: f64,
    postgres: f64,
}

impl Hops {
    fn of(measured: &Measured, contender: usize) -> Self {
        let of = |name| measured.range(contender, name).median;
        Self { api: of("api us"), redis: of("redis us"), consumer: of("consumer us"), postgres: of("postgres us") }
    }
}

/// One figure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    figure: String,
    limit: Option<f64>,
    value: f64,
    ratio: Option<f64>,
    must: Option<f64>,
    stretch: Option<f64>,
    /// `stretch`, `must`, `no`; null where nothing was asked for.
    meets: Option<String>,
    unit: String,
    limit_name: Option<String>,
    limit_text: Option<String>,
    value_text: String,
    ratio_text: Option<String>,
    targets_text: Option<String>,
    /// Rounds, and how quiet the machine was.
    rounds: String,
    /// Whether a round counts in which strangers took more of the machine than they may: then nothing is proved.
    #[serde(default)]
    noisy: bool,
    cpu_us_per_event: Option<Hops>,
    /// That of the limit, where it is a system of the same processes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    limit_cpu_us_per_event: Option<Hops>,
    at: String,
    command: String,
    machine: String,
    versions: String,
}

impl Row {
    /// A figure of its own.
    pub(crate) fn new(figure: &str, unit: &str, value: Range, (rounds, noisy): (String, bool)) -> Self {
        Self {
            figure: figure.to_owned(),
            limit: None,
            value: value.median,
            ratio: None,
            must: None,
            stretch: None,
            meets: None,
            unit: unit.to_owned(),
            limit_name: None,
            limit_text: None,
            value_text: value.text(),
            ratio_text: None,
            targets_text: None,
            rounds,
            noisy,
            cpu_us_per_event: None,
            limit_cpu_us_per_event: None,
            at: String::new(),
            command: String::new(),
            machine: String::new(),
            versions: String::new(),
        }
    }

    /// With the limit that it is held against, and the quotients of the rounds.
    pub(crate) fn beside(mut self, name: &str, limit: Range, ratio: Range) -> Self {
        self.limit = Some(limit.median);
        self.limit_name = Some(name.to_owned());
        self.limit_text = Some(limit.text());
        self.ratio = Some(ratio.median);
        self.ratio_text = Some(ratio_text(ratio));
        self
    }

    /// With what it should be.
    pub(crate) fn meeting(mut self, target: Target) -> Self {
        let (must, stretch, found, is_least, text) = match target {
            Target::Share(must, stretch) => {
                (must, stretch, self.ratio, true, format!("{:.0} % / {:.0} %", must * 100.0, stretch * 100.0))
            }
            Target::Factor(must, stretch) => (must, stretch, self.ratio, true, format!("≥ {must} × / {stretch} ×")),
            Target::Times(must, stretch) => (must, stretch, self.ratio, false, format!("≤ {must} × / {stretch} ×")),
            Target::AtMost(must, stretch) => (must, stretch, Some(self.value), false, format!("≤ {must} / {stretch}")),
        };
        let holds = |bound: f64| found.is_some_and(|found| if is_least { found >= bound } else { found <= bound });
        let met = if holds(stretch) {
            "stretch"
        } else if holds(must) {
            "must"
        } else {
            "no"
        };
        (self.must, self.stretch, self.meets, self.targets_text) =
            (Some(must), Some(stretch), Some(met.to_owned()), Some(text));
        self
    }

    /// With the processor time of each part.
    pub(crate) fn with_hops(mut self, measured: &Measured, contender: usize) -> Self {
        self.cpu_us_per_event = Some(Hops::of(measured, contender));
        self
    }

    /// With that of the limit.
    pub(crate) fn with_limit_hops(mut self, measured: &Measured, contender: usize) -> Self {
        self.limit_cpu_us_per_event = Some(Hops::of(measured, contender));
        self
    }

    fn cells(&self) -> [String; 6] {
        let limit = self.limit_name.as_ref().zip(self.limit_text.as_ref()).map(|(name, text)| format!("{text} {name}"));
        let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            self.figure.clone(),
            dash(limit),
            format!("{} {}", self.value_text, self.unit),
            dash(self.ratio_text.clone()),
            dash(self.targets_text.clone()),
            dash(self.meets.as_ref().map(|met| if self.noisy { format!("{met} (noisy)") } else { met.clone() })),
        ]
    }
}

fn ratio_text(ratio: Range) -> String {
    let percent = |value: f64| format!("{:.0}", value * 100.0);
    if ratio.median >= 1.5 {
        return format!("{} × [{}..{}]", short(ratio.median), short(ratio.min), short(ratio.max));
    }
    format!("{} % [{}..{}]", percent(ratio.median), percent(ratio.min), percent(ratio.max))
}

const HEAD: [&str; 6] = ["figure", "limit", "value", "ratio", "must / stretch", "meets"];

/// Where figures come from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// What measures the same again.
    pub(crate) command: String,
    /// What was measured, and what measured it.
    pub(crate) versions: String,
}

/// Says of each row when, where and how it was measured.
fn sign(rows: &mut [Row], origin: &Origin) {
    let (machine, at) = (machine::description(), jiff::Timestamp::now());
    for row in rows {
        row.at = format!("{at:.0}");
        (row.command, row.versions) = (origin.command.clone(), origin.versions.clone());
        row.machine.clone_from(&machine);
    }
}

/// The table for a terminal.
fn aligned(rows: &[Row]) -> String {
    let cells: Vec<[String; 6]> = std::iter::once(HEAD.map(str::to_owned)).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let mut text = String::new();
    for row in &cells {
        let line: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text
}

/// A table that is kept in two files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sheet {
    /// What both files are called.
    name: &'static str,
    /// What writes them.
    command: &'static str,
}

/// Tally against the machine's limits.
pub(crate) const LATEST: Sheet = Sheet { name: "latest", command: "make bench" };
/// Tally against what others would use in its place.
pub(crate) const PEERS: Sheet = Sheet { name: "peers", command: "make bench-peers" };

impl Sheet {
    /// Measures the parts and writes the table to stdout. What is measured of a part is kept at once, whatever becomes of
    /// the rest, unless the directory has no name.
    ///
    /// # Errors
    /// Those of `measure`, or if the files cannot be read or written.
    pub(crate) async fn fill(
        self,
        directory: &Path,
        origin: &Origin,
        parts: impl Iterator<Item = &'static str>,
        mut measure: impl AsyncFnMut(&'static str) -> Result<Vec<Row>, Error>,
    ) -> Result<(), Error> {
        let mut all = Vec::new();
        for part in parts {
            say(&format!("{part}:"));
            let mut rows = measure(part).await?;
            sign(&mut rows, origin);
            if !directory.as_os_str().is_empty() {
                self.keep(directory, &rows)?;
            }
            all.extend(rows);
        }
        std::io::stdout().write_all(aligned(&all).as_bytes()).map_err(Error::io("write the table"))
    }

    /// Puts the rows into the files, in place of what was there of the same figures.
    fn keep(self, directory: &Path, rows: &[Row]) -> Result<(), Error> {
        std::fs::create_dir_all(directory).map_err(Error::io("make the directory"))?;
        let [json, markdown] = ["json", "md"].map(|kind| directory.join(format!("{}.{kind}", self.name)));
        let mut all: Vec<Row> = match std::fs::read(&json) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => Vec::new(),
        };
        for row in rows {
            match all.iter_mut().find(|old| old.figure == row.figure) {
                Some(old) => *old = row.clone(),
                None => all.push(row.clone()),
            }
        }
        let write =
            |path: &Path, text| std::fs::write(path, text).map_err(Error::io(format!("write {}", path.display())));
        write(&json, serde_json::to_string_pretty(&all)? + "\n")?;
        write(&markdown, self.markdown(&all))
    }

    fn markdown(self, rows: &[Row]) -> String {
        let command = self.command;
        let mut text = format!(
            "# What `{command}` measured last\n\nWritten by `{command}`; not to be edited. \
             [performance.md](../performance.md) says what the figures mean.\n\n"
        );
        text += &line(&HEAD.map(str::to_owned));
        text += "|---|---|---|---|---|---|\n";
        rows.iter().for_each(|row| text += &line(&row.cells()));
        text += "\nMedian [least..most] of the rounds; a ratio is the median of the rounds' own quotients. Noisy: other processes \
                 took more than 0.1 core in a round that counts, so that this figure proves nothing yet.\n";
        text += &processor_time(rows);
        text += "\n## When, where and how\n\n| figure | rounds | at | command | machine | versions |\n|---|---|---|---|---|---|\n";
        for row in rows {
            let cells = [&row.figure, &row.rounds, &row.at, &format!("`{}`", row.command), &row.machine, &row.versions];
            text += &line(&cells.map(Clone::clone));
        }
        text
    }
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// A section on the processors, if any row knows of them.
fn processor_time(rows: &[Row]) -> String {
    let limit = |row: &Row| format!("{}: {}", row.figure, row.limit_name.as_deref().unwrap_or_default());
    let both = |row: &Row| [(row.figure.clone(), row.cpu_us_per_event), (limit(row), row.limit_cpu_us_per_event)];
    let hops: Vec<_> = rows.iter().flat_map(both).filter_map(|(load, hops)| Some((load, hops?))).collect();
    if hops.is_empty() {
        return String::new();
    }
    let mut text =
        "\n## Processor time of an event, in microseconds, by process\n\n| load | API | Redis | consumer | PostgreSQL |\n|---|---|---|---|---|\n"
            .to_owned();
    for (load, hops) in hops {
        let cells = [hops.api, hops.redis, hops.consumer, hops.postgres].map(|us| format!("{us:.3}"));
        text += &format!("| {load} | {} |\n", cells.join(" | "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ratio: f64, target: Target) -> Row {
        let one = |value| Range { median: value, min: value, max: value };
        Row::new("figure", "x", one(ratio), (String::new(), false)).beside("(a)", one(1.0), one(ratio)).meeting(target)
    }

    #[test]
    fn what_is_met() {
        for (ratio, met) in [(0.5, "no"), (0.55, "must"), (0.7, "stretch")] {
            assert_eq!(row(ratio, Target::Share(0.55, 0.7)).meets.as_deref(), Some(met));
        }
        for (ratio, met) in [(4.1, "no"), (4.0, "must"), (2.0, "stretch")] {
            assert_eq!(row(ratio, Target::Times(4.0, 2.7)).meets.as_deref(), Some(met));
            assert_eq!(row(ratio, Target::AtMost(4.0, 2.7)).meets.as_deref(), Some(met));
        }
        assert_eq!(row(f64::NAN, Target::Share(0.5, 0.6)).meets.as_deref(), Some("no"));
    }

    #[test]
    fn columns_are_aligned() {
        let text = aligned(&[row(0.5, Target::Share(0.5, 0.6)), row(12.0, Target::Times(4.0, 2.7))]);
        let starts: Vec<usize> = text.lines().map(|line| line.split("  ").next().map_or(0, str::len)).collect();
        assert_eq!(starts, [6, 6, 6]);
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    fn a_part_replaces_its_own_figures_only() {
        let directory = std::env::temp_dir().join(format!("tally-bench-{}", std::process::id()));
        let named = |name: &str, value| {
            Row::new(name, "x", Range { median: value, min: value, max: value }, (String::new(), false))
        };
        LATEST.keep(&directory, &[named("a", 1.0), named("b", 2.0)]).unwrap();
        LATEST.keep(&directory, &[named("b", 3.0)]).unwrap();
        let kept: serde_json::Value =
            serde_json::from_slice(&std::fs::read(directory.join("latest.json")).unwrap()).unwrap();
        assert_eq!(
            (&kept[0]["value"], &kept[1]["value"], kept.as_array().unwrap().len()),
            (&1.0.into(), &3.0.into(), 2)
        );
        std::fs::remove_dir_all(directory).unwrap();
    }
}
