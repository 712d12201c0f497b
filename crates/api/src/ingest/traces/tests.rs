//! Exports in both encodings, judged.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::ingest::parse::Judged;
use wire::{push_bytes, push_varint};

const RULES: Rules = Rules { received_ms: 1_773_145_296_789, keep_days: 731 };
const END_NS: u64 = 1_773_145_290_000_000_000;

/// A span for people to read: attributes are texts or integers.
fn span(kind: u64, attributes: &Value) -> Value {
    json!({"kind": kind, "startTimeUnixNano": (END_NS - 12_345_600).to_string(), "endTimeUnixNano": END_NS.to_string(),
        "attributes": key_values(attributes)})
}

fn server(attributes: &Value) -> Value {
    let mut all = json!({"http.request.method": "GET", "http.route": "/a", "http.response.status_code": 200});
    attributes.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
    span(2, &all)
}

fn key_values(attributes: &Value) -> Value {
    let any = |value: &Value| match value {
        Value::String(text) => json!({"stringValue": text}),
        Value::Number(number) => json!({"intValue": number.to_string()}),
        Value::Bool(bool) => json!({"boolValue": bool}),
        other => panic!("{other}"),
    };
    let attributes = attributes.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    attributes.map(|(name, value)| json!({"key": name, "value": any(value)})).collect()
}

fn export(service: &str, spans: &[Value]) -> Value {
    let resource = json!({"attributes": key_values(&json!({"service.name": service}))});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": spans}]}]})
}

/// The same export in protobuf.
fn packed(export: &Value) -> Vec<u8> {
    let each = |message: &mut Vec<u8>, number, items: &Value, pack: &dyn Fn(&Value) -> Vec<u8>| {
        items.as_array().unwrap().iter().for_each(|item| push_bytes(message, number, &pack(item)));
    };
    let attributes = |number, attributes: &Value| {
        let mut message = vec![];
        each(&mut message, number, attributes, &packed_key_value);
        message
    };
    let span = |span: &Value| {
        let mut message = attributes(9, &span["attributes"]);
        push_bytes(&mut message, 5, b"a name");
        push_varint(&mut message, 6, span["kind"].as_u64().unwrap());
        for (key, time) in [(7 << 3 | 1, "startTimeUnixNano"), (8 << 3 | 1, "endTimeUnixNano")] {
            message.push(key);
            message.extend(span[time].as_str().unwrap().parse::<u64>().unwrap().to_le_bytes());
        }
        if let Some(code) = span["status"]["code"].as_u64() {
            let mut status = vec![];
            push_varint(&mut status, 3, code);
            push_bytes(&mut message, 15, &status);
        }
        message
    };
    let scope_spans = |scope: &Value| {
        let mut message = vec![];
        each(&mut message, 2, &scope["spans"], &span);
        message
    };
    let mut request = vec![];
    each(&mut request, 1, &export["resourceSpans"], &|group| {
        let mut message = vec![];
        each(&mut message, 2, &group["scopeSpans"], &scope_spans);
        push_bytes(&mut message, 1, &attributes(1, &group["resource"]["attributes"]));
        message
    });
    request
}

fn packed_key_value(attribute: &Value) -> Vec<u8> {
    let (mut message, mut any) = (vec![], vec![]);
    let value = &attribute["value"];
    if let Some(text) = value["stringValue"].as_str() {
        push_bytes(&mut any, 1, text.as_bytes());
    } else if let Some(integer) = value["intValue"].as_str() {
        push_varint(&mut any, 3, integer.parse::<i64>().unwrap().cast_unsigned());
    } else {
        push_varint(&mut any, 2, 1);
    }
    push_bytes(&mut message, 1, attribute["key"].as_str().unwrap().as_bytes());
    push_bytes(&mut message, 2, &any);
    message
}

/// Judges an export in both encodings, which must agree.
fn judged(export: &Value) -> (Judged, u64) {
    let spans = read(export.to_string().as_bytes(), Encoded::Json, RULES).unwrap();
    let of_protobuf = read(&packed(export), Encoded::Protobuf, RULES).unwrap();
    assert_eq!((&of_protobuf.judged, of_protobuf.passed_over), (&spans.judged, spans.passed_over), "{export}");
    (spans.judged, spans.passed_over)
}

/// What a server span with these attributes on top counts as: route and status, or the field to blame.
fn verdict(attributes: &Value) -> Result<(String, u16), &'static str> {
    let (judged, _) = judged(&export("shop", &[server(attributes)]));
    match judged.rejections.shown().first() {
        Some(rejection) => Err(rejection.field.unwrap_or_default()),
        None => Ok((judged.accepted.endpoints()[0].route().to_string(), judged.accepted.rows()[0].status)),
    }
}

#[test]
fn a_server_span_is_an_event() {
    let (judged, _) = judged(&export("shop", &[server(&json!({}))]));
    let (endpoint, row) = (&judged.accepted.endpoints()[0], judged.accepted.rows()[0]);
    assert_eq!((endpoint.service(), endpoint.method(), endpoint.route()), ("shop", "GET", "/a"));
    assert_eq!((row.status, row.time_ms, row.duration_us), (200, 1_773_145_290_000, Some(12_346)));
}

/// What SDKs really send: bodies of the exporters for Python 1.45 (Flask), Node.js 2.12 (Express) and Go 1.47 (net/http),
/// recorded in November 2026. Each service answered two requests to a route with an id, one to a route that fails (but Go's),
/// and one to none.
#[test]
fn exports_as_sdks_send_them() {
    let rules = Rules { received_ms: 1_795_668_400_000, keep_days: 731 };
    let counted = |body: &[u8], encoded| {
        let Spans { judged, passed_over, .. } = read(body, encoded, rules).unwrap();
        assert_eq!(judged.rejections.count(), 0, "{judged:?}");
        assert!(judged.accepted.rows().iter().all(|row| row.duration_us.is_some()));
        let name = |endpoint: u32| {
            let e = &judged.accepted.endpoints()[endpoint as usize];
            format!("{} {} {}", e.service(), e.method(), e.route())
        };
        let rows = judged.accepted.rows().iter().map(|row| format!("{} {}", name(row.endpoint), row.status));
        (rows.collect::<Vec<_>>(), passed_over)
    };
    let (flask, passed_over) = counted(include_bytes!("../../../testdata/otlp/python.bin"), Encoded::Protobuf);
    let cart = "flask GET /cart/<int:id> 200";
    assert_eq!(
        (&flask[..], passed_over),
        (&[cart, cart, "flask GET /boom 503", "flask GET /nowhere/{id} 404"].map(String::from)[..], 1)
    );
    let (express, passed_over) = counted(include_bytes!("../../../testdata/otlp/node.json"), Encoded::Json);
    let order = "unknown_service:node GET /orders/:id 200";
    let others = ["unknown_service:node GET /fail 503", "unknown_service:node GET /missing/{id} 404"];
    assert_eq!((&express[..], passed_over), (&[order, order, others[0], others[1]].map(String::from)[..], 15));
    let (go, passed_over) = counted(include_bytes!("../../../testdata/otlp/go.bin"), Encoded::Protobuf);
    let item = "net-http GET /items/{id} 200";
    assert_eq!((&go[..], passed_over), (&[item, item, "net-http GET /none/{id} 404"].map(String::from)[..], 0));
}

#[test]
fn conventions_old_and_new() {
    let ok = |route: &str, status| Ok((route.to_owned(), status));
    let old = json!({"http.request.method": null, "http.response.status_code": null, "http.route": null,
        "http.method": "PUT", "http.status_code": 404, "http.target": "/users/42?x=1"});
    assert_eq!(verdict(&old), ok("/users/{id}", 404));
    for (attributes, expected) in [
        (json!({"http.route": "/users/42"}), ok("/users/42", 200)),
        (json!({"http.route": "api/{id}"}), ok("/api/{id}", 200)),
        (json!({"http.route": "*"}), ok("*", 200)),
        (json!({"http.route": "", "url.path": "/users/42"}), ok("/users/{id}", 200)),
        (json!({"http.route": null, "url.path": "/a/7", "http.target": "/b"}), ok("/a/{id}", 200)),
        (json!({"http.route": null, "http.url": "https://shop.example/c/7?x"}), ok("/c/{id}", 200)),
        (json!({"http.response.status_code": 503, "http.status_code": 200}), ok("/a", 503)),
        (json!({"http.response.status_code": "204"}), ok("/a", 204)),
        (json!({"http.response.status_code": null}), ok("/a", 200)),
    ] {
        assert_eq!(verdict(&attributes), expected, "{attributes}");
    }
}

#[test]
fn without_a_status_the_spans_own_decides() {
    let mut failed = server(&json!({"http.response.status_code": null}));
    failed["status"] = json!({"code": 2, "message": "boom"});
    let (judged, _) = judged(&export("shop", &[failed]));
    assert_eq!(judged.accepted.rows()[0].status, 500);
}

#[test]
fn each_attribute_is_blamed_for_itself() {
    for (attributes, blamed) in [
        (json!({"http.request.method": null}), "http.request.method"),
        (json!({"http.request.method": 7}), "http.request.method"),
        (json!({"http.request.method": null, "http.method": "GE T"}), "http.method"),
        (json!({"http.route": null}), "http.route"),
        (json!({"http.route": "/a\u{0}"}), "http.route"),
        (json!({"http.route": true}), "http.route"),
        (json!({"http.route": "x".repeat(2_048)}), "http.route"),
        (json!({"http.response.status_code": 99}), "http.response.status_code"),
        (json!({"http.response.status_code": -1}), "http.response.status_code"),
        (json!({"http.response.status_code": true}), "http.response.status_code"),
        (json!({"http.response.status_code": null, "http.status_code": "ok"}), "http.status_code"),
    ] {
        assert_eq!(verdict(&attributes), Err(blamed), "{attributes}");
    }
    let (judged, _) = judged(&export(&"s".repeat(101), &[server(&json!({}))]));
    assert_eq!(judged.rejections.shown()[0].field, Some("service.name"));
}

#[test]
fn other_spans_are_for_others() {
    let rpc = json!({"rpc.system": "grpc", "rpc.grpc.status_code": 13});
    let http = json!({"http.request.method": "GET", "url.path": "/"});
    let spans: Vec<_> = [0, 1, 3, 4, 5].map(|kind| span(kind, &http)).into_iter().chain([span(2, &rpc)]).collect();
    let (judged, passed_over) = judged(&export("shop", &spans));
    assert_eq!((judged.accepted.len(), judged.rejections.count(), passed_over), (0, 0, 6));
}

#[test]
fn times_that_make_no_duration_and_no_time() {
    let day_ns = 86_400_000_000_000;
    let with = |start_ns: u64, end_ns: u64| {
        let mut span = server(&json!({}));
        (span["startTimeUnixNano"], span["endTimeUnixNano"]) = (json!(start_ns.to_string()), json!(end_ns.to_string()));
        let (judged, _) = judged(&export("shop", &[span]));
        match judged.rejections.shown().first() {
            Some(rejection) => Err(rejection.reason.to_string()),
            None => Ok(judged.accepted.rows()[0].duration_us),
        }
    };
    assert_eq!(with(END_NS, END_NS), Ok(Some(0)));
    assert_eq!(with(END_NS - day_ns, END_NS), Ok(Some(86_400_000_000)));
    assert_eq!(with(END_NS - day_ns - 1_000, END_NS), Ok(None), "longer than a day");
    assert_eq!(with(END_NS + 1, END_NS), Ok(None), "ends before it begins");
    assert_eq!(with(0, END_NS), Ok(None), "no beginning");
    assert_eq!(with(END_NS, 0), Err("missing".to_owned()));
    assert!(with(END_NS, u64::MAX).unwrap_err().contains("more than 5 minutes ahead"));
    assert!(with(1, 2).unwrap_err().contains("older than the 731 days"));
}

#[test]
fn a_resource_without_a_name() {
    let mut nameless = export("", &[server(&json!({}))]);
    assert_eq!(judged(&nameless).0.accepted.endpoints()[0].service(), "unknown_service");
    nameless["resourceSpans"][0]["resource"] = json!({"attributes": []});
    assert_eq!(judged(&nameless).0.accepted.endpoints()[0].service(), "unknown_service");
    assert_eq!(
        judged(&export("unknown_service:node", &[server(&json!({}))])).0.accepted.endpoints()[0].service(),
        "unknown_service:node"
    );
}

#[test]
fn json_as_others_write_it() {
    let text = |span: &str| {
        format!(
            r#"{{"new":[1,{{}}],"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}],"x":1}}],
        "resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"sh\u006fp"}}}}]}}}}, {{"scopeSpans":null}}]}}"#
        )
    };
    let good = r#"{"traceId":"5B8EFFF798038103D269B633813FC60C","kind":"SPAN_KIND_SERVER","startTimeUnixNano":1773145289000000000,
        "endTimeUnixNano":1773145290000000000,"status":null,"events":[{"attributes":[]}],"attributes":[
        {"key":"http.request.method","value":{"stringValue":"GET"}},{"key":"list","value":{"arrayValue":{"values":[{}]}}},
        {"key":"none","value":null},{"key":"url.path","value":{"stringValue":"/a"}},
        {"key":"http.response.status_code","value":{"intValue":201}}]}"#;
    let spans = read(text(good).as_bytes(), Encoded::Json, RULES).unwrap();
    assert_eq!((spans.judged.accepted.len(), spans.judged.rejections.count()), (1, 0), "{:?}", spans.judged);
    assert_eq!(
        (spans.judged.accepted.rows()[0].status, spans.judged.accepted.rows()[0].duration_us),
        (201, Some(1_000_000))
    );
    assert_eq!(spans.judged.accepted.endpoints()[0].service(), "shop");
    for bad in [r#""\ud800""#, "7", r#"{"kind":2,"attributes":7}"#, r#"{"kind":2,"kind":2}"#] {
        let spans = read(text(&format!("{good},{bad},{good}")).as_bytes(), Encoded::Json, RULES).unwrap();
        assert_eq!((spans.judged.accepted.len(), spans.judged.rejections.count()), (2, 1), "{bad} costs only itself");
    }
}

#[test]
fn what_is_no_export() {
    for (body, encoded) in [
        (&b""[..], Encoded::Json),
        (b"[]", Encoded::Json),
        (b"{\"resourceSpans\":7}", Encoded::Json),
        (b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{]}]}]}", Encoded::Json),
        (b"{} {}", Encoded::Json),
        (b"\xff", Encoded::Json),
        (b"{}", Encoded::Protobuf),
        (b"\x08\x01", Encoded::Protobuf),
        (b"\x0a\x05\x12\x03", Encoded::Protobuf),
    ] {
        let found = read(body, encoded, RULES).unwrap_err();
        assert!(matches!(found, Unreadable::Malformed(_)), "{body:?}: {found:?}");
    }
    for (body, encoded) in
        [(&b"{}"[..], Encoded::Json), (b"{\"resourceSpans\":null}", Encoded::Json), (b"", Encoded::Protobuf)]
    {
        assert!(read(body, encoded, RULES).unwrap().are_none(), "{body:?} is an empty export");
    }
}

#[test]
fn too_many_and_too_deep() {
    let most = vec![server(&json!({})); 10_000];
    assert_eq!(judged(&export("shop", &most)).0.accepted.len(), 10_000);
    let more = export("shop", &[most, vec![server(&json!({"http.route": null}))]].concat());
    assert_eq!(read(more.to_string().as_bytes(), Encoded::Json, RULES).unwrap_err(), Unreadable::TooMany);
    assert_eq!(read(&packed(&more), Encoded::Protobuf, RULES).unwrap_err(), Unreadable::TooMany);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let deep =
        format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{{"value":{deep}}}]}}]}}]}}]}}"#);
    assert_eq!(read(deep.as_bytes(), Encoded::Json, RULES).unwrap().judged.rejections.count(), 1);
}

proptest! {
    #[test]
    fn both_encodings_agree_on_everything(
        kinds in prop::collection::vec(0_u64..6, 0..5),
        values in prop::collection::vec(
            (prop::sample::select(vec!["http.request.method", "http.method", "http.route", "url.path", "http.target",
                "http.url", "http.response.status_code", "http.status_code", "service.name", "user.agent"]),
                prop_oneof![any::<i64>().prop_map(|n| json!(n)), "\\PC{0,9}".prop_map(|t| json!(t)), Just(json!(200)),
                    Just(json!("/a/1")), Just(json!(true))]), 0..9),
        service in "\\PC{0,5}",
    ) {
        let attributes: serde_json::Map<_, _> = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let attributes = Value::Object(attributes);
        let spans: Vec<_> = kinds.iter().map(|kind| span(*kind, &attributes)).collect();
        let (judged, passed_over) = judged(&export(&service, &spans));
        prop_assert_eq!(judged.accepted.len() + judged.rejections.count() + passed_over as usize, spans.len());
    }

    #[test]
    fn damage_never_panics(cut in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let export = export("shop", &[server(&json!({})), server(&json!({"http.route": null}))]);
        for (mut body, encoded) in [(packed(&export), Encoded::Protobuf), (export.to_string().into_bytes(), Encoded::Json)] {
            let at = cut.index(body.len());
            let _ = read(&body[..at], encoded, RULES);
            body[at] = byte;
            let _ = read(&body, encoded, RULES);
        }
    }
}

#[test]
fn answers() {
    assert_eq!((Encoded::Protobuf.response(None), Encoded::Json.response(None)), (vec![], b"{}".to_vec()));
    let partial = Encoded::Protobuf.response(Some((2, "no".to_owned())));
    assert_eq!(partial, [0x0a, 6, 0x08, 2, 0x12, 2, b'n', b'o']);
    let partial = Encoded::Json.response(Some((2, "no".to_owned())));
    let partial: Value = serde_json::from_slice(&partial).unwrap();
    assert_eq!(partial, json!({"partialSuccess": {"rejectedSpans": "2", "errorMessage": "no"}}));
    assert_eq!(Encoded::Protobuf.status("no", None), [0x12, 2, b'n', b'o']);
    let status: Value = serde_json::from_slice(&Encoded::Json.status("no", Some("body"))).unwrap();
    assert_eq!(
        (&status["message"], &status["details"][0]["fieldViolations"][0]["field"]),
        (&json!("no"), &json!("body"))
    );
}
