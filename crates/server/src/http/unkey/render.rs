//! The objects that several operations answer with (contract: shared objects). What is empty is left out.

use std::collections::BTreeSet;

use keyward_core::{
    model::{identity::Identity, key::Credits, limit::NamedLimit, permission::Permission, role::Role},
    refill::{Interval, Refill},
    secret::Secret,
    snapshot::Snapshot,
    verify::Held,
};
use serde_json::{Value, json};

use crate::service::{key::KeyData, role, slug};

/// A permission.
pub fn permission(permission: &Permission) -> Value {
    let mut shown = json!({
        "id": permission.id, "name": slug::name(permission), "slug": permission.value.as_str(),
    });
    if let Some(text) = permission.description.as_ref().filter(|text| !text.is_empty()) {
        shown["description"] = text.clone().into();
    }
    shown
}

/// A role with what it gives at this moment.
pub fn role(snapshot: &Snapshot, found: &Role) -> Value {
    let mut shown = json!({ "id": found.key_id(), "name": found.name });
    if let Some(text) = &found.description {
        shown["description"] = text.clone().into();
    }
    let permissions: Vec<Value> = role::permissions(snapshot, found).into_iter().map(permission).collect();
    if !permissions.is_empty() {
        shown["permissions"] = permissions.into();
    }
    shown
}

/// Limits with a name.
pub fn limits(limits: &[NamedLimit]) -> Value {
    serde_json::to_value(limits).unwrap_or_default()
}

/// Meta data as it was stored.
pub fn meta(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// An identity.
pub fn identity(identity: &Identity) -> Value {
    let mut shown = json!({ "id": identity.id, "externalId": identity.external_id });
    if let Some(text) = &identity.meta {
        shown["meta"] = meta(text);
    }
    if !identity.limits.is_empty() {
        shown["ratelimits"] = limits(&identity.limits);
    }
    shown
}

fn refill(refill: Refill) -> Value {
    match refill.interval {
        Interval::Daily => json!({ "interval": "daily", "amount": refill.amount }),
        Interval::Monthly { day } => json!({ "interval": "monthly", "amount": refill.amount, "refillDay": day }),
    }
}

/// Credits; null stands for any number of uses.
pub fn credits(credits: Option<&Credits>) -> Value {
    let mut shown = json!({ "remaining": credits.map(|credits| credits.remaining) });
    if let Some(found) = credits.and_then(|credits| credits.refill) {
        shown["refill"] = refill(found);
    }
    shown
}

/// A key with all that is shown of it.
pub fn key(snapshot: &Snapshot, data: &KeyData) -> Value {
    let key = &data.key;
    let mut shown = json!({
        "keyId": key.id, "start": key.start, "enabled": key.enabled, "createdAt": key.created_at.0,
    });
    let known = keyward_core::model::key::KnownKey::of(key.clone(), snapshot.revision());
    let held = Held::of(snapshot, &known);
    let slugs: BTreeSet<&str> = held.permissions.iter().map(|permission| permission.value.as_str()).collect();
    let roles: BTreeSet<&str> = held.roles.iter().map(|role| role.name.as_str()).collect();
    let optional = [
        ("name", key.name.clone().map(Value::from)),
        ("meta", key.meta.as_deref().map(meta)),
        ("updatedAt", key.updated_at.map(|time| time.0.into())),
        ("lastUsedAt", key.last_used_at.map(|time| time.0.into())),
        ("expires", key.expires_at.filter(|time| time.0 > 0).map(|time| time.0.into())),
        ("permissions", (!slugs.is_empty()).then(|| json!(slugs))),
        ("roles", (!roles.is_empty()).then(|| json!(roles))),
        ("credits", data.credits.as_ref().map(|found| credits(Some(found)))),
        ("identity", data.identity.as_ref().map(identity)),
        ("plaintext", data.text.as_ref().and_then(Secret::expose_text).map(Value::from)),
        ("ratelimits", (!key.limits.is_empty()).then(|| limits(&key.limits))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            shown[name] = value;
        }
    }
    shown
}
