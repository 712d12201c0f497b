//! Every path on one screen.

use actix_web::dev::HttpServiceFactory;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Handler, HttpRequest, HttpResponse, Resource, Responder, guard, web};

use crate::ingest::{body, events, traces, votes};
use crate::metrics::Route;
use crate::pages::{app, assets, result, vote};
use crate::problem::{Kind, Problem};
use crate::reads::{
    accounting, dead_reasons, endpoint, endpoints, evidence, overview, results, series, services, sparklines, summary,
};
use crate::reports::{kept, once};
use crate::{direct, index, live, metrics, polls, reads, ready, shared_answers};

/// Mounts all routes.
pub(crate) fn configure(app: &mut web::ServiceConfig) {
    // Ingest
    app.service(write(direct::PATH, Method::POST, events::post));
    app.service(write("/v1/traces", Method::POST, traces::post));
    app.service(write("/api/vote", Method::POST, votes::post_default));
    app.service(write("/v1/polls/{poll}/votes", Method::POST, votes::post));
    // Polls
    app.service(shared("/v1/polls", reads::polls::get));
    app.service(poll("/v1/polls/{poll}"));
    app.service(shared("/v1/votes", reads::votes::get));
    app.service(shared("/api/results", results::get_default));
    // Reads
    app.service(shared("/v1/overview", overview::get));
    app.service(shared("/v1/series", series::get_total));
    app.service(shared("/v1/sparklines", sparklines::get));
    app.service(shared("/v1/endpoints", endpoints::get));
    app.service(shared("/v1/endpoints/{id}", endpoint::get));
    app.service(shared("/v1/endpoints/{id}/series", series::get));
    app.service(shared("/v1/services", services::get));
    app.service(shared("/v1/summary", summary::get));
    app.service(joined("/v1/accounting", accounting::get));
    app.service(shared("/v1/dead-letters", evidence::dead_letters));
    app.service(shared("/v1/dead-letters/reasons", dead_reasons::get));
    app.service(write("/v1/dead-letters/redrive", Method::POST, dead_reasons::redrive));
    app.service(shared("/v1/folded", evidence::folded));
    // Now
    app.service(read("/v1/live", live::stream::get));
    app.service(joined("/v1/pipeline", live::pipeline::get));
    // Reports
    app.service(read("/v1/report", once::get));
    app.service(reports("/v1/reports"));
    app.service(read("/v1/reports/{name}.{format}", kept::get));
    app.service(write("/v1/reports/{name}", Method::DELETE, kept::delete));
    // Operation
    app.service(read("/health", health));
    app.service(read("/ready", ready::get));
    app.service(read("/metrics", metrics::scrape));
    app.service(read("/openapi.json", index::openapi));
    // Pages
    app.service(read("/", app::root));
    app.service(read("/endpoints/{id}", app::page));
    app.service(read("/pipeline", app::page));
    app.service(read("/polls", app::page));
    app.service(read("/reports", app::page));
    app.service(read("/states", app::page));
    app.service(read("/first-run", app::page));
    app.service(read("/vote", vote::get_default));
    app.service(form("/vote/{poll}"));
    app.service(shared("/vote/{poll}/result", result::get));
    app.service(read("/assets/{file}", assets::get));

    app.default_service(web::to(not_found));
    app.app_data(Route::new(metrics::UNKNOWN));
    app.app_data(web::PathConfig::default().error_handler(|error, _| Problem::parameter("path", error).into()));
}

/// A resource that knows its path as it stands here: what requests are measured by.
fn resource(path: &'static str) -> Resource {
    web::resource(path).app_data(Route::new(path))
}

fn read<F, Args>(path: &'static str, handler: F) -> impl HttpServiceFactory + 'static
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    reading(path, handler)
}

fn reading<F, Args>(path: &'static str, handler: F) -> Resource
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    let both = resource(path).route(on(Method::GET).to(handler.clone())).route(on(Method::HEAD).to(handler));
    refusing_others(both, &[Method::GET, Method::HEAD])
}

/// A read of what was counted: one answer serves all who ask the same, until something changes.
fn shared<F, Args>(path: &'static str, handler: F) -> impl HttpServiceFactory + 'static
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    reading(path, handler).wrap(from_fn(shared_answers::keep))
}

/// A read that changes without a commit: those who ask at once share an answer, and nothing is kept.
fn joined<F, Args>(path: &'static str, handler: F) -> impl HttpServiceFactory + 'static
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    reading(path, handler).wrap(from_fn(shared_answers::join))
}

fn write<F, Args>(path: &'static str, method: Method, handler: F) -> impl HttpServiceFactory + 'static
where
    F: Handler<Args>,
    Args: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    refusing_others(resource(path).route(on(method.clone()).to(handler)), &[method])
}

fn poll(path: &'static str) -> impl HttpServiceFactory + 'static {
    let resource = resource(path).route(on(Method::PUT).to(polls::put)).route(on(Method::GET).to(results::get));
    let all =
        refusing_others(resource.route(on(Method::HEAD).to(results::get)), &[Method::GET, Method::HEAD, Method::PUT]);
    all.wrap(from_fn(shared_answers::keep))
}

fn form(path: &'static str) -> impl HttpServiceFactory + 'static {
    let resource = resource(path).route(on(Method::GET).to(vote::get)).route(on(Method::HEAD).to(vote::get));
    refusing_others(resource.route(on(Method::POST).to(vote::post)), &[Method::GET, Method::HEAD, Method::POST])
}

fn reports(path: &'static str) -> impl HttpServiceFactory + 'static {
    let resource = resource(path).route(on(Method::POST).to(kept::post)).route(on(Method::GET).to(kept::list));
    refusing_others(resource.route(on(Method::HEAD).to(kept::list)), &[Method::GET, Method::HEAD, Method::POST])
}

/// Requests of a method. The guards that come with actix write each method they look for into the request, for a refusal that here is
/// [`refusing_others`].
fn on(method: Method) -> actix_web::Route {
    web::route().guard(guard::fn_guard(move |context| context.head().method == method))
}

fn refusing_others(resource: Resource, allowed: &[Method]) -> Resource {
    let allowed = allowed.to_vec();
    resource.default_service(web::to(move |request: HttpRequest, payload: web::Payload| {
        let problem = Problem::method_not_allowed(request.method(), &allowed);
        async move {
            body::pass_over(payload).await?;
            Err::<HttpResponse, _>(problem)
        }
    }))
}

async fn not_found(request: HttpRequest, payload: web::Payload) -> Result<HttpResponse, Problem> {
    body::pass_over(payload).await?;
    let path: String = request.path().chars().take(200).collect();
    Err(Problem::new(
        Kind::NotFound,
        format!("there is nothing at {path}; GET / with Accept: application/json lists what there is"),
    ))
}

/// The process is alive; nothing else is asked.
async fn health() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"status": "alive"}))
}
