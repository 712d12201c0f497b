//! Data directories: made for their owner only, and of a known owner.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;

/// Makes `path` (and its parents) if missing, for our account only, and answers its absolute form.
pub(crate) fn create_private(path: &Path) -> Result<PathBuf, Error> {
    create_parents(path)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::path("create", path)(error)),
        _ => absolute(path),
    }
}

/// Makes the parents of `path`, which others may enter.
pub(crate) fn create_parents(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), |parent| fs::create_dir_all(parent).map_err(Error::path("create", parent)))
}

/// The absolute form of a path that exists.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(Error::path("enter", path))
}

/// The user id that owns `path`, or `None` when it does not exist.
pub(crate) fn owner(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|metadata| metadata.uid())
}

/// Lets other accounts pass through a directory to what is theirs below it, without reading it.
pub(crate) fn let_others_enter(path: &Path) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(0o711)).map_err(Error::path("open", path))
}
