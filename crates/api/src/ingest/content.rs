//! What a body says it is: `Content-Type` and `Content-Encoding`.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::ingest::parse::Form;
use crate::ingest::traces::Encoded;
use crate::problem::{Kind, Problem};

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Reads `Content-Type`: JSON, NDJSON, or nothing said (no header, or some text).
///
/// # Errors
/// 415 for every other type, and for a charset that is not UTF-8.
pub(crate) fn form(headers: &HeaderMap) -> Result<Form, Problem> {
    const EXPECTED: &str = "application/json or application/x-ndjson, in UTF-8";
    // Mostly it is one of these, and nothing more.
    let mut said = headers.get_all(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    match (said.next(), said.next()) {
        (Some(b"application/json"), None) => return Ok(Form::Document),
        (Some(b"application/x-ndjson"), None) => return Ok(Form::Lines),
        _ => {}
    }
    let text = joined(headers, &header::CONTENT_TYPE);
    match media(&text).ok_or_else(|| unsupported(&text, EXPECTED))? {
        "application/json" | "text/json" => Ok(Form::Document),
        "application/x-ndjson"
        | "application/ndjson"
        | "application/jsonl"
        | "application/x-jsonl"
        | "application/jsonlines" => Ok(Form::Lines),
        "" | "application/octet-stream" => Ok(Form::Unsaid),
        "text/html" | "text/xml" | "text/csv" => Err(unsupported(&text, EXPECTED)),
        text if text.starts_with("text/") => Ok(Form::Unsaid),
        _ => Err(unsupported(&text, EXPECTED)),
    }
}

/// Wants JSON, and wants it said: no page of another site can send that without asking first.
///
/// # Errors
/// 415 for everything else, and where nothing is said.
pub(crate) fn json(headers: &HeaderMap) -> Result<(), Problem> {
    const EXPECTED: &str = "application/json, in UTF-8";
    let text = joined(headers, &header::CONTENT_TYPE);
    match media(&text) {
        Some("application/json" | "text/json") => Ok(()),
        _ => Err(unsupported(&text, EXPECTED)),
    }
}

/// Reads the `Content-Type` of a trace export, which must be said.
///
/// # Errors
/// 415 for every other type than the two of OTLP/HTTP.
pub(crate) fn encoded(headers: &HeaderMap) -> Result<Encoded, Problem> {
    let text = joined(headers, &header::CONTENT_TYPE);
    match media(&text) {
        Some("application/x-protobuf") => Ok(Encoded::Protobuf),
        Some("application/json") => Ok(Encoded::Json),
        _ => Err(unsupported(&text, "application/x-protobuf or application/json")),
    }
}

/// The media type, unless it comes in a charset that is not UTF-8.
fn media(text: &str) -> Option<&str> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let charset = parts.find_map(|part| part.strip_prefix("charset=")).map(|name| name.trim_matches('"'));
    charset.is_none_or(|name| matches!(name, "utf-8" | "utf8" | "us-ascii")).then_some(media)
}

/// Reads `Content-Encoding`.
///
/// # Errors
/// 415 for everything but gzip, zstd and identity, and for more than one of them.
pub(crate) fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    if !headers.contains_key(header::CONTENT_ENCODING) {
        return Ok(Encoding::Identity);
    }
    let text = joined(headers, &header::CONTENT_ENCODING);
    let mut codings = text.split(',').map(str::trim).filter(|coding| !matches!(*coding, "" | "identity"));
    let found = match codings.next() {
        None => Some(Encoding::Identity),
        Some("gzip" | "x-gzip") => Some(Encoding::Gzip),
        Some("zstd") => Some(Encoding::Zstd),
        Some(_) => None,
    };
    found.filter(|_| codings.next().is_none()).ok_or_else(|| {
        let detail = format!("Content-Encoding: {}; send gzip, zstd or identity", shown(&text));
        Problem::new(Kind::UnsupportedEncoding, detail).on("Content-Encoding")
    })
}

/// All values of a header, in small letters; bytes that are no text become `?`.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values = headers.get_all(name).map(|value| String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase());
    values.collect::<Vec<_>>().join(",")
}

fn unsupported(text: &str, expected: &str) -> Problem {
    let detail = format!("Content-Type: {}; send {expected}", shown(text));
    Problem::new(Kind::UnsupportedMediaType, detail).on("Content-Type")
}

/// As much of a client's text as an answer repeats.
fn shown(text: &str) -> String {
    const CHARS_SHOWN_MAX: usize = 100;
    text.chars().take(CHARS_SHOWN_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        values.iter().for_each(|value| headers.append(name.clone(), HeaderValue::from_str(value).unwrap()));
        headers
    }

    #[test]
    fn types() {
        let form_of = |text: &str| form(&headers(&header::CONTENT_TYPE, &[text])).ok();
        assert_eq!(form(&HeaderMap::new()).ok(), Some(Form::Unsaid));
        assert_eq!(form_of("Application/JSON; charset=\"UTF-8\""), Some(Form::Document));
        assert_eq!(form_of("application/x-ndjson"), Some(Form::Lines));
        assert_eq!(form_of("text/plain;charset=utf-8"), Some(Form::Unsaid));
        for bad in ["application/xml", "image/png", "application/x-www-form-urlencoded", "text/html", "application"] {
            assert_eq!(form_of(bad), None, "{bad}");
        }
        assert_eq!(form_of("application/json; charset=iso-8859-1"), None);
    }

    #[test]
    fn what_any_page_may_send_is_not_json() {
        let is_json = |text: &str| json(&headers(&header::CONTENT_TYPE, &[text])).is_ok();
        assert!(is_json("application/json; charset=utf-8"));
        assert!(json(&HeaderMap::new()).is_err());
        for simple in
            ["text/plain", "text/plain;application/json", "application/x-www-form-urlencoded", "multipart/form-data"]
        {
            assert!(!is_json(simple), "{simple}");
        }
    }

    #[test]
    fn encodings_of_traces() {
        let encoded_of = |text: &str| encoded(&headers(&header::CONTENT_TYPE, &[text])).ok();
        assert_eq!(encoded_of("application/x-protobuf"), Some(Encoded::Protobuf));
        assert_eq!(encoded_of("Application/JSON; charset=utf-8"), Some(Encoded::Json));
        for bad in ["", "application/grpc", "application/x-ndjson", "text/plain", "application/json;charset=latin1"] {
            assert_eq!(encoded_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn encodings() {
        let encoding_of = |values: &[&str]| encoding(&headers(&header::CONTENT_ENCODING, values)).ok();
        assert_eq!(encoding_of(&[]), Some(Encoding::Identity));
        assert_eq!(encoding_of(&["identity"]), Some(Encoding::Identity));
        assert_eq!(encoding_of(&["GZip"]), Some(Encoding::Gzip));
        assert_eq!(encoding_of(&["identity, zstd"]), Some(Encoding::Zstd));
        for bad in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "zstd"]] {
            assert_eq!(encoding_of(bad), None, "{bad:?}");
        }
    }
}
