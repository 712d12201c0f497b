//! A log that grows: reading on from a place, and staying with it when it is renamed, copied and truncated, or both.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::block::{BLOCK_LINES, Block, hex};
use crate::follow::state::Place;

/// Bytes that are looked at for a block; a longer line is taken in pieces, which are unreadable all the same.
const WINDOW_BYTES: usize = 4 * 1024 * 1024;
/// Bytes before a place that tell its file from others.
const MARK_BYTES: u64 = 1_024;
/// A file that has been renamed is left when nothing was written to it for this long, and to its successor something was:
/// a server that is told to reopen its log writes on to the old one until every worker has heard.
const QUIET: Duration = Duration::from_secs(2);
/// Files beside the log that are looked at, at most.
const SIBLINGS_MAX: usize = 10_000;

/// The file that is read now.
#[derive(Debug)]
pub(crate) struct Tail {
    log: PathBuf,
    file: File,
    grew_at: Instant,
}

/// What to do where nothing more is to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Wait: the log is whole, or its writer has not moved on yet.
    Wait,
    /// The file was left by its writer, and read to its end: what stands behind the last line end is a line.
    Finish,
    /// The file was cut; its copy, from the same place on, is now read.
    Copy,
    /// The file was cut, and no copy of it is to be found.
    Cut,
}

impl Tail {
    /// Opens the file that `place` is in, wherever it has been renamed or copied to; none if it is not there any more.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn find(log: &Path, place: &Place) -> io::Result<Option<Self>> {
        if let Some(file) = holding(log, place)? {
            return Ok(Some(Self::of(log, file)));
        }
        for (_, path) in siblings(log)?.into_iter().rev() {
            if let Some(file) = holding(&path, place)? {
                return Ok(Some(Self::of(log, file)));
            }
        }
        Ok(None)
    }

    /// Opens the log itself.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn open(log: &Path) -> io::Result<Self> {
        Ok(Self::of(log, File::open(log)?))
    }

    fn of(log: &Path, file: File) -> Self {
        Self { log: log.to_path_buf(), file, grew_at: Instant::now() }
    }

    /// The file's number.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn inode(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.ino())
    }

    /// The file's length in bytes.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    /// Whether the file is still what was read of it up to `place`.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn holds(&self, place: &Place) -> io::Result<bool> {
        holds(&self.file, place)
    }

    /// The end of the last whole line of the file.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn last_line_end(&self) -> io::Result<u64> {
        let length = self.len()?;
        let from = length.saturating_sub(WINDOW_BYTES as u64);
        let bytes = read_range(&self.file, from, length)?;
        Ok(bytes.iter().rposition(|byte| *byte == b'\n').map_or(from, |at| from + at as u64 + 1))
    }

    /// The end of the block that begins at `offset`; none while there is no whole line. Where the file is `finished`, its
    /// end ends a line.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn block_end(&mut self, offset: u64, finished: bool) -> io::Result<Option<u64>> {
        let bytes = read_range(&self.file, offset, offset + WINDOW_BYTES as u64)?;
        let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
        let whole = ends.take(BLOCK_LINES).last();
        let rest = (bytes.len() == WINDOW_BYTES || finished && !bytes.is_empty()).then_some(bytes.len());
        let end = whole.or(rest);
        if end.is_some() {
            self.grew_at = Instant::now();
        }
        Ok(end.map(|end| offset + end as u64))
    }

    /// The block from `place` to `end`, with the mark of what comes after it; none if the file has been cut.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn block(&self, place: &Place, end: u64) -> io::Result<Option<(Block, String)>> {
        // All of it from one reading: the file may be cut at any time.
        let from = place.offset.saturating_sub(MARK_BYTES);
        let bytes = read_range(&self.file, from, end)?;
        let length = bytes.len() as u64;
        let (Ok(before), true) = (usize::try_from(place.offset - from), from + length == end) else { return Ok(None) };
        if mark_of(&bytes[..before]) != place.mark {
            return Ok(None);
        }
        let block = Block::of(&bytes[before..], place.offset, place.lines + 1)?;
        Ok(Some((block, mark_of(&bytes))))
    }

    /// The mark of a place at `offset`.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn mark(&self, offset: u64) -> io::Result<String> {
        mark(&self.file, offset)
    }

    /// What has become of the file, now that all of it up to `place` is read.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn next(&mut self, place: &Place) -> io::Result<Next> {
        if !holds(&self.file, place)? {
            let copy = Self::find(&self.log, place)?;
            return Ok(copy.map_or(Next::Cut, |copy| {
                *self = copy;
                Next::Copy
            }));
        }
        let Some(at_the_name) = metadata(&self.log)? else { return Ok(Next::Wait) };
        let left = at_the_name.ino() != self.inode()? && at_the_name.len() > 0;
        Ok(if left && self.grew_at.elapsed() >= QUIET { Next::Finish } else { Next::Wait })
    }

    /// Goes on to the file that came after this one: one that was rotated away meanwhile, or the log.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn successor(&self) -> io::Result<Self> {
        let own = self.file.metadata()?;
        let later = |about: &Metadata| (about.mtime(), about.mtime_nsec()) > (own.mtime(), own.mtime_nsec());
        let current = metadata(&self.log)?.map(|about| about.ino());
        for (about, path) in siblings(&self.log)? {
            let other = about.ino() != own.ino() && Some(about.ino()) != current;
            if other
                && later(&about)
                && let Some(file) = opened(&path)?
            {
                return Ok(Self::of(&self.log, file));
            }
        }
        Self::open(&self.log)
    }

    /// Starts again with the file that has the log's name.
    ///
    /// # Errors
    /// Any of the system.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        *self = Self::open(&self.log)?;
        Ok(())
    }
}

/// The logs that rotation has put beside `log`, `access.log.1` or `access.log-20260310`, the longest untouched first.
fn siblings(log: &Path) -> io::Result<Vec<(Metadata, PathBuf)>> {
    let directory = log.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = log.file_name().unwrap_or_default();
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)?.take(SIBLINGS_MAX) {
        let entry = entry?;
        if is_rotated(name, &entry.file_name())
            && let Some(about) = metadata(&entry.path())?
            && about.is_file()
        {
            found.push((about, entry.path()));
        }
    }
    found.sort_by_key(|(about, _)| (about.mtime(), about.mtime_nsec()));
    Ok(found)
}

/// Whether `other` is `name` with a number or a date behind it.
fn is_rotated(name: &OsStr, other: &OsStr) -> bool {
    let suffix = other.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
    suffix.is_some_and(|suffix| {
        matches!(suffix, [b'.' | b'-' | b'_', _, ..])
            && suffix.iter().all(|byte| byte.is_ascii_digit() || b".-_:T".contains(byte))
    })
}

/// Opens a file if it is the one that `place` is in.
fn holding(path: &Path, place: &Place) -> io::Result<Option<File>> {
    let Some(file) = opened(path)? else { return Ok(None) };
    // Before anything was read there is nothing to know a file by but its number.
    let same = place.offset > 0 || file.metadata()?.ino() == place.inode;
    Ok(if same && holds(&file, place)? { Some(file) } else { None })
}

/// Whether all that was read up to `place`, and sent beyond it, is in the file.
fn holds(file: &File, place: &Place) -> io::Result<bool> {
    let length = file.metadata()?.len();
    Ok(length >= place.sent_to.unwrap_or(place.offset) && mark(file, place.offset)? == place.mark)
}

fn mark(file: &File, offset: u64) -> io::Result<String> {
    Ok(mark_of(&read_range(file, offset.saturating_sub(MARK_BYTES), offset)?))
}

/// The mark of a place by what stands before it, of which the end counts.
fn mark_of(before: &[u8]) -> String {
    let start = before.len().saturating_sub(MARK_BYTES as usize);
    if before.is_empty() { String::new() } else { hex(&Sha256::digest(&before[start..])) }
}

/// The bytes from `start` to `end`, or to where the file ends.
fn read_range(file: &File, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let length = file.metadata()?.len().min(end).saturating_sub(start);
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], start + filled as u64)? {
            0 => break,
            count => filled += count,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

fn opened(path: &Path) -> io::Result<Option<File>> {
    found(File::open(path))
}

fn metadata(path: &Path) -> io::Result<Option<Metadata>> {
    found(fs::metadata(path))
}

/// What is not there is nothing: rotation takes files away at any time. Nor is what is not ours to read.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    use io::ErrorKind::{NotFound, PermissionDenied};
    match result {
        Err(error) if matches!(error.kind(), NotFound | PermissionDenied) => Ok(None),
        result => result.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_logs() {
        let is = |other: &str| is_rotated(OsStr::new("access.log"), OsStr::new(other));
        for yes in ["access.log.1", "access.log.12", "access.log-20260310", "access.log.2026-03-10_12:00"] {
            assert!(is(yes), "{yes}");
        }
        for no in
            ["access.log", "access.log.1.gz", "access.log.state", "access.logs", "other.log.1", "access.log.", "1"]
        {
            assert!(!is(no), "{no}");
        }
    }
}
