//! `keys.verifyKey`: whether a key lets its holder in.

use keyward_core::model::key::{QUERY_MAX, TEXT_MAX};
use serde_json::{Value, json};

use super::shared::{at_least, closed, envelope, flag, identity, integer, list, open, string, text, time, with};

/// A key and what it is to be good for.
pub fn verify_key() -> Value {
    let cost = integer(0, 1_000_000_000_000, "Credits to spend; 0 spends none and asks for none");
    let ratelimit = open(
        &["name"],
        json!({
            "name": text(3, 255, "Name of a rate limit of the key or its identity, or of one for this call"),
            "cost": with(at_least(0, "How much this call counts"), "default", 1),
            "limit": at_least(0, "Cost admitted within one window; together with `duration`, a limit for this call"),
            "duration": at_least(0, "Length of the window in milliseconds; only together with `limit`"),
        }),
    );
    closed(
        &["key"],
        json!({
            "key": text(1, TEXT_MAX, "The key itself, with its prefix"),
            "tags": with(list(text(1, 512, "Tag"), "What to count this call under"), "maxItems", 20),
            "permissions": text(1, QUERY_MAX, "Slugs the key must hold, joined by AND, OR and parentheses"),
            "credits": closed(&["cost"], json!({"cost": cost})),
            "ratelimits": list(ratelimit, "Rate limits to check besides those that apply by themselves"),
            "migrationId": {
                "type": "string", "maxLength": 256,
                "description": "Id of the migration that the key may still be waiting for",
            },
        }),
    )
}

/// The verdict on the key, which is an answer like any other even when it is no.
pub fn verify_key_answer() -> Value {
    let codes = [
        "VALID",
        "NOT_FOUND",
        "FORBIDDEN",
        "INSUFFICIENT_PERMISSIONS",
        "USAGE_EXCEEDED",
        "RATE_LIMITED",
        "DISABLED",
        "EXPIRED",
    ];
    let ratelimit = closed(
        &["id", "exceeded", "name", "limit", "duration", "reset", "remaining", "autoApply"],
        json!({
            "id": string("Id of the rate limit; empty for one that the call brought"),
            "exceeded": flag("Whether this limit refused the call"),
            "name": string("Name of the rate limit"),
            "limit": at_least(0, "Cost admitted within one window"),
            "duration": at_least(0, "Length of the window in milliseconds"),
            "reset": time("When the current window ends"),
            "remaining": at_least(0, "Cost still admitted"),
            "autoApply": flag("Whether every verification is counted, asked for or not"),
        }),
    );
    envelope(closed(
        &["valid", "code"],
        json!({
            "valid": flag("Whether the key lets its holder in"),
            "code": {"type": "string", "enum": codes, "description": "Why, or why not"},
            "keyId": string("Id of the key"),
            "name": string("Name for people"),
            "meta": {"type": "object", "additionalProperties": true, "description": "The caller's own data"},
            "expires": time("When the key stops to verify"),
            "credits": at_least(0, "Credits left; left out when there is no limit"),
            "enabled": flag("Whether the key may verify at all; left out when it was not found"),
            "permissions": list(string("Slug of a permission"), "Permissions, its own and those of its roles"),
            "missingPermissions": list(
                string("Slug of a permission"),
                "With `INSUFFICIENT_PERMISSIONS`: what was asked for and the key does not hold",
            ),
            "roles": list(string("Name of a role"), "Roles"),
            "identity": identity(),
            "ratelimits": list(ratelimit, "Rate limits that were checked"),
        }),
    ))
}
