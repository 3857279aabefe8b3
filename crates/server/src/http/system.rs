//! The program itself: health, metrics, its document.

use std::sync::LazyLock;

use bytes::Bytes;
use http::StatusCode;
use serde_json::json;

use super::{
    answer::{Answer, JSON},
    openapi::document,
    operation::{Handled, Request},
};
use crate::service::health;

/// The program runs.
pub fn live(_: Request) -> Handled {
    Box::pin(async { Ok(Answer::json(StatusCode::OK, &json!({ "status": "live" }))) })
}

/// The program can read its store.
pub fn ready(request: Request) -> Handled {
    Box::pin(async move {
        let revision = health::ready(&request.call.app).await?;
        Ok(Answer::json(StatusCode::OK, &json!({ "status": "ready", "revision": revision })))
    })
}

/// Counters and durations.
pub fn metrics(request: Request) -> Handled {
    Box::pin(async move {
        let text = request.call.app.metrics.text();
        let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        Ok(Answer::bytes(StatusCode::OK, media_type, text.into()))
    })
}

/// The document of all operations.
pub fn openapi(_: Request) -> Handled {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());
    Box::pin(async { Ok(Answer::bytes(StatusCode::OK, JSON, DOCUMENT.clone())) })
}
