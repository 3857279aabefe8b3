//! A problem in the words of the Management API (contract: errors).

use http::{StatusCode, header};
use keyward_core::{
    Problem,
    access::ManagementScope,
    problem::{Conflict, Invalid, Missing, Part, Unauthenticated, UserRefusal},
    secret::without_credentials,
};
use serde_json::{Value, json};

use super::answer::{Answer, etag};

const PAGING: &str = "You can only page through the first 1000 records. See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation";

/// What a caller sees of a problem. Causes stay behind.
pub fn render(problem: &Problem) -> Answer {
    let (status, message, code) = words(problem);
    // Some messages repeat what was sent, and the audit log has this answer.
    let message = without_credentials(&message, &|_| false);
    let reason = status.canonical_reason().unwrap_or_default();
    let mut body = json!({ "statusCode": status.as_u16(), "error": reason, "message": message });
    if let Some(code) = code {
        body["errorCode"] = code.into();
    }
    if let (Problem::Unauthenticated(_), StatusCode::UNAUTHORIZED) = (problem, status) {
        body["attributes"] = json!({ "error": message });
    }
    let answer = match problem {
        Problem::Unauthenticated(Unauthenticated::Missing) => {
            if let Some(body) = body.as_object_mut() {
                body.remove("attributes");
            }
            Answer::json(status, &body)
        }
        Problem::Stale { sent, current } => {
            body["sent"] = sent.clone().into();
            body["current"] = etag(*current).into();
            Answer::json(status, &body).with_version(*current)
        }
        _ => Answer::json(status, &body),
    };
    match problem {
        // No error code when no token was sent (RFC 6750 §3.1).
        Problem::Unauthenticated(Unauthenticated::Missing) => answer.with(header::WWW_AUTHENTICATE, "Bearer"),
        Problem::Unauthenticated(Unauthenticated::Malformed) => {
            answer.with(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_request\"")
        }
        Problem::Unauthenticated(_) => answer.with(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""),
        Problem::Forbidden(_) | Problem::ForbiddenSets(_) => {
            answer.with(header::WWW_AUTHENTICATE, "Bearer error=\"insufficient_scope\"")
        }
        Problem::Unavailable(..) => answer.with(header::RETRY_AFTER, "1"),
        _ => answer,
    }
}

fn words(problem: &Problem) -> (StatusCode, String, Option<&'static str>) {
    match problem {
        Problem::Invalid(invalid) => invalid_words(invalid),
        Problem::Unauthenticated(reason) => unauthenticated_words(*reason),
        Problem::Forbidden(accepted) => {
            let names: Vec<_> = accepted.iter().map(|scope| scope.value()).collect();
            let text = format!("Insufficient scope, expected any of: {}", names.join(","));
            (StatusCode::FORBIDDEN, text, Some("insufficient_scope"))
        }
        Problem::ForbiddenSets(sets) => {
            let set = |set: &&[ManagementScope]| set.iter().map(|s| s.value()).collect::<Vec<_>>().join(" ");
            let text = sets.iter().map(set).collect::<Vec<_>>().join(",");
            let text = format!("Insufficient scope, expected any of: {text}");
            (StatusCode::FORBIDDEN, text, Some("insufficient_scope"))
        }
        Problem::User(refusal) => {
            let (text, code) = user_words(*refusal);
            (StatusCode::BAD_REQUEST, text.to_owned(), Some(code))
        }
        // These belong to other surfaces; here they are only named.
        Problem::RootKey(_)
        | Problem::Insufficient(_)
        | Problem::Unfit(_)
        | Problem::Query(_)
        | Problem::Analytics(..)
        | Problem::Precondition(_)
        | Problem::Malformed(_)
        | Problem::Token(_)
        | Problem::Console(_)
        | Problem::Protected(_) => (StatusCode::BAD_REQUEST, problem.to_string(), None),
        Problem::NotFound(missing) => {
            let (text, code) = missing_words(missing);
            (StatusCode::NOT_FOUND, text, code)
        }
        Problem::Conflict(conflict) => conflict_words(conflict),
        Problem::WrongKind(text) => (StatusCode::BAD_REQUEST, (*text).to_owned(), Some("validation_error")),
        Problem::Subset => (
            StatusCode::BAD_REQUEST,
            "Payload validation error: scope must be a subset of resource server scopes".to_owned(),
            Some("invalid_body"),
        ),
        Problem::Stale { sent, current } => (
            StatusCode::PRECONDITION_FAILED,
            format!(
                "The resource was changed since you read it: you sent version {sent}, the current version is {}. \
                 Read it again and repeat your change",
                etag(*current)
            ),
            Some("version_mismatch"),
        ),
        Problem::System(text) => (StatusCode::BAD_REQUEST, (*text).to_owned(), Some("operation_not_supported")),
        Problem::Limit(text) => (StatusCode::FORBIDDEN, (*text).to_owned(), Some("entity_limit_reached")),
        Problem::TooLarge(limit) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("Payload content length greater than maximum allowed: {limit}"),
            Some("payload_too_large"),
        ),
        Problem::UnsupportedMediaType(given) => (
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Unsupported Media Type: {given}. Send JSON as `application/json`, without a content encoding"),
            Some("unsupported_media_type"),
        ),
        Problem::Unavailable(text, _) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("Not possible right now: {text}"), Some("service_unavailable"))
        }
        Problem::Uncertain(text, _) => {
            let text = format!("{}{}", text[..1].to_uppercase(), &text[1..]);
            (StatusCode::SERVICE_UNAVAILABLE, text, Some("outcome_unknown"))
        }
        Problem::Slow => {
            (StatusCode::REQUEST_TIMEOUT, "The request's body did not come in time".to_owned(), Some("request_timeout"))
        }
        Problem::Internal(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "An internal server error occurred. The log has the cause under this request's id".to_owned(),
            Some("internal_error"),
        ),
    }
}

fn invalid_words(invalid: &Invalid) -> (StatusCode, String, Option<&'static str>) {
    let (kind, code) = match invalid.part {
        Part::Paging => return (StatusCode::BAD_REQUEST, PAGING.to_owned(), Some("invalid_paging")),
        Part::Body => ("Payload", "invalid_body"),
        Part::Query => ("Query", "invalid_query_string"),
        Part::Path => ("Path", "invalid_uri"),
    };
    let place = match (&invalid.property, &invalid.description) {
        (Some(property), Some(description)) => format!(" on property {property} ({description})"),
        (Some(property), None) => format!(" on property {property}"),
        (None, _) => String::new(),
    };
    let text = format!("{kind} validation error: '{}'{place}.", invalid.detail);
    (StatusCode::BAD_REQUEST, text, Some(code))
}

fn unauthenticated_words(reason: Unauthenticated) -> (StatusCode, String, Option<&'static str>) {
    let text = match reason {
        Unauthenticated::Missing => "Missing authentication",
        Unauthenticated::Malformed => {
            let text = "Bad HTTP authentication header format".to_owned();
            return (StatusCode::BAD_REQUEST, text, Some("Bearer"));
        }
        Unauthenticated::Invalid => "Invalid token",
        Unauthenticated::Signature => "Invalid signature received for JSON Web Token validation",
        Unauthenticated::Expired => "Expired token received for JSON Web Token validation",
    };
    (StatusCode::UNAUTHORIZED, text.to_owned(), None)
}

fn user_words(refusal: UserRefusal) -> (&'static str, &'static str) {
    match refusal {
        UserRefusal::Connection => ("Connection does not exist.", "invalid_body"),
        UserRefusal::Username => ("Cannot set username for connection without requires_username.", "invalid_body"),
        UserRefusal::WeakPassword => ("PasswordStrengthError: Password is too weak", "auth0_idp_error"),
        UserRefusal::Permissions => ("No more permissions can be assigned to this user.", "invalid_body"),
    }
}

fn missing_words(missing: &Missing) -> (String, Option<&'static str>) {
    match missing {
        Missing::Route => ("Not Found".to_owned(), None),
        Missing::Api => ("The resource server does not exist".to_owned(), Some("inexistent_resource_server")),
        Missing::Client => ("The client does not exist".to_owned(), Some("inexistent_client")),
        Missing::ClientGrant => ("The grant does not exist.".to_owned(), Some("inexistent_client_grant")),
        Missing::Credential => ("The credential does not exist.".to_owned(), Some("inexistent_credential")),
        Missing::Permission(identifier, value) => (
            format!("This permission does not exist: '{identifier} - {value}'"),
            Some("inexistent_resource_server_permission"),
        ),
        Missing::SigningKey => ("The signing key does not exist.".to_owned(), Some("inexistent_signing_key")),
        Missing::LogEntry => ("Log not found.".to_owned(), Some("inexistent_log")),
        Missing::Role | Missing::RoleNamed(_) => ("The role does not exist.".to_owned(), None),
        Missing::User => ("The user does not exist.".to_owned(), Some("inexistent_user")),
        Missing::Users => ("One or more of the users do not exist.".to_owned(), None),
        Missing::Connection => ("The connection does not exist".to_owned(), Some("inexistent_connection")),
        // The others belong to the keys' API.
        _ => ("Not Found".to_owned(), None),
    }
}

fn conflict_words(conflict: &Conflict) -> (StatusCode, String, Option<&'static str>) {
    match conflict {
        Conflict::ApiIdentifier => (
            StatusCode::CONFLICT,
            "A resource server with the same identifier already exists.".to_owned(),
            Some("resource_conflict"),
        ),
        Conflict::ClientGrant => (
            StatusCode::CONFLICT,
            "A client grant for this client, audience and subject type already exists.".to_owned(),
            Some("resource_conflict"),
        ),
        Conflict::Kid(kid) => (
            StatusCode::CONFLICT,
            format!("The client has a credential with this kid already: '{kid}'"),
            Some("resource_conflict"),
        ),
        Conflict::ReservedIdentifier => {
            (StatusCode::BAD_REQUEST, "The selected identifier is reserved.".to_owned(), Some("invalid_body"))
        }
        Conflict::PermissionValue(identifier, value) => (
            StatusCode::CONFLICT,
            format!("This permission already exists: '{identifier} - {value}'"),
            Some("resource_conflict"),
        ),
        Conflict::RoleName(_) => (StatusCode::CONFLICT, "The role already exists.".to_owned(), None),
        Conflict::ConnectionName => (
            StatusCode::CONFLICT,
            "A connection with the same name already exists".to_owned(),
            Some("resource_conflict"),
        ),
        Conflict::User => (StatusCode::CONFLICT, "The user already exists.".to_owned(), Some("auth0_idp_error")),
        other => (StatusCode::CONFLICT, format!("{other:?}"), Some("resource_conflict")),
    }
}

/// The schema of every error.
pub fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["statusCode", "error", "message"],
        "properties": {
            "statusCode": {"type": "integer"},
            "error": {"type": "string", "description": "The reason phrase of the status"},
            "message": {"type": "string", "description": "What was wrong"},
            "errorCode": {"type": "string", "description": "What was wrong, for programs"},
            "attributes": {"type": "object"},
            "sent": {"type": "string", "description": "The version that the caller had seen"},
            "current": {"type": "string", "description": "The current version"},
        },
        "additionalProperties": false,
    })
}
