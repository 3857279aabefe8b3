//! `keys.*` that make, read, change and end keys.

use keyward_core::model::key::{EXPIRES_MAX, NAME_MAX, PERMISSIONS_MAX, PREFIX_MAX, TEXT_MAX};
use serde_json::{Value, json};

use super::shared::{
    ID_PATTERN, at_least, closed, credits, empty_envelope, envelope, expires, external_id, flag, integer, key_data,
    key_id, list, meta, nullable, open, ratelimits, refill, role_names, slugs, string, text, with,
};

fn permissions(description: &str) -> Value {
    with(slugs(description), "maxItems", PERMISSIONS_MAX)
}

fn key_and_id() -> Value {
    closed(
        &["keyId", "key"],
        json!({"keyId": string("Id of the key"), "key": string("The key itself, shown only here")}),
    )
}

/// A key that is to be made.
pub fn create_key() -> Value {
    closed(
        &["apiId"],
        json!({
            "apiId": with(text(3, 255, "Id of the API that the key is for"), "pattern", ID_PATTERN),
            "prefix": with(text(1, PREFIX_MAX, "What the key begins with, before an underscore"), "pattern", ID_PATTERN),
            "name": text(1, NAME_MAX, "Name for people"),
            "byteLength": {
                "type": "integer", "minimum": 16, "maximum": 255, "default": 16,
                "description": "Random bytes that the key is made of",
            },
            "externalId": external_id("The caller's own id of whom the key belongs to; may be new"),
            "meta": meta("The caller's own data, told at every verification"),
            "roles": role_names("Roles of the key; they must exist"),
            "permissions": permissions("Permissions of the key by itself; those that do not exist are created"),
            "expires": expires(),
            "credits": credits(),
            "ratelimits": ratelimits(),
            "enabled": with(flag("Whether the key may verify at all"), "default", true),
            "recoverable": with(flag("Whether the key is kept, encrypted, to be shown again"), "default", false),
        }),
    )
}

/// The key that was made.
pub fn create_key_answer() -> Value {
    envelope(key_and_id())
}

/// Which key is read.
pub fn get_key() -> Value {
    let decrypt = with(flag("Whether the key itself is told, if it is kept"), "default", false);
    closed(&["keyId"], json!({"keyId": key_id(), "decrypt": decrypt}))
}

/// The key that was asked for.
pub fn get_key_answer() -> Value {
    envelope(key_data())
}

/// The key itself, to learn what it is.
pub fn whoami() -> Value {
    closed(&["key"], json!({"key": text(1, TEXT_MAX, "The key itself, with its prefix")}))
}

/// What the key is.
pub fn whoami_answer() -> Value {
    envelope(key_data())
}

/// A change of a key: what is left out stays, null clears.
pub fn update_key() -> Value {
    let credits = closed(
        &[],
        json!({
            "remaining": nullable(at_least(0, "Credits left; null removes the limit and the refill")),
            "refill": nullable(refill()),
        }),
    );
    closed(
        &["keyId"],
        json!({
            "keyId": key_id(),
            "name": nullable(text(1, NAME_MAX, "Name for people")),
            "externalId": nullable(external_id("The caller's own id of whom the key belongs to; may be new")),
            "meta": nullable(meta("The caller's own data; replaces all of it")),
            "expires": nullable(expires()),
            "credits": nullable(credits),
            "ratelimits": ratelimits(),
            "enabled": flag("Whether the key may verify at all"),
            "roles": role_names("What replaces its roles; they must exist"),
            "permissions": permissions("What replaces its own permissions; those that do not exist are created"),
        }),
    )
}

/// That the key is changed.
pub fn update_key_answer() -> Value {
    empty_envelope()
}

/// Which key is deleted.
pub fn delete_key() -> Value {
    let permanent = with(flag("Whether the record of it is erased as well"), "default", false);
    closed(&["keyId"], json!({"keyId": key_id(), "permanent": permanent}))
}

/// That the key is gone.
pub fn delete_key_answer() -> Value {
    empty_envelope()
}

/// Which key is replaced by a new one that is like it.
pub fn reroll_key() -> Value {
    let expiration = integer(0, EXPIRES_MAX, "How long the old key still verifies, in milliseconds from now");
    open(&["keyId", "expiration"], json!({"keyId": key_id(), "expiration": expiration}))
}

/// The key that takes the place of the old one.
pub fn reroll_key_answer() -> Value {
    envelope(key_and_id())
}

/// A change of the credits of a key.
pub fn update_credits() -> Value {
    closed(
        &["keyId", "operation"],
        json!({
            "keyId": {"type": "string", "minLength": 3, "description": "Id of the key"},
            "value": nullable(at_least(0, "Credits; null, together with `set`, removes the limit and the refill")),
            "operation": {
                "type": "string", "enum": ["set", "increment", "decrement"],
                "description": "What is done with the value; nothing is taken below zero",
            },
        }),
    )
}

/// The credits after the change.
pub fn update_credits_answer() -> Value {
    envelope(credits())
}

/// Keys that were made elsewhere and are known by their hashes.
pub fn migrate_keys() -> Value {
    let key = closed(
        &["hash"],
        json!({
            "hash": {"type": "string", "minLength": 3, "description": "Hash of the key, as the migration makes it"},
            "name": text(1, NAME_MAX, "Name for people"),
            "externalId": text(1, 255, "The caller's own id of whom the key belongs to; may be new"),
            "meta": meta("The caller's own data, told at every verification"),
            "roles": role_names("Roles of the key; those that do not exist are created"),
            "permissions": permissions("Permissions of the key by itself; those that do not exist are created"),
            "expires": expires(),
            "enabled": with(flag("Whether the key may verify at all"), "default", true),
            "credits": credits(),
            "ratelimits": ratelimits(),
        }),
    );
    closed(
        &["migrationId", "apiId", "keys"],
        json!({
            "migrationId": text(3, 255, "Id of the migration, which says how the hashes are made"),
            "apiId": text(3, 255, "Id of the API that the keys are for"),
            "keys": with(list(key, "The keys"), "minItems", 1),
        }),
    )
}

/// Which keys were taken over and which were not.
pub fn migrate_keys_answer() -> Value {
    let migrated = closed(
        &["hash", "keyId"],
        json!({"hash": string("Hash as it was sent"), "keyId": string("Id of the key that it became")}),
    );
    envelope(closed(
        &["migrated", "failed"],
        json!({
            "migrated": list(migrated, "Keys that were taken over"),
            "failed": list(string("Hash as it was sent"), "Hashes that exist already"),
        }),
    ))
}
