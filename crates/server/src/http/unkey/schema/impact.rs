//! `permissions.getImpact`, `permissions.getRoleImpact`: what a deletion would take away.

use serde_json::{Map, Value, json};

use super::shared::{
    closed, envelope, flag, limit, list, list_envelope, nullable, permission, string, text, time, with,
};

/// What is asked about, and the list that is wanted, if one is.
fn asked(member: &str, which: Value, lists: &[&str]) -> Value {
    let cursor = with(text(1, 18, "Where to start: `pagination.cursor` of the page before"), "pattern", "^[0-9]+$");
    let mut properties = json!({
        "holders": {"type": "string", "enum": lists, "description": "List these, in place of counting all"},
        "cursor": cursor,
        "limit": limit(100),
    });
    properties[member] = which;
    closed(&[member], properties)
}

/// The answer in both of its forms.
fn answer(whole: Value, items: &[Value]) -> Value {
    let mut forms = vec![envelope(whole)];
    forms.extend(items.iter().map(|item| list_envelope(item.clone())));
    json!({ "anyOf": forms })
}

/// Counts of one kind, and the first of them if they are shown.
fn concerned(names: &[&str], item: Option<Value>) -> Value {
    let known = [
        ("count", "How many there are, each counted once"),
        ("direct", "How many hold it directly"),
        ("byRoles", "How many hold it by a role; some of them may hold it directly as well"),
        ("keeps", "How many keep it by another way"),
        ("loses", "How many lose it"),
    ];
    let mut properties: Map<String, Value> = Map::new();
    for (name, description) in known.into_iter().filter(|(name, _)| names.contains(name)) {
        properties.insert(name.to_owned(), json!({"type": "integer", "format": "int64", "description": description}));
    }
    if let Some(item) = item {
        properties.insert("first".to_owned(), list(item, "The first of them, at most ten"));
    }
    let required: Vec<String> = properties.keys().cloned().collect();
    with(closed(&[], Value::Object(properties)), "required", required)
}

/// When a permission was last used; null if it never was.
fn last_used() -> Value {
    let kind = with(string("An API key, or an application"), "enum", json!(["key", "application"]));
    let by = closed(&["kind", "id"], json!({"kind": kind, "id": string("The key's id, or the application's")}));
    nullable(closed(&["at", "by"], json!({"at": time("When it was last used"), "by": by})))
}

fn role() -> Value {
    closed(&["id", "name"], json!({"id": string("Id of the role"), "name": string("Name of the role")}))
}

fn bare_key() -> Value {
    let properties = json!({
        "keyId": string("Id of the key"),
        "start": string("How the key begins"),
        "name": string("Name for people"),
        "apiId": string("Id of the API that the key is for"),
    });
    closed(&["keyId", "start"], properties)
}

fn key() -> Value {
    let mut schema = bare_key();
    schema["properties"]["direct"] = flag("Whether it is held directly");
    schema["properties"]["roles"] = list(role(), "The roles that give it");
    schema["properties"]["keeps"] = flag("Whether it goes on to verify, by another permission with the same slug");
    schema["properties"]["keptBy"] = permission();
    with(schema, "required", json!(["keyId", "start", "direct", "roles", "keeps"]))
}

/// Which permission would be deleted.
pub fn get_impact() -> Value {
    asked("permission", text(1, 255, "Id or slug of the permission"), &["roles", "keys"])
}

/// What its deletion would take away.
pub fn get_impact_answer() -> Value {
    let whole = closed(
        &["permission", "roles", "users", "applications", "keys", "consents", "lastUsed"],
        json!({
            "permission": permission(),
            "lastUsed": last_used(),
            "roles": concerned(&["count"], Some(role())),
            "users": concerned(&["count", "direct", "byRoles"], None),
            "applications": concerned(&["count"], None),
            "keys": concerned(&["count", "direct", "byRoles", "keeps", "loses"], Some(key())),
            "consents": concerned(&["count"], None),
        }),
    );
    answer(whole, &[role(), key()])
}

/// Which role would be deleted.
pub fn get_role_impact() -> Value {
    asked("role", text(1, 128, "Id or name of the role"), &["keys"])
}

/// What its deletion would take away.
pub fn get_role_impact_answer() -> Value {
    let outcome = concerned(&["keeps", "loses"], None);
    let given = closed(
        &["permission", "users", "keys"],
        json!({ "permission": permission(), "users": outcome, "keys": outcome }),
    );
    let whole = closed(
        &["role", "users", "keys", "permissions"],
        json!({
            "role": role(),
            "users": concerned(&["count"], None),
            "keys": concerned(&["count"], Some(bare_key())),
            "permissions": list(given, "What the role gives, and how many of those who have it by the role lose it"),
        }),
    );
    answer(whole, &[bare_key()])
}
