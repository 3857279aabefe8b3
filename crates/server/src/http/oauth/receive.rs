//! From a request of the authorization server to its handler: the parameters of a form or of JSON (contract: rules for
//! all endpoints).

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyward_core::{Problem, access::ManagementScopes, model::WorkspaceNumber, problem::TokenRefusal};
use serde_json::{Map, Value};

use crate::{
    app::{App, Call},
    http::{
        answer::{Answer, Rendered},
        body::Unread,
        dispatch::{answer_in_time, no_actor},
        incoming::{Incoming, kept, origin},
        operation::{Operation, Request},
    },
    members::Members,
    service::misplaced,
};

/// The longest body, in bytes.
const LONGEST: usize = 64 * 1024;

/// The length of the body, in bytes, of a request that looks like nearly all of them: not large, and with whoever asks
/// in its body.
pub(in crate::http) fn usual_length(headers: &HeaderMap) -> Option<usize> {
    let usual = headers.contains_key(header::CONTENT_TYPE) && !headers.contains_key(header::AUTHORIZATION);
    let length: usize = headers.get(header::CONTENT_LENGTH).filter(|_| usual)?.to_str().ok()?.parse().ok()?;
    (length <= LONGEST).then_some(length)
}

/// Reads a request's parameters, and carries it out.
pub(in crate::http) async fn carry_out(
    app: &Arc<App>,
    row: &'static Operation,
    incoming: &Arc<Incoming>,
    body: &Unread,
) -> Result<Answer, Problem> {
    let limit = Duration::from_secs(app.limits.request_seconds);
    let read = tokio::time::timeout(limit, read(body)).await.unwrap_or(Err(Problem::Slow))?;
    let mut parameters = Value::Object(parameters(&incoming.headers, &read)?);
    app.lease.check()?;
    let view = Arc::clone(&app.view());
    let mut origin = origin(row, incoming);
    misplaced::hide(&mut parameters, &view.snapshot, WorkspaceNumber::FIRST);
    misplaced::hide(&mut origin.query, &view.snapshot, WorkspaceNumber::FIRST);
    origin.body = kept(&parameters, read.len());
    let call = Call {
        app: Arc::clone(app),
        workspace: WorkspaceNumber::FIRST,
        actor: no_actor(),
        origin: Arc::new(origin),
        now: app.clock.now(),
        action: (row.audit.unwrap_or(row.summary), row.success.0),
        scopes: ManagementScopes::default(),
        root_key: None,
        repeatable: None,
        session: None,
    };
    let request = Request {
        view,
        call,
        segments: Vec::new(),
        query: Map::new(),
        body: parameters,
        incoming: Arc::clone(incoming),
        rendered: Rendered::none(),
    };
    answer_in_time(row, request).await
}

async fn read(body: &Unread) -> Result<Vec<u8>, Problem> {
    let Some(body) = body.take() else { return Ok(Vec::new()) };
    match Limited::new(body, LONGEST).collect().await {
        Ok(whole) => Ok(whole.to_bytes().to_vec()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::TooLarge(LONGEST)),
        Err(_) => Err(malformed("The body was cut off")),
    }
}

fn malformed(text: impl Into<String>) -> Problem {
    Problem::Token(TokenRefusal::Request(text.into()))
}

/// Where a body stops being one. What stands there may be a secret, so it is not repeated.
fn unread(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    format!("The body is not a JSON object of texts with each name once: line {line}, column {column}")
}

/// The parameters by their names. An empty one is as good as none, and one that is sent twice is refused (RFC 6749 §3.2).
fn parameters(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut parameters = Map::new();
    match essence.as_str() {
        "application/json" => {
            let body: Members<Option<String>> =
                serde_json::from_slice(body).map_err(|error| malformed(unread(&error)))?;
            parameters = body.map;
        }
        "application/x-www-form-urlencoded" => {
            let text = std::str::from_utf8(body).map_err(|_| malformed("The body is not UTF-8"))?;
            for (name, value) in form_urlencoded::parse(text.as_bytes()) {
                if parameters.insert(name.clone().into_owned(), value.into_owned().into()).is_some() {
                    return Err(malformed(format!("Repeated parameter: {name}")));
                }
            }
        }
        _ if body.is_empty() => {}
        _ => return Err(malformed("The body must be application/x-www-form-urlencoded or application/json")),
    }
    parameters.retain(|_, value| value.as_str().is_some_and(|text| !text.is_empty()));
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::json;

    use super::*;

    fn read(kind: &'static str, body: &str) -> Option<Value> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        parameters(&headers, body.as_bytes()).ok().map(Value::Object)
    }

    #[test]
    fn parameters_come_as_a_form_or_as_json() {
        let (form, json) = ("application/x-www-form-urlencoded", "application/json");
        assert_eq!(read(form, "a=1+2&b=%3D&c="), Some(json!({ "a": "1 2", "b": "=" })));
        assert_eq!(read("application/json; charset=utf-8", r#"{"a":"1","b":null}"#), Some(json!({ "a": "1" })));
        assert_eq!(read(form, "a=1&a=1"), None, "twice");
        assert_eq!(read(form, "a=&a="), None, "twice, also if empty");
        assert_eq!(read(json, r#"{"a":"1","a":"2"}"#), None, "twice");
        assert_eq!(read(json, r#"{"scope":["a"]}"#), None, "not a text");
        assert_eq!(read(json, r#"{"a":1}"#), None, "not a text");
        assert_eq!(read("text/plain", "a=1"), None, "neither");
    }
}
