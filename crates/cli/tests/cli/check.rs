//! `tally check`: ready or not, counted or not, refused or not.

use std::net::TcpListener;

use crate::fake_api::{FakeApi, Reply, Request};
use crate::tool::tally;

fn ok(body: &str) -> Reply {
    Reply::Status("200 OK", "", body.to_owned())
}

fn endpoints(request: &Request, requests: u64) -> Reply {
    // Every route that there may be, so that the one that was picked is among them.
    assert!(request.path.starts_with("/v1/endpoints?service=tally-check&"), "{}", request.path);
    let rows: Vec<_> = (0..100).map(|n| format!(r#"{{"route":"/check/{n:02}","requests":{requests}}}"#)).collect();
    ok(&format!(r#"{{"endpoints":[{}]}}"#, rows.join(",")))
}

#[test]
fn ready_is_what_answers_200() {
    let api = FakeApi::scripted(|request, _| if request.path == "/ready" { ok("{}") } else { Reply::Drop });
    let ran = tally(&["check", "--to", &api.url()]);
    assert_eq!((ran.code, ran.stdout.contains("is ready")), (Some(0), true), "{}", ran.stderr);
    assert_eq!(api.requests().len(), 1, "nothing is posted unasked");

    let api = FakeApi::scripted(|_, _| Reply::Status("503 Service Unavailable", "", "Redis is away".to_owned()));
    let ran = tally(&["check", "--to", &api.url()]);
    assert!(ran.code == Some(1) && ran.stderr.contains("503 Service Unavailable Redis is away"), "{}", ran.stderr);
    let nobody = format!("http://127.0.0.1:{}", free_port());
    assert_eq!(tally(&["check", "--to", &nobody]).code, Some(1));
}

#[test]
fn within_waits_for_it() {
    let api = FakeApi::scripted(|_, number| if number < 2 { Reply::Drop } else { ok("{}") });
    assert_eq!(tally(&["check", "--to", &api.url(), "--within", "20s"]).code, Some(0));
}

#[test]
fn a_posted_event_must_be_counted() {
    // Asked twice before it is counted.
    let api = FakeApi::scripted(|request, number| match request.path.as_str() {
        "/ready" => ok("{}"),
        "/v1/events" => Reply::Accept,
        _ => endpoints(request, if number < 4 { 7 } else { 8 }),
    });
    let ran = tally(&["check", "--to", &api.url(), "--post"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let posted = api.events();
    assert_eq!((posted.len(), posted[0]["service"].as_str()), (1, Some("tally-check")));
    assert!(api.requests().iter().any(|request| !request.key.is_empty()));

    let api = FakeApi::scripted(|request, _| match request.path.as_str() {
        "/ready" => ok("{}"),
        "/v1/events" => Reply::Accept,
        _ => endpoints(request, 7),
    });
    let ran = tally(&["check", "--to", &api.url(), "--post", "--within", "1s"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("not counted within"), "{}", ran.stderr);
}

#[test]
fn refused_is_what_cannot_be_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap().to_string();
    let ran = tally(&["check", "--refused", &open]);
    assert!(ran.code == Some(1) && ran.stderr.contains("can be connected to"), "{}", ran.stderr);
    assert_eq!(tally(&["check", "--refused", &format!("127.0.0.1:{}", free_port())]).code, Some(0));
    let ran = tally(&["check", "--refused", "no-such-host.invalid:80"]);
    assert!(ran.code == Some(1) && ran.stderr.contains("proves nothing"), "{}", ran.stderr);
    assert_eq!(tally(&["check", "--refused", &open, "--post"]).code, Some(2));
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
