//! A table of lines as servers, scanners and cut-off files leave them.

use proptest::prelude::*;

use super::*;

/// 17/May/2015:10:05:03 +0000.
const AT: i64 = 1_431_857_103;

fn line_with(request: &str, tail: &str) -> String {
    format!("192.0.2.7 - - [17/May/2015:10:05:03 +0000] \"{request}\" {tail}")
}

#[track_caller]
fn check(text: &str, method: &str, target: &str, status: u16, duration_us: Option<u64>) {
    let expected = Line { method, target: target.as_bytes(), unix_seconds: AT, status, duration_us };
    assert_eq!(Line::parse(text.as_bytes()), Ok(expected), "{text}");
}

#[test]
fn the_three_formats() {
    check(&line_with("GET /a HTTP/1.1", "200 12"), "GET", "/a", 200, None);
    check(&line_with("GET /a HTTP/1.1", "200 12\r\n"), "GET", "/a", 200, None);
    check(&line_with("GET /a HTTP/1.1", "304 - \"-\" \"curl/8\"\n"), "GET", "/a", 304, None);
    check(&line_with("GET /a HTTP/1.1", "200 12 \"-\" \"curl/8\" 0.123\n"), "GET", "/a", 200, Some(123_000));
}

#[test]
fn requests_that_count() {
    let cases = [
        ("GET /a?b=c HTTP/2.0", "GET", "/a?b=c"),
        ("GET", "GET", ""),
        ("GET ", "GET", ""),
        ("GET /x", "GET", "/x"),
        ("GET HTTP/1.1", "GET", ""),
        ("GET  /x  HTTP/1.1", "GET", "/x"),
        ("GET /a b c HTTP/1.1", "GET", "/a b c"),
        ("GET /a\\\"b HTTP/1.1", "GET", "/a\\\"b"),
        ("GET /end\\\\ HTTP/1.1", "GET", "/end\\\\"),
        ("GET /x\\x22y HTTP/1.1", "GET", "/x\\x22y"),
        ("OPTIONS * HTTP/1.0", "OPTIONS", "*"),
        ("CONNECT example.com:443 HTTP/1.1", "CONNECT", "example.com:443"),
        ("PRI * HTTP/2.0", "PRI", "*"),
        ("M-SEARCH * HTTP/1.1", "M-SEARCH", "*"),
        ("get /lower HTTP/1.1", "get", "/lower"),
        ("GET http://[2001:db8::1]:80/x HTTP/1.1", "GET", "http://[2001:db8::1]:80/x"),
    ];
    for (request, method, target) in cases {
        check(&line_with(request, "200 1"), method, target, 200, None);
    }
}

#[test]
fn hosts_and_users_that_confuse() {
    let rest = "[17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 1";
    for before in ["2001:db8::1 - -", "[::1] - -", "host - a b", "h - [x] [y]", "www:443 192.0.2.1 - -", "", "h - \\\""]
    {
        check(&format!("{before} {rest}"), "GET", "/a", 200, None);
    }
}

#[test]
fn durations() {
    let cases = [
        ("0.000", Some(0)),
        ("12.5", Some(12_500_000)),
        ("0.123456", Some(123_456)),
        ("86400.000", Some(86_400_000_000)),
        ("86400.001", None),
        ("0.1234567", None),
        ("1234", None),
        ("-0.5", None),
        (".5", None),
        ("1.", None),
        ("-", None),
        ("0.250 extra 9", Some(250_000)),
        ("1.5 \"quoted\"", None),
    ];
    for (field, duration_us) in cases {
        check(&line_with("GET /a HTTP/1.1", &format!("200 1 \"-\" \"ua\" {field}")), "GET", "/a", 200, duration_us);
    }
    let escaped = line_with("GET /a HTTP/1.1", "200 1 \"-\" \"a \\\"q\\\" 9.9\" 0.002");
    check(&escaped, "GET", "/a", 200, Some(2_000));
    check(&line_with("GET /a HTTP/1.1", "200 1 \"-\" \"cut 0.002"), "GET", "/a", 200, None);
    check(&line_with("GET /a HTTP/1.1", "200 1 0.002"), "GET", "/a", 200, None);
}

#[test]
fn lines_cut_off_after_the_status_count() {
    for tail in ["200", "200 ", "200 23", "200 23 \"http://exam", "200 23 \"-\" \"Mozilla/5.0 (compa"] {
        check(&line_with("GET /a HTTP/1.1", tail), "GET", "/a", 200, None);
    }
}

#[test]
fn zones_and_calendars() {
    let cases = [
        ("17/May/2015:10:05:03 +0000", Some(AT)),
        ("17/May/2015:12:05:03 +0200", Some(AT)),
        ("17/May/2015:04:35:03 -0530", Some(AT)),
        ("29/Feb/2016:00:00:00 +0000", Some(1_456_704_000)),
        ("31/Dec/2016:23:59:60 +0000", Some(1_483_228_799)),
        ("01/Jan/1970:00:00:00 +0000", Some(0)),
        ("29/Feb/2015:00:00:00 +0000", None),
        ("31/Apr/2015:00:00:00 +0000", None),
        ("17/Mai/2015:10:05:03 +0000", None),
        ("17/May/2015:24:05:03 +0000", None),
        ("17/May/2015:10:60:03 +0000", None),
        ("17/May/2015:10:05:61 +0000", None),
        ("17/May/2015:10:05:03 +2400", None),
        ("17/May/2015:10:05:03 +0060", None),
        ("17/May/2015:10:05:03 00000", None),
        ("17-May-2015:10:05:03 +0000", None),
        ("1x/May/2015:10:05:03 +0000", None),
    ];
    for (time, expected) in cases {
        assert_eq!(unix_seconds(time.as_bytes()), expected, "{time}");
    }
}

#[test]
fn lines_that_do_not_count() {
    let long = "x".repeat(LINE_BYTES_MAX);
    let cases = [
        (String::new(), Unreadable::Empty),
        ("\r\n".into(), Unreadable::Empty),
        ("hello".into(), Unreadable::NoTime),
        ("h - - [2015-05-17T10:05:03+00:00] \"GET / HTTP/1.1\" 200 1".into(), Unreadable::NoTime),
        ("h - - [17/May/2015:10:05:03 +0000]".into(), Unreadable::NoTime),
        ("h - - [31/Feb/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1".into(), Unreadable::BadTime),
        ("h - - [17/May/2015:10:05:03 +0000] \"GET /cut".into(), Unreadable::OpenRequest),
        ("h - - [17/May/2015:10:05:03 +0000] \"GET /cut\\\"".into(), Unreadable::OpenRequest),
        ("h - - [17/May/2015:10:05:03 +0000] \"GET /cut\\".into(), Unreadable::OpenRequest),
        (line_with("-", "408 0"), Unreadable::NoRequest),
        (line_with("", "400 0"), Unreadable::NoMethod),
        (line_with(" ", "400 0"), Unreadable::NoMethod),
        (line_with("\\x16\\x03\\x01\\x02", "400 226"), Unreadable::NoMethod),
        (line_with("GET\\t/ HTTP/1.1", "400 226"), Unreadable::NoMethod),
        (line_with("G(T / HTTP/1.1", "400 226"), Unreadable::NoMethod),
        (line_with("SSH-2.0-Go\\r\\n", "400 226"), Unreadable::NoMethod),
        (line_with(&format!("{} /", "M".repeat(33)), "200 1"), Unreadable::NoMethod),
        (line_with("GET / HTTP/1.1", "000 1"), Unreadable::NoStatus),
        (line_with("GET / HTTP/1.1", "099 1"), Unreadable::NoStatus),
        (line_with("GET / HTTP/1.1", "600 1"), Unreadable::NoStatus),
        (line_with("GET / HTTP/1.1", "2000 1"), Unreadable::NoStatus),
        (line_with("GET / HTTP/1.1", "20"), Unreadable::NoStatus),
        (line_with("GET / HTTP/1.1", "- -"), Unreadable::NoStatus),
        (line_with("GET / HTTP/1.1", "+20 1"), Unreadable::NoStatus),
        (line_with(&format!("GET /{long} HTTP/1.1"), "200 1"), Unreadable::TooLong),
    ];
    for (text, expected) in cases {
        let shown: String = text.chars().take(90).collect();
        assert_eq!(Line::parse(text.as_bytes()), Err(expected), "{shown}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Line::parse(&bytes);
    }

    #[test]
    fn no_field_panics(time in "[0-9A-Za-z/: +-]{26}", request in "[ -~]{0,40}", tail in "[ -~]{0,60}") {
        let _ = Line::parse(format!("h - - [{time}] \"{request}\"{tail}").as_bytes());
    }
}
