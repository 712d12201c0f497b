//! The command line.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Parser, Subcommand};
use tally_consumer::{Backup, Destination, Restore};

/// The counting house of Tally: reads the log in Redis, counts, and writes the counts to PostgreSQL.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count until told to stop (SIGTERM or Ctrl-C). Any number of these share the shards between them.
    Run,
    /// Count what is in the log now, then exit: 0 when all of it is applied, 1 with a sentence when it cannot be.
    Drain,
    /// Bring the schema up to this program's version and exit. Safe to run twice, or from several places at once.
    Migrate,
    /// Make the shards that are missing in Redis and exit, for an API that has no running consumer yet.
    Open,
    /// Wait until the schema is at least what this program needs: for whatever must not start before.
    Wait,
    /// Dump the database at one moment, and keep the log from there on, so that nothing after it is lost.
    #[command(after_help = BACKUP_NOTES)]
    Backup(BackupArguments),
    /// Count the dead letters that can be counted now, each once; the rest stays. Consumers may run meanwhile.
    Redrive {
        /// Only those with this reason, as GET /v1/dead-letters/reasons names it
        #[arg(long)]
        reason: Option<String>,
    },
    /// Replace the database by a backup, all at once or not at all; consumers then count on from the log.
    #[command(after_help = RESTORE_NOTES)]
    Restore(RestoreArguments),
}

/// `tally-consumer backup`
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("destination").required(true).args(["to", "command"])))]
pub(crate) struct BackupArguments {
    /// Directory of the backups, of which there is none else; made where it is missing
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// How many backups stay; older ones go, and let go of the log
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    keep: u16,
    /// Make none: print those that are there, the newest first: name, bytes, and whether the log can be replayed from it
    #[arg(long, requires = "to")]
    list: bool,
    /// Give the backup to the standard input of this command instead; {name} becomes its name. The last option
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    command: Vec<String>,
}

/// `tally-consumer restore`
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// A backup, a directory (its newest backup), or - for standard input
    #[arg(long, value_name = "DIR|FILE|-", allow_hyphen_values = true)]
    from: PathBuf,
    /// Also while consumers count
    #[arg(long)]
    force: bool,
}

impl BackupArguments {
    /// The directory whose backups are only to be listed.
    pub(crate) fn to_list(&self) -> Option<&Path> {
        self.to.as_deref().filter(|_| self.list)
    }
}

impl From<BackupArguments> for Backup {
    fn from(arguments: BackupArguments) -> Self {
        let to = arguments.to.map_or(Destination::Command(arguments.command), Destination::Directory);
        Self { to, keep: usize::from(arguments.keep) }
    }
}

impl From<RestoreArguments> for Restore {
    fn from(RestoreArguments { from, force }: RestoreArguments) -> Self {
        Self { from, force }
    }
}

const BACKUP_NOTES: &str = "\
It needs pg_dump in PATH, not older than the server, and the rights of whoever migrates.

Each backup holds a barrier: the log is not trimmed beyond what the oldest kept backup needs, within
TALLY_RETENTION_BYTES. Beyond them the oldest barrier is released, with an alarm in the consumer's log, and --list says
\"not replayable\".

Examples:
  tally-consumer backup --to /backups
  tally-consumer backup --keep 14 --command aws s3 cp - s3://bucket/{name}";

const RESTORE_NOTES: &str = "\
It needs pg_restore and psql in PATH, and the rights of whoever migrates. Stop the consumers first; the API may go on: what
it accepts meanwhile is in the log. Killed at any moment, the database is as before, or as in the backup.

Examples:
  tally-consumer restore --from /backups
  aws s3 cp s3://bucket/tally-20260101T000000.000Z.dump - | tally-consumer restore --from -";

const AFTER_HELP: &str = "\
Settings are environment variables:
  TALLY_REDIS_URL               redis://[user:password@]host:port/, rediss:// for TLS (required by run, drain and open)
  TALLY_DATABASE_URL            postgres://user:password@host:port/database[?sslmode=require] (required)
  TALLY_REDIS_CA_FILE, TALLY_DATABASE_CA_FILE
                                PEM files of authorities to trust for them instead of the public ones
  TALLY_SHARDS                  number of logs, fixed when they are made [8]
  TALLY_CONSUMER_LISTEN         address of /health, /ready and /metrics, for run [127.0.0.1:8081]
  TALLY_CONSUMER_GRACE_SECONDS  longest time from SIGTERM to the end [20]
  TALLY_WAIT_SECONDS            how long every command but run waits for Redis, PostgreSQL, the schema, or for
                                anything to move; run waits for ever [60]
  TALLY_LEASE_SECONDS           how long a shard stays with a consumer that is not heard of [15]
  TALLY_FLUSH_MS                how often, at most, counts are written while busy [200]
  TALLY_RETENTION_SECONDS       how long the log keeps what is counted [86400]
  TALLY_RETENTION_BYTES         and in how many bytes at most, all shards together [268435456]
  TALLY_KEEP_MINUTES_DAYS       how long minutes are kept [7]
  TALLY_KEEP_HOURS_DAYS         how long hours are kept [90]
  TALLY_KEEP_DAYS_DAYS          how long days are kept; months stay [731]
  TALLY_DEDUPE_SECONDS          how long a client's key is remembered, as for tally-api [86400]
  TALLY_DEDUPE_BYTES, TALLY_BACKLOG_BYTES
                                as for tally-api: to check that Redis has room [268435456 each]
  TALLY_LOG, TALLY_LOG_FORMAT   what is logged [info], and how: text or json [text]
Settings of tally-api are ignored, so that one environment serves both; any other TALLY_ name is refused.

Exit codes: 0 done, or stopped in order; 1 it could not, with a sentence; 2 a setting or the command line is wrong.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn backup(arguments: &[&str]) -> Result<Backup, clap::Error> {
        let parsed = Arguments::try_parse_from([&["tally-consumer", "backup"], arguments].concat())?;
        let Command::Backup(arguments) = parsed.command else { panic!("not a backup") };
        Ok(arguments.into())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_command_takes_all_that_follows() {
        let Backup { to, keep } = backup(&["--keep", "14", "--command", "aws", "s3", "--x", "{name}"]).unwrap();
        let Destination::Command(command) = to else { panic!("not a command") };
        assert_eq!((command.as_slice(), keep), (["aws", "s3", "--x", "{name}"].map(String::from).as_slice(), 14));
    }

    #[test]
    fn a_backup_goes_to_one_place_and_keeps_at_least_itself() {
        for wrong in [&[][..], &["--list"], &["--to", "d", "--keep", "0"], &["--to", "d", "--command", "c"]] {
            assert_eq!(backup(wrong).unwrap_err().exit_code(), 2, "{wrong:?}");
        }
        assert_eq!(backup(&["--to", "d"]).unwrap().keep, 7);
    }
}
