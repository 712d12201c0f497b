//! `GET /v1/endpoints`: the table.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::{Pieces, Service};
use tally_store::EndpointQuery;

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::cursor::Cursor;
use crate::reads::figures::Shown;
use crate::reads::parameters::Parameters;
use crate::reads::sort::{Key, Row, Sort};
use crate::reads::span;
use crate::reads::{rfc3339_ms, rfc3339_s, unavailable};

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 100_000;
const SORT_DEFAULT: &str = "-requests";

/// What is asked: window, filter, order, and where to go on.
struct Question {
    pieces: Pieces,
    service: Option<String>,
    sort: Sort,
    after: Option<Cursor>,
    limit: usize,
}

#[derive(Serialize)]
struct Answer<'a> {
    from: String,
    to: String,
    level: &'static str,
    counted_through: Option<String>,
    endpoints: Vec<Endpoint<'a>>,
    next: Option<String>,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    id: String,
    service: &'a str,
    method: &'a str,
    route: &'a str,
    #[serde(flatten)]
    shown: &'a Shown,
}

/// The endpoints that had a request in the window.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to", "service", "sort", "limit", "cursor"])?;
    let question = question(&front, &parameters).await?;
    let counted_through = front.counted_through.ms(&front).await?.map(rfc3339_ms);
    let (window, level) = (question.pieces.window(), question.pieces.level());
    let query = EndpointQuery { pieces: question.pieces.clone(), service: question.service.clone() };
    let found = front.store()?.endpoints(&query).await.map_err(unavailable)?;
    let shown = |row: tally_store::EndpointFigures| {
        let shown = Shown::of(&row.figures, window.seconds());
        Row { id: row.id, name: row.name, shown }
    };
    let (page, next) = page(found.into_iter().map(shown).collect(), &question);
    let endpoints = page.iter().map(|row| Endpoint {
        id: row.id.to_string(),
        service: &row.name.service,
        method: &row.name.method,
        route: &row.name.route,
        shown: &row.shown,
    });
    Ok(HttpResponse::Ok().json(Answer {
        from: rfc3339_s(window.from_s),
        to: rfc3339_s(window.to_s),
        level: level.name(),
        counted_through,
        endpoints: endpoints.collect(),
        next: next.map(|next| next.encode()),
    }))
}

/// A cursor brings its window with it, so that all pages are about the same; filter and order may be repeated beside it.
async fn question(front: &Front, parameters: &Parameters) -> Result<Question, Problem> {
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let sort = parameters.text("sort").map(Sort::parse).transpose()?;
    let service = parameters.text("service").map(Service::parse).transpose();
    let service = service.map_err(|error| Problem::parameter(error.field, error.reason))?;
    let service = service.map(|service| service.as_str().to_owned());
    let Some(cursor) = parameters.text("cursor") else {
        let sort = sort.map_or_else(|| Sort::parse(SORT_DEFAULT), Ok)?;
        return Ok(Question { pieces: span::read(front, parameters).await?, service, sort, after: None, limit });
    };
    let cursor = Cursor::decode(cursor)?;
    if sort.is_some_and(|sort| sort != cursor.sort) {
        return Err(Problem::parameter("sort", format!("expected {}, as in the first page", cursor.sort.text())));
    }
    if service.is_some() && service != cursor.service {
        return Err(Problem::parameter("service", "expected the same as in the first page"));
    }
    Ok(Question {
        pieces: cursor.pieces.clone(),
        service: cursor.service.clone(),
        sort: cursor.sort,
        after: Some(cursor),
        limit,
    })
}

/// Sorts, skips what earlier pages had, cuts, and says where the next page begins.
fn page(rows: Vec<Row>, question: &Question) -> (Vec<Row>, Option<Cursor>) {
    let sort = question.sort;
    let mut placed: Vec<(Key, Row)> = rows.into_iter().map(|row| (sort.key(&row), row)).collect();
    if let Some(after) = &question.after {
        placed.retain(|(key, row)| sort.compare((key, row.id), (&after.key, after.id)).is_gt());
    }
    placed.sort_unstable_by(|a, b| sort.compare((&a.0, a.1.id), (&b.0, b.1.id)));
    let more = placed.len() > question.limit;
    placed.truncate(question.limit);
    let next = placed.last().filter(|_| more).map(|(key, row)| Cursor {
        pieces: question.pieces.clone(),
        sort,
        service: question.service.clone(),
        key: key.clone(),
        id: row.id,
    });
    (placed.into_iter().map(|(_, row)| row).collect(), next)
}

#[cfg(test)]
mod tests {
    use tally_model::{EndpointName, Level, Window};
    use tally_store::Figures;

    use super::*;

    fn rows() -> Vec<Row> {
        let row = |i: u64| {
            let name = EndpointName::new("s", "GET", &format!("/{i}"));
            let timed = (!i.is_multiple_of(3)).then_some(i * 1_000);
            let figures = Figures { requests: i % 4, duration_min_us: timed, ..Figures::default() };
            Row { id: name.id(), name, shown: Shown::of(&figures, 60) }
        };
        (0..50).map(row).collect()
    }

    #[test]
    fn pages_are_the_whole_table_in_order() {
        for sort in ["-requests", "requests", "min", "-min", "route", "-route", "p99"] {
            let pieces = Pieces::whole(Level::Minute, Window { from_s: 0, to_s: 60 });
            let sort = Sort::parse(sort).unwrap();
            let mut question = Question { pieces, service: None, sort, after: None, limit: 1_000 };
            let (whole, none) = page(rows(), &question);
            assert!(none.is_none());
            question.limit = 7;
            let mut paged = Vec::new();
            loop {
                let (rows, next) = page(rows(), &question);
                paged.extend(rows);
                let Some(next) = next else { break };
                question.after = Some(Cursor::decode(&next.encode()).unwrap());
            }
            let routes = |rows: &[Row]| rows.iter().map(|row| row.name.route.clone()).collect::<Vec<_>>();
            assert_eq!(routes(&paged), routes(&whole));
            assert_eq!(paged.len(), 50);
        }
    }

    #[test]
    fn what_was_not_timed_comes_last() {
        let pieces = Pieces::whole(Level::Minute, Window { from_s: 0, to_s: 60 });
        for sort in ["min", "-min"] {
            let sort = Sort::parse(sort).unwrap();
            let (rows, _) =
                page(rows(), &Question { pieces: pieces.clone(), service: None, sort, after: None, limit: 1_000 });
            let timed = rows.iter().take_while(|row| row.shown.duration_ms.min.is_some()).count();
            assert!(rows[timed..].iter().all(|row| row.shown.duration_ms.min.is_none()));
        }
    }
}
