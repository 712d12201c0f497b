//! `/v1/reports`: reports that are kept.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use actix_web::body::SizedStream;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use jiff::Timestamp;
use serde::Serialize;
use tokio::io::AsyncReadExt as _;

use crate::front::Front;
use crate::ingest::body;
use crate::problem::{Kind, Problem};
use crate::reads::parameters::Parameters;
use crate::reports::name::ReportName;
use crate::reports::once::heading;
use crate::reports::question::{Asked, Question};
use crate::reports::report::Report;
use crate::reports::shelf::{About, Shelf, ShelfError, file_name};
use crate::reports::{Format, made, shelf};

/// How often reports are deleted whose time has come; also at start.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// Bytes of a file that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;
const OFF: &str =
    "no reports are kept here: TALLY_REPORTS_DIR is not set (tally-api); GET /v1/report makes one without keeping it";

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    about: About,
    deleted_at: Timestamp,
}

#[derive(Serialize)]
struct Listing {
    kept_days: u32,
    directory_writable: bool,
    /// Why no report can be kept or seen, if so.
    note: Option<String>,
    reports: Vec<Listed>,
}

/// `GET /v1/reports`: what is kept.
pub(crate) async fn list(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[])?;
    let kept_days = front.config.reports_days;
    let (reports, writable) = on_shelf(&front, |shelf| Ok((shelf.list(), shelf.writable(Instant::now())))).await?;
    let note = match (&reports, &writable) {
        (Err(ShelfError::Off), _) => Some(OFF.to_owned()),
        (Err(error), _) => Some(format!("the directory of reports cannot be read: {error}")),
        (Ok(_), Err(error)) => Some(format!("the directory of reports cannot be written: {error}")),
        (Ok(_), Ok(())) => None,
    };
    let listed = reports.unwrap_or_default().into_iter().map(|about| listed(&front, about));
    let listing = Listing { kept_days, directory_writable: note.is_none(), note, reports: listed.collect() };
    Ok(HttpResponse::Ok().json(listing))
}

/// `POST /v1/reports`: makes a report and keeps it. A daily one that is there already, and was complete, is not made again.
pub(crate) async fn post(
    front: web::Data<Front>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let asked: Asked = body::object(&front.room, request.headers(), payload).await?;
    if !front.shelf.is_on() {
        return Err(Problem::new(Kind::ReportsNotKept, OFF));
    }
    let question = Question::of_body(&asked)?;
    if question.daily {
        let asked = question.clone();
        let kept =
            on_shelf(&front, move |shelf| Ok(shelf.list()?.into_iter().find(|about| is_same_day(about, &asked))))
                .await?;
        if let Some(about) = kept {
            return Ok(HttpResponse::Ok().insert_header(location(&about)).json(listed(&front, about)));
        }
    }
    let (report, texts) = made(&front, &question, &Format::ALL).await?;
    let about = on_shelf(&front, move |shelf| {
        let named = |salt| ReportName::of(report.window, report.service.as_deref(), report.daily, Some(salt));
        shelf.add(&of(&report, named(0))?, named, &texts)
    });
    let about = about.await?;
    Ok(HttpResponse::Created().insert_header(location(&about)).json(listed(&front, about)))
}

/// `GET /v1/reports/{name}.{format}`: a file of a kept report.
pub(crate) async fn get(
    front: web::Data<Front>,
    path: web::Path<(String, String)>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    Parameters::of(&request, &[])?;
    let (name, format) = path.into_inner();
    let format = Format::parse(&format).ok_or_else(|| Problem::parameter("format", "expected html, csv or json"))?;
    let name = known(&name)?;
    let wanted = name.clone();
    let (file, length) = on_shelf(&front, move |shelf| shelf.open(&wanted, format)).await?;
    let mut answer = heading(format, &file_name(&name, format));
    Ok(answer.body(SizedStream::new(length, chunks(file))))
}

/// `DELETE /v1/reports/{name}`: 204, also when its time has come meanwhile.
pub(crate) async fn delete(
    front: web::Data<Front>,
    path: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    body::pass_over(payload).await?;
    let name = known(&path)?;
    on_shelf(&front, move |shelf| shelf.delete(&name)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes what was kept long enough, at once and then every hour, for ever.
pub(crate) async fn sweep(front: web::Data<Front>) {
    loop {
        let swept = web::block({
            let front = front.clone();
            move || front.shelf.sweep(Timestamp::now())
        });
        match swept.await {
            Ok(Ok(0) | Err(ShelfError::Off)) => {}
            Ok(Ok(deleted)) => tracing::info!(deleted, "deleted reports that were kept long enough"),
            Ok(Err(error)) => tracing::warn!(%error, "cannot delete old reports (TALLY_REPORTS_DIR)"),
            Err(error) => tracing::warn!(%error, "no thread is free to delete old reports"),
        }
        tokio::time::sleep(SWEEP_EVERY).await;
    }
}

/// Works on the shelf off the threads that serve.
async fn on_shelf<T, W>(front: &web::Data<Front>, work: W) -> Result<T, Problem>
where
    T: Send + 'static,
    W: FnOnce(&Shelf) -> Result<T, ShelfError> + Send + 'static,
{
    let shared = front.clone();
    let done = web::block(move || work(&shared.shelf)).await;
    done.map_err(|_| Problem::new(Kind::Overloaded, "no thread is free to look at the reports; ask again"))?
        .map_err(refused)
}

fn refused(error: ShelfError) -> Problem {
    match error {
        ShelfError::Off => Problem::new(Kind::ReportsNotKept, OFF),
        ShelfError::Full(detail) => Problem::new(Kind::ReportsFull, detail),
        ShelfError::Unknown(name) => unknown(name.as_str()),
        ShelfError::Disk(error) => {
            tracing::warn!(%error, "the directory of reports cannot be used (TALLY_REPORTS_DIR)");
            let detail = format!(
                "the directory of reports (TALLY_REPORTS_DIR) cannot be used: {error}; nothing else is touched by it"
            );
            Problem::new(Kind::ReportsUnwritable, detail)
        }
    }
}

fn known(name: &str) -> Result<ReportName, Problem> {
    ReportName::parse(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Problem {
    let name: String = name.chars().take(200).collect();
    Problem::new(Kind::UnknownReport, format!("there is no report {name}; GET /v1/reports lists what is kept"))
        .on("name")
}

fn listed(front: &Front, about: About) -> Listed {
    Listed { deleted_at: front.shelf.deleted_at(about.made_at), about }
}

fn location(about: &About) -> (header::HeaderName, String) {
    (header::LOCATION, format!("/v1/reports/{}", file_name(&about.name, Format::Html)))
}

/// The daily report of the same window and service, unless it was made too early.
fn is_same_day(about: &About, asked: &Question) -> bool {
    let same = (about.from.as_second(), about.to.as_second()) == (asked.window.from_s, asked.window.to_s);
    about.daily
        && same
        && about.service == asked.service
        && about.counted_through.is_some_and(|through| through >= about.to)
}

fn of(report: &Report, name: ReportName) -> Result<About, ShelfError> {
    let second = |at_s| Timestamp::from_second(at_s).map_err(io::Error::other);
    let ms = |at_ms| Timestamp::from_millisecond(at_ms).map_err(io::Error::other);
    Ok(About {
        name,
        title: report.title(),
        from: second(report.window.from_s)?,
        to: second(report.window.to_s)?,
        service: report.service.clone(),
        daily: report.daily,
        counted_through: report.counted_through_ms.map(ms).transpose()?,
        made_at: ms(report.made_ms)?,
        bytes: shelf::Bytes::default(),
    })
}

/// A file, a chunk at a time.
fn chunks(file: File) -> impl Stream<Item = io::Result<Bytes>> {
    unfold(tokio::fs::File::from_std(file), |mut file| async {
        let mut chunk = vec![0; CHUNK_BYTES];
        match file.read(&mut chunk).await {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                Some((Ok(Bytes::from(chunk)), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    })
}
