//! Bodies: how long, in which form, and how they are read.

use std::pin::pin;

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
pub async fn read_json(headers: &HeaderMap, body: IncomingBody, limit: usize) -> Result<(Value, usize), Problem> {
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
