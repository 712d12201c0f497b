//! `ExportTraceServiceRequest` in OTLP/JSON: names in camelCase, unknown ones ignored; 64-bit integers as strings or as
//! numbers; null is as good as missing.

use std::cell::RefCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::ingest::Scalar;
use crate::ingest::traces::span::{AttributeValue, Attributes, ERROR, SERVER, Span, Spans, Unreadable};

/// Judges every span of an export. One that cannot be read costs only itself.
///
/// # Errors
/// [`Unreadable`]: then nothing is to be counted.
pub(super) fn read(body: &[u8], spans: Spans) -> Result<Spans, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|error| Unreadable::Malformed(error.to_string()))?;
    let spans = RefCell::new(spans);
    let resource_spans = Member("resourceSpans", Each(ResourceSpansOf { spans: &spans }));
    let mut json = serde_json::Deserializer::from_str(text);
    let read = resource_spans.deserialize(&mut json).and_then(|()| json.end());
    match read {
        Err(_) if spans.borrow().too_many => Err(Unreadable::TooMany),
        Err(error) => Err(Unreadable::Malformed(error.to_string())),
        Ok(()) => Ok(spans.into_inner()),
    }
}

/// Reads one member of an object, as often as it is there, and passes over the others.
#[derive(Clone, Copy)]
struct Member<S>(&'static str, S);

impl<'de, S: DeserializeSeed<'de, Value = ()> + Copy> DeserializeSeed<'de> for Member<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de, Value = ()> + Copy> Visitor<'de> for Member<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with {}", self.0)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Scalar::Text(name)) = map.next_key()? {
            if name == self.0 {
                map.next_value_seed(self.1)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Reads an array element by element.
#[derive(Clone, Copy)]
struct Each<S>(S);

impl<'de, S: DeserializeSeed<'de, Value = ()> + Copy> DeserializeSeed<'de> for Each<S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, S: DeserializeSeed<'de, Value = ()> + Copy> Visitor<'de> for Each<S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self.0)?.is_some() {}
        Ok(())
    }
}

/// The spans of one resource.
#[derive(Clone, Copy)]
struct ResourceSpansOf<'s> {
    spans: &'s RefCell<Spans>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    #[serde(borrow)]
    resource: Option<Resource<'a>>,
    /// Read when the resource is known, which may stand behind it.
    #[serde(borrow)]
    scope_spans: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
struct Resource<'a> {
    #[serde(borrow, default)]
    attributes: Attributes<'a>,
}

impl<'de> DeserializeSeed<'de> for ResourceSpansOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        let ResourceSpans { resource, scope_spans } = ResourceSpans::deserialize(json)?;
        let Some(scope_spans) = scope_spans else { return Ok(()) };
        let resource = resource.unwrap_or_default().attributes;
        let each_span = Each(SpanOf { spans: self.spans, resource: &resource });
        let mut json = serde_json::Deserializer::from_str(scope_spans.get());
        Each(Member("spans", each_span)).deserialize(&mut json).map_err(D::Error::custom)
    }
}

/// One span.
#[derive(Clone, Copy)]
struct SpanOf<'s> {
    spans: &'s RefCell<Spans>,
    resource: &'s Attributes<'s>,
}

impl<'de> DeserializeSeed<'de> for SpanOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        // Some of JSON's grammar has no value here (half a surrogate pair): that costs only the span.
        let text = <&RawValue>::deserialize(json)?.get();
        let mut spans = self.spans.borrow_mut();
        let judged = match serde_json::from_str::<SpanFields<'_>>(text) {
            Ok(fields) => spans.judge(self.resource, &fields.into()),
            Err(error) => spans.judge_unreadable(format!("a span cannot be read: {error}")),
        };
        judged.map_err(D::Error::custom)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct SpanFields<'a> {
    #[serde(borrow)]
    kind: Option<Scalar<'a>>,
    #[serde(borrow)]
    start_time_unix_nano: Option<Scalar<'a>>,
    #[serde(borrow)]
    end_time_unix_nano: Option<Scalar<'a>>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
    #[serde(borrow)]
    attributes: Attributes<'a>,
}

#[derive(Deserialize)]
struct Status<'a> {
    #[serde(borrow)]
    code: Option<Scalar<'a>>,
}

impl<'a> From<SpanFields<'a>> for Span<'a> {
    fn from(fields: SpanFields<'a>) -> Self {
        Self {
            kind: number(fields.kind.as_ref(), ("SPAN_KIND_SERVER", SERVER)),
            start_ns: number(fields.start_time_unix_nano.as_ref(), ("", 0)),
            end_ns: number(fields.end_time_unix_nano.as_ref(), ("", 0)),
            status_code: number(fields.status.and_then(|status| status.code).as_ref(), ("STATUS_CODE_ERROR", ERROR)),
            attributes: fields.attributes,
        }
    }
}

/// A number, in digits or not; or the enum's value that `named` stands for, which OTLP/JSON forbids and standard protobuf
/// JSON writes. All else is as good as missing.
fn number(value: Option<&Scalar<'_>>, (name, named): (&str, u64)) -> u64 {
    match value {
        Some(Scalar::Integer(number)) => u64::try_from(*number).unwrap_or_default(),
        Some(Scalar::Text(text)) if text == name => named,
        Some(Scalar::Text(text)) => text.parse().unwrap_or_default(),
        _ => 0,
    }
}

#[derive(Deserialize)]
struct KeyValue<'a> {
    #[serde(borrow)]
    key: Option<Scalar<'a>>,
    #[serde(borrow)]
    value: Option<AnyValue<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnyValue<'a> {
    #[serde(borrow)]
    string_value: Option<Scalar<'a>>,
    #[serde(borrow)]
    int_value: Option<Scalar<'a>>,
}

impl<'a> From<AnyValue<'a>> for AttributeValue<'a> {
    fn from(value: AnyValue<'a>) -> Self {
        let integer = match (value.string_value, value.int_value) {
            (Some(Scalar::Text(text)), _) => return Self::Text(text),
            (_, Some(Scalar::Integer(integer))) => i64::try_from(integer).ok(),
            (_, Some(Scalar::Text(digits))) => digits.parse().ok(),
            _ => None,
        };
        integer.map_or(Self::Other, Self::Integer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Attributes<'a> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(AttributesVisitor)
    }
}

struct AttributesVisitor;

impl<'de> Visitor<'de> for AttributesVisitor {
    type Value = Attributes<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of attributes")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Attributes::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut attributes = Attributes::default();
        while let Some(KeyValue { key, value }) = seq.next_element()? {
            if let (Some(Scalar::Text(key)), Some(value)) = (key, value) {
                attributes.set(&key, value.into());
            }
        }
        Ok(attributes)
    }
}
