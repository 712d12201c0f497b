//! Where the peers' programs are, which `scripts/install-peers` puts there, and what versions they have.

use std::path::{Path, PathBuf};

use super::kind::Kind;
use crate::error::Error;
use crate::machine::first_line;

/// What they run.
const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
const REQUIREMENTS: &str = include_str!("../../peers/python/requirements.txt");
const GO_MOD: &str = include_str!("../../peers/bento/go.mod");
const BENTO: &str = "github.com/warpstreamlabs/bento";
/// The packages that do the work.
const PACKAGES: [&str; 6] = ["fastapi", "uvicorn", "uvloop", "redis", "hiredis", "asyncpg"];

/// The programs.
pub(super) struct Programs {
    python: PathBuf,
    bento: PathBuf,
}

impl Programs {
    /// Looks below the directory that this program was built in.
    ///
    /// # Errors
    /// If one of them is not there.
    pub(super) fn find() -> Result<Self, Error> {
        let here = std::env::current_exe().map_err(Error::io("find this program"))?;
        let target = here.ancestors().nth(2).unwrap_or(Path::new("target"));
        let found = Self { python: target.join("peers/python/bin/python"), bento: target.join("peers/bento") };
        for program in [&found.python, &found.bento] {
            if !program.is_file() {
                return Error::wrong(format!("{} is missing: run scripts/install-peers", program.display()));
            }
        }
        Ok(found)
    }

    /// The program of a peer.
    pub(super) fn of(&self, kind: Kind) -> &Path {
        match kind {
            Kind::Python | Kind::PythonMany => &self.python,
            Kind::Bento => &self.bento,
        }
    }

    /// What they run, beside their programs.
    pub(super) fn sources() -> &'static Path {
        Path::new(SOURCES)
    }

    /// Versions of all that take part but Tally.
    pub(super) fn versions(&self) -> String {
        let packages = PACKAGES.iter().filter_map(|name| Some(format!("{name} {}", pinned(name)?)));
        let bento = required(BENTO).map(|version| format!("Bento {version}"));
        let goaccess = first_line("goaccess", "--version").map(|line| line.trim_end_matches('.').replace(" - ", " "));
        let others = first_line(&self.python, "--version").into_iter().chain(packages).chain(bento).chain(goaccess);
        others.collect::<Vec<_>>().join(", ")
    }
}

/// The version of a Python package.
fn pinned(package: &str) -> Option<&'static str> {
    REQUIREMENTS.lines().find_map(|line| line.strip_prefix(package)?.strip_prefix("=="))
}

/// The version of a Go module.
fn required(module: &str) -> Option<&'static str> {
    GO_MOD.lines().find_map(|line| line.trim().strip_prefix(module)?.strip_prefix(" v"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_pinned() {
        let is_exact = |line: &str| line.split(';').next().is_some_and(|line| line.split("==").count() == 2);
        let loose: Vec<_> = REQUIREMENTS.lines().filter(|line| !line.starts_with('#') && !is_exact(line)).collect();
        assert_eq!(loose, Vec::<&str>::new());
        assert!(PACKAGES.iter().all(|name| pinned(name).is_some()));
        assert_eq!(required(BENTO), Some("1.8.2"));
    }

    #[test]
    fn every_source_is_there() {
        for kind in super::super::kind::KINDS {
            let starts = [kind.front(Programs::sources(), 1, 2), kind.counter(Programs::sources(), 2)];
            let is_there = |argument: &String| !argument.contains("bench/peers") || Path::new(argument).exists();
            assert!(starts.iter().flat_map(|start| &start.arguments).all(is_there), "{}", kind.name());
        }
    }
}
