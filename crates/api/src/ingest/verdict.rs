//! May this event be counted? A pure function of the event, the time of receipt and the settings, so that a repeated
//! request is judged as it was the first time.

use std::borrow::Cow;

use serde::Serialize;
use tally_model::{DURATION_US_MAX, EARLY_MS_MAX, FieldError, Method, RouteTemplate, Service};

use crate::ingest::raw::{Field, Fields, RawEvent, Scalar};
use crate::ingest::timestamp;

/// Most verdicts that an answer shows; the count is always whole.
const REJECTIONS_SHOWN_MAX: usize = 100;

/// What a verdict depends on besides the event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Time of receipt in milliseconds since the Unix epoch.
    pub(crate) received_ms: i64,
    /// How long days are kept, in days: an older event could be counted nowhere.
    pub(crate) keep_days: u32,
}

impl Rules {
    /// May something that happened at `time_ms` be counted? Says why not.
    pub(crate) fn admit(self, time_ms: i64) -> Result<i64, Cow<'static, str>> {
        if time_ms > self.received_ms + EARLY_MS_MAX {
            return Err("more than 5 minutes ahead of the time of receipt".into());
        }
        if time_ms < self.received_ms - i64::from(self.keep_days) * 86_400_000 {
            return Err(format!("older than the {} days that are kept", self.keep_days).into());
        }
        Ok(time_ms)
    }
}

/// An event that may be counted; its texts are parsed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Acceptable<'a> {
    pub(crate) service: &'a str,
    pub(crate) method: &'a str,
    pub(crate) route: &'a str,
    pub(crate) status: u16,
    pub(crate) time_ms: i64,
    pub(crate) duration_us: Option<u64>,
}

/// Why one event is not counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Rejection {
    /// Place in the request, from 0; blank lines of NDJSON do not count.
    pub(crate) index: usize,
    /// Field to blame; null when it is not an event at all.
    pub(crate) field: Option<&'static str>,
    /// What was expected.
    pub(crate) reason: Cow<'static, str>,
}

/// The events of a request that are not counted: the first of them, and how many in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Rejections {
    rejected: Vec<Rejection>,
    rejected_count: usize,
}

impl Rejections {
    /// Adds one.
    pub(crate) fn push(&mut self, rejection: Rejection) {
        self.rejected_count += 1;
        if self.rejected.len() < REJECTIONS_SHOWN_MAX {
            self.rejected.push(rejection);
        }
    }

    /// How many there are, shown or not.
    #[must_use]
    pub(crate) const fn count(&self) -> usize {
        self.rejected_count
    }

    /// Those that are shown.
    #[must_use]
    pub(crate) fn shown(&self) -> &[Rejection] {
        &self.rejected
    }
}

/// Field and reason of a rejection, before its place is known.
pub(crate) type Fault = (Option<&'static str>, Cow<'static, str>);

/// Judges one event.
pub(crate) fn judge<'a>(event: &'a RawEvent<'_>, rules: Rules) -> Result<Acceptable<'a>, Fault> {
    match event {
        RawEvent::Object(fields) => judge_fields(fields, rules),
        RawEvent::Other(what) => Err((None, format!("expected an object, found {what}").into())),
    }
}

fn judge_fields<'a>(fields: &'a Fields<'_>, rules: Rules) -> Result<Acceptable<'a>, Fault> {
    if let Some(field) = fields.duplicate {
        return Err(fault(field, "expected once, found twice"));
    }
    Ok(Acceptable {
        service: Service::parse(text(fields, Field::Service)?).map_err(of_model)?.as_str(),
        method: Method::parse(text(fields, Field::Method)?).map_err(of_model)?.as_str(),
        route: RouteTemplate::parse(text(fields, Field::Route)?).map_err(of_model)?.as_str(),
        status: status(fields)?,
        time_ms: time_ms(fields, rules)?,
        duration_us: duration_us(fields)?,
    })
}

fn text<'a>(fields: &'a Fields<'_>, field: Field) -> Result<&'a str, Fault> {
    match fields.value(field) {
        Some(Scalar::Text(text)) => Ok(text),
        Some(_) => Err(fault(field, "expected a string")),
        None => Err(fault(field, "missing")),
    }
}

fn status(fields: &Fields<'_>) -> Result<u16, Fault> {
    const EXPECTED: &str = "expected an integer from 100 to 599";
    match fields.value(Field::Status) {
        Some(Scalar::Integer(status @ 100..=599)) => u16::try_from(*status).map_err(|_| fault(Field::Status, EXPECTED)),
        Some(_) => Err(fault(Field::Status, EXPECTED)),
        None => Err(fault(Field::Status, "missing")),
    }
}

fn duration_us(fields: &Fields<'_>) -> Result<Option<u64>, Fault> {
    const EXPECTED: &str = "expected milliseconds from 0 to 86400000, or null";
    #[allow(clippy::cast_precision_loss)] // what does not fit is far out of range either way
    let ms = match fields.value(Field::DurationMs) {
        None | Some(Scalar::Null) => return Ok(None),
        Some(Scalar::Integer(ms)) => *ms as f64,
        Some(Scalar::Fraction(ms)) => *ms,
        Some(_) => return Err(fault(Field::DurationMs, EXPECTED)),
    };
    #[allow(clippy::cast_precision_loss)]
    let max_ms = DURATION_US_MAX as f64 / 1_000.0;
    if !(0.0..=max_ms).contains(&ms) {
        return Err(fault(Field::DurationMs, EXPECTED));
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 <= ms <= a day
    Ok(Some((ms * 1_000.0).round() as u64))
}

fn time_ms(fields: &Fields<'_>, rules: Rules) -> Result<i64, Fault> {
    const EXPECTED: &str = "expected an RFC 3339 time with a zone, such as 2026-03-10T12:34:56.789Z";
    let time_ms = match fields.value(Field::Timestamp) {
        None | Some(Scalar::Null) => return Ok(rules.received_ms),
        Some(Scalar::Text(text)) => timestamp::parse_ms(text).ok_or_else(|| fault(Field::Timestamp, EXPECTED))?,
        Some(_) => return Err(fault(Field::Timestamp, EXPECTED)),
    };
    rules.admit(time_ms).map_err(|reason| (Some(Field::Timestamp.name()), reason))
}

fn fault(field: Field, reason: &'static str) -> Fault {
    (Some(field.name()), reason.into())
}

fn of_model(error: FieldError) -> Fault {
    (Some(error.field), error.reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { received_ms: 1_773_145_296_789, keep_days: 731 };

    fn verdict(json: &str) -> Result<(u16, i64, Option<u64>), Fault> {
        let raw: RawEvent<'_> = serde_json::from_str(json).unwrap();
        judge(&raw, RULES).map(|event| (event.status, event.time_ms - RULES.received_ms, event.duration_us))
    }

    fn with(field: &str, value: &str) -> String {
        let mut event = serde_json::json!({"service": "shop", "method": "GET", "route": "/a", "status": 200});
        event[field] = serde_json::from_str(value).unwrap();
        event.to_string()
    }

    #[test]
    fn durations_are_rounded_to_microseconds() {
        let cases = [
            ("0", Some(0)),
            ("null", None),
            ("12", Some(12_000)),
            ("0.0004", Some(0)),
            ("0.0005", Some(1)),
            ("1.2345", Some(1235)),
            ("-0.0", Some(0)),
            ("1e3", Some(1_000_000)),
            ("86400000", Some(DURATION_US_MAX)),
        ];
        for (value, duration_us) in cases {
            assert_eq!(verdict(&with("duration_ms", value)), Ok((200, 0, duration_us)), "{value}");
        }
        for value in ["-1", "-0.001", "86400000.1", "1e300", "18446744073709551615", "\"12\"", "true", "[1]", "{}"] {
            assert_eq!(verdict(&with("duration_ms", value)).unwrap_err().0, Some("duration_ms"), "{value}");
        }
    }

    #[test]
    fn times_are_kept_within_bounds() {
        let at = |ms: i64| format!("\"{}\"", jiff::Timestamp::from_millisecond(RULES.received_ms + ms).unwrap());
        let day = 86_400_000;
        for ms in [0, EARLY_MS_MAX, -731 * day] {
            assert_eq!(verdict(&with("timestamp", &at(ms))), Ok((200, ms, None)));
        }
        assert_eq!(verdict(&with("timestamp", "null")), Ok((200, 0, None)));
        for (value, reason) in [
            (at(EARLY_MS_MAX + 1), "more than 5 minutes ahead"),
            (at(-731 * day - 1), "older than the 731 days"),
            ("\"9999-12-31T23:59:59Z\"".to_owned(), "more than 5 minutes ahead"),
            ("\"0001-01-01T00:00:00Z\"".to_owned(), "older than"),
            ("\"2026-02-30T00:00:00Z\"".to_owned(), "expected an RFC 3339"),
            ("1773145296".to_owned(), "expected an RFC 3339"),
        ] {
            let (field, found) = verdict(&with("timestamp", &value)).unwrap_err();
            assert_eq!(field, Some("timestamp"));
            assert!(found.contains(reason), "{value}: {found}");
        }
    }

    #[test]
    fn each_field_is_blamed_for_itself() {
        for (field, value) in [
            ("service", "\"\""),
            ("service", "null"),
            ("service", "7"),
            ("method", "\"GE T\""),
            ("route", "\"users\""),
            ("route", "\"/a\\u0000\""),
            ("status", "99"),
            ("status", "600"),
            ("status", "200.5"),
            ("status", "200.0"),
            ("status", "\"200\""),
            ("status", "null"),
        ] {
            assert_eq!(verdict(&with(field, value)).unwrap_err().0, Some(field), "{field} {value}");
        }
    }

    #[test]
    fn missing_double_and_strange() {
        let missing = verdict(r#"{"service":"a","method":"GET","route":"/"}"#);
        assert_eq!(missing, Err((Some("status"), "missing".into())));
        let double = verdict(r#"{"service":"a","method":"GET","route":"/","status":200,"rout\u0065":"/b"}"#);
        assert_eq!(double, Err((Some("route"), "expected once, found twice".into())));
        for json in ["1", "-1", "1.5", "\"x\"", "null", "true", "[[{}]]"] {
            assert_eq!(verdict(json).unwrap_err().0, None, "{json}");
        }
        let more = r#"{"service":"a","method":"GET","route":"/","status":200,"x":{"y":[1,{}]},"x":2,"host":5}"#;
        assert!(verdict(more).is_ok(), "unknown fields are ignored");
    }
}
