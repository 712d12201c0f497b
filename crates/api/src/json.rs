//! Small JSON objects: votes and polls.

use serde::Deserialize;

use crate::problem::{Kind, Problem};

/// Reads one JSON object.
///
/// # Errors
/// 400 if the text is not JSON, saying where; 422 if it is no object or has a field twice.
pub(crate) fn object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_ascii().is_empty() {
        return Err(Problem::new(Kind::InvalidField, "the body is empty; expected a JSON object"));
    }
    serde_json::from_str::<Object<T>>(text).map(|object| object.0).map_err(|error| refusal(&error))
}

/// Derived structs also take arrays; clients should not learn to send them.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(std::marker::PhantomData))
    }
}

struct ObjectVisitor<T>(std::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> serde::de::Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(Object)
    }
}

fn refusal(error: &serde_json::Error) -> Problem {
    let sentence = error.to_string();
    if !error.is_data() {
        return Problem::new(Kind::MalformedBody, format!("the body is not JSON: {sentence}"));
    }
    match sentence.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => Problem::field(field, "expected once, found twice"),
        None => Problem::new(Kind::InvalidField, sentence),
    }
}
