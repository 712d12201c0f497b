//! What was measured, kept as JSON, and the charts made of it.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::chart::Chart;
use crate::error::Error;
use crate::machine;

const FILE: &str = "growth.json";

/// One part, and where it comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Kept {
    part: String,
    at: String,
    command: String,
    machine: String,
    versions: String,
    chart: Chart,
}

impl Kept {
    /// What was measured just now.
    pub(super) fn now(part: &str, command: &str, chart: Chart) -> Self {
        let at = format!("{:.0}", jiff::Timestamp::now());
        let (machine, versions) = (machine::description(), machine::versions());
        Self { part: part.to_owned(), at, command: command.to_owned(), machine, versions, chart }
    }

    /// The last line of the chart.
    fn signature(&self) -> String {
        let day = self.at.split('T').next().unwrap_or_default();
        let tally = self.versions.split(", ").next().unwrap_or_default();
        format!("{}, {tally}, {day}, {}", self.command, self.machine)
    }
}

/// Puts a part into `growth.json` of a directory, in place of what was there of it.
///
/// # Errors
/// If the file cannot be read or written.
pub(super) fn keep(directory: &Path, kept: Kept) -> Result<(), Error> {
    fs::create_dir_all(directory).map_err(Error::io("make the directory"))?;
    let mut all = read(directory)?;
    all.retain(|old| old.part != kept.part);
    all.push(kept);
    all.sort_by_key(|kept| super::PARTS.iter().position(|part| *part == kept.part));
    let text = serde_json::to_string_pretty(&all)? + "\n";
    fs::write(directory.join(FILE), text).map_err(Error::io(format!("write {FILE}")))
}

/// Draws a part from what is kept of it, and tells the chart's path.
///
/// # Errors
/// If it was not measured, or the chart cannot be written.
pub(super) fn draw(directory: &Path, charts: &Path, part: &str) -> Result<PathBuf, Error> {
    let Some(kept) = read(directory)?.into_iter().find(|kept| kept.part == part) else {
        return Error::wrong(format!("{part} was not measured yet"));
    };
    fs::create_dir_all(charts).map_err(Error::io("make the directory"))?;
    let path = charts.join(format!("{part}.svg"));
    fs::write(&path, kept.chart.svg(&kept.signature())?).map_err(Error::io("write the chart"))?;
    Ok(path)
}

fn read(directory: &Path) -> Result<Vec<Kept>, Error> {
    match fs::read(directory.join(FILE)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(_) => Ok(Vec::new()),
    }
}
