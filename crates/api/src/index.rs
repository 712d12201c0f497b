//! The list of routes and `GET /openapi.json`: what there is, for people and for programs.

use actix_web::HttpResponse;
use serde_json::{Map, Value, json};

use crate::pages::assets;

/// Every route, with a phrase; the documentation must name each (held by a test).
pub(crate) const ROUTES: [(&str, &str); 45] = [
    ("POST /v1/events", "count events: one JSON object, an array, or NDJSON; gzip and zstd"),
    ("POST /v1/traces", "count the HTTP server spans of an OpenTelemetry exporter: OTLP/HTTP, protobuf and JSON"),
    ("POST /api/vote", "vote in the poll default"),
    ("POST /v1/polls/{poll}/votes", "vote in a poll"),
    ("GET /v1/polls", "every poll, and how it stands"),
    ("GET /v1/votes", "the last votes, their voters masked"),
    ("PUT /v1/polls/{poll}", "make a poll, add options to it, or give it a title"),
    ("GET /v1/polls/{poll}", "results of a poll"),
    ("GET /api/results", "results of the poll default"),
    ("GET /v1/overview", "what a page shows first: everything, over time, what changed most, the busiest endpoints"),
    ("GET /v1/series", "everything, or a service, over time"),
    ("GET /v1/sparklines", "requests and errors of some endpoints over time, in few points"),
    ("GET /v1/endpoints/{id}", "one endpoint: its figures, over time, its distribution, its worst hours"),
    ("GET /v1/endpoints", "requests, errors and durations of every endpoint"),
    ("GET /v1/endpoints/{id}/series", "one endpoint over time"),
    ("GET /v1/services", "the same figures for every service"),
    ("GET /v1/summary", "the same figures for everything"),
    ("GET /v1/accounting", "what was accepted, and what became of it"),
    ("GET /v1/dead-letters", "what could not be counted, and why"),
    ("GET /v1/dead-letters/reasons", "the reasons, with what can be done"),
    ("POST /v1/dead-letters/redrive", "count the dead letters of a reason after all"),
    ("GET /v1/folded", "endpoints that count under <other>"),
    ("GET /v1/live", "what happens now, as server-sent events"),
    ("GET /v1/pipeline", "the way from accepted to counted, shard by shard"),
    ("GET /v1/report", "a report of any window: a page that needs nothing else, CSV or JSON"),
    ("GET /v1/reports", "the reports that are kept"),
    ("POST /v1/reports", "make a report, and keep it"),
    ("GET /v1/reports/{name}.{format}", "a kept report: html, csv or json"),
    ("DELETE /v1/reports/{name}", "delete a kept report"),
    ("GET /health", "the process is alive"),
    ("GET /ready", "events can be appended to every shard"),
    ("GET /metrics", "Prometheus metrics"),
    ("GET /openapi.json", "this API for programs"),
    ("GET /", "the dashboard; this list with Accept: application/json"),
    ("GET /endpoints/{id}", "the dashboard's page of an endpoint"),
    ("GET /pipeline", "the dashboard's page of the log and its consumers"),
    ("GET /polls", "the dashboard's page of polls"),
    ("GET /reports", "the dashboard's page of reports"),
    ("GET /states", "the dashboard's states, each once"),
    ("GET /first-run", "the dashboard before the first event"),
    ("GET /vote", "the vote page of the poll default"),
    ("GET /vote/{poll}", "the vote page of a poll"),
    ("POST /vote/{poll}", "a vote from the vote page's form"),
    ("GET /vote/{poll}/result", "the result for people, without JavaScript"),
    ("GET /assets/{file}", "scripts and style sheets of the pages"),
];

/// Lists the routes.
pub(crate) fn list() -> HttpResponse {
    let routes: Map<String, Value> =
        ROUTES.iter().map(|(route, phrase)| ((*route).to_owned(), json!(phrase))).collect();
    let (version, page) = (env!("CARGO_PKG_VERSION"), assets::page_name());
    HttpResponse::Ok().json(json!({"name": "tally", "version": version, "page": page, "routes": routes}))
}

/// The API as an OpenAPI document, kept by hand.
const OPENAPI: &str = include_str!("openapi.json");

/// The OpenAPI document.
pub(crate) async fn openapi() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use actix_web::{App, test};

    use super::*;

    #[actix_web::test]
    async fn every_route_is_mounted_and_documented() {
        let documentation = include_str!("../../../docs/http.md");
        let paths: BTreeSet<&str> = ROUTES.iter().filter_map(|(route, _)| Some(route.split_once(' ')?.1)).collect();
        assert_eq!(include_str!("routes.rs").matches("app.service(").count(), paths.len(), "a route is not listed");
        let app = test::init_service(App::new().configure(crate::routes::configure)).await;
        for (route, _) in ROUTES {
            assert!(documentation.contains(&format!("`{route}`")), "docs/http.md does not name {route}");
            let path =
                route.split_once(' ').unwrap().1.replace("{poll}", "p").replace("{id}", "1").replace("{file}", "f");
            let path = path.replace("{name}", "1").replace("{format}", "html");
            // TRACE is allowed nowhere: 405 tells that there is something.
            let asked = test::TestRequest::with_uri(&path).method(actix_web::http::Method::TRACE).to_request();
            assert_eq!(test::call_service(&app, asked).await.status(), 405, "{route}");
        }
    }

    #[test]
    async fn the_openapi_document_has_every_route_and_no_other() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let of_path = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(|method| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        };
        let mut documented: Vec<String> = document["paths"].as_object().unwrap().iter().flat_map(of_path).collect();
        documented.sort();
        let mut routes = ROUTES.map(|(route, _)| route.to_owned());
        routes.sort();
        assert_eq!(documented, routes);
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        for used in OPENAPI.split("#/components/schemas/").skip(1) {
            let name = used.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
