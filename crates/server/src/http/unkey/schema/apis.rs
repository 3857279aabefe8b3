//! `apis.*`: what keys are for.

use serde_json::{Value, json};

use super::shared::{
    ID_PATTERN, closed, cursor, empty_envelope, envelope, flag, integer, key_data, limit, list_envelope, nullable,
    string, text, with,
};

fn which() -> Value {
    closed(&["apiId"], json!({"apiId": with(text(8, 255, "Id of the API"), "pattern", ID_PATTERN)}))
}

/// An API that is to be added.
pub fn create_api() -> Value {
    closed(&["name"], json!({"name": text(3, 256, "Name for people; others may have it too")}))
}

/// The id of the API that was added.
pub fn create_api_answer() -> Value {
    envelope(closed(&["apiId"], json!({"apiId": string("Id of the new API")})))
}

/// Which API is read.
pub fn get_api() -> Value {
    which()
}

/// The API that was asked for.
pub fn get_api_answer() -> Value {
    envelope(closed(&["id", "name"], json!({"id": string("Id of the API"), "name": string("Name for people")})))
}

/// What is changed about an API.
pub fn update_api() -> Value {
    with(
        closed(
            &["apiId"],
            json!({
                "apiId": with(text(8, 255, "Id of the API"), "pattern", ID_PATTERN),
                "name": text(3, 256, "Name for people"),
                "ipAllowList": {
                    "type": "array", "maxItems": 1000, "items": {"type": "string", "minLength": 2, "maxLength": 45},
                    "description": "Addresses from which keys may be used; none for any",
                },
                "deleteProtection": flag("Whether the API can't be deleted through this protocol"),
                "defaultPrefix": nullable(with(
                    text(1, 16, "What keys begin with if their creator says nothing"), "pattern", ID_PATTERN,
                )),
                "defaultBytes": nullable(integer(16, 255, "Random bytes of keys if their creator says nothing")),
            }),
        ),
        "minProperties",
        2,
    )
}

/// That the API was changed.
pub fn update_api_answer() -> Value {
    empty_envelope()
}

/// Which API is deleted.
pub fn delete_api() -> Value {
    which()
}

/// That the API is gone, and its keys with it.
pub fn delete_api_answer() -> Value {
    empty_envelope()
}

/// Which page of the keys of an API is read.
pub fn list_keys() -> Value {
    closed(
        &["apiId"],
        json!({
            "apiId": {"type": "string", "minLength": 1, "description": "Id of the API"},
            "limit": limit(100),
            "cursor": cursor(),
            "externalId": {
                "type": "string", "minLength": 1,
                "description": "Only keys that belong to the identity with this id of the caller's own",
            },
            "decrypt": with(flag("Whether the keys themselves are told, if they are kept"), "default", false),
            "revalidateKeysCache": with(flag("Taken for compatibility; has no effect"), "default", false),
        }),
    )
}

/// One page of the keys of the API.
pub fn list_keys_answer() -> Value {
    list_envelope(key_data())
}
