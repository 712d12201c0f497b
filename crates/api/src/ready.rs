//! `GET /ready`: can an event be appended to every shard? PostgreSQL is told, but does not decide: ingest goes on without
//! it. A full backlog is ready too; taking the API away would not empty it.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use tally_store::SchemaState;
use tokio::time::timeout;

use crate::front::Front;
use crate::problem::Kind;

/// How long either server may take; a probe gives up after a second.
const ASKED_FOR: Duration = Duration::from_millis(700);

#[derive(Serialize)]
struct Ready {
    #[serde(flatten)]
    problem: Option<NotReady>,
    ready: bool,
    redis: &'static str,
    shards: u16,
    shards_not_open: Vec<u16>,
    postgresql: String,
}

#[derive(Serialize)]
struct NotReady {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
}

/// 200 or 503, and why.
pub(crate) async fn get(front: web::Data<Front>) -> HttpResponse {
    let (shards_not_open, postgresql) = tokio::join!(shards_not_open(&front), postgresql(&front));
    let shards = front.config.shards;
    let detail = match &shards_not_open {
        None => Some("Redis does not answer".to_owned()),
        Some(closed) if closed.is_empty() => None,
        Some(closed) => Some(format!("{} of {shards} shards are not open: a consumer has to open them", closed.len())),
    };
    let body = Ready {
        ready: detail.is_none(),
        redis: if shards_not_open.is_some() { "ok" } else { "away" },
        shards,
        shards_not_open: shards_not_open.unwrap_or_else(|| (0..shards).collect()),
        postgresql,
        problem: detail.map(|detail| NotReady {
            r#type: format!("/problems/{}", Kind::NotReady.slug()),
            title: Kind::NotReady.title(),
            status: Kind::NotReady.status().as_u16(),
            detail,
        }),
    };
    if body.ready {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::build(Kind::NotReady.status()).content_type("application/problem+json").json(body)
    }
}

/// Shards that are not open; `None` while Redis does not answer.
async fn shards_not_open(front: &Front) -> Option<Vec<u16>> {
    let log = &front.redis().ok()?.log;
    let statuses = timeout(ASKED_FOR, log.statuses()).await.ok()?.ok()?;
    Some(statuses.iter().filter(|status| !status.open).map(|status| status.shard.index()).collect())
}

async fn postgresql(front: &Front) -> String {
    let Ok(store) = front.store() else { return "not found yet".to_owned() };
    match timeout(ASKED_FOR, store.schema_ready()).await {
        Ok(Ok(SchemaState::Ready { version })) => format!("ok, schema {version}"),
        Ok(Ok(SchemaState::Missing)) => "no schema; run tally-consumer migrate".to_owned(),
        Ok(Ok(SchemaState::Older { version, needed })) => {
            format!("schema {version}, needs {needed}; run tally-consumer migrate")
        }
        Ok(Err(_)) | Err(_) => "away".to_owned(),
    }
}
