//! A problem in the words of the authorization server (RFC 6749 §5.2; contract: error catalogue).

use http::{HeaderName, HeaderValue, StatusCode, header};
use keyward_core::{Problem, problem::TokenRefusal};
use serde_json::{Value, json};

use crate::{
    config::ErrorStatus,
    http::answer::{Answer, JSON},
};

/// Which status and error each profile has, and the text.
struct Words {
    /// As the original answers.
    auth0: (u16, &'static str),
    /// As RFC 6749 has it.
    rfc6749: (u16, &'static str),
    text: String,
}

fn both(status: u16, error: &'static str, text: impl Into<String>) -> Words {
    Words { auth0: (status, error), rfc6749: (status, error), text: text.into() }
}

fn differ(auth0: (u16, &'static str), rfc6749: (u16, &'static str), text: impl Into<String>) -> Words {
    Words { auth0, rfc6749, text: text.into() }
}

/// What a caller sees of a problem. Causes stay behind.
pub fn render(problem: &Problem, profile: ErrorStatus) -> Answer {
    let words = words(problem);
    let ((status, error), text) = match profile {
        ErrorStatus::Auth0 => (words.auth0, words.text),
        // RFC 6749 has neither of them in a description.
        ErrorStatus::Rfc6749 => (words.rfc6749, words.text.replace(['"', '\\'], "'")),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = json!({ "error": error, "error_description": text });
    let answer = private(Answer::json(status, &body));
    match problem {
        Problem::Token(TokenRefusal::Client { in_header: true }) => answer.with(header::WWW_AUTHENTICATE, "Basic"),
        Problem::Token(TokenRefusal::TooMany(wait)) => answer
            .with(header::RETRY_AFTER, &wait.seconds.to_string())
            .with(HeaderName::from_static("x-ratelimit-limit"), &wait.limit.to_string())
            .with(HeaderName::from_static("x-ratelimit-remaining"), "0")
            .with(HeaderName::from_static("x-ratelimit-reset"), &wait.reset.to_string()),
        Problem::Token(TokenRefusal::Method(allowed)) => answer.with(header::ALLOW, allowed),
        Problem::Unavailable(..) => answer.with(header::RETRY_AFTER, "1"),
        _ => answer,
    }
}

/// An answer that nobody on the way may keep.
pub fn private(mut answer: Answer) -> Answer {
    answer.headers.reserve(2);
    answer.headers.push((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    answer.headers.push((header::PRAGMA, HeaderValue::from_static("no-cache")));
    answer
}

/// A token's answer.
pub fn answer(body: Vec<u8>) -> Answer {
    private(Answer::bytes(StatusCode::OK, JSON, body.into()))
}

fn words(problem: &Problem) -> Words {
    match problem {
        Problem::Token(refusal) => say(refusal),
        Problem::TooLarge(limit) => both(413, "invalid_request", format!("The body is longer than {limit} bytes")),
        Problem::Slow => both(408, "invalid_request", "The request's body did not come in time"),
        Problem::Unavailable(text, _) => {
            both(503, "temporarily_unavailable", format!("Not possible right now: {text}"))
        }
        Problem::Uncertain(text, _) => both(503, "temporarily_unavailable", *text),
        // The others belong to other surfaces, and to defects.
        _ => both(500, "server_error", "An internal error occurred. The log has the cause under this request's id"),
    }
}

fn say(refusal: &TokenRefusal) -> Words {
    const DENIED: &str = "access_denied";
    match refusal {
        TokenRefusal::Request(text) => both(400, "invalid_request", text.clone()),
        TokenRefusal::Missing(name) => both(400, "invalid_request", format!("Missing required parameter: {name}")),
        TokenRefusal::UnknownGrant(grant) => {
            both(400, "unsupported_grant_type", format!("Unsupported grant type: {grant}"))
        }
        TokenRefusal::GrantNotAllowed(grant) => differ(
            (403, "unauthorized_client"),
            (400, "unauthorized_client"),
            format!("Grant type '{grant}' not allowed for the client."),
        ),
        TokenRefusal::Client { .. } => differ((401, DENIED), (401, "invalid_client"), "Unauthorized"),
        TokenRefusal::NoClient => differ((401, "invalid_client"), (400, "invalid_client"), "Missing client_id"),
        TokenRefusal::NoAudience => {
            differ((403, DENIED), (400, "invalid_request"), "Non-global clients are not allowed access to APIv1")
        }
        TokenRefusal::UnknownAudience(audience) => {
            differ((403, DENIED), (400, "invalid_target"), format!("Service not found: {audience}"))
        }
        TokenRefusal::NotAuthorized(audience) => differ(
            (403, DENIED),
            (400, "unauthorized_client"),
            format!(
                "Client is not authorized to access \"{audience}\". You need to create a \"client-grant\" associated \
                 to this API."
            ),
        ),
        TokenRefusal::BadScope => {
            both(400, "invalid_scope", "scope is a list of at most 200 words of printable ASCII, separated by spaces")
        }
        TokenRefusal::Scopes(scopes) => differ(
            (403, DENIED),
            (400, "invalid_scope"),
            format!("Client has not been granted scopes: {}", scopes.join(", ")),
        ),
        TokenRefusal::TooMany(wait) => both(
            429,
            "too_many_attempts",
            format!("Too many failed attempts to authenticate this client. Try again in {} seconds", wait.seconds),
        ),
        TokenRefusal::Method(allowed) => both(405, "invalid_request", format!("Only {allowed} is answered here")),
    }
}

/// The schema of every error of the authorization server.
pub fn schema() -> Value {
    json!({
        "type": "object", "required": ["error", "error_description"], "additionalProperties": false,
        "properties": {
            "error": {"type": "string", "description": "What was wrong, for programs"},
            "error_description": {"type": "string", "description": "What was wrong"},
        },
    })
}
