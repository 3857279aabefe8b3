//! `keys.*` that give and take the permissions and roles of a key.

use serde_json::{Value, json};

use super::shared::{closed, envelope, key_id, list, permission, role, role_names, slugs, with};

fn some_permissions(description: &str) -> Value {
    let permissions = with(with(slugs(description), "minItems", 1), "maxItems", 1000);
    closed(&["keyId", "permissions"], json!({"keyId": key_id(), "permissions": permissions}))
}

fn some_roles(description: &str) -> Value {
    let roles = with(role_names(description), "minItems", 1);
    closed(&["keyId", "roles"], json!({"keyId": key_id(), "roles": roles}))
}

fn permissions_after() -> Value {
    envelope(list(permission(), "Permissions of the key by itself after the change, without those of its roles"))
}

fn roles_after() -> Value {
    envelope(list(role(), "Roles of the key after the change"))
}

/// Permissions that a key gets besides those it has.
pub fn add_permissions() -> Value {
    some_permissions("Permissions to give; those that do not exist are created")
}

/// The permissions of the key after some were given.
pub fn add_permissions_answer() -> Value {
    permissions_after()
}

/// Permissions that are taken from a key.
pub fn remove_permissions() -> Value {
    some_permissions("Permissions to take; they must exist")
}

/// The permissions of the key after some were taken.
pub fn remove_permissions_answer() -> Value {
    permissions_after()
}

/// All permissions that a key is to have by itself from now on.
pub fn set_permissions() -> Value {
    let permissions = slugs("What replaces its own permissions; those that do not exist are created");
    closed(&["keyId", "permissions"], json!({"keyId": key_id(), "permissions": permissions}))
}

/// The permissions of the key after they were replaced.
pub fn set_permissions_answer() -> Value {
    permissions_after()
}

/// Roles that a key gets besides those it has.
pub fn add_roles() -> Value {
    some_roles("Roles to give; they must exist")
}

/// The roles of the key after some were given.
pub fn add_roles_answer() -> Value {
    roles_after()
}

/// Roles that are taken from a key.
pub fn remove_roles() -> Value {
    some_roles("Roles to take; they must exist")
}

/// The roles of the key after some were taken.
pub fn remove_roles_answer() -> Value {
    roles_after()
}

/// All roles that a key is to have from now on.
pub fn set_roles() -> Value {
    closed(
        &["keyId", "roles"],
        json!({"keyId": key_id(), "roles": role_names("What replaces its roles; they must exist")}),
    )
}

/// The roles of the key after they were replaced.
pub fn set_roles_answer() -> Value {
    roles_after()
}
