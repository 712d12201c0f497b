//! The files of `dashboard/dist`, embedded in this program: gzip made once, entity tags, and which of them an entry needs.

use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, AcceptEncoding, ContentEncoding, Encoding, EntityTag, Header as _, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;

use crate::problem::{Kind, Problem};

/// The page that every view of the dashboard begins with.
pub(super) const INDEX: &str = "index.html";
/// What Vite says about its output.
const MANIFEST: &str = ".vite/manifest.json";
/// Where the files lie whose names change with their content.
const HASHED: &str = "assets/";
/// For those: a year, and never asked for again.
const CACHE_FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For pages: kept, but asked for each time.
const CACHE_ASKING: &str = "no-cache";
/// Hexadecimal digits of the content's SHA-256 in an entity tag.
const TAG_DIGITS: usize = 20;

/// As Vite wrote them; always embedded, so that the program that is tested is the one that is shipped.
#[derive(rust_embed::Embed)]
#[folder = "../../dashboard/dist"]
struct Dist;

/// A file, as it is sent.
struct Asset {
    plain: Bytes,
    /// Only where it is smaller.
    gzip: Option<Bytes>,
    tag: String,
    content_type: &'static str,
    cache: &'static str,
}

static ASSETS: LazyLock<HashMap<String, Asset>> =
    LazyLock::new(|| Dist::iter().filter_map(|name| Some((name.to_string(), Asset::embedded(&name)?))).collect());

static MANIFESTED: LazyLock<BTreeMap<String, Chunk>> = LazyLock::new(|| {
    let text = Dist::get(MANIFEST).map(|file| file.data).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
});

/// What Vite's manifest says of one source.
#[derive(Deserialize)]
struct Chunk {
    file: String,
    #[serde(default)]
    css: Vec<String>,
    #[serde(default)]
    assets: Vec<String>,
    #[serde(default)]
    imports: Vec<String>,
    #[serde(default, rename = "isEntry")]
    is_entry: bool,
}

/// The script, the style sheets and the icon of one entry, as paths on this server.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) icon: Option<String>,
    pub(super) script: String,
    pub(super) styles: Vec<String>,
}

/// Name of the dashboard's script: it changes with every build, so a page can tell that it is of another one.
#[must_use]
pub(crate) fn page_name() -> &'static str {
    let script = MANIFESTED.get(INDEX).map_or("", |chunk| chunk.file.as_str());
    script.strip_prefix(HASHED).unwrap_or(script)
}

/// What the vote pages need.
pub(super) fn vote_entry() -> &'static Entry {
    static VOTE: LazyLock<Entry> = LazyLock::new(|| entry(&MANIFESTED, "vote"));
    &VOTE
}

fn entry(manifest: &BTreeMap<String, Chunk>, name: &str) -> Entry {
    let entries = || manifest.iter().filter(|(_, chunk)| chunk.is_entry);
    let Some((source, chunk)) = entries().find(|(source, _)| source.contains(name)) else { return Entry::default() };
    let mut sources = vec![source];
    let mut styles = Vec::new();
    let mut at = 0;
    // Each source once, so it ends whatever imports what.
    while let Some(chunk) = sources.get(at).and_then(|source| manifest.get(*source)) {
        styles.extend(chunk.css.iter().map(|file| format!("/{file}")));
        let new: Vec<_> = chunk.imports.iter().filter(|import| !sources.contains(import)).collect();
        sources.extend(new);
        at += 1;
    }
    let dashboard = manifest.get(INDEX);
    // A script that brings no style of its own is dressed as the dashboard is.
    if styles.is_empty() {
        styles.extend(dashboard.iter().flat_map(|chunk| &chunk.css).map(|file| format!("/{file}")));
    }
    let mut pictures = dashboard.iter().flat_map(|chunk| &chunk.assets);
    let icon = pictures.find(|file| file.ends_with(".svg")).map(|file| format!("/{file}"));
    Entry { icon, script: format!("/{}", chunk.file), styles }
}

impl Asset {
    fn embedded(name: &str) -> Option<Self> {
        let file = Dist::get(name)?;
        let hash: String = file.metadata.sha256_hash().iter().map(|byte| format!("{byte:02x}")).collect();
        let plain = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        Some(Self {
            gzip: gzip(&plain).filter(|packed| packed.len() < plain.len()),
            plain,
            tag: hash[..TAG_DIGITS].to_owned(),
            content_type: content_type(name),
            cache: if name.starts_with(HASHED) { CACHE_FOR_EVER } else { CACHE_ASKING },
        })
    }

    /// The answer: packed where the client takes it, and nothing at all where it has it already.
    fn answer(&self, request: &HttpRequest, decorate: impl Fn(&mut HttpResponseBuilder)) -> HttpResponse {
        let packed = self.gzip.as_ref().filter(|_| takes_gzip(request));
        // Other bytes, another strong tag.
        let tag = EntityTag::new_strong(format!("{}{}", self.tag, if packed.is_some() { "-gzip" } else { "" }));
        let known = has(request, &tag);
        let mut answer = HttpResponse::build(if known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
        answer.content_type(self.content_type);
        decorate(&mut answer);
        answer
            .insert_header((header::CACHE_CONTROL, self.cache))
            .insert_header(header::ETag(tag))
            .append_header((header::VARY, "Accept-Encoding"));
        if known {
            return answer.finish();
        }
        match packed {
            Some(packed) => answer.insert_header(ContentEncoding::Gzip).body(packed.clone()),
            None => answer.body(self.plain.clone()),
        }
    }
}

/// `GET /assets/{file}`: scripts and style sheets.
pub(crate) async fn get(file: web::Path<String>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let asset = ASSETS.get(&format!("{HASHED}{file}")).ok_or_else(|| {
        let detail = "this program has no such file; it belongs to another release, so load the page again";
        Problem::new(Kind::NotFound, detail)
    })?;
    Ok(asset.answer(&request, |_| {}))
}

/// The dashboard's page.
pub(super) fn index(request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let asset = ASSETS.get(INDEX);
    let asset = asset.ok_or_else(|| Problem::new(Kind::NotFound, "this program was built without its dashboard"))?;
    Ok(asset.answer(request, |answer| {
        super::as_page(answer);
    }))
}

fn takes_gzip(request: &HttpRequest) -> bool {
    let offered = [Encoding::gzip(), Encoding::identity()];
    let taken = AcceptEncoding::parse(request).ok().filter(|_| request.headers().contains_key(header::ACCEPT_ENCODING));
    let chosen = taken.as_ref().and_then(|taken| taken.negotiate(offered.iter()));
    chosen == Some(Encoding::gzip())
}

fn has(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|known| known.weak_eq(tag)),
        Err(_) => false,
    }
}

fn gzip(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
