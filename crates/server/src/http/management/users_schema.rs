//! The schemas of users, what they hold, and connections.

use keyward_core::model::{
    api::IDENTIFIER_MAX,
    connection::{self, STRATEGY},
    permission::VALUE_MAX,
    user::{ID_MAX, NAME_MAX, USERNAME_MAX},
};
use serde_json::{Value, json};

/// The most entries of one request that gives or takes.
const AT_ONCE: usize = 1000;

fn text(most: usize, description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most, "description": description })
}

/// What may be sent on creation and on change alike.
fn user_fields() -> Value {
    json!({
        "email": {"type": "string", "description": "The user's email"},
        "phone_number": {
            "type": "string", "pattern": "^\\+[0-9]{1,15}$", "description": "The user's phone number (following the E.164 recommendation)",
        },
        "username": text(USERNAME_MAX, "The user's username; only for connections that require one"),
        "password": {"type": "string", "minLength": 1, "description": "The user's password"},
        "name": text(NAME_MAX, "The user's full name"),
        "given_name": text(150, "The user's given name"),
        "family_name": text(150, "The user's family name"),
        "nickname": text(300, "The user's nickname"),
        "picture": {"type": "string", "maxLength": 2048, "description": "A URI pointing to the user's picture"},
        "email_verified": {"type": "boolean", "description": "Whether this email address is verified"},
        "verify_email": {"type": "boolean", "description": "Whether the user will receive a verification email; none is sent yet"},
        "phone_verified": {"type": "boolean", "description": "Whether this phone number is verified"},
        "blocked": {"type": "boolean", "description": "Whether this user was blocked by an administrator"},
        "user_metadata": {"type": "object", "description": "Data that the user may change"},
        "app_metadata": {"type": "object", "description": "Data that only applications may change"},
        "connection": text(128, "Name of the connection this user belongs to"),
    })
}

/// A user that is to be made.
pub fn user_create() -> Value {
    let mut properties = user_fields();
    properties["user_id"] = json!({
        "type": "string", "minLength": 1, "maxLength": ID_MAX, "pattern": "^\\S+$",
        "description": "The user's own part of the id; one is made up if it is left out",
    });
    json!({
        "type": "object", "required": ["connection", "password"], "additionalProperties": false, "properties": properties,
    })
}

/// A change of a user.
pub fn user_update() -> Value {
    let mut properties = user_fields();
    let nullable = [
        "email",
        "phone_number",
        "username",
        "name",
        "given_name",
        "family_name",
        "nickname",
        "picture",
        "user_metadata",
        "app_metadata",
    ];
    for name in nullable {
        let kind = properties[name]["type"].clone();
        properties[name]["type"] = json!([kind, "null"]);
    }
    properties["verify_phone_number"] = json!({"type": "boolean", "description": "Whether the user will receive a verification text; none is sent yet"});
    properties["client_id"] = json!({"type": "string", "description": "The application that asks; not used"});
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

/// A user.
pub fn user() -> Value {
    let text = || json!({"type": "string"});
    // Which fields are there depends on `fields`, so none is certain.
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "user_id": text(), "email": text(), "phone_number": text(), "username": text(), "name": text(),
            "given_name": text(), "family_name": text(), "nickname": text(), "picture": text(),
            "email_verified": {"type": "boolean"}, "phone_verified": {"type": "boolean"}, "blocked": {"type": "boolean"},
            "user_metadata": {"type": "object"}, "app_metadata": {"type": "object"},
            "created_at": {"type": "string", "format": "date-time"}, "updated_at": {"type": "string", "format": "date-time"},
            "identities": {"type": "array", "items": {
                "type": "object", "required": ["connection", "user_id", "provider", "isSocial"], "additionalProperties": false,
                "properties": {"connection": text(), "user_id": text(), "provider": text(), "isSocial": {"type": "boolean"}},
            }},
        },
    })
}

/// A list of users with one email.
pub fn user_list() -> Value {
    json!({ "type": "array", "items": user() })
}

/// A list in each of its forms.
fn lists(plural: &str, item: &Value) -> Value {
    let list = json!({ "type": "array", "items": item });
    let mut paged = json!({
        "type": "object", "required": [plural], "additionalProperties": false,
        "properties": {
            "start": {"type": "integer"}, "limit": {"type": "integer"}, "length": {"type": "integer"},
            "total": {"type": "integer"}, "next": {"type": "string"},
        },
    });
    paged["properties"][plural] = list.clone();
    json!({ "anyOf": [list, paged] })
}

/// A list in the form that can be gone on from.
fn going_on(plural: &str, item: &Value) -> Value {
    let mut schema = json!({
        "type": "object", "required": [plural], "additionalProperties": false,
        "properties": {"next": {"type": "string"}},
    });
    schema["properties"][plural] = json!({ "type": "array", "items": item });
    schema
}

/// Users by pages.
pub fn user_pages() -> Value {
    lists("users", &user())
}

fn list_of(name: &str, items: &Value, description: &str) -> Value {
    let list =
        json!({ "type": "array", "minItems": 1, "maxItems": AT_ONCE, "items": items, "description": description });
    let mut schema = json!({ "type": "object", "required": [name], "additionalProperties": false, "properties": {} });
    schema["properties"][name] = list;
    schema
}

/// Roles that a user is to get or to lose.
pub fn roles() -> Value {
    list_of("roles", &json!({ "type": "string", "minLength": 1, "maxLength": 64 }), "List of roles IDs")
}

/// Users that are to get a role.
pub fn users() -> Value {
    list_of("users", &json!({ "type": "string", "minLength": 1, "maxLength": ID_MAX + 32 }), "List of user IDs")
}

/// Permissions that a user is to get or to lose.
pub fn permissions() -> Value {
    let pair = json!({
        "type": "object", "required": ["resource_server_identifier", "permission_name"], "additionalProperties": false,
        "properties": {
            "resource_server_identifier": text(IDENTIFIER_MAX, "Identifier of the API"),
            "permission_name": text(VALUE_MAX, "Value of the permission"),
        },
    });
    list_of("permissions", &pair, "List of permissions")
}

/// An answer that says no more than that it was done.
pub fn nothing() -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

fn role(with_sources: bool) -> Value {
    let mut schema = json!({
        "type": "object", "required": ["id", "name", "description"], "additionalProperties": false,
        "properties": {"id": {"type": "string"}, "name": {"type": "string"}, "description": {"type": "string"}},
    });
    if with_sources {
        schema["properties"]["sources"] =
            json!({ "type": "array", "items": {"type": "string", "enum": ["direct", "groups"]} });
        schema["required"] = json!(["id", "name", "description", "sources"]);
    }
    schema
}

/// The roles of a user.
pub fn role_pages() -> Value {
    lists("roles", &role(false))
}

/// The roles of a user, each with why.
pub fn effective_roles() -> Value {
    going_on("roles", &role(true))
}

fn permission(source: &Value) -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "required": ["permission_name", "description", "resource_server_name", "resource_server_identifier", "sources"],
        "properties": {
            "permission_name": {"type": "string"}, "description": {"type": "string"},
            "resource_server_name": {"type": "string"}, "resource_server_identifier": {"type": "string"},
            "sources": {"type": "array", "minItems": 1, "items": source},
        },
    })
}

/// The permissions of a user.
pub fn permission_pages() -> Value {
    let source = json!({
        "type": "object", "required": ["source_id", "source_name", "source_type"], "additionalProperties": false,
        "properties": {
            "source_id": {"type": "string"}, "source_name": {"type": "string"},
            "source_type": {"type": "string", "enum": ["DIRECT", "ROLE"]},
        },
    });
    lists("permissions", &permission(&source))
}

/// The permissions that a user has of one API.
pub fn effective_permissions() -> Value {
    going_on("permissions", &permission(&json!({ "type": "string", "enum": ["direct", "roles"] })))
}

/// The users that have a role.
pub fn member_pages() -> Value {
    let member = json!({
        "type": "object", "required": ["user_id"], "additionalProperties": false,
        "properties": {
            "user_id": {"type": "string"}, "email": {"type": "string"}, "picture": {"type": "string"},
            "name": {"type": "string"},
        },
    });
    lists("users", &member)
}

/// A change of a connection.
pub fn connection_update() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "display_name": {"type": ["string", "null"], "minLength": 1, "maxLength": 128, "description": "Name for people to see"},
            "options": {"type": ["object", "null"], "description": "The connection's options; replaced as a whole"},
            "show_as_button": {"type": ["boolean", "null"], "description": "Whether to show it as a button"},
            "is_domain_connection": {"type": "boolean", "description": "Whether it is promoted to a domain-level connection"},
            "realms": {
                "type": ["array", "null"], "maxItems": 10, "items": text(128, "Name of a realm"),
                "description": "Realms for which the connection is used",
            },
            "metadata": {
                "type": ["object", "null"], "maxProperties": 10,
                "additionalProperties": {"type": ["string", "null"], "maxLength": 255},
                "description": "Texts of yours",
            },
        },
    })
}

/// A connection that is to be created.
pub fn connection_create() -> Value {
    let mut schema = connection_update();
    schema["required"] = json!(["name", "strategy"]);
    schema["properties"]["name"] = json!({
        "type": "string", "minLength": 1, "maxLength": connection::NAME_MAX, "pattern": "^[a-zA-Z0-9](-[a-zA-Z0-9]|[a-zA-Z0-9])*$",
        "description": "The name of the connection. Must start and end with an alphanumeric character and can only contain \
                        alphanumeric characters and '-'",
    });
    schema["properties"]["strategy"] =
        json!({ "type": "string", "enum": [STRATEGY], "description": "What kind of connection it is: a database" });
    schema
}

/// What is answered to the deletion of a connection.
pub fn connection_deleted() -> Value {
    json!({
        "type": "object", "required": ["deleted_at"], "additionalProperties": false,
        "properties": {"deleted_at": {"type": "string", "format": "date-time"}},
    })
}

/// A connection.
pub fn connection() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "id": {"type": "string"}, "name": {"type": "string"}, "strategy": {"type": "string", "enum": ["auth0"]},
            "display_name": {"type": "string"}, "options": {"type": "object"},
            "enabled_clients": {"type": "array", "items": {"type": "string"}},
            "realms": {"type": "array", "items": {"type": "string"}}, "is_domain_connection": {"type": "boolean"},
            "show_as_button": {"type": "boolean"}, "metadata": {"type": "object"},
        },
    })
}

/// Connections by pages.
pub fn connection_pages() -> Value {
    lists("connections", &connection())
}

/// The applications of a connection.
pub fn connection_clients() -> Value {
    let client = json!({
        "type": "object", "required": ["client_id"], "additionalProperties": false,
        "properties": {"client_id": {"type": "string"}},
    });
    going_on("clients", &client)
}

/// Applications, and whether each may use a connection.
pub fn connection_clients_update() -> Value {
    let one = json!({
        "type": "object", "required": ["client_id", "status"], "additionalProperties": false,
        "properties": {
            "client_id": {"type": "string", "minLength": 1, "maxLength": 256, "description": "ID of the client"},
            "status": {"type": "boolean", "description": "Whether it may use the connection"},
        },
    });
    json!({ "type": "array", "minItems": 1, "maxItems": 50, "items": one })
}
