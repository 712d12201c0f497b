use proptest::prelude::*;

use super::*;

const RULES: Rules = Rules { received_ms: 1_773_145_296_789, keep_days: 731 };
const GOOD: &str = r#"{"service":"a","method":"GET","route":"/","status":200}"#;

/// Indexes of the rejected events, and how many are accepted.
fn judged(text: &str, form: Form) -> Result<(Vec<usize>, usize), BodyError> {
    let judged = judge_body(text, form, RULES)?;
    Ok((judged.rejections.shown().iter().map(|r| r.index).collect(), judged.accepted.len()))
}

#[test]
fn one_bad_event_never_costs_the_others() {
    let bad = ["7", "{}", r#"{"service":1e999}"#, r#"{"service":"\ud800"}"#, "[[[]]]", r#"{"a":1,"a":2}"#];
    for bad in bad {
        let array = format!("[{GOOD},{bad},{GOOD}]");
        assert_eq!(judged(&array, Form::Document), Ok((vec![1], 2)), "{bad}");
        assert_eq!(judged(&array, Form::Unsaid), Ok((vec![1], 2)), "{bad}");
        assert_eq!(judged(&format!("{GOOD}\r\n{bad}\n\n{GOOD}"), Form::Lines), Ok((vec![1], 2)), "{bad}");
    }
    assert_eq!(judged(&format!("{GOOD}\n{{\"a\":\n{GOOD}\n"), Form::Lines), Ok((vec![1], 2)));
    assert_eq!(judged(&format!("[{GOOD}]\n{GOOD}"), Form::Lines), Ok((vec![0], 1)));
}

#[test]
fn forms() {
    assert_eq!(judged(GOOD, Form::Document), Ok((vec![], 1)));
    assert_eq!(judged(GOOD, Form::Lines), Ok((vec![], 1)));
    assert_eq!(judged(&format!(" \n[{GOOD}]"), Form::Unsaid), Ok((vec![], 1)));
    assert_eq!(judged(&format!("{GOOD}\n{GOOD}"), Form::Unsaid), Ok((vec![], 2)));
    assert_eq!(judged(&format!("\u{feff}{GOOD}"), Form::Unsaid), Ok((vec![], 1)));
    for empty in ["", " \n\t", "[]"] {
        assert_eq!(judged(empty, Form::Unsaid), Ok((vec![], 0)), "{empty:?}");
    }
}

#[test]
fn what_is_not_json_names_the_place() {
    let cases = [("{\"a\":\n nope}", 2, 3), ("[{},", 1, 4), ("[NaN]", 1, 2), ("[1,]", 1, 4), ("{\"a\":01}", 1, 7)];
    for (text, at_line, at_column) in cases {
        match judge_body(text, Form::Document, RULES) {
            Err(BodyError::NotJson { line, column, .. }) => {
                assert_eq!((line, column), (at_line, at_column), "{text}")
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let several = judge_body(&format!("{GOOD}\n{GOOD}"), Form::Document, RULES).unwrap_err();
    assert!(several.to_string().contains("application/x-ndjson"), "{several}");
}

#[test]
fn too_many_and_too_deep() {
    let many = vec![GOOD; REQUEST_EVENTS_MAX];
    assert_eq!(judged(&many.join("\n"), Form::Lines).unwrap().1, REQUEST_EVENTS_MAX);
    assert_eq!(judged(&format!("[{}]", many.join(",")), Form::Document).unwrap().1, REQUEST_EVENTS_MAX);
    assert_eq!(judged(&format!("{GOOD}\n{}", many.join("\n")), Form::Lines), Err(BodyError::TooMany));
    assert_eq!(judged(&format!("[1,{}]", many.join(",")), Form::Document), Err(BodyError::TooMany));
    let deep = format!("[{}{},{GOOD}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(judged(&deep, Form::Document), Ok((vec![0], 1)));
}

/// A piece of JSON, good or bad.
fn piece() -> impl Strategy<Value = String> {
    let good =
        ["{", "}", "[", "]", ":", ",", "\"service\"", "\"status\"", "200", "null", " ", GOOD, "\"\\ud800\"", "1e999"];
    prop_oneof![4 => prop::sample::select(good.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,5}"]
}

proptest! {
    #[test]
    fn no_line_is_lost_and_nothing_panics(lines in prop::collection::vec(prop::collection::vec(piece(), 0..8), 0..8)) {
        let lines: Vec<String> = lines.iter().map(|pieces| pieces.concat()).collect();
        let text = lines.join("\n");
        let judged = judge_body(&text, Form::Lines, RULES).unwrap();
        let expected = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
        prop_assert_eq!(judged.accepted.len() + judged.rejections.count(), expected);
        for form in [Form::Document, Form::Unsaid] {
            let _ = judge_body(&text, form, RULES);
        }
    }

    #[test]
    fn an_array_is_judged_like_its_lines(events in prop::collection::vec(prop::sample::select(
        vec![GOOD, "{}", "7", "\"\\ud800\"", "{\"status\":1e999}", "[[]]", "{\"service\":\"\",\"service\":1}"]), 0..20)) {
        let of_array = judged(&format!("[{}]", events.join(",")), Form::Document);
        prop_assert_eq!(of_array, judged(&events.join("\n"), Form::Lines));
    }
}

#[test]
fn rejections_are_counted_whole_and_shown_in_part() {
    let judged = judge_body(&"{}\n".repeat(1_000), Form::Lines, RULES).unwrap();
    assert_eq!((judged.rejections.count(), judged.rejections.shown().len()), (1_000, 100));
}
