//! `GET /v1/endpoints/{id}/series` and `GET /v1/series`: one endpoint, a service or everything over time.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tally_model::{EndpointId, EndpointName};
use tally_store::{Figures, Store};

use crate::front::Front;
use crate::problem::{Kind, Problem};
use crate::reads::columns::Series;
use crate::reads::cut::{Cut, Point, Step};
use crate::reads::figures::Shown;
use crate::reads::parameters::Parameters;
use crate::reads::question::{Head, Needs, Question};
use crate::reads::{rfc3339_s, unavailable};

/// Whose figures.
#[derive(Debug, Clone)]
pub(crate) enum Whose {
    Endpoint(EndpointId),
    Service(String),
    Everything,
}

/// An endpoint by name.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    id: String,
    service: Box<str>,
    method: Box<str>,
    route: Box<str>,
}

#[derive(Serialize)]
struct Answer<T> {
    #[serde(flatten)]
    named: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(flatten)]
    head: Head,
    step_seconds: Option<i64>,
    #[serde(flatten)]
    series: T,
}

#[derive(Serialize)]
struct Listed {
    points: Vec<ShownPoint>,
    before_points: Option<Vec<ShownPoint>>,
}

#[derive(Serialize)]
struct InColumns {
    series: Series,
    before_series: Option<Series>,
}

#[derive(Serialize)]
struct ShownPoint {
    start: String,
    #[serde(flatten)]
    shown: Shown,
}

/// One endpoint's figures by step; a step without a request is there too, with zeros.
pub(crate) async fn get(
    front: web::Data<Front>,
    id: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let id = endpoint_id(&id)?;
    let parameters = Parameters::of(&request, &["from", "to", "compare", "step", "format"])?;
    series(&front, &parameters, Whose::Endpoint(id)).await
}

/// The same for a service or everything.
pub(crate) async fn get_total(front: web::Data<Front>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let parameters = Parameters::of(&request, &["from", "to", "compare", "step", "service", "format"])?;
    let whose = parameters.service()?.map_or(Whose::Everything, Whose::Service);
    series(&front, &parameters, whose).await
}

async fn series(front: &Front, parameters: &Parameters, whose: Whose) -> Result<HttpResponse, Problem> {
    let step = parameters.text("step").map(Step::parse).transpose()?;
    let columns = parameters.columns()?;
    let question = Question::read(front, parameters, Needs::default()).await?;
    let cut = match step {
        Some(step) => Cut::asked(question.asked, step, question.floors)?,
        None => Cut::units(question.asked, question.asked.level(|level| question.floors.of(level))),
    };
    let store = front.store()?;
    let named = match &whose {
        Whose::Endpoint(id) => Some(Named::of(*id, &named(store, *id).await?)),
        Whose::Service(_) | Whose::Everything => None,
    };
    let points = whose.points(store, cut, question.now_s).await?;
    let before = match question.earlier(cut) {
        Some(earlier) => Some(Question::beside(&points, whose.points(store, earlier, question.now_s).await?)),
        None => None,
    };
    let service = if let Whose::Service(service) = whose { Some(service) } else { None };
    let (head, step_seconds) = (question.head_of(cut.window, cut.level), cut.step_s);
    if columns {
        let series = InColumns { series: Series::of(&points), before_series: before.map(|before| Series::of(&before)) };
        return Ok(HttpResponse::Ok().json(Answer { named, service, head, step_seconds, series }));
    }
    let series = Listed { points: shown(&points), before_points: before.map(|before| shown(&before)) };
    Ok(HttpResponse::Ok().json(Answer { named, service, head, step_seconds, series }))
}

impl Whose {
    /// A point each step.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn points(&self, store: &Store, cut: Cut, now_s: i64) -> Result<Vec<Point>, Problem> {
        Ok(cut.points(self.found(store, cut).await.map_err(unavailable)?, now_s))
    }

    async fn found(&self, store: &Store, cut: Cut) -> Result<Vec<(i64, Figures)>, tally_store::Error> {
        let Cut { window, level, .. } = cut;
        match self {
            Self::Endpoint(id) => store.series(*id, window, level, cut.read_step_s()).await,
            Self::Service(service) => store.total_series(window, level, cut.read_step_s(), Some(service)).await,
            Self::Everything => store.total_series(window, level, cut.read_step_s(), None).await,
        }
    }
}

impl Named {
    pub(crate) fn of(id: EndpointId, name: &EndpointName) -> Self {
        let [service, method, route] = [name.service(), name.method(), name.route()].map(Box::from);
        Self { id: id.to_string(), service, method, route }
    }
}

/// Reads the id of a path.
///
/// # Errors
/// 400, if it cannot be one.
pub(crate) fn endpoint_id(text: &str) -> Result<EndpointId, Problem> {
    let id = text.parse().map_err(|_| Problem::parameter("id", "expected the id of an endpoint"))?;
    Ok(EndpointId::from_raw(id))
}

/// The name of an endpoint.
///
/// # Errors
/// 404, 503.
pub(crate) async fn named(store: &Store, id: EndpointId) -> Result<EndpointName, Problem> {
    let name = store.endpoint(id).await.map_err(unavailable)?;
    name.ok_or_else(|| Problem::new(Kind::UnknownEndpoint, format!("there is no endpoint {id}")).on("id"))
}

fn shown(points: &[Point]) -> Vec<ShownPoint> {
    let shown = |point: &Point| ShownPoint {
        start: rfc3339_s(point.start_s),
        shown: Shown::of(&point.figures, point.end_s - point.start_s),
    };
    points.iter().map(shown).collect()
}
