//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use reqwest::Url;
use tally_model::Service;

use crate::moment::{Bound, Zone};
use crate::shift::{Shift, parse_duration};
use crate::source::Source;

const REPORT_NOTES: &str = "\
A report is one page that needs no network and no script: print it, mail it, keep it. It has the figures of
the window against those of the same clock time before (the day before; longer windows the week, four weeks
or a year before), charts, what got worse, and every endpoint. CSV has a row an endpoint; JSON has everything.

Times: RFC 3339 with a zone (2026-03-12T02:40:00+01:00), a time before now (-90s, -15m, -1h, -7d), the latest
HH:MM that is over, or a day (2026-03-12: its beginning). HH:MM and days are those of the local zone, or of --zone.

The daily report is about yesterday, in UTC or in --zone. Without --out the API keeps it (TALLY_REPORTS_DIR,
TALLY_REPORTS_DAYS there), once: run again, it is not made again. With --out DIR it is written there instead,
as html, csv and json.

Examples:
  tally report --out night.html --from 02:40 --to 04:10 --service payments
  tally report --from -7d --out week.csv
  tally report --from -1h --out - --format json | jq .summary
  tally report --daily                                        (what the chart's CronJob runs)
  tally report --daily --zone Europe/Berlin --out /srv/reports

Exit codes: 0 the report is there, 1 it is not, 2 wrong usage.";

const EXIT_CODES: &str = "Exit codes: 0 all posted (also when some lines could not be read or were rejected), \
    1 could not finish, 2 wrong usage.";

const IMPORT_NOTES: &str = "\
Formats: common, combined, and nginx's combined followed by $request_time (seconds with a decimal
point; a log without it is counted without durations). A line counts when its request starts with a
method and its status is 100-599; other lines are counted as unreadable and shown, never fatal.

Importing twice: lines are posted in blocks of 2,000, each under a key made of service, shift, options,
block number and its bytes. Run the same command again, after success or after it broke half way, and
nothing is counted twice, as long as the API remembers keys (24 h). The name of a file does not matter,
nor whether it is compressed; two logs with the same lines count once. A file that has grown since is
another matter: its last block is a new one, and its lines would count again. That is what --follow
is for.

Following: tally import --follow access.log counts what is in the file, then what is written to it,
within about a second, until Ctrl-C or SIGTERM; it stays with the log when it is rotated (renamed and
made anew, or copied and truncated). The place it has reached is kept in a file (--state), so the same
command goes on where it ended, also after a crash or a rotation in the meantime: nothing is counted
twice (while the API remembers keys) and nothing is left out. Lines that a plain import of the same
file has counted before would count again: follow from the beginning, or with --from-now.

Routes: query strings go, and obvious ids in paths become {id}. --dry-run shows both and posts nothing.

Old logs: the API refuses events older than it keeps. --shift 3041d moves all times; --shift-to-now
chooses the shift so that the latest line is now, and prints the --shift that repeats the import.

Examples:
  tally import access.log
  tally import --service shop --dry-run access.log.1 access.log.2.gz
  ssh web1 cat /var/log/nginx/access.log | tally import --service web1 -
  tally import --shift-to-now https://example.com/access.log.gz
  tally import --follow --service shop /var/log/nginx/access.log

Exit codes: 0 all posted (also when some lines could not be read or were rejected),
1 could not finish, 2 wrong usage.";

/// The hand tool of Tally: imports access logs, posts demo traffic, fetches reports, checks.
#[derive(Debug, Parser)]
#[command(name = "tally", version, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count the requests of access logs
    #[command(after_help = IMPORT_NOTES)]
    Import(ImportArgs),
    /// Tell the last 48 hours of a made-up shop, then post its lively traffic until Ctrl-C, and votes for cats and dogs
    Demo(DemoArgs),
    /// Fetch a report of any window as HTML, CSV or JSON, or have the daily one made
    #[command(after_help = REPORT_NOTES)]
    Report(ReportArgs),
    /// Ask whether Tally is ready, whether it counts, or whether a connection is refused
    Check(CheckArgs),
}

/// `tally import`
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Logs: files, http(s) URLs, or - for stdin; plain, gzip or zstd, told apart by content
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<Source>,
    /// Address of Tally's API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = api_address)]
    pub(crate) to: Url,
    /// Service that the requests belong to
    #[arg(long, default_value = "web", value_parser = service)]
    pub(crate) service: String,
    /// Move all times, e.g. 3041d, -90s, 2h30m
    #[arg(long, value_name = "SPAN", allow_hyphen_values = true)]
    pub(crate) shift: Option<Shift>,
    /// Move all times so that the latest line is now; reads the logs twice
    #[arg(long, conflicts_with = "shift")]
    pub(crate) shift_to_now: bool,
    /// Leave paths as they are instead of folding ids into {id}
    #[arg(long)]
    pub(crate) keep_ids: bool,
    /// Show what would be counted under which route, and post nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print the summary as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// How long to wait for an API that is away, since its last answer [default: 5m; with --follow 30d]
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub(crate) retry_for: Option<Duration>,
    /// Go on with what is written to the log from now on, across rotation, until Ctrl-C or SIGTERM
    #[arg(long, conflicts_with_all = ["dry_run", "shift", "shift_to_now"])]
    pub(crate) follow: bool,
    /// With --follow: where to keep the place that was reached [default: a file in ~/.local/state/tally]
    #[arg(long, value_name = "FILE", requires = "follow")]
    pub(crate) state: Option<PathBuf>,
    /// With --follow: leave out what is in the log already, when it is followed for the first time
    #[arg(long, requires = "follow")]
    pub(crate) from_now: bool,
}

/// `tally demo`
#[derive(Debug, Args)]
#[command(after_help = DEMO_NOTES)]
pub(crate) struct DemoArgs {
    /// Address of Tally's API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = api_address)]
    pub(crate) to: Url,
    /// Events per second, on average over a day
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub(crate) rate: u32,
    /// How much history to tell before, at most 30 days; 0 for none
    #[arg(long, value_name = "SPAN", default_value = "48h", value_parser = history)]
    pub(crate) history: Duration,
    /// End when the history is told
    #[arg(long)]
    pub(crate) history_only: bool,
    /// Another number makes another history
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Stop after this many seconds instead of at Ctrl-C
    #[arg(long)]
    pub(crate) seconds: Option<u64>,
}

/// `tally report`
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Begin of the window: a time as below; an hour before its end by default
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "daily")]
    pub(crate) from: Option<Bound>,
    /// End of the window; now by default
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, conflicts_with = "daily")]
    pub(crate) to: Option<Bound>,
    /// Only this service
    #[arg(long, value_parser = service)]
    pub(crate) service: Option<String>,
    /// File to write, whose end tells the format (.html, .csv, .json); - for stdout; a directory for all three formats
    #[arg(long, value_name = "FILE", required_unless_present = "daily")]
    pub(crate) out: Option<PathBuf>,
    /// Format where --out does not tell it
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The report of yesterday, which the API keeps; with --out a directory to write it to instead
    #[arg(long)]
    pub(crate) daily: bool,
    /// Zone of HH:MM and of days, such as Europe/Berlin; the local one by default, with --daily UTC
    #[arg(long, value_name = "ZONE")]
    pub(crate) zone: Option<Zone>,
    /// Address of Tally's API
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = api_address)]
    pub(crate) api: Url,
    /// How long to wait for an API that is away
    #[arg(long, value_name = "SPAN", default_value = "5m", value_parser = parse_duration)]
    pub(crate) retry_for: Duration,
}

/// How a report is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Html,
    Csv,
    Json,
}

/// `tally check`
#[derive(Debug, Args)]
#[command(after_help = CHECK_NOTES)]
pub(crate) struct CheckArgs {
    /// Address of Tally's API, or of a consumer's health, whose /ready must answer 200
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", value_parser = api_address)]
    pub(crate) to: Url,
    /// Post one event too, and wait until it is counted
    #[arg(long)]
    pub(crate) post: bool,
    /// How long to try, e.g. 30s; without it, /ready is asked once, and an event has a minute
    #[arg(long, value_name = "SPAN", value_parser = parse_duration)]
    pub(crate) within: Option<Duration>,
    /// Instead: HOST must be known, and a connection to it must be refused, or not come about within 5 s
    #[arg(long, value_name = "HOST:PORT", conflicts_with_all = ["to", "post", "within"])]
    pub(crate) refused: Option<String>,
}

const DEMO_NOTES: &str = "\
The shop has 40 endpoints of five services, busy days and quiet nights (UTC). Some hours ago its payments
broke for 90 minutes: charges timed out after 5 s, checkout suffered, clients tried again.

The history has at most about 2,000,000 events; a longer or busier one is thinned. Started again, the demo
leaves the hours alone that Tally holds already.

Exit codes: 0 all posted, 1 could not finish, 2 wrong usage.";

const CHECK_NOTES: &str = "Exit codes: 0 it is as it should be, 1 it is not, 2 wrong usage.

Events are of the service tally-check, on one of 100 routes.";

/// Longest history of a demo.
const HISTORY_MAX: Duration = Duration::from_secs(30 * 24 * 60 * 60);

fn history(text: &str) -> Result<Duration, String> {
    let span = if text == "0" { Ok(Duration::ZERO) } else { parse_duration(text).map_err(|error| error.to_string()) }?;
    if span <= HISTORY_MAX { Ok(span) } else { Err("expected at most 30d".to_owned()) }
}

fn service(text: &str) -> Result<String, String> {
    Service::parse(text).map(|service| service.as_str().to_owned()).map_err(|error| error.reason.to_owned())
}

fn api_address(text: &str) -> Result<Url, String> {
    let url: Url = text.parse().map_err(|error| format!("{error}; expected e.g. http://127.0.0.1:8080"))?;
    let plain = url.query().is_none() && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && plain {
        Ok(url)
    } else {
        Err("expected an http(s) address without query, e.g. http://127.0.0.1:8080".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn negative_shifts_and_stdin_are_values() {
        let cli = Cli::try_parse_from(["tally", "import", "--shift", "-90s", "-"]).unwrap();
        let Command::Import(args) = cli.command else { panic!("not an import") };
        assert_eq!(args.shift, Some(Shift::from_seconds(-90)));
        assert!(matches!(args.logs[..], [Source::Stdin]));
    }

    #[test]
    fn a_window_before_now_is_a_value() {
        let cli = Cli::try_parse_from(["tally", "report", "--from", "-1h", "--to", "-5m", "--out", "-"]).unwrap();
        let Command::Report(args) = cli.command else { panic!("not a report") };
        assert!(args.from.is_some() && args.to.is_some());
    }

    #[test]
    fn wrong_usage_is_named() {
        for (wrong, hint) in [
            (&["import"][..], "LOG"),
            (&["import", "--service", "", "a"], "1 to 100 characters"),
            (&["import", "--to", "localhost:8080", "a"], "http(s) address"),
            (&["import", "--to", "8080", "a"], "127.0.0.1:8080"),
            (&["import", "--shift", "3041", "a"], "3041d"),
            (&["import", "--shift", "1d", "--shift-to-now", "a"], "cannot be used with"),
            (&["import", "--retry-for", "5", "a"], "90s"),
            (&["import", "--follow", "--dry-run", "a"], "cannot be used with"),
            (&["import", "--state", "s", "a"], "--follow"),
            (&["demo", "--rate", "0"], "1..=50000"),
            (&["report"], "--out"),
            (&["report", "--from", "yesterday", "--out", "a.html"], "2026-03-12"),
            (&["report", "--daily", "--from", "-1h"], "cannot be used with"),
            (&["report", "--daily", "--zone", "Europe/Berlim"], "Europe/Berlin"),
            (&["report", "--format", "pdf", "--out", "-"], "html, csv, json"),
            (&["demo", "--history", "31d"], "at most 30d"),
            (&["demo", "--history", "2"], "2h30m"),
        ] {
            let error = Cli::try_parse_from([&["tally"], wrong].concat()).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{wrong:?}");
            assert!(error.to_string().contains(hint), "{wrong:?}: {error}");
        }
    }
}
