//! `GET /v1/endpoints`: the table.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::{Cover, EndpointId, Pieces};
use tally_store::{EndpointFigures, EndpointQuery, Figures};

use crate::front::Front;
use crate::problem::Problem;
use crate::reads::columns::Rows;
use crate::reads::cursor::Cursor;
use crate::reads::figures::Shown;
use crate::reads::parameters::Parameters;
use crate::reads::question::{Head, Needs, Question};
use crate::reads::sort::{Key, Row, Sort};
use crate::reads::unavailable;

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 100_000;
const SORT_DEFAULT: &str = "-requests";

/// What is asked of the table: filter, order, form, and where to go on.
struct Table {
    pieces: Pieces,
    service: Option<String>,
    sort: Sort,
    after: Option<Cursor>,
    limit: usize,
}

#[derive(Serialize)]
struct Answer<T> {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    table: T,
    next: Option<String>,
}

#[derive(Serialize)]
struct Listed<'a> {
    endpoints: Vec<Endpoint<'a>>,
}

#[derive(Serialize)]
struct InColumns {
    rows: Rows,
}

#[derive(Serialize)]
struct Endpoint<'a> {
    id: String,
    service: &'a str,
    method: &'a str,
    route: &'a str,
    #[serde(flatten)]
    shown: &'a Shown,
    before: Option<Shown>,
}

/// The endpoints that had a request in the window.
pub(crate) async fn get(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let known = ["from", "to", "compare", "service", "sort", "limit", "cursor", "format"];
    let parameters = Parameters::of(&request, &known)?;
    let columns = parameters.columns()?;
    let (question, table) = asked(&front, &parameters).await?;
    let store = front.store()?;
    let of = |pieces: &Pieces| EndpointQuery { cover: Cover::fewest(pieces), service: table.service.clone() };
    let before = async {
        match question.before() {
            Some(pieces) => Ok(Some(by_id(store.endpoints(&of(pieces)).await?))),
            None => Ok(None),
        }
    };
    let query = of(&table.pieces);
    let (found, before) = tokio::try_join!(store.endpoints(&query), before).map_err(unavailable)?;
    let seconds = table.pieces.window().seconds();
    let (page, next) = page(found.into_iter().map(|found| row(found, seconds)).collect(), &table);
    let next = next.map(|next| next.encode());
    let head = question.head();
    if columns {
        let rows = Rows::of(page.iter().map(|row| (row.id, &row.name, &row.figures)), before.as_ref());
        return Ok(HttpResponse::Ok().json(Answer { head, table: InColumns { rows }, next }));
    }
    let before_of = |id| {
        let seconds = question.before()?.window().seconds();
        before.as_ref().map(|before| Shown::before(before.get(&id), seconds))
    };
    let endpoints = page.iter().map(|row| Endpoint {
        id: row.id.to_string(),
        service: row.name.service(),
        method: row.name.method(),
        route: row.name.route(),
        shown: &row.shown,
        before: before_of(row.id),
    });
    Ok(HttpResponse::Ok().json(Answer { head, table: Listed { endpoints: endpoints.collect() }, next }))
}

pub(crate) fn by_id(found: Vec<EndpointFigures>) -> HashMap<EndpointId, Figures> {
    found.into_iter().map(|row| (row.id, row.figures)).collect()
}

fn row(found: EndpointFigures, seconds: i64) -> Row {
    let shown = Shown::of(&found.figures, seconds);
    Row { id: found.id, name: found.name, figures: found.figures, shown }
}

/// A cursor brings its window with it, so that all pages are about the same; filter and order may be repeated beside it.
async fn asked(front: &Front, parameters: &Parameters) -> Result<(Question, Table), Problem> {
    let limit = parameters.limit(LIMIT_DEFAULT, LIMIT_MAX)?;
    let sort = parameters.text("sort").map(Sort::parse).transpose()?;
    let service = parameters.service()?;
    let after = parameters.text("cursor").map(Cursor::decode).transpose()?;
    let (sort, service) = match &after {
        None => (sort.map_or_else(|| Sort::parse(SORT_DEFAULT), Ok)?, service),
        Some(cursor) if sort.is_some_and(|sort| sort != cursor.sort) => {
            return Err(Problem::parameter("sort", format!("expected {}, as in the first page", cursor.sort.text())));
        }
        Some(cursor) if service.is_some() && service != cursor.service => {
            return Err(Problem::parameter("service", "expected the same as in the first page"));
        }
        Some(cursor) => (cursor.sort, cursor.service.clone()),
    };
    let needs = Needs { pieces: after.as_ref().map(|cursor| cursor.pieces.clone()), ..Needs::default() };
    let question = Question::read(front, parameters, needs).await?;
    let table = Table { pieces: question.pieces.clone(), service, sort, after, limit };
    Ok((question, table))
}

/// Sorts, skips what earlier pages had, cuts, and says where the next page begins.
fn page(rows: Vec<Row>, table: &Table) -> (Vec<Row>, Option<Cursor>) {
    let sort = table.sort;
    let mut placed: Vec<(Key, Row)> = rows.into_iter().map(|row| (sort.key(&row), row)).collect();
    if let Some(after) = &table.after {
        placed.retain(|(key, row)| sort.compare((key, row.id), (&after.key, after.id)).is_gt());
    }
    placed.sort_unstable_by(|a, b| sort.compare((&a.0, a.1.id), (&b.0, b.1.id)));
    let more = placed.len() > table.limit;
    placed.truncate(table.limit);
    let next = placed.last().filter(|_| more).map(|(key, row)| Cursor {
        pieces: table.pieces.clone(),
        sort,
        service: table.service.clone(),
        key: key.clone(),
        id: row.id,
    });
    (placed.into_iter().map(|(_, row)| row).collect(), next)
}

#[cfg(test)]
mod tests {
    use tally_model::{EndpointName, Level, Window};

    use super::*;

    fn rows() -> Vec<Row> {
        let row = |i: u64| {
            let name = EndpointName::new("s", "GET", &format!("/{i}"));
            let timed = (!i.is_multiple_of(3)).then_some(i * 1_000);
            let figures = Figures { requests: i % 4, duration_min_us: timed, ..Figures::default() };
            row(EndpointFigures { id: name.id(), name, figures }, 60)
        };
        (0..50).map(row).collect()
    }

    #[test]
    fn pages_are_the_whole_table_in_order() {
        for sort in ["-requests", "requests", "min", "-min", "route", "-route", "p99"] {
            let pieces = Pieces::whole(Level::Minute, Window { from_s: 0, to_s: 60 });
            let sort = Sort::parse(sort).unwrap();
            let mut table = Table { pieces, service: None, sort, after: None, limit: 1_000 };
            let (whole, none) = page(rows(), &table);
            assert!(none.is_none());
            table.limit = 7;
            let mut paged = Vec::new();
            loop {
                let (rows, next) = page(rows(), &table);
                paged.extend(rows);
                let Some(next) = next else { break };
                table.after = Some(Cursor::decode(&next.encode()).unwrap());
            }
            let routes = |rows: &[Row]| rows.iter().map(|row| row.name.route().to_owned()).collect::<Vec<_>>();
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
                page(rows(), &Table { pieces: pieces.clone(), service: None, sort, after: None, limit: 1_000 });
            let timed = rows.iter().take_while(|row| row.shown.duration_ms.min.is_some()).count();
            assert!(rows[timed..].iter().all(|row| row.shown.duration_ms.min.is_none()));
        }
    }
}
