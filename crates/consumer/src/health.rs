//! Health, readiness and metrics over HTTP, for the orchestrator and Prometheus; nothing for clients.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::web::{Data, get, resource};
use actix_web::{App, HttpResponse, HttpServer};
use serde_json::json;

use crate::error::Error;
use crate::metrics::Metrics;

/// Longest time that a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for requests under way when the process ends, in seconds.
const STOP_SECONDS: u64 = 1;
/// Content type of the text that Prometheus reads.
const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Listens, and serves until the handle is told to stop.
///
/// # Errors
/// [`Error::Listen`] where the address is taken.
pub(crate) fn serve(address: SocketAddr, metrics: Arc<Metrics>) -> Result<ServerHandle, Error> {
    let metrics = Data::from(metrics);
    let app = move || {
        App::new()
            .app_data(metrics.clone())
            .service(resource("/health").route(get().to(health)))
            .service(resource("/ready").route(get().to(ready)))
            .service(resource("/metrics").route(get().to(figures)))
    };
    let server = HttpServer::new(app)
        .workers(1)
        .disable_signals()
        .client_request_timeout(REQUEST_TIMEOUT)
        .shutdown_timeout(STOP_SECONDS)
        .bind(address)
        .map_err(|source| Error::Listen { address, source })?
        .run();
    let handle = server.handle();
    tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "health and metrics are no longer served");
        }
    });
    Ok(handle)
}

/// The process is alive; touches nothing.
async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "alive"}))
}

/// Redis, PostgreSQL and the schema were found, and the last turn of leases went well.
async fn ready(metrics: Data<Metrics>) -> HttpResponse {
    if metrics.is_ready() {
        HttpResponse::Ok().json(json!({"status": "ready"}))
    } else {
        HttpResponse::ServiceUnavailable()
            .json(json!({"status": "waiting for Redis, PostgreSQL, the schema, or a lease"}))
    }
}

async fn figures(metrics: Data<Metrics>) -> HttpResponse {
    HttpResponse::Ok().content_type(METRICS_TYPE).body(metrics.text())
}
