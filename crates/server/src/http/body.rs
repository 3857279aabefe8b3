//! Bodies: how long, in which form, and how they are read.

use std::{
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited, combinators::UnsyncBoxBody};
use keyward_core::{
    Problem,
    problem::{Invalid, Part},
};
use serde_json::Value;

/// What went wrong while a body came in.
#[derive(Debug)]
pub struct BodyError(pub Box<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for BodyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for BodyError {}

/// A body that is still to come.
pub type IncomingBody = UnsyncBoxBody<Bytes, BodyError>;

/// The most bytes, and the longest time, that a refused request's body is read for.
const DRAINED: (usize, Duration) = (1024 * 1024, Duration::from_secs(5));

/// A body that is still to come, for whoever reads it first.
pub struct Unread(Mutex<Option<IncomingBody>>);

impl std::fmt::Debug for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unread")
    }
}

impl Unread {
    /// A body that nobody has read; none when the request has none.
    pub fn new(body: Option<IncomingBody>) -> Self {
        Self(Mutex::new(body))
    }

    /// The body, once.
    pub fn take(&self) -> Option<IncomingBody> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Reads the body away if nobody has read it. Otherwise the connection would be closed under a client that is still
    /// sending, and it would never see its answer. What is too long, or too slow, is left.
    pub async fn drain(&self) {
        let Some(mut body) = self.take() else { return };
        let reading = async {
            let mut left = DRAINED.0;
            while let Some(Ok(frame)) = body.frame().await {
                let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
                left = rest;
            }
        };
        let _ = tokio::time::timeout(DRAINED.1, reading).await;
    }
}

/// A body of this length, in bytes. It is not asked for its end once it is there: that would be one more round through
/// the connection.
///
/// # Errors
/// Why it did not come whole.
pub async fn read_whole<B>(body: B, length: usize) -> Result<Bytes, BodyError>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = pin!(body);
    let mut whole = Bytes::new();
    while whole.len() < length {
        let Some(frame) = body.frame().await else { return Err(BodyError("the body was cut off".into())) };
        let Ok(next) = frame.map_err(|error| BodyError(error.into()))?.into_data() else { continue };
        // Nearly always it comes in one piece.
        whole = if whole.is_empty() { next } else { [whole, next].concat().into() };
    }
    Ok(whole)
}

/// The body as JSON, null when there is none, and its length in bytes.
///
/// # Errors
/// [`Problem::TooLarge`], [`Problem::UnsupportedMediaType`], or [`Problem::Invalid`] when it is not JSON.
pub async fn read_json(
    headers: &HeaderMap,
    body: Option<IncomingBody>,
    limit: usize,
) -> Result<(Value, usize), Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable").trim().to_ascii_lowercase());
    if let Some(encoding) = text(header::CONTENT_ENCODING).filter(|encoding| encoding != "identity") {
        return Err(Problem::UnsupportedMediaType(format!("content encoding {encoding}")));
    }
    if let Some(kind) = text(header::CONTENT_TYPE) {
        let essence = kind.split(';').next().unwrap_or_default().trim();
        if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
            return Err(Problem::UnsupportedMediaType(kind));
        }
    }
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(Problem::TooLarge(limit));
    }
    let Some(body) = body else { return Ok((Value::Null, 0)) };
    let collected = Limited::new(body, limit).collect().await;
    let bytes = match collected {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(Problem::TooLarge(limit)),
        Err(_) => return Err(Problem::Invalid(Invalid::whole(Part::Body, "The body was cut off"))),
    };
    if bytes.is_empty() {
        return Ok((Value::Null, 0));
    }
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        let text = format!("Invalid request payload JSON format: {error}");
        Problem::Invalid(Invalid::whole(Part::Body, text))
    })?;
    Ok((value, bytes.len()))
}
