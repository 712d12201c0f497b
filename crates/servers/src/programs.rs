//! Where the programs are: servers of the system, and binaries of this workspace.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The oldest PostgreSQL that Tally runs on.
const POSTGRES_MAJOR_MIN: u32 = 14;

/// Where Debian and its kin install the servers of each PostgreSQL version.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// Prefixes beside PATH where PostgreSQL is found on other systems, and sbin, which an ordinary PATH lacks.
const OTHER_PLACES: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/opt/homebrew/bin"];

/// The path of a binary of this workspace: beside the running program, or beside the test executable's directory
/// (`target/{debug,release}/NAME`, for a test in `target/{debug,release}/deps/`).
pub fn binary(name: &str) -> Result<PathBuf, Error> {
    let hint = || {
        format!("build it first: cargo build --workspace --bins (for a release build add --release; wanted: {name})")
    };
    let here = env::current_exe().map_err(Error::path("locate", "the running program"))?;
    here.ancestors()
        .skip(1)
        .take(2)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| Error::NotFound { program: name.to_owned(), hint: hint() })
}

/// The Redis server: `redis-server`, or `valkey-server` where only that is installed.
pub(crate) fn redis_server() -> Result<PathBuf, Error> {
    in_path("redis-server").or_else(|| in_path("valkey-server")).ok_or_else(|| Error::NotFound {
        program: "redis-server".to_owned(),
        hint: "install Redis 7.0 or newer, or Valkey (Debian: apt install redis-server)".to_owned(),
    })
}

/// The directory with `postgres`, `initdb` and `psql`: of the major version `wanted`, or else of the newest installed.
pub(crate) fn postgres_bin(wanted: Option<u32>) -> Result<PathBuf, Error> {
    let installed = fs::read_dir(DEBIAN_POSTGRES).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| has_servers(bin))
        .collect();
    let elsewhere = in_path("postgres")
        .and_then(|found| found.canonicalize().ok())
        .and_then(|found| Some(found.parent()?.to_owned()));
    found.extend(elsewhere.filter(|bin| has_servers(bin)).and_then(|bin| Some((major_of(&bin)?, bin))));
    let fits = |major: u32| wanted.map_or(major >= POSTGRES_MAJOR_MIN, |wanted| major == wanted);
    let newest = found.into_iter().filter(|(major, _)| fits(*major)).max_by_key(|(major, _)| *major);
    newest
        .map(|(_, bin)| bin)
        .ok_or_else(|| Error::NotFound { program: "postgres".to_owned(), hint: postgres_hint(wanted) })
}

fn postgres_hint(wanted: Option<u32>) -> String {
    match wanted {
        Some(major) => {
            format!("the data were made by PostgreSQL {major}: install that version, or choose another data directory")
        }
        None => {
            format!("install PostgreSQL {POSTGRES_MAJOR_MIN} or newer with its client (Debian: apt install postgresql)")
        }
    }
}

/// The major version in what `postgres --version` prints, such as `postgres (PostgreSQL) 15.8 (Debian 15.8-0)`.
fn major_of(bin: &Path) -> Option<u32> {
    let output = Command::new(bin.join("postgres")).arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let version = text.split_once(") ")?.1;
    version.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

/// `setpriv`, which makes Linux end a child when its parent dies. Where it is missing, leftovers are met at the next start.
pub(crate) fn setpriv() -> Option<PathBuf> {
    if cfg!(target_os = "linux") { in_path("setpriv") } else { None }
}

fn has_servers(bin: &Path) -> bool {
    ["postgres", "initdb", "psql"].iter().all(|program| bin.join(program).is_file())
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(OTHER_PLACES.iter().map(PathBuf::from));
    places.map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}
