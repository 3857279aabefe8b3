//! Files that pages refer to. They are part of the program; their names change with what is in them, so browsers keep
//! them for good.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{StatusCode, header};
use keyward_core::{Problem, problem::Missing};

use super::table::page_at;
use crate::{
    http::{
        answer::Answer,
        operation::{Access, Handled, Operation, Request},
    },
    ids,
};

/// For how long a browser may keep a file: a year.
const KEEP: &str = "public, max-age=31536000, immutable";
/// How many digits of its hash a name has.
const DIGITS: usize = 12;

/// The names of the files, as pages use them.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Names {
    pub(super) css: &'static str,
    pub(super) js: &'static str,
    pub(super) htmx: &'static str,
    pub(super) icons: &'static str,
    pub(super) favicon: &'static str,
}

struct Asset<N = String> {
    name: N,
    media_type: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = ids::hex(digest(&SHA256, bytes).as_ref());
        Self { name: format!("{stem}-{}.{ending}", &hash[..DIGITS]), media_type, bytes }
    }
}

/// What the style sheet refers to, which can't know the names that change.
const CHEVRON: Asset<&str> =
    Asset { name: "chevron.svg", media_type: "image/svg+xml", bytes: include_bytes!("assets/chevron.svg") };
/// For how long a browser may keep that: a day.
const KEEP_CHEVRON: &str = "public, max-age=86400";

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    let (script, picture) = ("text/javascript; charset=utf-8", "image/svg+xml");
    [
        Asset::new("console", "css", "text/css; charset=utf-8", include_bytes!("assets/console.css")),
        Asset::new("console", "js", script, include_bytes!("assets/console.js")),
        Asset::new("htmx", "js", script, include_bytes!("assets/htmx.min.js")),
        Asset::new("icons", "svg", picture, include_bytes!("assets/icons.svg")),
        Asset::new("favicon", "svg", picture, include_bytes!("assets/favicon.svg")),
    ]
});

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![page_at("console_asset", "/assets/{name}", ("A file", Access::Visitor("pages refer to it")), &[], get)]
}

/// The names of the files.
pub(super) fn names() -> Names {
    let [css, js, htmx, icons, favicon] = &*ASSETS;
    Names { css: &css.name, js: &js.name, htmx: &htmx.name, icons: &icons.name, favicon: &favicon.name }
}

/// Sends a file.
pub(super) fn get(request: Request) -> Handled {
    Box::pin(async move {
        if request.segments.first().is_some_and(|name| name == CHEVRON.name) {
            let answer = Answer::bytes(StatusCode::OK, CHEVRON.media_type, Bytes::from_static(CHEVRON.bytes));
            return Ok(answer.with(header::CACHE_CONTROL, KEEP_CHEVRON));
        }
        let found = ASSETS.iter().find(|asset| request.segments.first() == Some(&asset.name));
        let asset = found.ok_or(Problem::NotFound(Missing::Route))?;
        let answer = Answer::bytes(StatusCode::OK, asset.media_type, Bytes::from_static(asset.bytes));
        Ok(answer.with(header::CACHE_CONTROL, KEEP))
    })
}
