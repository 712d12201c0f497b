//! `GET /v1/report`: a report that is made, sent, and not kept.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::parameters::Parameters;
use crate::reports::name::ReportName;
use crate::reports::question::Question;
use crate::reports::shelf::file_name;
use crate::reports::{Format, made};

/// A report may style itself and nothing else: no script, no request, no frame around it.
const SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// The report of a window in one format, HTML unless another is asked for.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to", "service", "format"])?;
    let formats: &'static [Format] = match parameters.text("format").unwrap_or("html") {
        "html" => &[Format::Html],
        "csv" => &[Format::Csv],
        "json" => &[Format::Json],
        _ => return Err(Problem::parameter("format", "expected html, csv or json")),
    };
    let question = Question::of_query(&parameters)?;
    let (report, texts) = made(&front, &question, formats).await?;
    let name = ReportName::of(report.window, report.service.as_deref(), false, None);
    let text = texts.into_iter().next().unwrap_or_default();
    Ok(heading(formats[0], &file_name(&name, formats[0])).body(text))
}

/// The head of an answer with a report: a page is shown, data are saved, each under `file_name`.
pub(crate) fn heading(format: Format, file_name: &str) -> HttpResponseBuilder {
    let shown = if format == Format::Html { "inline" } else { "attachment" };
    let mut answer = HttpResponse::Ok();
    answer.content_type(format.content_type());
    answer.insert_header((header::CONTENT_DISPOSITION, format!("{shown}; filename=\"tally-{file_name}\"")));
    answer.insert_header((header::CONTENT_SECURITY_POLICY, SECURITY_POLICY));
    answer
}
