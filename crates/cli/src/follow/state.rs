//! The place that a follower has reached, in a file: written before each block is posted, so that after a crash the same
//! block is posted again, byte for byte under the same key.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::args::ImportArgs;
use crate::block::hex;
use crate::error::Error;

/// Where following has come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Makes the keys of this follower its own.
    pub(crate) id: String,
    /// What is followed, for whom: another import has another place.
    pub(crate) import: String,
    /// How many files have been followed under the log's name before this one.
    pub(crate) generation: u64,
    /// The file, as the system knows it.
    pub(crate) inode: u64,
    /// All before this byte has been posted.
    pub(crate) offset: u64,
    /// The block that begins there ends before this byte, if it has been sent; whether it arrived is not known.
    pub(crate) sent_to: Option<u64>,
    /// Lines before `offset`.
    pub(crate) lines: u64,
    /// Hash of what stands before `offset`: tells the file from others.
    pub(crate) mark: String,
}

/// The file that keeps a [`Place`]; nobody else may use it meanwhile.
#[derive(Debug)]
pub(crate) struct State {
    path: PathBuf,
    import: String,
    _lock: File,
}

impl State {
    /// Opens the file that `args` ask for, or the usual one for this import.
    ///
    /// # Errors
    /// [`Error::State`], if there is no place for it, or another follower has it.
    pub(crate) fn open(args: &ImportArgs, log: &Path) -> Result<Self, Error> {
        let keep_ids = if args.keep_ids { " --keep-ids" } else { "" };
        let import = format!("{} to {} as {}{keep_ids}", log.display(), args.to, args.service);
        let path = match &args.state {
            Some(path) => path.clone(),
            None => usual_path(&import).ok_or_else(|| Error::State {
                name: "--state".to_owned(),
                reason: "name a file to keep the place in: there is no home directory to put it".to_owned(),
            })?,
        };
        let lock = lock(&path).map_err(|reason| Error::State { name: path.display().to_string(), reason })?;
        Ok(Self { path, import, _lock: lock })
    }

    /// The place that was kept, if any.
    ///
    /// # Errors
    /// [`Error::State`], if the file cannot be read, or is that of another import.
    pub(crate) fn load(&self) -> Result<Option<Place>, Error> {
        let text = match fs::read(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|error| self.error(&error))?,
        };
        let place: Place = serde_json::from_slice(&text).map_err(|error| self.error(&error))?;
        if place.import != self.import {
            return Err(self.error(&format!("keeps the place of another import ({})", place.import)));
        }
        Ok(Some(place))
    }

    /// A place at the beginning of a file.
    pub(crate) fn first(&self, inode: u64) -> Place {
        let id = hex(&Sha256::digest(format!("{}:{}", std::process::id(), jiff::Timestamp::now())));
        let (import, mark) = (self.import.clone(), String::new());
        Place { id, import, generation: 0, inode, offset: 0, sent_to: None, lines: 0, mark }
    }

    /// Keeps `place`, on disk when this returns.
    ///
    /// # Errors
    /// [`Error::State`].
    pub(crate) fn save(&self, place: &Place) -> Result<(), Error> {
        let write = || {
            let directory = directory_of(&self.path);
            let mut file = NamedTempFile::new_in(directory)?;
            serde_json::to_writer(&mut file, place)?;
            file.flush()?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            File::open(directory)?.sync_all()
        };
        write().map_err(|error| self.error(&error))
    }

    /// Where it is kept.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn error(&self, reason: &dyn ToString) -> Error {
        Error::State { name: self.path.display().to_string(), reason: reason.to_string() }
    }
}

fn usual_path(import: &str) -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = named("XDG_STATE_HOME").or_else(|| Some(named("HOME")?.join(".local/state")))?;
    let digest = hex(&Sha256::digest(import));
    Some(base.join("tally").join(format!("follow-{}.json", &digest[..16])))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The lock is a file of its own, because the place is replaced whenever it is written.
fn lock(path: &Path) -> Result<File, String> {
    fs::create_dir_all(directory_of(path)).map_err(|error| error.to_string())?;
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file =
        File::options().create(true).truncate(false).write(true).open(name).map_err(|error| error.to_string())?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err("another tally follows with this state".to_owned()),
        Err(TryLockError::Error(error)) => Err(error.to_string()),
    }
}
