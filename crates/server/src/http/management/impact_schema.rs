//! The schemas of what a deletion would take away.

use serde_json::{Map, Value, json};

/// An object of these properties and no other.
fn closed(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false, "required": required });
    schema["properties"] = properties;
    schema
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn list(item: &Value, description: &str) -> Value {
    json!({ "type": "array", "items": item, "description": description })
}

/// A permission by itself.
fn subject() -> Value {
    closed(
        &["id", "value", "resource_server_id", "resource_server_identifier"],
        json!({
            "id": text("Id of the permission"),
            "value": text("Value of the permission"),
            "description": text("Description of the permission"),
            "resource_server_id": text("Id of its API"),
            "resource_server_identifier": text("Identifier of its API"),
        }),
    )
}

/// When a permission was last used.
fn last_used() -> Value {
    let by = closed(
        &["kind", "id"],
        json!({
            "kind": {"type": "string", "enum": ["key", "client"], "description": "An API key, or an application"},
            "id": text("The key's id, or the application's client_id"),
        }),
    );
    let mut used = closed(&["at", "by"], json!({ "at": text("When it was last used"), "by": by }));
    used["type"] = json!(["object", "null"]);
    used
}

fn role() -> Value {
    closed(&["id", "name"], json!({ "id": text("Id of the role"), "name": text("Name of the role") }))
}

/// The object, and why it is held.
fn held(required: &[&str], mut properties: Value) -> Value {
    properties["direct"] = flag("Whether it is held directly");
    properties["roles"] = list(&role(), "The roles that give it");
    let required: Vec<&str> = required.iter().chain(&["direct", "roles"]).copied().collect();
    closed(&required, properties)
}

fn person() -> Value {
    json!({ "user_id": text("Id of the user"), "name": text("Name"), "email": text("Email") })
}

fn user() -> Value {
    held(&["user_id"], person())
}

fn client() -> Value {
    let grant = closed(
        &["id", "audience", "subject_type", "allow_all_scopes"],
        json!({
            "id": text("Id of the client grant"),
            "audience": text("Identifier of the API"),
            "subject_type": text("client or user"),
            "allow_all_scopes": flag("Whether it covers whatever the API defines"),
        }),
    );
    closed(
        &["grants"],
        json!({
            "client_id": text("Id of the application"),
            "name": text("Name of the application"),
            "default_for": text("In place of an application: third_party_clients, those without a grant of their own"),
            "grants": list(&grant, "The grants that have the permission"),
        }),
    )
}

fn bare_key() -> Value {
    json!({
        "id": text("Id of the key"),
        "start": text("How the key begins"),
        "name": text("Name of the key"),
        "resource_server_id": text("Id of the API that the key is for"),
    })
}

fn key() -> Value {
    let mut properties = bare_key();
    properties["keeps"] = flag("Whether it goes on to verify for the value, by another permission that it holds");
    properties["kept_by"] = subject();
    held(&["id", "start", "keeps"], properties)
}

/// What is said of one kind.
fn concerned(counts: &[(&str, &str)], item: &Value) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    for (name, description) in counts {
        properties.insert((*name).to_owned(), json!({ "type": "integer", "description": description }));
    }
    properties.insert("first".to_owned(), list(item, "The first of them, at most ten"));
    let required: Vec<String> = properties.keys().cloned().collect();
    let mut schema = closed(&[], properties.into());
    schema["required"] = json!(required);
    schema
}

const ALL: (&str, &str) = ("count", "How many there are, each counted once");
const DIRECT: (&str, &str) = ("direct", "How many hold it directly");
const BY_ROLES: (&str, &str) = ("by_roles", "How many hold it by a role; some of them may hold it directly as well");
const KEEPS: (&str, &str) = ("keeps", "How many keep it by another way");
const LOSES: (&str, &str) = ("loses", "How many lose it");

/// What the deletion of a permission would take away.
pub fn of_permission() -> Value {
    let consents = closed(&["count"], json!({ "count": {"type": "integer", "description": ALL.1} }));
    closed(
        &["permission", "roles", "users", "clients", "keys", "consents", "last_used"],
        json!({
            "permission": subject(),
            "last_used": last_used(),
            "roles": concerned(&[ALL], &role()),
            "users": concerned(&[ALL, DIRECT, BY_ROLES], &user()),
            "clients": concerned(&[ALL], &client()),
            "keys": concerned(&[ALL, DIRECT, BY_ROLES, KEEPS, LOSES], &key()),
            "consents": consents,
        }),
    )
}

/// A part of one list.
fn page(name: &str, item: &Value) -> Value {
    let mut properties = json!({ "next": text("Where to go on, if there is more") });
    properties[name] = list(item, "In the order in which they were made");
    closed(&[name], properties)
}

/// One list of those that the deletion of a permission concerns.
pub fn of_permission_page() -> Value {
    let forms = [("roles", role()), ("users", user()), ("clients", client()), ("keys", key())];
    json!({ "anyOf": forms.iter().map(|(name, item)| page(name, item)).collect::<Vec<_>>() })
}

/// What the deletion of a role would take away.
pub fn of_role() -> Value {
    let count =
        |(name, description): (&str, &str)| (name.to_owned(), json!({"type": "integer", "description": description}));
    let outcome = closed(&["keeps", "loses"], Value::Object([count(KEEPS), count(LOSES)].into_iter().collect()));
    let mut permission = subject();
    for kind in ["users", "keys"] {
        permission["properties"][kind] = outcome.clone();
    }
    closed(
        &["role", "users", "keys", "permissions"],
        json!({
            "role": role(),
            "users": concerned(&[ALL], &closed(&["user_id"], person())),
            "keys": concerned(&[ALL], &closed(&["id", "start"], bare_key())),
            "permissions": list(&permission, "What the role gives, and how many of those who have it by the role lose it"),
        }),
    )
}

/// One list of those that the deletion of a role concerns.
pub fn of_role_page() -> Value {
    let (user, key) = (closed(&["user_id"], person()), closed(&["id", "start"], bare_key()));
    json!({ "anyOf": [page("users", &user), page("keys", &key)] })
}
