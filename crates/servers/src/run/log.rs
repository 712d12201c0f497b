//! Log files of the parts, bounded in size.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::Problem;
use super::data::problem;

/// A log that has grown to this size becomes the old one.
const LOG_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// Makes the directory, and keeps what the last run wrote as `NAME.log.1`.
pub(super) fn rotate(directory: &Path, parts: &[&str]) -> Result<(), Problem> {
    fs::create_dir_all(directory).map_err(problem("create", directory))?;
    for part in parts {
        let log = of(directory, part);
        if log.exists() {
            fs::rename(&log, former(&log)).map_err(problem("rename", &log))?;
        }
    }
    Ok(())
}

/// The log file of a part.
pub(super) fn of(directory: &Path, part: &str) -> PathBuf {
    directory.join(format!("{part}.log"))
}

/// Keeps a growing log within bounds while its writer goes on: the text is copied away, then the file emptied (writers
/// append, so they go on at its new end). A line written in between is lost, which a log may bear.
pub(super) fn bound(log: &Path) {
    if fs::metadata(log).is_ok_and(|found| found.len() > LOG_BYTES_MAX) && fs::copy(log, former(log)).is_ok() {
        let _ = File::options().write(true).open(log).and_then(|file| file.set_len(0));
    }
}

fn former(log: &Path) -> PathBuf {
    log.with_extension("log.1")
}
