//! The envelope of every answer (contract: response envelope).

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::http::{answer::Answer, operation::Request};

/// The media type of answers.
pub const JSON: &str = "application/json";

fn whole(value: &Value) -> Answer {
    Answer::bytes(StatusCode::OK, JSON, Bytes::from(value.to_string()))
}

/// An answer with this data.
#[expect(clippy::needless_pass_by_value, reason = "callers make the value on the spot")]
pub fn data(request: &Request, data: Value) -> Answer {
    whole(&json!({ "meta": {"requestId": request.incoming.request_id}, "data": data }))
}

/// An answer without data.
pub fn bare(request: &Request) -> Answer {
    whole(&json!({ "meta": {"requestId": request.incoming.request_id} }))
}

/// One page of a list, and where the next one begins.
pub fn page(request: &Request, items: Vec<Value>, next: Option<String>) -> Answer {
    let mut pagination = json!({ "hasMore": next.is_some() });
    if let Some(cursor) = next {
        pagination["cursor"] = cursor.into();
    }
    whole(&json!({
        "meta": {"requestId": request.incoming.request_id}, "data": Value::Array(items), "pagination": pagination,
    }))
}
