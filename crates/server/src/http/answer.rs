//! What a handler answers.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use keyward_core::{model::Revision, snapshot::ApiEntry};
use quick_cache::{Weighter, sync::Cache};
use serde::Serialize;

/// How many bytes of rendered bodies are kept, and of about which size they are.
const KEPT: (u64, usize) = (16 * 1024 * 1024, 1024);

/// A successful answer.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body, if there is one, and its media type.
    pub body: Option<(&'static str, Bytes)>,
    /// Headers besides those that every answer has.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the body shows secrets, which the audit log must know first.
    pub shows_secrets: bool,
}

/// The media type of JSON, as the original spells it.
pub const JSON: &str = "application/json; charset=utf-8";

impl Answer {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, body: None, headers: Vec::new(), shows_secrets: false }
    }

    /// An answer with this value as JSON.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Self {
        Self::bytes(status, JSON, bytes(value))
    }

    /// An answer with these bytes.
    pub fn bytes(status: StatusCode, media_type: &'static str, bytes: Bytes) -> Self {
        Self { body: Some((media_type, bytes)), ..Self::empty(status) }
    }

    /// The same answer with a header. A value that can't be one is left out.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// The same answer with the version of the object it shows.
    #[must_use]
    pub fn with_version(self, revision: Revision) -> Self {
        self.with(header::ETAG, &etag(revision))
    }

    /// The answer as the keys' API sends it: nobody may keep it, since it may hold a key.
    pub fn into_key_response(self) -> Response<Full<Bytes>> {
        let (media_type, bytes) = self.body.unwrap_or_default();
        let mut response = Response::new(Full::new(bytes));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }

    /// The answer as it goes out.
    pub fn into_response(self, request_id: &str) -> Response<Full<Bytes>> {
        let (media_type, bytes) = self.body.unwrap_or_default();
        let mut response = Response::new(Full::new(bytes));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.reserve(8);
        if !media_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::VARY, HeaderValue::from_static("origin,accept-encoding"));
        if let Ok(id) = HeaderValue::from_str(request_id) {
            headers.insert(HeaderName::from_static("x-request-id"), id);
        }
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}

/// A value as JSON. Our own types have string keys and no failing parts, so they always serialize.
pub fn bytes(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

/// A version as an entity tag (RFC 9110 §8.8.3).
pub fn etag(revision: Revision) -> String {
    format!("\"{}\"", revision.0)
}

/// A body that was rendered, and whether it shows secrets.
pub type RenderedBody = (Bytes, bool);

/// Bodies of APIs, rendered once for each version: a version is never anything else.
#[derive(Debug)]
pub struct Rendered(Cache<(i64, i64), RenderedBody, Length>);

#[derive(Debug, Clone)]
struct Length;

impl Weighter<(i64, i64), RenderedBody> for Length {
    fn weight(&self, _: &(i64, i64), (bytes, _): &RenderedBody) -> u64 {
        u64::try_from(bytes.len()).unwrap_or(u64::MAX).max(1)
    }
}

impl Default for Rendered {
    fn default() -> Self {
        Self::new()
    }
}

impl Rendered {
    /// Nothing yet.
    pub fn new() -> Self {
        let (bytes, size) = KEPT;
        let items = usize::try_from(bytes).unwrap_or(usize::MAX) / size;
        Self(Cache::with_weighter(items, bytes, Length))
    }

    /// What operations are handed that render no API: one for all of them, since making one takes as long as a signature.
    pub fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<Rendered>> = LazyLock::new(Arc::default);
        Arc::clone(&NONE)
    }

    /// The API's body, rendered by `render` when this version was not asked for before.
    pub fn body(&self, entry: &ApiEntry, render: impl FnOnce() -> RenderedBody) -> RenderedBody {
        let version = (entry.api.number.0, entry.api.revision.0);
        self.0.get(&version).unwrap_or_else(|| {
            let body = render();
            self.0.insert(version, body.clone());
            body
        })
    }
}
