//! What an audit entry shows of a change: the fields that differ, as they were and as they are.

use std::{collections::HashMap, sync::Arc};

use keyward_core::{
    model::{
        api::Api,
        permission::{Difference, Permission},
    },
    snapshot::ApiEntry,
};
use serde_json::{Map, Value, json};

/// More permissions than this are not repeated in an entry's answer; they stand in what changed.
const ANSWER_PERMISSIONS: usize = 200;

/// A permission in an audit entry.
pub(crate) fn permission(permission: &Permission) -> Value {
    match &permission.description {
        Some(text) => json!({ "id": permission.id, "value": permission.value.as_str(), "description": text }),
        None => json!({ "id": permission.id, "value": permission.value.as_str() }),
    }
}

/// An API with its permissions, whole.
pub(crate) fn whole(entry: &ApiEntry) -> Value {
    let mut fields = entry.api.describe();
    fields.insert("scopes".to_owned(), entry.permissions.iter().map(|p| permission(p)).collect());
    Value::Object(fields)
}

/// What was answered, without secrets.
pub(crate) fn answer(entry: &ApiEntry) -> Value {
    if entry.permissions.len() <= ANSWER_PERMISSIONS { whole(entry) } else { Value::Object(entry.api.describe()) }
}

/// The fields that differ, before and after.
pub(crate) fn fields(before: &Map<String, Value>, after: &Map<String, Value>) -> (Value, Value) {
    let only = |one: &Map<String, Value>, other: &Map<String, Value>| -> Value {
        let differ = one.iter().filter(|(name, value)| other.get(*name) != Some(*value));
        Value::Object(differ.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    (only(before, after), only(after, before))
}

/// What changed: before and after. What goes is described already, with those who lose it.
pub(crate) fn of(
    before: &Api,
    after: &Api,
    stored: &[Arc<Permission>],
    difference: &Difference,
    (gone, added): (Vec<Value>, &[Permission]),
) -> (Value, Value) {
    let (mut old, mut new) = fields(&before.describe(), &after.describe());
    if before.signing_secret != after.signing_secret {
        new["signing_secret"] = "[changed]".into();
    }
    if !difference.is_empty() {
        let now: HashMap<_, _> = difference.changed.iter().map(|p| (p.number, p)).collect();
        let were = stored.iter().filter_map(|p| now.get(&p.number).map(|new| changed(p, new)));
        let were = gone.into_iter().chain(were.map(|(old, _)| old));
        let are = stored.iter().filter_map(|p| now.get(&p.number).map(|new| changed(p, new).1));
        old["scopes"] = were.collect();
        new["scopes"] = added.iter().map(permission).chain(are).collect();
    }
    (old, new)
}

/// A permission before and after; its place only where that is what changed.
fn changed(old: &Permission, new: &Permission) -> (Value, Value) {
    let (mut before, mut after) = (permission(old), permission(new));
    if old.position != new.position {
        before["position"] = old.position.into();
        after["position"] = new.position.into();
    }
    (before, after)
}
