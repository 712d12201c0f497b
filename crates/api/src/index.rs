//! `GET /`: what there is.

use actix_web::HttpResponse;
use serde_json::json;

/// Names the routes, each with a phrase.
pub(crate) async fn get() -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "name": "tally",
        "version": env!("CARGO_PKG_VERSION"),
        "routes": {
            "POST /v1/events": "count events: one JSON object, an array, or NDJSON; gzip and zstd",
            "POST /api/vote": "vote in the poll default",
            "POST /v1/polls/{poll}/votes": "vote in a poll",
            "PUT /v1/polls/{poll}": "make a poll, or add options to it",
            "GET /v1/polls/{poll}": "results of a poll",
            "GET /api/results": "results of the poll default",
            "GET /v1/endpoints": "requests, errors and durations of every endpoint",
            "GET /v1/endpoints/{id}/series": "one endpoint over time",
            "GET /v1/services": "the same figures for every service",
            "GET /v1/summary": "the same figures for everything",
            "GET /v1/accounting": "what was accepted, and what became of it",
            "GET /v1/dead-letters": "what could not be counted, and why",
            "GET /v1/folded": "endpoints that count under <other>",
            "GET /health": "the process is alive",
            "GET /ready": "events can be appended to every shard",
            "GET /metrics": "Prometheus metrics",
        },
    }))
}
