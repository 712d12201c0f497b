//! The directory of kept reports: one directory a report, made whole before it gets its name, taken away as a whole. Several
//! processes may share it. Everything here blocks, and belongs on a thread for that.
//!
//! ```text
//! 2026-03-12T0240Z-0410Z-payments-1a2b/        about.json, and the report as NAME.html, NAME.csv, NAME.json
//! .new-…, .gone-…, .probe-…                    on the way in or out; what a crash leaves goes with the next sweep
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::reports::Format;
use crate::reports::name::ReportName;

/// Most reports that are kept.
const REPORTS_MAX: usize = 500;
/// Most bytes that all kept reports take together.
const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Most names tried for a report before the directory is taken to be strange.
const NAMES_TRIED_MAX: usize = 8;
/// Longest `about.json` that is read, in bytes.
const ABOUT_BYTES_MAX: u64 = 64 * 1024;
/// Most entries of the directory that are looked at.
const ENTRIES_MAX: usize = 10_000;
/// A probe writes and syncs, and whoever may read may set one off: at most one in this time.
const PROBE_EVERY: Duration = Duration::from_secs(10);
/// What is on its way in or out for longer is left from a crash.
const LEFT_AFTER: Duration = Duration::from_secs(3_600);
const ABOUT: &str = "about.json";

/// What is known of a kept report without opening it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) name: ReportName,
    pub(crate) title: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) service: Option<String>,
    pub(crate) daily: bool,
    pub(crate) counted_through: Option<Timestamp>,
    pub(crate) made_at: Timestamp,
    pub(crate) bytes: Bytes,
}

/// Sizes of a report's files.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Bytes {
    pub(crate) html: u64,
    pub(crate) csv: u64,
    pub(crate) json: u64,
}

impl Bytes {
    const fn all(self) -> u64 {
        self.html + self.csv + self.json
    }
}

/// Why a report is not kept, not found, or not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShelfError {
    /// No directory is set.
    #[error("no directory")]
    Off,
    /// The bounds are reached; the text says what to delete.
    #[error("{0}")]
    Full(String),
    /// There is no such report.
    #[error("there is no report {0}")]
    Unknown(ReportName),
    /// The disk says no.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

/// The directory, if there is one, and how long reports stay in it.
#[derive(Debug)]
pub(crate) struct Shelf {
    directory: Option<PathBuf>,
    keep: SignedDuration,
    /// One at a time looks for room and takes it.
    adding: Mutex<()>,
    /// When it was last tried whether a file can be written, and what the disk said.
    probed: Mutex<Option<(Instant, Result<(), String>)>>,
}

impl Shelf {
    /// A shelf in `directory`, which is made when it is needed.
    pub(crate) fn new(directory: Option<PathBuf>, keep_days: u32) -> Self {
        let keep = SignedDuration::from_hours(24 * i64::from(keep_days));
        Self { directory, keep, adding: Mutex::new(()), probed: Mutex::new(None) }
    }

    /// # Errors
    /// [`ShelfError::Off`].
    fn directory(&self) -> Result<&Path, ShelfError> {
        self.directory.as_deref().ok_or(ShelfError::Off)
    }

    /// Whether a directory is set.
    pub(crate) const fn is_on(&self) -> bool {
        self.directory.is_some()
    }

    /// When a report made then is deleted.
    pub(crate) fn deleted_at(&self, made_at: Timestamp) -> Timestamp {
        made_at.checked_add(self.keep).unwrap_or(Timestamp::MAX)
    }

    /// The kept reports, the latest first.
    ///
    /// # Errors
    /// [`ShelfError::Off`], [`ShelfError::Disk`].
    pub(crate) fn list(&self) -> Result<Vec<About>, ShelfError> {
        let directory = self.directory()?;
        fs::create_dir_all(directory)?;
        let mut found: Vec<About> = names(directory)?.iter().filter_map(|name| about(directory, name).ok()).collect();
        found.sort_by(|a, b| b.made_at.cmp(&a.made_at).then_with(|| a.name.cmp(&b.name)));
        Ok(found)
    }

    /// Whether a file could be written within the last [`PROBE_EVERY`] and no report has failed since; else that is tried.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn writable(&self, now: Instant) -> Result<(), String> {
        let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
        match &*probed {
            Some((at, said)) if now.saturating_duration_since(*at) < PROBE_EVERY => said.clone(),
            _ => probed.insert((now, self.probe().map_err(|error| error.to_string()))).1.clone(),
        }
    }

    /// Writes a file and takes it away: permissions, a read-only or a full disk, whatever it is.
    fn probe(&self) -> Result<(), ShelfError> {
        let path = self.directory()?.join(format!(".probe-{}", Uuid::new_v4()));
        let written = write_synced(&path, b"?");
        let removed = fs::remove_file(&path);
        Ok(written.and(removed)?)
    }

    /// Keeps a report under a name of its own: all of it, or nothing. `texts` are the formats as in [`Format::ALL`].
    ///
    /// # Errors
    /// [`ShelfError`]; nothing is left behind.
    pub(crate) fn add(
        &self,
        about: &About,
        named: impl Fn(u16) -> ReportName,
        texts: &[String],
    ) -> Result<About, ShelfError> {
        let directory = self.directory()?;
        let _one = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let sizes: Vec<u64> = texts.iter().map(|text| text.len() as u64).collect();
        let bytes = Bytes { html: sizes[0], csv: sizes[1], json: sizes[2] };
        self.make_room(bytes.all())?;
        let coming = directory.join(format!(".new-{}", Uuid::new_v4()));
        let kept = (|| {
            for _ in 0..NAMES_TRIED_MAX {
                let name = named(Uuid::new_v4().as_fields().1);
                if directory.join(name.as_str()).exists() {
                    continue;
                }
                let about = About { name, bytes, ..about.clone() };
                write_report(&coming, &about, texts)?;
                fs::rename(&coming, directory.join(about.name.as_str()))?;
                File::open(directory)?.sync_all()?;
                return Ok(about);
            }
            Err(io::Error::from(io::ErrorKind::AlreadyExists))
        })();
        if kept.is_err() {
            *self.probed.lock().unwrap_or_else(PoisonError::into_inner) = None;
            // What cannot be taken away now goes with a sweep.
            let _ = fs::remove_dir_all(&coming);
        }
        Ok(kept?)
    }

    /// Opens a file of a report; with it its length in bytes.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub(crate) fn open(&self, name: &ReportName, format: Format) -> Result<(File, u64), ShelfError> {
        let path = self.directory()?.join(name.as_str()).join(file_name(name, format));
        let file = File::open(path).map_err(|error| unknown_or(error, name))?;
        let length = file.metadata()?.len();
        Ok((file, length))
    }

    /// Deletes a report: it is gone at once, its bytes a moment later.
    ///
    /// # Errors
    /// [`ShelfError`].
    pub(crate) fn delete(&self, name: &ReportName) -> Result<(), ShelfError> {
        let directory = self.directory()?;
        let going = directory.join(format!(".gone-{}", Uuid::new_v4()));
        fs::rename(directory.join(name.as_str()), &going).map_err(|error| unknown_or(error, name))?;
        Ok(fs::remove_dir_all(going)?)
    }

    /// Deletes what was kept long enough, and what a crash left; returns how many reports. Others may sweep at the same time.
    ///
    /// # Errors
    /// [`ShelfError::Off`], [`ShelfError::Disk`].
    pub(crate) fn sweep(&self, now: Timestamp) -> Result<usize, ShelfError> {
        let directory = self.directory()?;
        fs::create_dir_all(directory)?;
        let mut deleted = 0;
        for name in names(directory)? {
            let made_at = about(directory, &name)
                .map(|about| about.made_at)
                .or_else(|_| changed_at(&directory.join(name.as_str())));
            if made_at.is_ok_and(|made_at| self.deleted_at(made_at) <= now) {
                match self.delete(&name) {
                    Ok(()) => deleted += 1,
                    Err(ShelfError::Unknown(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        for entry in fs::read_dir(directory)?.take(ENTRIES_MAX) {
            let path = entry?.path();
            if is_on_its_way(&path) && age(&path).is_some_and(|age| age > LEFT_AFTER) {
                let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            }
        }
        Ok(deleted)
    }

    fn make_room(&self, bytes: u64) -> Result<(), ShelfError> {
        self.sweep(Timestamp::now())?;
        let kept = self.list()?;
        let taken: u64 = kept.iter().map(|about| about.bytes.all()).sum();
        let Some(oldest) = kept.last() else { return Ok(()) };
        if kept.len() < REPORTS_MAX && taken.saturating_add(bytes) <= BYTES_MAX {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
        Err(ShelfError::Full(format!(
            "{} reports of {} MiB are kept, at most {REPORTS_MAX} of {} MiB can be, and this one has {} MiB; delete some, such as the oldest: DELETE /v1/reports/{}",
            kept.len(),
            mib(taken),
            mib(BYTES_MAX),
            mib(bytes),
            oldest.name
        )))
    }
}

/// `NAME.html`
pub(crate) fn file_name(name: &ReportName, format: Format) -> String {
    format!("{name}.{}", format.extension())
}

/// Entries that are named like a report of ours.
fn names(directory: &Path) -> io::Result<Vec<ReportName>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)?.take(ENTRIES_MAX) {
        let entry = entry?;
        // Not through links: they may lead anywhere.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().to_str().and_then(ReportName::parse));
        }
    }
    Ok(names)
}

fn about(directory: &Path, name: &ReportName) -> io::Result<About> {
    let mut text = String::new();
    File::open(directory.join(name.as_str()).join(ABOUT))?.take(ABOUT_BYTES_MAX).read_to_string(&mut text)?;
    let about: About = serde_json::from_str(&text)?;
    // A directory that somebody renamed is known by its new name.
    Ok(About { name: name.clone(), ..about })
}

fn write_report(coming: &Path, about: &About, texts: &[String]) -> io::Result<()> {
    if !coming.exists() {
        fs::create_dir(coming)?;
    }
    for (format, text) in Format::ALL.into_iter().zip(texts) {
        write_synced(&coming.join(file_name(&about.name, format)), text.as_bytes())?;
    }
    write_synced(&coming.join(ABOUT), &serde_json::to_vec_pretty(about)?)?;
    File::open(coming)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn unknown_or(error: io::Error, name: &ReportName) -> ShelfError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ShelfError::Unknown(name.clone()),
        _ => ShelfError::Disk(error),
    }
}

fn is_on_its_way(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    [".new-", ".gone-", ".probe-"].iter().any(|start| name.starts_with(start))
}

fn changed_at(path: &Path) -> io::Result<Timestamp> {
    Timestamp::try_from(fs::symlink_metadata(path)?.modified()?).map_err(io::Error::other)
}

fn age(path: &Path) -> Option<Duration> {
    SystemTime::now().duration_since(fs::symlink_metadata(path).ok()?.modified().ok()?).ok()
}

#[cfg(test)]
#[path = "shelf_tests.rs"]
mod tests;
