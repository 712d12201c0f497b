//! `GET /v1/endpoints/{id}`: one endpoint's page in one answer.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::{EndpointId, Level, Pieces};
use tally_store::{Figures, Store};

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::columns::Series;
use crate::reads::cut::{self, Cut, Point};
use crate::reads::figures::Shown;
use crate::reads::heat::{Distribution, Heat, heat};
use crate::reads::marks::{Mark, marks};
use crate::reads::overview::buckets;
use crate::reads::parameters::Parameters;
use crate::reads::question::{Head, Needs, Question};
use crate::reads::series::{Named, Whose, endpoint_id, named};
use crate::reads::unavailable;
use crate::reads::worst::{WorstHour, worst_hours};

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    named: Named,
    step_seconds: Option<i64>,
    first_request_at: Option<String>,
    last_request_at: Option<String>,
    summary: Shown,
    before: Option<Shown>,
    series: Series,
    before_series: Option<Series>,
    marks: Vec<Mark>,
    heat: Heat,
    distribution: Distribution,
    worst_hours: Vec<WorstHour>,
}

/// Its figures, over time, as a distribution, and its worst hours.
pub(crate) async fn get(
    front: web::Data<Front>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = endpoint_id(&id)?;
    let parameters = Parameters::of(&request, &["from", "to", "compare"])?;
    let question = Question::read(&front, &parameters, Needs { counted: true, ..Needs::default() }).await?;
    let store = front.store()?;
    let name = named(store, id).await?;
    let asked_s = question.asked_s();
    let drawn = Cut::drawn(question.pieces.window(), asked_s, question.floors);
    // One read serves chart, heat map and worst hours: by the hour where the chart's steps are longer.
    let read = drawn.by_the_hour(question.floors);
    let whose = Whose::Endpoint(id);
    let fine = whose.points(store, read, question.now_s).await?;
    let points = redrawn(&fine, read, drawn);
    let before_points = match question.earlier(drawn) {
        Some(earlier) => Some(Question::beside(&points, whose.points(store, earlier, question.now_s).await?)),
        None => None,
    };
    let figures = figures(store, id, &question.pieces).await?;
    let before = match question.before() {
        Some(pieces) => Some(self::figures(store, id, pieces).await?),
        None => None,
    };
    let seconds_before = question.before().map_or(1, |pieces| pieces.window().seconds());
    let (first_request_at, last_request_at) = question.first_and_last();
    let column_s = read.column_s(asked_s);
    let columns = column_s.map_or_else(|| fine.clone(), |column_s| cut::merged(&fine, column_s));
    let sketch_before = before.as_ref().map(|before| &before.sketch);
    let (heat, distribution) = heat(&columns, column_s, &figures.sketch, sketch_before);
    let before_buckets = before_points.as_deref().map(buckets);
    Ok(HttpResponse::Ok().json(Answer {
        head: question.head(),
        named: Named::of(id, &name),
        step_seconds: drawn.step_s,
        first_request_at,
        last_request_at,
        summary: Shown::of(&figures, question.pieces.window().seconds()),
        before: before.as_ref().map(|before| Shown::of(before, seconds_before)),
        series: Series::of(&points),
        before_series: before_points.as_deref().map(Series::of),
        marks: marks(&buckets(&points), before_buckets.as_deref()),
        heat,
        distribution,
        worst_hours: worst_hours(&fine, read),
    }))
}

/// The points of a coarser cut of the same window.
fn redrawn(fine: &[Point], read: Cut, drawn: Cut) -> Vec<Point> {
    match drawn.step_s {
        Some(step_s) if read != drawn => cut::merged(fine, step_s),
        _ => fine.to_vec(),
    }
}

/// One endpoint's figures, piece by piece.
async fn figures(store: &Store, id: EndpointId, pieces: &Pieces) -> Result<Figures, Problem> {
    let mut sum = Figures::default();
    for (level, window) in pieces.iter() {
        let whole_s = window.seconds().max(Level::Minute.next(0));
        let found = store.series(id, window, level, whole_s).await.map_err(unavailable)?;
        found.iter().for_each(|(_, figures)| sum.add(figures));
    }
    Ok(sum)
}
