//! A problem in the words of the keys' API (contract: errors).

use http::{StatusCode, header};
use keyward_core::{
    Problem,
    model::root_key::RootKeyRefusal,
    problem::{Conflict, Missing, Unfit},
};
use serde_json::{Value, json};

use crate::http::{answer::Answer, incoming::Incoming, operation::Operation};

/// Where errors are described.
const BASE: &str = "https://unkey.com/docs/errors/";
const INVALID: &str = "unkey/application/invalid_input";
const ROOT_KEY: &str = "The provided root key is invalid.";
const PROBLEM_JSON: &str = "application/problem+json";
const JSON: &str = "application/json";

/// An error before it is written.
struct Words {
    status: u16,
    title: &'static str,
    kind: &'static str,
    detail: String,
    errors: Vec<Value>,
}

fn words(status: u16, title: &'static str, kind: &'static str, detail: impl Into<String>) -> Words {
    Words { status, title, kind, detail: detail.into(), errors: Vec::new() }
}

/// What a caller sees of a problem. Causes stay behind.
pub fn render(problem: &Problem, row: &Operation, incoming: &Incoming) -> Answer {
    let words = say(problem);
    let mut error = json!({
        "title": words.title, "detail": words.detail, "status": words.status, "type": format!("{BASE}{}", words.kind),
    });
    // The SDKs insist on this member where the contract has it, also when it is empty.
    if matches!(words.status, 400 | 408 | 413) {
        error["errors"] = words.errors.into();
    }
    let body = json!({ "meta": {"requestId": incoming.request_id}, "error": error });
    let status = StatusCode::from_u16(words.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let answer = Answer::bytes(status, media_type(problem, row, incoming), body.to_string().into());
    if words.status == 503 { answer.with(header::RETRY_AFTER, "1") } else { answer }
}

/// SDKs match errors by status and media type (contract: what the SDKs require).
fn media_type(problem: &Problem, row: &Operation, incoming: &Incoming) -> &'static str {
    if row.id == "identities.deleteIdentity" {
        return PROBLEM_JSON;
    }
    if matches!(problem, Problem::Unfit(_) | Problem::RootKey(RootKeyRefusal::Missing)) {
        return JSON;
    }
    let accept = incoming.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let takes = |kind: &str| accept.contains(kind);
    if takes(PROBLEM_JSON) || takes("application/*") || takes("*/*") { PROBLEM_JSON } else { JSON }
}

fn say(problem: &Problem) -> Words {
    match problem {
        Problem::RootKey(refusal) => say_root_key(*refusal),
        Problem::Insufficient(permissions) => {
            let detail = match permissions.as_slice() {
                [only] => format!("Missing permission: '{only}'"),
                several => format!("Missing one of these permissions: {}", several.join(" or ")),
            };
            words(403, "Insufficient Permissions", "unkey/authorization/insufficient_permissions", detail)
        }
        Problem::Unfit(unfit) => say_unfit(unfit),
        Problem::Query(text) => {
            words(400, "Bad Request", "user/bad_request/permissions_query_syntax_error", text.clone())
        }
        Problem::Analytics(code, text) => {
            if code.ends_with("_exceeded") {
                return words(422, "Unprocessable Entity", code, text.clone());
            }
            words(400, "Bad Request", code, text.clone())
        }
        Problem::Invalid(invalid) => words(400, "Bad Request", INVALID, invalid.detail.clone()),
        Problem::Malformed(text) => words(400, "Bad Request", "unkey/authentication/malformed", *text),
        Problem::Precondition(text) => {
            words(412, "Precondition Failed", "unkey/application/precondition_failed", text.clone())
        }
        Problem::Protected(text) => words(412, "Resource is protected", "unkey/application/protected_resource", *text),
        Problem::NotFound(missing) => {
            let (kind, detail) = say_missing(missing);
            words(404, "Not Found", kind, detail)
        }
        Problem::Conflict(conflict) => say_conflict(conflict),
        Problem::Limit(text) | Problem::System(text) => words(400, "Bad Request", INVALID, *text),
        Problem::TooLarge(limit) => words(
            413,
            "Request Entity Too Large",
            "user/bad_request/request_body_too_large",
            format!("The request body exceeds the maximum allowed size of {limit} bytes."),
        ),
        Problem::Slow => {
            words(408, "Request Timeout", "user/bad_request/request_timeout", "The request body did not come in time.")
        }
        Problem::Unavailable(text, _) => words(
            503,
            "Service Unavailable",
            "unkey/application/service_unavailable",
            format!("Not possible right now: {text}."),
        ),
        Problem::Uncertain(text, _) => words(
            503,
            "Service Unavailable",
            "unkey/application/service_unavailable",
            format!("{}{}.", text[..1].to_uppercase(), &text[1..]),
        ),
        // The others belong to the Management API, and to defects.
        Problem::Unauthenticated(_)
        | Problem::Forbidden(_)
        | Problem::Token(_)
        | Problem::Subset
        | Problem::Console(_)
        | Problem::WrongKind(_)
        | Problem::ForbiddenSets(_)
        | Problem::User(_)
        | Problem::Stale { .. }
        | Problem::UnsupportedMediaType(_)
        | Problem::Internal(_) => words(
            500,
            "Internal Server Error",
            "unkey/application/unexpected_error",
            "An internal error occurred. The log has the cause under this request's id.",
        ),
    }
}

fn say_root_key(refusal: RootKeyRefusal) -> Words {
    match refusal {
        RootKeyRefusal::Missing => Words {
            errors: vec![json!({
                "message": "Authorization header was not found", "location": "security",
                "fix": "Add an 'Authorization' header to this request",
            })],
            ..words(400, "Bad Request", INVALID, "Authorization header for 'bearer' scheme")
        },
        RootKeyRefusal::Malformed => words(
            400,
            "Bad Request",
            "unkey/authentication/malformed",
            "You must provide a valid root key in the Authorization header in the format 'Bearer ROOT_KEY'. \
             Your authorization header is missing the 'Bearer ' prefix.",
        ),
        RootKeyRefusal::Unknown => words(
            401,
            "Unauthorized",
            "unkey/authentication/key_not_found",
            format!("{ROOT_KEY} We could not find the requested key."),
        ),
        RootKeyRefusal::Ordinary => words(401, "Unauthorized", "unkey/authentication/key_not_found", ROOT_KEY),
        RootKeyRefusal::Expired(end) => {
            let end = jiff::Timestamp::from_millisecond(end.0).unwrap_or_default();
            words(403, "Forbidden", "unkey/authorization/forbidden", format!("{ROOT_KEY} The key expired at {end}."))
        }
    }
}

fn say_unfit(unfit: &Unfit) -> Words {
    let mut words = words(400, "Bad Request", INVALID, unfit.summary.clone());
    if let Some((message, location)) = &unfit.error {
        let mut error = json!({ "message": message, "location": location });
        if let Some(fix) = unfit.fix {
            error["fix"] = fix.into();
        }
        words.errors.push(error);
    }
    words
}

fn say_missing(missing: &Missing) -> (&'static str, String) {
    let (kind, detail) = match missing {
        Missing::KeyApi { specified: true } => ("unkey/data/api_not_found", "The specified API was not found."),
        Missing::KeyApi { specified: false } | Missing::Api => {
            ("unkey/data/api_not_found", "The requested API does not exist or has been deleted.")
        }
        Missing::Key { specified: false } => ("unkey/data/key_not_found", "We could not find the requested key."),
        Missing::Key { specified: true } => ("unkey/data/key_not_found", "The specified key was not found."),
        Missing::WorkspacePermission | Missing::Permission(..) => {
            ("unkey/data/permission_not_found", "The requested permission does not exist.")
        }
        Missing::Slug(slug) => {
            return ("unkey/data/permission_not_found", format!("Permission '{slug}' was not found."));
        }
        Missing::Role => ("unkey/data/role_not_found", "The requested role does not exist."),
        Missing::RoleNamed(name) => return ("unkey/data/role_not_found", format!("Role '{name}' was not found.")),
        Missing::Identity => ("unkey/data/identity_not_found", "This identity does not exist."),
        Missing::Namespace => ("unkey/data/ratelimit_namespace_not_found", "This namespace does not exist."),
        Missing::Override => ("unkey/data/ratelimit_override_not_found", "This override does not exist."),
        Missing::KeyMigration => {
            ("unkey/data/migration_not_found", "The requested Migration does not exist or has been deleted.")
        }
        Missing::Route
        | Missing::LogEntry
        | Missing::Client
        | Missing::ClientGrant
        | Missing::User
        | Missing::Users
        | Missing::Credential
        | Missing::SigningKey
        | Missing::Connection
        | Missing::Administrator => ("unkey/data/audit_log_not_found", "Not found."),
    };
    (kind, detail.to_owned())
}

fn say_conflict(conflict: &Conflict) -> Words {
    let taken = |kind, detail: String| words(409, "Conflicting Resource", kind, detail);
    match conflict {
        Conflict::Slug(slug) | Conflict::PermissionValue(_, slug) => taken(
            "unkey/data/permission_already_exists",
            format!("A permission with slug '{slug}' already exists in this workspace"),
        ),
        Conflict::RoleName(name) => taken(
            "unkey/data/role_already_exists",
            format!("A role with name '{name}' already exists in this workspace"),
        ),
        Conflict::ExternalId(id) => taken(
            "unkey/data/identity_already_exists",
            format!("Identity with externalId '{id}' already exists in this workspace."),
        ),
        Conflict::AmbiguousSlug(slug, ids) => words(
            400,
            "Bad Request",
            INVALID,
            format!(
                "The slug '{slug}' is the one of several permissions. Name one of them by its id: {}",
                ids.join(", ")
            ),
        ),
        Conflict::ForeignSlug(slug, id, api) => words(
            400,
            "Bad Request",
            INVALID,
            format!(
                "The permission '{slug}' ({id}) belongs to another API: a key of {api} can hold permissions of that \
                 API, and those that belong to none"
            ),
        ),
        Conflict::IdempotencyKey => words(
            400,
            "Bad Request",
            INVALID,
            "The Idempotency-Key was used for another request. Choose another one for this request",
        ),
        Conflict::ApiIdentifier
        | Conflict::ReservedIdentifier
        | Conflict::ClientGrant
        | Conflict::User
        | Conflict::ConnectionName
        | Conflict::Administrator(_)
        | Conflict::Kid(_) => words(400, "Bad Request", INVALID, "The identifier is taken"),
    }
}
