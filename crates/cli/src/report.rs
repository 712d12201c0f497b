//! `tally report`: a report of any window as a file, or the daily one, which the API keeps.

use std::fs::Permissions;
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::ProgressBar;
use jiff::{Timestamp, Zoned};
use serde_json::json;

use crate::args::{Format, ReportArgs};
use crate::error::Error;
use crate::fetch::{Coming, Fetcher};
use crate::moment::{Zone, yesterday};
use crate::shift::show_duration;
use crate::summary::{say, show, with_commas};

/// Length of the window when `--from` is not given, in hours.
const DEFAULT_HOURS: i64 = 1;
/// How often the spinner moves, in milliseconds.
const TICK_MS: u64 = 200;
/// Files may be read by whom the umask lets.
const FILE_MODE: u32 = 0o666;

impl Format {
    const ALL: [Self; 3] = [Self::Html, Self::Csv, Self::Json];

    const fn extension(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
        }
    }

    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.extension() == extension)
    }
}

/// What is asked for, and where it goes.
struct Wanted {
    from: Timestamp,
    to: Timestamp,
    out: Out,
}

/// Where a report goes.
enum Out {
    Stdout(Format),
    File(PathBuf, Format),
    /// All formats into a directory.
    Directory(PathBuf),
    /// The API keeps it.
    Kept,
}

/// Runs `tally report`.
pub(crate) async fn report(args: &ReportArgs) -> ExitCode {
    let outcome = match wanted(args) {
        Ok(wanted) => made(args, &wanted).await,
        Err(error) => {
            say(&format!("tally: {error}"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("tally: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn wanted(args: &ReportArgs) -> Result<Wanted, Error> {
    let zone = args.zone.clone().unwrap_or_else(|| if args.daily { Zone::utc() } else { Zone::local() });
    let (from, to) = bounds(args, &zone.now())?;
    Ok(Wanted { from, to, out: out(args)? })
}

fn bounds(args: &ReportArgs, now: &Zoned) -> Result<(Timestamp, Timestamp), Error> {
    let outside = || Error::Usage("the window lies outside of the calendar".to_owned());
    if args.daily {
        return yesterday(now).ok_or_else(outside);
    }
    let to = args.to.map_or(Some(now.timestamp()), |bound| bound.moment(now)).ok_or_else(outside)?;
    let hour = jiff::SignedDuration::from_hours(DEFAULT_HOURS);
    let from = args.from.map_or_else(|| to.checked_sub(hour).ok(), |bound| bound.moment(now)).ok_or_else(outside)?;
    if from < to {
        return Ok((from, to));
    }
    let zoned = |at: Timestamp| at.to_zoned(now.time_zone().clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    Err(Error::Usage(format!("--from is {}, which is not before --to, {}", zoned(from), zoned(to))))
}

fn out(args: &ReportArgs) -> Result<Out, Error> {
    let Some(path) = &args.out else { return Ok(Out::Kept) };
    if path.as_os_str() == "-" {
        return Ok(Out::Stdout(args.format.unwrap_or(Format::Html)));
    }
    let told = args.format.or_else(|| Format::of(path));
    match told {
        _ if path.is_dir() => Ok(Out::Directory(path.clone())),
        Some(format) if !args.daily || Format::of(path).is_some() => Ok(Out::File(path.clone(), format)),
        _ if args.daily => Ok(Out::Directory(path.clone())),
        _ => Err(Error::Usage(format!(
            "--out {}: expected a file that ends in .html, .csv or .json, a directory that is there, or - (or say --format)",
            path.display()
        ))),
    }
}

async fn made(args: &ReportArgs, wanted: &Wanted) -> Result<(), Error> {
    let spinner = ProgressBar::new_spinner().with_message("waiting for the report");
    spinner.enable_steady_tick(Duration::from_millis(TICK_MS));
    let told = AtomicBool::new(false);
    let on_wait = |why: &str, left: Duration| {
        let text = format!("waiting for Tally ({why}), up to {} more", show_duration(left));
        if spinner.is_hidden() && !told.swap(true, Ordering::Relaxed) {
            say(&format!("tally: {text}"));
        }
        spinner.set_message(text);
    };
    let fetcher = Fetcher::new(&args.api, args.retry_for, &on_wait)?;
    let done = write(args, wanted, &fetcher).await;
    spinner.finish_and_clear();
    done?.iter().for_each(|line| show(line));
    Ok(())
}

/// Writes what is wanted; lines that tell of it.
async fn write(args: &ReportArgs, wanted: &Wanted, fetcher: &Fetcher<'_>) -> Result<Vec<String>, Error> {
    let service = args.service.as_deref();
    match &wanted.out {
        Out::Kept => {
            let asked = json!({"from": wanted.from, "to": wanted.to, "service": service, "daily": args.daily});
            let kept = fetcher.kept(&asked).await?;
            let text = |name: &str| kept[name].as_str().unwrap_or_default().to_owned();
            let base = args.api.as_str().trim_end_matches('/');
            Ok(vec![
                format!("{}, kept until {}", text("title"), text("deleted_at")),
                format!("{base}/v1/reports/{}.html", text("name")),
            ])
        }
        Out::Stdout(format) => {
            let coming = fetcher.once(&query(wanted, service, *format)).await?;
            coming.write("standard output", &mut io::stdout().lock()).await?;
            Ok(Vec::new())
        }
        Out::File(path, format) => {
            let coming = fetcher.once(&query(wanted, service, *format)).await?;
            Ok(vec![to_file(coming, path).await?])
        }
        Out::Directory(directory) => {
            std::fs::create_dir_all(directory).map_err(|source| refused(directory, source))?;
            let mut lines = Vec::new();
            for format in Format::ALL {
                let coming = fetcher.once(&query(wanted, service, format)).await?;
                let name = coming.file_name.clone().unwrap_or_else(|| format!("tally-report.{}", format.extension()));
                lines.push(to_file(coming, &directory.join(name)).await?);
            }
            Ok(lines)
        }
    }
}

fn query(wanted: &Wanted, service: Option<&str>, format: Format) -> Vec<(&'static str, String)> {
    let mut query = vec![
        ("from", wanted.from.to_string()),
        ("to", wanted.to.to_string()),
        ("format", format.extension().to_owned()),
    ];
    query.extend(service.map(|service| ("service", service.to_owned())));
    query
}

/// Writes beside the file, then takes its place: whoever looks sees the old report or the new one, never half of it.
async fn to_file(coming: Coming<'_>, path: &Path) -> Result<String, Error> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let beside = tempfile::Builder::new().permissions(Permissions::from_mode(FILE_MODE)).tempfile_in(directory);
    let beside = beside.map_err(|source| refused(path, source))?;
    let mut out = BufWriter::new(beside);
    let length = coming.write(&path.display().to_string(), &mut out).await?;
    let beside = out.into_inner().map_err(|error| refused(path, error.into_error()))?;
    beside.as_file().sync_all().map_err(|source| refused(path, source))?;
    beside.persist(path).map_err(|error| refused(path, error.error))?;
    Ok(format!("{}  {} KB", path.display(), with_commas(length.div_ceil(1_000))))
}

fn refused(path: &Path, source: io::Error) -> Error {
    Error::Write { name: path.display().to_string(), source }
}
