//! Holds the fast path to serde_json: the same body by both must come to the same events, verdicts and errors. The property
//! test below and `fuzz/` call it; nothing that ships has it.

use super::{BodyError, Form, Judged, Judging, Paths, judge_body, judge_document_whole, judge_form};
use crate::ingest::verdict::Rules;

/// 2026-03-10T12:21:36.789Z.
const RULES: Rules = Rules { received_ms: 1_773_145_296_789, keep_days: 731 };

/// Judges `text` in every form, with and without the fast path.
///
/// # Panics
/// Where they differ.
pub fn hold_equal(text: &str) {
    for form in [Form::Lines, Form::Document, Form::Unsaid] {
        let by_serde = Paths { lines: lines_by_serde, document: judge_document_whole };
        let expected = judge_form(text, form, RULES, by_serde);
        assert_eq!(judge_body(text, form, RULES), expected, "{form:?} {text:?}");
    }
}

fn lines_by_serde(text: &str, rules: Rules) -> Result<Judged, BodyError> {
    let mut judging = Judging::new(rules);
    for line in text.split('\n').filter(|line| !line.trim_ascii().is_empty()) {
        judging.admit_one()?;
        judging.read(line);
    }
    Ok(judging.judged)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    use super::*;

    const SERVICES: [&str; 12] = [
        "\"shop\"",
        "\"größe\"",
        "\"a\\u0062\"",
        "\"a\\\\b\"",
        "\"a\\b\"",
        "\"\"",
        "\"tab\there\"",
        "\"del\u{7f}\"",
        "\"c1\u{85}\"",
        "\"\\ud800\"",
        "\"\\ud83d\\ude00\"",
        "null",
    ];
    const METHODS: [&str; 8] = ["\"GET\"", "\"POST\"", "\"get\"", "\"GE T\"", "\"\"", "\"M-SEARCH\"", "\"GÉT\"", "7"];
    const ROUTES: [&str; 10] = [
        "\"/\"",
        "\"/users/{id}\"",
        "\"*\"",
        "\"users\"",
        "\"\\/a\"",
        "\"/a\\\"b\"",
        "\"/größe\"",
        "\"/a\u{0}\"",
        "\"/\\n\"",
        "[\"/\"]",
    ];
    const STATUSES: [&str; 20] = [
        "200",
        "404",
        "100",
        "599",
        "99",
        "600",
        "200.0",
        "2e2",
        "0200",
        "+200",
        "-200",
        "20",
        "2000",
        "null",
        "\"200\"",
        "true",
        "200x",
        "2 00",
        "18446744073709551616",
        "{}",
    ];
    const DURATIONS: [&str; 36] = [
        "0",
        "-0",
        "-0.0",
        "00",
        "01",
        "1.",
        ".5",
        "0.",
        "1e3",
        "1E+3",
        "1.5e1",
        "12",
        "null",
        "\"12\"",
        "true",
        "NaN",
        "1e999",
        "86399999.9994",
        "86399999.9995",
        "86399999.9999",
        "86400000",
        "86400000.0",
        "86400000.0001",
        "86400000.1",
        "99999999",
        "123456789",
        "0.0004",
        "0.0005",
        "0.00049",
        "0.00051",
        "1.0005",
        "1.00049999999999999",
        "1.000500000000000000001",
        "4.35",
        "0.1234567890123456789012345678901234567890",
        "12.345.6",
    ];
    const TIMES: [&str; 32] = [
        "\"2026-03-10T12:20:00.123Z\"",
        "\"2026-03-10T12:20:59Z\"",
        "\"2026-03-10T12:20:00.1234567Z\"",
        "\"2026-03-10T13:20:00.1+01:00\"",
        "\"2026-03-10t06:50:00.12-05:30\"",
        "\"2026-03-10T12:20:60z\"",
        "\"2026-03-10T12:20:61Z\"",
        "\"2026-03-10T12:60:00Z\"",
        "\"2026-03-10T24:00:00Z\"",
        "\"2026-02-31T12:20:00Z\"",
        "\"2026-02-29T12:20:00Z\"",
        "\"2024-02-29T12:20:00Z\"",
        "\"2025-02-28T12:20:00Z\"",
        "\"2025-04-31T12:20:00.5Z\"",
        "\"2026-00-10T12:20:00Z\"",
        "\"2026-13-10T12:20:00Z\"",
        "\"2026-03-00T12:20:00Z\"",
        "\"0000-03-10T12:20:00Z\"",
        "\"9999-12-31T23:59:59Z\"",
        "\"2026-03-10T12:26:36.789Z\"",
        "\"2026-03-10T12:26:36.790Z\"",
        "\"2026-03-10T12:20:00\"",
        "\"2026-03-10T12:20:00.Z\"",
        "\"2026-03-10 12:20:00Z\"",
        "\"2026-03-10T12:20:00+0100\"",
        "\"2026-03-10T12:20:00+24:00\"",
        "\"2026-03-10T12:20:0éZ\"",
        "\"2026-03-10T12:20:00\\u005a\"",
        "\"\"",
        "null",
        "1773145296",
        "\"\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}:00Z\"",
    ];
    const KEYS: [&str; 8] = [
        "\"serv\\u0069ce\"",
        "\"Service\"",
        "\"servic\"",
        "\"statuses\"",
        "\"host\"",
        "\"\"",
        "\"durations\"",
        "service",
    ];
    const VALUES: [&str; 8] = ["1", "{\"a\":[1,{}]}", "[]", "\"x\"", "null", "nul", "{", "1e400"];

    type Member = (String, String);

    /// A decimal number as programs write durations, with as many digits as they like.
    fn decimal() -> impl Strategy<Value = String> {
        let near_middle = select(vec!["4", "49", "4899", "499", "4999999", "5", "50", "5000", "5001", "501", "51"]);
        prop_oneof![
            "[0-9]{1,9}",
            "(0|[1-9][0-9]{0,7})\\.[0-9]{1,20}",
            ("(0|[1-9][0-9]{0,7})\\.[0-9]{3}", near_middle).prop_map(|(number, more)| number + more),
        ]
    }

    fn time() -> impl Strategy<Value = String> {
        let ago_ms = prop_oneof![8 => -300_000..2_000_i64, 2 => -400_000..70_000_000_000_i64];
        (ago_ms, select(vec!["Z", "z", "+00:00", "-00:00"]), 0..=9_usize).prop_map(|(ago_ms, zone, digits)| {
            let at = jiff::Timestamp::from_millisecond(RULES.received_ms - ago_ms).unwrap();
            format!("\"{}{zone}\"", format!("{at:.digits$}").trim_end_matches('Z'))
        })
    }

    /// The first of a list is what is usual: it comes mostly, so that whole events are mostly good.
    fn mostly_first(values: &'static [&'static str], weight: u32) -> impl Strategy<Value = String> {
        prop_oneof![weight => Just(values[0].to_owned()), 1 => select(values).prop_map(str::to_owned)]
    }

    fn member(key: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = Member> {
        value.prop_map(move |value| (format!("\"{key}\""), value))
    }

    /// The members of an event: mostly all, once and in order.
    fn members() -> impl Strategy<Value = Vec<Member>> {
        let duration = prop_oneof![6 => decimal(), 1 => select(&DURATIONS[..]).prop_map(str::to_owned)];
        let timestamp = prop_oneof![6 => time(), 1 => select(&TIMES[..]).prop_map(str::to_owned)];
        let usual = (
            member("service", mostly_first(&SERVICES, 9)),
            member("method", mostly_first(&METHODS, 9)),
            member("route", mostly_first(&ROUTES, 9)),
            member("status", mostly_first(&STATUSES, 9)),
            member("duration_ms", duration),
            member("timestamp", timestamp),
        )
            .prop_map(|(a, b, c, d, e, f)| vec![a, b, c, d, e, f])
            .boxed();
        let unknown =
            (select(&KEYS[..]), select(&VALUES[..])).prop_map(|(key, value)| (key.to_owned(), value.to_owned()));
        prop_oneof![
            4 => usual.clone(),
            2 => usual.clone().prop_shuffle(),
            2 => (usual.clone(), 0..6_usize).prop_map(|(mut all, missing)| { all.remove(missing); all }),
            1 => (usual.clone(), usual.clone(), 0..6_usize).prop_map(|(mut all, more, i)| { all.push(more[i].clone()); all }),
            1 => (usual, unknown, 0..6_usize).prop_map(|(mut all, more, at)| { all.insert(at, more); all }),
        ]
    }

    /// One event, with the spaces of one program or another.
    fn event() -> impl Strategy<Value = String> {
        let space =
            || prop_oneof![6 => Just(""), 3 => Just(" "), 1 => select(vec!["  ", "\t", "\u{c}", "\r", "\u{a0}"])];
        (members(), space(), space(), space()).prop_map(|(members, before, colon, comma)| {
            let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}:{colon}{value}")).collect();
            format!("{{{before}{}{before}}}", members.join(&format!(",{comma}")))
        })
    }

    /// A few events as lines or as an array.
    fn body() -> impl Strategy<Value = String> {
        let between = prop_oneof![
            3 => Just("\n"), 1 => Just("\r\n"), 3 => Just(","),
            1 => select(vec!["\n\n", " \n", ", ", "\n,\t", ",\u{c}", ",,", "", "\r", "\u{feff}"]),
        ];
        let around = prop_oneof![
            4 => Just(("", "")), 4 => Just(("[", "]")),
            1 => select(vec![("\u{feff}", "\n"), (" [ ", " ]\r\n"), ("[", ""), ("[", ",]"), ("[", "]]"), ("\u{c}[", "]\u{c}"), ("{", "}")]),
        ];
        let other = select(vec!["7", "\"x\"", "[]", "{}", "1e999", "nul", ""]).prop_map(str::to_owned);
        let events = prop::collection::vec(prop_oneof![12 => event(), 1 => other], 1..5);
        (events, between, around)
            .prop_map(|(events, between, (open, close))| format!("{open}{}{close}", events.join(between)))
    }

    /// Takes a character out, puts one in, or changes one, at a few places.
    fn mutated() -> impl Strategy<Value = String> {
        let change = (
            any::<Index>(),
            0..3_u8,
            select("\"\\{}[],:. \n\r\t0123459eE+-ZTtnu\u{0}\u{7f}é".chars().collect::<Vec<_>>()),
        );
        (body(), prop::collection::vec(change, 1..4)).prop_map(|(body, changes)| {
            let mut chars: Vec<char> = body.chars().collect();
            for (at, how, new) in changes {
                let at = at.index(chars.len().max(1));
                match how {
                    0 if at < chars.len() => drop(chars.remove(at)),
                    1 if at < chars.len() => chars[at] = new,
                    _ => chars.insert(at, new),
                }
            }
            chars.into_iter().collect()
        })
    }

    proptest! {
        #[test]
        fn both_paths_agree(body in body()) {
            hold_equal(&body);
        }

        #[test]
        fn both_paths_agree_on_mutations(body in mutated()) {
            hold_equal(&body);
        }

        #[test]
        fn both_paths_agree_on_durations(duration in decimal()) {
            hold_equal(&format!(r#"{{"service":"a","method":"GET","route":"/","status":200,"duration_ms":{duration}}}"#));
        }
    }

    /// Each listed value in an event that is good otherwise, and beside one whose names are known by then.
    #[test]
    fn both_paths_agree_on_every_listed_value() {
        let lists = [
            ("service", &SERVICES[..]),
            ("method", &METHODS),
            ("route", &ROUTES),
            ("status", &STATUSES),
            ("duration_ms", &DURATIONS),
            ("timestamp", &TIMES),
        ];
        let good = [("service", "\"a\\\\b\""), ("method", "\"GET\""), ("route", "\"/\""), ("status", "200")];
        for (field, values) in lists {
            for value in values {
                let others = good.iter().filter(|(name, _)| *name != field);
                let members: Vec<_> = others.chain([&(field, *value)]).map(|(k, v)| format!("\"{k}\":{v}")).collect();
                let event = format!("{{{}}}", members.join(","));
                hold_equal(&event);
                hold_equal(&format!("{event}\n{event}"));
                hold_equal(&format!("[{event},{}]", event.replace("a\\\\b", "a\\b")));
            }
        }
    }
}
