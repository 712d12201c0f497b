//! A PostgreSQL data directory: where it lies, whose it is, and its first initialisation.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::account::Account;
use crate::process::Launch;
use crate::{Certificate, Error, Process, directory, programs};

/// The superuser of every cluster.
pub(crate) const SUPERUSER: &str = "tally";

/// Where data go when PostgreSQL's account cannot enter the directory asked for.
const ELSEWHERE: &str = "/var/lib/tally";

/// The end of the name of the file that says where; it stands beside the directory asked for.
pub(crate) const ELSEWHERE_SUFFIX: &str = ".elsewhere";

/// The superuser's password, kept inside the data directory with its protection.
const PASSWORD_FILE: &str = "tally.password";

/// How long `initdb` may take.
const INITDB_DEADLINE: Duration = Duration::from_secs(120);

/// An initialised data directory.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) directory: PathBuf,
    pub(crate) account: Option<Account>,
    pub(crate) bin: PathBuf,
    pub(crate) password: String,
}

impl Cluster {
    /// Finds the cluster of `wanted`, or makes it.
    pub(crate) async fn open(wanted: &Path, durable: bool, log: &Path) -> Result<Cluster, Error> {
        directory::create_parents(wanted)?;
        let account = Account::for_postgres(wanted)?;
        let directory = place(wanted, account)?;
        let bin = programs::postgres_bin(version_of(&directory))?;
        if version_of(&directory).is_none() {
            initialise(&directory, account, &bin, durable, log).await?;
        }
        let password_file = directory.join(PASSWORD_FILE);
        let password = fs::read_to_string(&password_file).map_err(Error::path("read", &password_file))?;
        Ok(Cluster { directory, account, bin, password })
    }
}

impl Cluster {
    /// Gives the server a certificate, and refuses connections over TCP without TLS, from the next start on.
    pub(crate) fn require_tls(&self, certificate: &Certificate) -> Result<(), Error> {
        let hba = self.directory.join("pg_hba.conf");
        let rules = fs::read_to_string(&hba).map_err(Error::path("read", &hba))?;
        write_private(&hba, &rules.replace("\nhost ", "\nhostssl "))?;
        write_private(&self.directory.join("server.crt"), &certificate.certificate)?;
        write_private(&self.directory.join("server.key"), &certificate.key)?;
        self.account.map_or(Ok(()), |account| account.own(&self.directory))
    }
}

/// The directory to use for the one that is wanted, made when missing.
fn place(wanted: &Path, account: Option<Account>) -> Result<PathBuf, Error> {
    let parent = wanted.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let parent = directory::absolute(parent)?;
    let full = parent.join(wanted.file_name().unwrap_or_default());
    let choice = full.with_file_name(format!("{}{ELSEWHERE_SUFFIX}", full.file_name().unwrap_or_default().display()));
    let chosen = fs::read_to_string(&choice).ok().map(|line| PathBuf::from(line.trim_end()));
    let usable = match (chosen.filter(|path| path.parent() == Some(Path::new(ELSEWHERE))), account) {
        (Some(chosen), _) => chosen,
        (_, Some(account)) if !account.can_enter(&parent) => choose_elsewhere(&choice)?,
        _ => full,
    };
    let directory = directory::create_private(&usable)?;
    let ours = rustix::process::geteuid().as_raw();
    match (account, directory::owner(&directory)) {
        (Some(account), Some(owner)) if owner != account.user => account.own(&directory)?,
        (None, Some(owner)) if owner != ours => return Err(Error::ForeignDirectory { path: directory, owner }),
        _ => {}
    }
    Ok(directory)
}

/// A directory to use in place of one that cannot be. The file `choice`, beside the latter, remembers it: whoever removes
/// the whole starts afresh, and what is moved is found again.
fn choose_elsewhere(choice: &Path) -> Result<PathBuf, Error> {
    let path = Path::new(ELSEWHERE).join(random_hex()?);
    fs::write(choice, format!("{}\n", path.display())).map_err(Error::path("write", choice))?;
    Ok(path)
}

/// The major version that made the data, or `None` when there are none yet.
fn version_of(directory: &Path) -> Option<u32> {
    fs::read_to_string(directory.join("PG_VERSION")).ok()?.trim().parse().ok()
}

/// Runs `initdb` beside the final place and moves the whole there, so that a crash in between leaves no half cluster.
async fn initialise(
    directory: &Path,
    account: Option<Account>,
    bin: &Path,
    durable: bool,
    log: &Path,
) -> Result<(), Error> {
    let draft = directory.with_file_name(draft_name(directory));
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(Error::path("remove", &draft))?;
    }
    directory::create_private(&draft)?;
    let password_file = draft.with_extension("password");
    let password = random_hex()?;
    write_private(&password_file, &password)?;
    if let Some(account) = account {
        account.own(&draft)?;
        account.own(&password_file)?;
    }
    run_initdb(&draft, &password_file, account, bin, durable, log).await?;
    let kept = draft.join(PASSWORD_FILE);
    fs::rename(&password_file, &kept).map_err(Error::path("write", &kept))?;
    fs::rename(&draft, directory).map_err(Error::path("create", directory))
}

fn draft_name(directory: &Path) -> String {
    format!("{}.init", directory.file_name().unwrap_or_default().to_string_lossy())
}

async fn run_initdb(
    draft: &Path,
    password_file: &Path,
    account: Option<Account>,
    bin: &Path,
    durable: bool,
    log: &Path,
) -> Result<(), Error> {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut arguments = vec!["--pgdata".to_owned(), path(draft), "--pwfile".to_owned(), path(password_file)];
    // The password crosses 127.0.0.1 only. SCRAM would hide it even there, but would cost a client of a debug build
    // thousands of slow hashes for every connection.
    for argument in ["--username", SUPERUSER, "--auth", "password", "--encoding", "UTF8", "--locale", "C"] {
        arguments.push(argument.to_owned());
    }
    if !durable {
        arguments.push("--no-sync".to_owned());
    }
    let program = bin.join("initdb");
    let initdb = Process::launch(&Launch { arguments, account, ..Launch::of(&program, log) })?;
    match initdb.wait(INITDB_DEADLINE).await? {
        status if status.success() => Ok(()),
        status => Err(initdb.failed(status)),
    }
}

/// 128 random bits in hexadecimal, which no URL needs to escape.
fn random_hex() -> Result<String, Error> {
    let source = "/dev/urandom";
    let mut bytes = [0; 16];
    File::open(source).and_then(|mut file| file.read_exact(&mut bytes)).map_err(Error::path("read", source))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn write_private(path: &Path, text: &str) -> Result<(), Error> {
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(Error::path("write", path))
}
