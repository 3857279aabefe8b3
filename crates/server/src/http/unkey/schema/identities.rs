//! `identities.*`: whom keys belong to.

use serde_json::{Value, json};

use super::shared::{
    bare_envelope, closed, cursor, envelope, external_id, identity, limit, list_envelope, meta, open, ratelimits,
    search, string,
};

fn reference() -> Value {
    json!({"type": "string", "minLength": 1, "description": "Id of the identity, or the caller's own id of it"})
}

/// An identity that is to be added.
pub fn create_identity() -> Value {
    open(
        &["externalId"],
        json!({
            "externalId": external_id("The caller's own id; no other identity has it"),
            "meta": meta("The caller's own data, told at every verification"),
            "ratelimits": ratelimits(),
        }),
    )
}

/// The id of the identity that was added.
pub fn create_identity_answer() -> Value {
    envelope(closed(&["identityId"], json!({"identityId": string("Id of the new identity")})))
}

/// Which identity is read.
pub fn get_identity() -> Value {
    closed(&["identity"], json!({"identity": reference()}))
}

/// The identity that was asked for.
pub fn get_identity_answer() -> Value {
    envelope(identity())
}

/// Which page of the identities is read.
pub fn list_identities() -> Value {
    let search = search("Part of an id or of the caller's own id, in whatever case");
    closed(&[], json!({"limit": limit(100), "cursor": cursor(), "search": search}))
}

/// One page of the identities.
pub fn list_identities_answer() -> Value {
    list_envelope(identity())
}

/// A change of an identity; what is left out stays as it is.
pub fn update_identity() -> Value {
    closed(
        &["identity"],
        json!({
            "identity": reference(),
            "meta": meta("The caller's own data; replaces all of it"),
            "ratelimits": ratelimits(),
        }),
    )
}

/// The identity after the change.
pub fn update_identity_answer() -> Value {
    envelope(identity())
}

/// Which identity is deleted.
pub fn delete_identity() -> Value {
    closed(&["identity"], json!({"identity": reference()}))
}

/// That the identity is gone.
pub fn delete_identity_answer() -> Value {
    bare_envelope()
}
