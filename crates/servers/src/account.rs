//! Whom PostgreSQL runs as: it refuses root, so root lends it another account.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Error;

/// A user and a group that are not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) user: u32,
    pub(crate) group: u32,
}

impl Account {
    /// The account for a data directory, or `None` when we are an ordinary user and need no other. Root uses the owner of
    /// data that exist (they may be those of an ordinary user's earlier run), else the account `postgres`.
    pub(crate) fn for_postgres(directory: &Path) -> Result<Option<Account>, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let owner = fs::metadata(directory).ok().map(|found| Account { user: found.uid(), group: found.gid() });
        let account = owner.filter(|owner| owner.user != 0).or_else(of_the_package);
        account.map(Some).ok_or(Error::NoPostgresAccount)
    }

    /// Whether this account may enter `directory` and all above it.
    pub(crate) fn can_enter(self, directory: &Path) -> bool {
        let mut test = Command::new("test");
        test.arg("-x").arg(directory).stderr(Stdio::null());
        self.take_over(&mut test);
        test.status().is_ok_and(|status| status.success())
    }

    /// Gives it a directory and all that is in it.
    pub(crate) fn own(self, directory: &Path) -> Result<(), Error> {
        let owner = format!("{}:{}", self.user, self.group);
        let status = Command::new("chown").args(["-R", "-h", &owner]).arg(directory).status();
        match status.map_err(Error::process("start", "chown"))? {
            status if status.success() => Ok(()),
            status => {
                let tail = format!("    chown -R {owner} {}\n", directory.display());
                Err(Error::Failed { program: "chown".to_owned(), status: status.to_string(), tail })
            }
        }
    }

    /// Makes a command run as this account, in a directory that every account may enter.
    pub(crate) fn take_over(self, command: &mut Command) {
        command.uid(self.user).gid(self.group).current_dir("/");
    }
}

fn of_the_package() -> Option<Account> {
    Some(Account { user: id("-u")?, group: id("-g")? })
}

fn id(which: &str) -> Option<u32> {
    let output = Command::new("id").args([which, "postgres"]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
