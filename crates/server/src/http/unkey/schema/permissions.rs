//! `permissions.*`: permissions and roles.

use serde_json::{Value, json};

use super::shared::{
    closed, cursor, empty_envelope, envelope, limit, list, list_envelope, nullable, permission, role, search, slug,
    slugs, string, text, with,
};

const DESCRIPTION_MAX: u64 = 512;

fn description(of: &str) -> Value {
    json!({"type": "string", "maxLength": DESCRIPTION_MAX, "description": of})
}

fn page(searched: &str) -> Value {
    let cursor = with(cursor(), "maxLength", 1024);
    closed(&[], json!({"limit": limit(100), "cursor": cursor, "search": search(searched)}))
}

/// A permission that is to be added.
pub fn create_permission() -> Value {
    closed(
        &["name", "slug"],
        json!({
            "name": text(1, 512, "Name for people"),
            "slug": slug("What keys hold and verifications ask for; no other permission has it"),
            "description": description("What the permission is about"),
        }),
    )
}

/// The id of the permission that was added.
pub fn create_permission_answer() -> Value {
    envelope(closed(&["permissionId"], json!({"permissionId": string("Id of the new permission")})))
}

/// Which permission is read.
pub fn get_permission() -> Value {
    closed(&["permission"], json!({"permission": slug("Id or slug of the permission")}))
}

/// The permission that was asked for.
pub fn get_permission_answer() -> Value {
    envelope(permission())
}

/// Which page of the permissions is read.
pub fn list_permissions() -> Value {
    page("Part of an id, a name, a slug or a description, in whatever case")
}

/// One page of the permissions.
pub fn list_permissions_answer() -> Value {
    list_envelope(permission())
}

/// A change of a permission; what is left out stays as it is.
pub fn update_permission() -> Value {
    let schema = closed(
        &["permission"],
        json!({
            "permission": text(1, 255, "Id or slug of the permission"),
            "name": text(1, 512, "New name"),
            "slug": slug("New slug; everyone who holds the permission holds it under this one"),
            "description": nullable(description("New description; null removes it")),
        }),
    );
    // The permission and at least one thing to change.
    with(schema, "minProperties", 2)
}

/// The permission after the change.
pub fn update_permission_answer() -> Value {
    envelope(permission())
}

/// Which permission is deleted.
pub fn delete_permission() -> Value {
    closed(&["permission"], json!({"permission": text(1, 255, "Id or slug of the permission")}))
}

/// That the permission is gone.
pub fn delete_permission_answer() -> Value {
    empty_envelope()
}

/// Which deleted permission comes back.
pub fn restore_permission() -> Value {
    let which = "Id of a deleted permission, or a slug: of those that had it, the one deleted last";
    closed(&["permission"], json!({"permission": text(1, 255, which)}))
}

/// The permission that came back.
pub fn restore_permission_answer() -> Value {
    envelope(permission())
}

/// A role that is to be added.
pub fn create_role() -> Value {
    closed(
        &["name"],
        json!({
            "name": text(1, 128, "Name of the role; no other role has it"),
            "description": description("What the role is about"),
            "permissions": slugs("Permissions that the role gives; those that do not exist are created"),
        }),
    )
}

/// The id of the role that was added.
pub fn create_role_answer() -> Value {
    envelope(closed(&["roleId"], json!({"roleId": string("Id of the new role")})))
}

/// Which role is read.
pub fn get_role() -> Value {
    closed(&["role"], json!({"role": text(1, 128, "Id or name of the role")}))
}

/// The role that was asked for.
pub fn get_role_answer() -> Value {
    envelope(role())
}

/// Which page of the roles is read.
pub fn list_roles() -> Value {
    page("Part of an id, a name or a description, in whatever case")
}

/// One page of the roles.
pub fn list_roles_answer() -> Value {
    list_envelope(role())
}

/// Which role is deleted.
pub fn delete_role() -> Value {
    closed(&["role"], json!({"role": text(1, 128, "Id or name of the role")}))
}

/// That the role is gone.
pub fn delete_role_answer() -> Value {
    empty_envelope()
}

/// Which deleted role comes back.
pub fn restore_role() -> Value {
    let which = "Id of a deleted role, or a name: of those that had it, the one deleted last";
    closed(&["role"], json!({"role": text(1, 255, which)}))
}

/// The role that came back.
pub fn restore_role_answer() -> Value {
    envelope(role())
}

/// All permissions that a role is to give from now on.
pub fn set_role_permissions() -> Value {
    closed(
        &["roleId", "permissions"],
        json!({
            "roleId": with(text(3, 255, "Id of the role; a name does not do"), "pattern", "^[a-zA-Z0-9_-]+$"),
            "permissions": slugs("What replaces its permissions; those that do not exist are created"),
        }),
    )
}

/// All permissions that the role gives now.
pub fn set_role_permissions_answer() -> Value {
    envelope(list(permission(), "Permissions of the role, ordered by slug"))
}
