//! What the schemas are made of: envelopes, the objects that several operations share, and the pieces of those.

use keyward_core::model::key::{EXPIRES_MAX, OWNER_MAX, ROLES_MAX};
use serde_json::{Value, json};

/// What an id of a key or an API is written with.
pub const ID_PATTERN: &str = "^[a-zA-Z0-9_]+$";
/// What a slug of a permission is written with; the asterisk is a character like any other.
pub const SLUG_PATTERN: &str = r"^[a-zA-Z0-9_:\-\.\*]+$";
/// What the caller's own id of an identity is written with.
pub const EXTERNAL_ID_PATTERN: &str = "^[a-zA-Z0-9_.-]+$";
/// The most properties of metadata, counted at the top.
pub const META_MAX: u64 = 100;

/// An object that takes properties it does not know.
pub fn open(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({"type": "object"});
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema["properties"] = properties;
    schema
}

/// An object that takes only the properties it knows.
pub fn closed(required: &[&str], properties: Value) -> Value {
    let mut schema = open(required, properties);
    schema["additionalProperties"] = json!(false);
    schema
}

/// The same schema and one more keyword.
pub fn with(mut schema: Value, keyword: &str, value: impl Into<Value>) -> Value {
    schema[keyword] = value.into();
    schema
}

/// The same schema, which also takes null.
pub fn nullable(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"].take(), "null"]);
    schema
}

/// A string of any length.
pub fn string(description: &str) -> Value {
    json!({"type": "string", "description": description})
}

/// A string whose length, in characters, has bounds.
pub fn text(shortest: u64, longest: u64, description: &str) -> Value {
    json!({"type": "string", "minLength": shortest, "maxLength": longest, "description": description})
}

/// A whole number between two others.
pub fn integer(minimum: i64, maximum: i64, description: &str) -> Value {
    json!({"type": "integer", "format": "int64", "minimum": minimum, "maximum": maximum, "description": description})
}

/// A whole number from a minimum up to what 64 bits hold.
pub fn at_least(minimum: i64, description: &str) -> Value {
    integer(minimum, i64::MAX, description)
}

/// A moment of an answer.
pub fn time(description: &str) -> Value {
    json!({"type": "integer", "format": "int64", "description": format!("{description}, in Unix milliseconds")})
}

/// Yes or no.
pub fn flag(description: &str) -> Value {
    json!({"type": "boolean", "description": description})
}

/// A list of any length.
pub fn list(items: Value, description: &str) -> Value {
    let mut schema = json!({"type": "array", "items": null, "description": description});
    schema["items"] = items;
    schema
}

fn meta_of_answer() -> Value {
    closed(&["requestId"], json!({"requestId": string("Id of this request, also in the server's log")}))
}

/// A whole answer that carries one value.
pub fn envelope(data: Value) -> Value {
    let mut schema = closed(&["meta", "data"], json!({"meta": meta_of_answer(), "data": null}));
    schema["properties"]["data"] = data;
    schema
}

/// A whole answer that carries one page of a list.
pub fn list_envelope(items: Value) -> Value {
    let pagination = closed(
        &["hasMore"],
        json!({
            "cursor": text(1, 1024, "Where the next page starts; only sent when there is one"),
            "hasMore": flag("Whether there is a next page"),
        }),
    );
    let mut schema = envelope(list(items, "This page, ordered by id"));
    schema["required"] = json!(["meta", "data", "pagination"]);
    schema["properties"]["pagination"] = pagination;
    schema
}

/// A whole answer that says no more than that it is done.
pub fn empty_envelope() -> Value {
    envelope(json!({"type": "object", "additionalProperties": false}))
}

/// A whole answer without any data, not even an empty object.
pub fn bare_envelope() -> Value {
    closed(&["meta"], json!({"meta": meta_of_answer()}))
}

/// A whole refusal.
pub fn error() -> Value {
    let problem = closed(
        &["location", "message"],
        json!({
            "location": string("Path of the keyword of the schema that refused"),
            "message": string("What that keyword says"),
            "fix": string("What would help"),
        }),
    );
    let error = closed(
        &["title", "detail", "status", "type"],
        json!({
            "title": string("Kind of refusal, in a few words"),
            "detail": string("What was refused and why"),
            "status": {"type": "integer", "description": "Status of the response"},
            "type": string("Address that stands for this kind of refusal"),
            "errors": list(problem, "What is wrong with the request; always sent with status 400, possibly empty"),
        }),
    );
    closed(&["meta", "error"], json!({"meta": meta_of_answer(), "error": error}))
}

/// Id of a key that is to be found.
pub fn key_id() -> Value {
    with(text(3, 255, "Id of the key"), "pattern", ID_PATTERN)
}

/// Slug of a permission that a request brings.
pub fn slug(description: &str) -> Value {
    with(text(1, 128, description), "pattern", SLUG_PATTERN)
}

/// Slugs of permissions that a request brings, as many as there are.
pub fn slugs(description: &str) -> Value {
    list(slug("Slug of a permission"), description)
}

/// Names of at most 100 roles that a request brings.
pub fn role_names(description: &str) -> Value {
    with(list(text(1, 128, "Name of a role"), description), "maxItems", ROLES_MAX)
}

/// The caller's own id of an identity.
pub fn external_id(description: &str) -> Value {
    with(text(1, OWNER_MAX, description), "pattern", EXTERNAL_ID_PATTERN)
}

/// Metadata that a request brings.
pub fn meta(description: &str) -> Value {
    json!({
        "type": "object", "maxProperties": META_MAX, "additionalProperties": true, "description": description,
    })
}

/// Moment from which a key no longer verifies, as a request brings it.
pub fn expires() -> Value {
    integer(0, EXPIRES_MAX, "When the key stops to verify, in Unix milliseconds")
}

/// How many rows a page has at most.
pub fn limit(default: u64) -> Value {
    json!({
        "type": "integer", "minimum": 1, "maximum": 100, "default": default, "description": "Most rows of this page",
    })
}

/// Where a page starts.
pub fn cursor() -> Value {
    string("Where to start: `pagination.cursor` of the page before")
}

/// A part of what is looked for.
pub fn search(description: &str) -> Value {
    json!({"type": "string", "maxLength": 256, "description": description})
}

/// When and to what the credits of a key are filled up.
pub fn refill() -> Value {
    closed(
        &["interval", "amount"],
        json!({
            "interval": {"type": "string", "enum": ["daily", "monthly"], "description": "How often, at midnight UTC"},
            "amount": at_least(1, "Credits after the refill, unless there are more already"),
            "refillDay": {
                "type": "integer", "minimum": 1, "maximum": 31,
                "description": "Day of a monthly refill; the last day of a month that is shorter",
            },
        }),
    )
}

/// The credits of a key, in requests and answers alike.
pub fn credits() -> Value {
    closed(
        &["remaining"],
        json!({"remaining": nullable(at_least(0, "Credits left; null when there is no limit")), "refill": refill()}),
    )
}

/// At most 50 rate limits that a request brings for a key or an identity.
pub fn ratelimits() -> Value {
    let ratelimit = open(
        &["name", "limit", "duration", "autoApply"],
        json!({
            "name": text(3, 128, "Name that a verification can ask for"),
            "limit": at_least(1, "Cost admitted within one window"),
            "duration": at_least(1000, "Length of the window in milliseconds"),
            "autoApply": flag("Whether every verification is counted, asked for or not"),
        }),
    );
    with(list(ratelimit, "Rate limits, each with a name of its own"), "maxItems", 50)
}

/// A rate limit of a key or an identity.
pub fn ratelimit() -> Value {
    closed(
        &["id", "name", "limit", "duration", "autoApply"],
        json!({
            "id": string("Id of the rate limit"),
            "name": string("Name that a verification can ask for"),
            "limit": at_least(0, "Cost admitted within one window"),
            "duration": at_least(0, "Length of the window in milliseconds"),
            "autoApply": flag("Whether every verification is counted, asked for or not"),
        }),
    )
}

/// A permission.
pub fn permission() -> Value {
    closed(
        &["id", "name", "slug"],
        json!({
            "id": string("What stays when the permission is renamed"),
            "name": string("Name for people"),
            "slug": string("What keys hold and verifications ask for"),
            "description": string("What the permission is about"),
        }),
    )
}

/// A role.
pub fn role() -> Value {
    closed(
        &["id", "name"],
        json!({
            "id": string("What stays when the role is renamed"),
            "name": string("Name of the role"),
            "description": string("What the role is about"),
            "permissions": list(permission(), "Permissions that the role gives; left out when there are none"),
        }),
    )
}

/// An identity: whom the caller knows under a name of its own.
pub fn identity() -> Value {
    closed(
        &["id", "externalId"],
        json!({
            "id": string("Id of the identity"),
            "externalId": string("The caller's own id of it"),
            "meta": {"type": "object", "additionalProperties": true, "description": "The caller's own data"},
            "ratelimits": list(ratelimit(), "Rate limits that all keys of the identity share"),
        }),
    )
}

/// A key as it is read, without what would let its holder in.
pub fn key_data() -> Value {
    closed(
        &["keyId", "start", "createdAt", "enabled"],
        json!({
            "keyId": string("Id of the key"),
            "start": string("How the key begins; empty when that is not known"),
            "enabled": flag("Whether the key may verify at all"),
            "name": string("Name for people"),
            "meta": {"type": "object", "additionalProperties": true, "description": "The caller's own data"},
            "createdAt": time("When the key was created"),
            "updatedAt": time("When the key was last changed"),
            "lastUsedAt": time("When the key was last verified"),
            "expires": time("When the key stops to verify"),
            "permissions": list(string("Slug of a permission"), "Permissions, its own and those of its roles"),
            "roles": list(string("Name of a role"), "Roles"),
            "credits": credits(),
            "identity": identity(),
            "plaintext": string("The key itself, if it is kept and was asked for"),
            "ratelimits": list(ratelimit(), "Rate limits of the key by itself"),
        }),
    )
}
