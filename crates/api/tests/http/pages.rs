//! The dashboard as a browser loads it: which answer is a page, what it may do, and what need not be sent again.

use std::io::Read as _;

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::json;

use crate::door::Door;

const POLICY: &str =
    "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const VIEWS: [&str; 8] =
    ["/", "/endpoints/4172787017804934708", "/pipeline", "/polls", "/reports", "/states", "/first-run", "/?w=7d"];

async fn ask(door: &Door, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = door.request(Method::GET, path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// What a page loads: all `src` and `href` under `/assets/`.
fn assets(page: &str) -> Vec<String> {
    let loaded = page.split('"').filter(|part| part.starts_with("/assets/"));
    loaded.map(str::to_owned).collect()
}

/// No script or style that the policy would have to let in by exception.
pub(crate) fn assert_nothing_inline(page: &str) {
    for tag in page.split("<script").skip(1) {
        let (attributes, rest) = tag.split_once('>').unwrap();
        assert!(attributes.contains("src=\"/assets/"), "{attributes}");
        assert!(rest.trim_start().starts_with("</script>"), "{rest}");
    }
    for bad in ["<style", " style=", "javascript:", "data:"] {
        assert!(!page.contains(bad), "{bad} in {page}");
    }
    // Of a tag, what stands outside of quotes.
    let names = |tag: &str| tag.split('>').next().unwrap().split('"').step_by(2).collect::<String>();
    let handler = page.split('<').skip(1).map(names).find(|names| names.contains(" on"));
    assert_eq!(handler, None);
}

#[tokio::test]
async fn every_view_is_the_same_page_and_may_load_only_ours() {
    let door = Door::open().await;
    let mut pages = Vec::new();
    for path in VIEWS {
        let answer = ask(&door, path, &[("Accept", "text/html,*/*;q=0.8")]).await;
        let of = |name| header(answer.headers(), name);
        assert_eq!(
            (answer.status().as_u16(), of("content-type").as_str()),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert_eq!((of("content-security-policy").as_str(), of("cache-control").as_str()), (POLICY, "no-cache"));
        assert_eq!((of("x-content-type-options"), of("referrer-policy")), ("nosniff".into(), "no-referrer".into()));
        pages.push(answer.text().await.unwrap());
    }
    assert!(pages.iter().all(|page| *page == pages[0]));
    assert_nothing_inline(&pages[0]);
    let loaded = assets(&pages[0]);
    assert!(loaded.iter().any(|name| name.ends_with(".js")) && loaded.iter().any(|name| name.ends_with(".css")));
    for name in loaded {
        let asset = ask(&door, &name, &[]).await;
        let of = |name| header(asset.headers(), name);
        assert_eq!((asset.status().as_u16(), of("x-content-type-options").as_str()), (200, "nosniff"), "{name}");
        assert_eq!(of("cache-control"), "public, max-age=31536000, immutable", "{name}");
        let expected = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!(of("content-type"), expected, "{name}");
    }
}

#[tokio::test]
async fn programs_get_the_list_and_data_stays_data() {
    let door = Door::open().await;
    let list = ask(&door, "/", &[("Accept", "application/json")]).await;
    assert_eq!(header(list.headers(), "content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert!(header(list.headers(), "vary").contains("Accept"));
    let list: serde_json::Value = list.json().await.unwrap();
    assert_eq!((&list["name"], list["routes"]["GET /"].is_string()), (&json!("tally"), true));
    let page = ask(&door, "/", &[]).await.text().await.unwrap();
    assert!(page.contains(list["page"].as_str().unwrap()), "{list}");
    let lost = door.get("/assets/app-00000000.js").await;
    assert_eq!((lost.status, lost.content_type.as_str()), (404, "application/problem+json"));
    for hidden in ["/.vite/manifest.json", "/index.html", "/assets/..%2findex.html", "/assets/../.vite/manifest.json"] {
        assert_eq!(door.get(hidden).await.status, 404, "{hidden}");
    }
    let written = door.post("/pipeline", &[], "x").await;
    assert_eq!((written.status, &written.body["type"]), (405, &json!("/problems/method-not-allowed")));
}

#[tokio::test]
async fn what_is_known_is_not_sent_again_and_the_rest_is_packed() {
    let door = Door::open().await;
    let page = ask(&door, "/", &[]).await.text().await.unwrap();
    let script = assets(&page).into_iter().find(|name| name.ends_with(".js")).unwrap();
    for path in ["/", &script] {
        let plain = ask(&door, path, &[("Accept-Encoding", "br, identity")]).await;
        assert_eq!(header(plain.headers(), "content-encoding"), "");
        let plain_tag = header(plain.headers(), "etag");
        let plain = plain.bytes().await.unwrap();
        let packed = ask(&door, path, &[("Accept-Encoding", "gzip, br;q=0.5")]).await;
        assert_eq!(header(packed.headers(), "content-encoding"), "gzip", "{path}");
        assert!(header(packed.headers(), "vary").contains("Accept-Encoding"), "{path}");
        let packed_tag = header(packed.headers(), "etag");
        assert_ne!(plain_tag, packed_tag, "other bytes, another strong tag");
        let packed = packed.bytes().await.unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain, "{path}");
        for known in [packed_tag.as_str(), &format!("\"x\", W/{packed_tag}"), "*"] {
            let again = ask(&door, path, &[("Accept-Encoding", "gzip"), ("If-None-Match", known)]).await;
            assert_eq!(
                (again.status().as_u16(), header(again.headers(), "etag")),
                (304, packed_tag.clone()),
                "{known}"
            );
            assert!(!header(again.headers(), "cache-control").contains("no-store"), "{path}");
            assert!(again.bytes().await.unwrap().is_empty());
        }
        let other = ask(&door, path, &[("If-None-Match", "\"0\"")]).await;
        assert_eq!(other.status(), 200);
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let door = Door::open().await;
    let page = ask(&door, "/", &[]).await.text().await.unwrap();
    for path in VIEWS.into_iter().chain(["/vote", "/vote/default", "/vote/default/result", &assets(&page)[0]]) {
        let get = ask(&door, path, &[]).await;
        let head = door.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!((head.status(), head.status().as_u16()), (get.status(), 200), "{path}");
        for name in ["content-type", "content-length", "etag", "cache-control", "content-security-policy"] {
            // A form has another id each time, of the same length.
            assert_eq!(header(head.headers(), name), header(get.headers(), name), "{path} {name}");
        }
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
}
