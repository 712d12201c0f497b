//! `GET /v1/overview`: what a page shows first, in one answer.

use std::collections::{BTreeMap, HashMap};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::{Cover, EndpointId, Pieces};
use tally_store::{EndpointFigures, EndpointQuery, Figures, Store};

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::changed::{Changed, Worse, worse};
use crate::reads::columns::{Rows, Series};
use crate::reads::cut::{Cut, Point};
use crate::reads::endpoints::by_id;
use crate::reads::figures::Shown;
use crate::reads::marks::{Bucket, Mark, marks};
use crate::reads::parameters::Parameters;
use crate::reads::question::{Head, Needs, Question};
use crate::reads::series::Whose;
use crate::reads::sparklines;
use crate::reads::unavailable;

const LIMIT_DEFAULT: usize = 200;
const LIMIT_MAX: usize = 10_000;

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    head: Head,
    step_seconds: Option<i64>,
    first_request_at: Option<String>,
    last_request_at: Option<String>,
    summary: Shown,
    before: Option<Shown>,
    services: Vec<Service>,
    endpoints_total: usize,
    /// Those that had no request in the window compared with; null without one.
    endpoints_new: Option<usize>,
    series: Series,
    before_series: Option<Series>,
    marks: Vec<Mark>,
    changed: Vec<Changed>,
    rows: Rows,
}

#[derive(Serialize)]
struct Service {
    service: String,
    endpoints: usize,
    requests: u64,
}

/// Everything over time, and the table's first rows.
struct Total {
    summary: Figures,
    before: Option<Figures>,
    points: Vec<Point>,
    before_points: Option<Vec<Point>>,
}

/// The first sight of a window: everything, over time, what changed most, and the busiest endpoints.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to", "compare", "limit"])?;
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let question = Question::read(&front, &parameters, Needs { counted: true, ..Needs::default() }).await?;
    let store = front.store()?;
    let cut = Cut::drawn(question.pieces.window(), question.asked_s(), question.floors);
    let (mut rows, before_rows, total) = tokio::try_join!(
        rows(store, &question.pieces),
        before_rows(store, question.before()),
        total(store, &question, cut),
    )?;
    rows.sort_unstable_by(|a, b| b.figures.requests.cmp(&a.figures.requests).then_with(|| a.id.cmp(&b.id)));
    let worse = before_rows.as_ref().map(|before| worse(&rows, before)).unwrap_or_default();
    let first = rows.iter().take(limit).map(|row| (row.id, &row.name, &row.figures));
    let is_new =
        |before: &HashMap<EndpointId, Figures>| rows.iter().filter(|row| !before.contains_key(&row.id)).count();
    let (first_request_at, last_request_at) = question.first_and_last();
    let seconds_before = question.before().map_or(1, |pieces| pieces.window().seconds());
    let before_buckets = total.before_points.as_deref().map(buckets);
    Ok(HttpResponse::Ok().json(Answer {
        head: question.head(),
        step_seconds: cut.step_s,
        first_request_at,
        last_request_at,
        summary: Shown::of(&total.summary, question.pieces.window().seconds()),
        before: total.before.as_ref().map(|before| Shown::of(before, seconds_before)),
        services: services(&rows),
        endpoints_total: rows.len(),
        endpoints_new: before_rows.as_ref().map(is_new),
        series: Series::of(&total.points),
        before_series: total.before_points.as_deref().map(Series::of),
        marks: marks(&buckets(&total.points), before_buckets.as_deref()),
        changed: changed(store, &worse, cut, question.now_s).await?,
        rows: Rows::of(first, before_rows.as_ref()),
    }))
}

async fn rows(store: &Store, pieces: &Pieces) -> Result<Vec<EndpointFigures>, Problem> {
    store.endpoints(&EndpointQuery { cover: Cover::fewest(pieces), service: None }).await.map_err(unavailable)
}

async fn before_rows(store: &Store, pieces: Option<&Pieces>) -> Result<Option<HashMap<EndpointId, Figures>>, Problem> {
    match pieces {
        Some(pieces) => Ok(Some(by_id(rows(store, pieces).await?))),
        None => Ok(None),
    }
}

async fn total(store: &Store, question: &Question, cut: Cut) -> Result<Total, Problem> {
    let summary = store.summary(&question.pieces).await.map_err(unavailable)?;
    let before = match question.before() {
        Some(pieces) => Some(store.summary(pieces).await.map_err(unavailable)?),
        None => None,
    };
    let points = Whose::Everything.points(store, cut, question.now_s).await?;
    let before_points = match question.earlier(cut) {
        Some(earlier) => {
            Some(Question::beside(&points, Whose::Everything.points(store, earlier, question.now_s).await?))
        }
        None => None,
    };
    Ok(Total { summary, before, points, before_points })
}

/// The services with a request in the window, most requests first.
fn services(rows: &[EndpointFigures]) -> Vec<Service> {
    let mut sums: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(row.name.service()).or_default();
        *sum = (sum.0 + 1, sum.1.saturating_add(row.figures.requests));
    }
    let shown =
        |(service, (endpoints, requests)): (&str, _)| Service { service: service.to_owned(), endpoints, requests };
    let mut services: Vec<Service> = sums.into_iter().map(shown).collect();
    services.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.service.cmp(&b.service)));
    services
}

/// Marks are made of counts alone.
pub(crate) fn buckets(points: &[Point]) -> Vec<Bucket> {
    points.iter().map(Point::bucket).collect()
}

/// What changed most, each with the step in which it was worst.
async fn changed(store: &Store, worse: &[Worse<'_>], cut: Cut, now_s: i64) -> Result<Vec<Changed>, Problem> {
    if worse.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<EndpointId> = worse.iter().map(Worse::id).collect();
    let steps = sparklines::steps(store, &ids, cut, now_s).await?;
    Ok(worse.iter().zip(steps).map(|(worse, steps)| worse.shown(&steps)).collect())
}
