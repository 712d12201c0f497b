//! What an exporter is answered, in the encoding it speaks: `ExportTraceServiceResponse`, or `google.rpc.Status`.

use serde_json::json;

use crate::ingest::traces::wire::{push_bytes, push_varint};

/// The type of the detail that a refusal of bad data carries.
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

/// How an export is encoded, and so its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoded {
    Protobuf,
    Json,
}

impl Encoded {
    /// The `Content-Type`.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// An `ExportTraceServiceResponse`; with the number of rejected spans and the reason, if there are any.
    pub(super) fn response(self, partial: Option<(usize, String)>) -> Vec<u8> {
        match (self, partial) {
            (Self::Protobuf, None) => vec![],
            (Self::Protobuf, Some((rejected, reason))) => {
                let mut partial_success = vec![];
                push_varint(&mut partial_success, 1, rejected as u64);
                push_bytes(&mut partial_success, 2, reason.as_bytes());
                within(1, &partial_success)
            }
            (Self::Json, None) => b"{}".to_vec(),
            (Self::Json, Some((rejected, reason))) => {
                let partial_success = json!({"rejectedSpans": rejected.to_string(), "errorMessage": reason});
                json!({"partialSuccess": partial_success}).to_string().into_bytes()
            }
        }
    }

    /// A `google.rpc.Status` with a message; where data is bad, with what is `violated`.
    pub(crate) fn status(self, message: &str, violated: Option<&str>) -> Vec<u8> {
        match self {
            Self::Protobuf => {
                let mut status = vec![];
                push_bytes(&mut status, 2, message.as_bytes());
                if let Some(field) = violated {
                    push_bytes(&mut status, 3, &bad_request(field, message));
                }
                status
            }
            Self::Json => {
                let detail = |field| json!({"@type": BAD_REQUEST, "fieldViolations": [{"field": field, "description": message}]});
                let details: Vec<_> = violated.into_iter().map(detail).collect();
                json!({"message": message, "details": details}).to_string().into_bytes()
            }
        }
    }
}

/// A `google.protobuf.Any` that holds a `google.rpc.BadRequest`.
fn bad_request(field: &str, description: &str) -> Vec<u8> {
    let mut violation = vec![];
    push_bytes(&mut violation, 1, field.as_bytes());
    push_bytes(&mut violation, 2, description.as_bytes());
    let mut any = vec![];
    push_bytes(&mut any, 1, BAD_REQUEST.as_bytes());
    push_bytes(&mut any, 2, &within(1, &violation));
    any
}

fn within(number: u32, message: &[u8]) -> Vec<u8> {
    let mut outer = vec![];
    push_bytes(&mut outer, number, message);
    outer
}
