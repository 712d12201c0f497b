//! `ExportTraceServiceRequest` in protobuf. The field numbers are those of opentelemetry-proto (trace, resource and common
//! v1, which are stable); what is not counted is passed over.

use std::borrow::Cow;

use crate::ingest::traces::span::{AttributeValue, Attributes, Span, Spans, Unreadable};
use crate::ingest::traces::wire::{Fields, Malformed};

/// Judges every span of an export.
///
/// # Errors
/// [`Unreadable`]: then nothing is to be counted.
pub(super) fn read(body: &[u8], mut spans: Spans) -> Result<Spans, Unreadable> {
    for field in Fields(body) {
        if let (1, resource_spans) = field? {
            read_resource_spans(resource_spans.bytes()?, &mut spans)?;
        }
    }
    Ok(spans)
}

fn read_resource_spans(bytes: &[u8], spans: &mut Spans) -> Result<(), Unreadable> {
    // The resource mostly comes first, and need not.
    let mut resource = Attributes::default();
    for field in Fields(bytes) {
        if let (1, value) = field? {
            read_resource(value.bytes()?, &mut resource)?;
        }
    }
    for field in Fields(bytes) {
        if let (2, scope_spans) = field? {
            read_scope_spans(scope_spans.bytes()?, &resource, spans)?;
        }
    }
    Ok(())
}

fn read_resource<'a>(bytes: &'a [u8], resource: &mut Attributes<'a>) -> Result<(), Malformed> {
    for field in Fields(bytes) {
        if let (1, attribute) = field? {
            read_attribute(attribute.bytes()?, resource)?;
        }
    }
    Ok(())
}

fn read_scope_spans(bytes: &[u8], resource: &Attributes<'_>, spans: &mut Spans) -> Result<(), Unreadable> {
    for field in Fields(bytes) {
        if let (2, span) = field? {
            spans.judge(resource, &read_span(span.bytes()?)?)?;
        }
    }
    Ok(())
}

fn read_span(bytes: &[u8]) -> Result<Span<'_>, Malformed> {
    let mut span = Span::default();
    for field in Fields(bytes) {
        let (number, value) = field?;
        match number {
            6 => span.kind = value.varint()?,
            7 => span.start_ns = value.fixed64()?,
            8 => span.end_ns = value.fixed64()?,
            9 => read_attribute(value.bytes()?, &mut span.attributes)?,
            15 => span.status_code = status_code(value.bytes()?)?,
            _ => {}
        }
    }
    Ok(span)
}

fn status_code(status: &[u8]) -> Result<u64, Malformed> {
    let mut code = 0;
    for field in Fields(status) {
        if let (3, value) = field? {
            code = value.varint()?;
        }
    }
    Ok(code)
}

fn read_attribute<'a>(bytes: &'a [u8], attributes: &mut Attributes<'a>) -> Result<(), Malformed> {
    let (mut key, mut found) = (&b""[..], None);
    for field in Fields(bytes) {
        match field? {
            (1, text) => key = text.bytes()?,
            (2, value) => found = any_value(value.bytes()?)?,
            _ => {}
        }
    }
    if let (Ok(key), Some(value)) = (std::str::from_utf8(key), found) {
        attributes.set(key, value);
    }
    Ok(())
}

/// The one field of a value; lists and maps are of no use here, and not entered, however deep they are.
fn any_value(bytes: &[u8]) -> Result<Option<AttributeValue<'_>>, Malformed> {
    let mut found = None;
    for field in Fields(bytes) {
        found = Some(match field? {
            (1, text) => match std::str::from_utf8(text.bytes()?) {
                Ok(text) => AttributeValue::Text(Cow::Borrowed(text)),
                Err(_) => AttributeValue::Other,
            },
            // A negative one comes as its two's complement.
            (3, integer) => AttributeValue::Integer(integer.varint()?.cast_signed()),
            _ => AttributeValue::Other,
        });
    }
    Ok(found)
}
