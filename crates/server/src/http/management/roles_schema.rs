//! The schemas of roles and of what they give.

use keyward_core::model::{
    api::IDENTIFIER_MAX,
    permission::VALUE_MAX,
    role::{DESCRIPTION_MAX, INDEXED_NAME_MAX},
};
use serde_json::{Value, json};

use super::{paging, roles::TENANT};

/// An object of these properties and no other.
fn closed(required: &[&str], properties: Value) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false, "required": required });
    schema["properties"] = properties;
    schema
}

/// A change of a role.
pub fn role_update() -> Value {
    closed(
        &[],
        json!({
            "name": {
                "type": "string", "minLength": 1, "maxLength": INDEXED_NAME_MAX, "description": "Name of the role",
            },
            "description": {"type": "string", "maxLength": DESCRIPTION_MAX, "description": "Description of the role"},
        }),
    )
}

/// A role that is to be created.
pub fn role_create() -> Value {
    let mut schema = role_update();
    schema["required"] = json!(["name"]);
    schema["properties"]["type"] = json!({
        "type": "string", "enum": [TENANT], "description": "Type of the role; organizations have no roles of their own",
    });
    schema
}

/// A role.
pub fn role() -> Value {
    closed(
        &["id", "name"],
        json!({
            "id": {"type": "string", "description": "Id of the role"},
            "name": {"type": "string", "description": "Name of the role"},
            "description": {"type": "string", "description": "Description of the role"},
        }),
    )
}

/// A list in each of its forms.
fn list(plural: &str, item: &Value) -> Value {
    let list = json!({ "type": "array", "items": item });
    let mut paged = json!({ "start": {"type": "integer"}, "limit": {"type": "integer"}, "total": {"type": "integer"} });
    paged[plural] = list.clone();
    json!({ "anyOf": [list, closed(&["start", "limit", "total", plural], paged)] })
}

/// A list of roles in each of its forms.
pub fn role_list() -> Value {
    paging::schema("roles", &role())
}

/// Permissions that a role is to give, or to give no longer.
pub fn role_permissions() -> Value {
    let named = closed(
        &["resource_server_identifier", "permission_name"],
        json!({
            "resource_server_identifier": {
                "type": "string", "maxLength": IDENTIFIER_MAX, "description": "Identifier of the API, not its id",
            },
            "permission_name": {
                "type": "string", "maxLength": VALUE_MAX, "description": "Value of the API's permission",
            },
        }),
    );
    let list = json!({ "type": "array", "minItems": 1, "items": named, "description": "Permissions of APIs" });
    closed(&["permissions"], json!({ "permissions": list }))
}

/// What a role gives, in each of its forms.
pub fn role_permission_list() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let item = closed(
        &["permission_name", "description", "resource_server_name", "resource_server_identifier"],
        json!({
            "permission_name": text("Value of the permission"),
            "description": text("Description of the permission; empty when it has none"),
            "resource_server_name": text("Name of its API; empty when it has none"),
            "resource_server_identifier": text("Identifier of its API"),
        }),
    );
    list("permissions", &item)
}

/// An object with nothing in it.
pub fn nothing() -> Value {
    closed(&[], json!({}))
}
