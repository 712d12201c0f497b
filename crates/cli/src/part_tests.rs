//! What a block becomes: bodies, keys, halves.

use super::*;
use crate::block::Blocks;

fn recipe() -> Recipe {
    Recipe { service: "web".into(), shift: Shift::default(), keep_ids: false, key_domain: KEY_DOMAIN.into() }
}

fn block(log: &str) -> Block {
    Blocks::new(log.as_bytes()).next().unwrap().unwrap()
}

fn line(request: &str, tail: &str) -> String {
    format!("h - - [17/May/2015:10:05:03 +0000] \"{request}\" {tail}\n")
}

fn body(part: &Part) -> &str {
    std::str::from_utf8(&part.body).unwrap()
}

#[test]
fn events_are_ndjson() {
    let log = [
        line("GET /users/42?q=1 HTTP/1.1", "200 5 \"-\" \"ua\" 0.250"),
        line("POST /a\\\"b HTTP/1.1", "503 -"),
        "noise\n".to_owned(),
        line("GET / HTTP/1.1", "200 5 \"-\" \"ua\" 0.0015"),
    ]
    .concat();
    let reading = Recipe { shift: Shift::from_seconds(60), ..recipe() }.read(&block(&log));
    let part = reading.part.unwrap();
    let expected = [
        r#"{"service":"web","method":"GET","route":"/users/{id}","status":200,"duration_ms":250,"timestamp":"2015-05-17T10:06:03Z"}"#,
        r#"{"service":"web","method":"POST","route":"/a\\\"b","status":503,"timestamp":"2015-05-17T10:06:03Z"}"#,
        r#"{"service":"web","method":"GET","route":"/","status":200,"duration_ms":1.500,"timestamp":"2015-05-17T10:06:03Z"}"#,
    ];
    assert_eq!(body(&part).lines().collect::<Vec<_>>(), expected);
    assert_eq!((0..4).map(|i| part.line_of(i)).collect::<Vec<_>>(), [Some(1), Some(2), Some(4), None]);
    let noise = UnreadableLine { line: 3, reason: Unreadable::NoTime.to_string(), text: "noise".into() };
    assert_eq!((reading.unreadable, reading.examples), (1, vec![noise]));
}

#[test]
fn names_with_quotes_stay_json() {
    let odd = Recipe { service: "we\"b\\".into(), ..recipe() };
    let part = odd.read(&block(&line("GET /\\x22\\\\ HTTP/1.1", "200 5"))).part.unwrap();
    let event: serde_json::Value = serde_json::from_slice(&part.body).unwrap();
    assert_eq!((&event["service"], &event["route"]), (&"we\"b\\".into(), &"/\\x22\\\\".into()));
}

#[test]
fn the_key_follows_from_content_and_options_alone() {
    let log = line("GET / HTTP/1.1", "200 5");
    let key = |recipe: &Recipe, log: &str| recipe.key(&block(log));
    let base = key(&recipe(), &log);
    // Pinned: hashlib.sha256 over the same bytes. Another value means that old imports would count again.
    assert_eq!(base, "0b3eae1df0b62d9054d25618c35e8af1c1ef00779934e75daeef0e9a869666e2");
    assert_eq!(base, key(&recipe(), &log));
    let mut second = block(&log);
    second.number = 1;
    let others = [
        key(&Recipe { service: "api".into(), ..recipe() }, &log),
        key(&Recipe { shift: Shift::from_seconds(1), ..recipe() }, &log),
        key(&Recipe { keep_ids: true, ..recipe() }, &log),
        key(&Recipe { key_domain: b"followed".into(), ..recipe() }, &log),
        key(&recipe(), log.trim_end()),
        recipe().key(&second),
    ];
    for (i, other) in others.iter().enumerate() {
        assert!(*other != base && !others[..i].contains(other), "{i}");
    }
}

#[test]
fn times_outside_the_calendar_do_not_count() {
    let far = Recipe { shift: Shift::from_seconds(-200 * 365 * 86_400), ..recipe() };
    let log = line("GET / HTTP/1.1", "200 5").replace("2015", "0100");
    let reading = far.read(&block(&log));
    assert_eq!((reading.unreadable, reading.part), (1, None));
    assert_eq!(rfc3339(253_402_300_800), None);
}

#[test]
fn halves_cover_the_part_and_have_their_own_keys() {
    let log: String = (0..7).map(|i| line(&format!("GET /p{i}x HTTP/1.1"), "200 5")).collect();
    let part = recipe().read(&block(&log)).part.unwrap();
    let [first, second] = part.halves();
    assert_eq!([first.body.clone(), second.body.clone()].concat(), part.body);
    assert_eq!((first.event_count(), second.event_count()), (3, 4));
    assert_eq!((first.line_of(0), second.line_of(0), second.line_of(3)), (Some(1), Some(4), Some(7)));
    assert!(body(&second).starts_with(r#"{"service":"web","method":"GET","route":"/p3x""#));
    assert_eq!(part.halves(), [first.clone(), second.clone()]);
    let [quarter, _] = second.halves();
    let keys = [&part.key, &first.key, &second.key, &quarter.key];
    assert!(keys.iter().enumerate().all(|(i, key)| key.len() == 64 && !keys[..i].contains(key)));
}

#[test]
fn long_paths_make_a_part_too_large() {
    let long = line(&format!("GET /{}-x HTTP/1.1", "y".repeat(3_000)), "200 5");
    assert!(recipe().read(&block(&long.repeat(2_000))).part.unwrap().is_too_large());
    assert!(!recipe().read(&block(&long.repeat(1_500))).part.unwrap().is_too_large());
}

#[test]
fn examples_are_safe_and_short() {
    assert_eq!(printable(b"a\x1b[2Jb\xff\r\n"), "a\u{fffd}[2Jb\u{fffd}");
    let long = printable("ü".repeat(10_000).as_bytes());
    assert_eq!((long.chars().count(), long.ends_with('…')), (EXAMPLE_CHARS_MAX + 1, true));
}
