//! Files that pages refer to. They are part of the program; their names change with what is in them, so browsers keep
//! them for good.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{StatusCode, header};
use keyward_core::{Problem, problem::Missing};

use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
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

struct Asset {
    name: String,
    media_type: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, ending: &str, media_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash = ids::hex(digest(&SHA256, bytes).as_ref());
        Self { name: format!("{stem}-{}.{ending}", &hash[..DIGITS]), media_type, bytes }
    }
}

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

/// The names of the files.
pub(super) fn names() -> Names {
    let [css, js, htmx, icons, favicon] = &*ASSETS;
    Names { css: &css.name, js: &js.name, htmx: &htmx.name, icons: &icons.name, favicon: &favicon.name }
}

/// Sends a file.
pub(super) fn get(request: Request) -> Handled {
    Box::pin(async move {
        let found = ASSETS.iter().find(|asset| request.segments.first() == Some(&asset.name));
        let asset = found.ok_or(Problem::NotFound(Missing::Route))?;
        let answer = Answer::bytes(StatusCode::OK, asset.media_type, Bytes::from_static(asset.bytes));
        Ok(answer.with(header::CACHE_CONTROL, KEEP))
    })
}
