//! The operations of users, what they hold, and connections.

use http::Method;
use keyward_core::access::ManagementScope as Scope;

use super::{
    connection_clients, connections, user_effective,
    user_pages::OFFSET,
    user_permissions, user_roles, users,
    users_schema::{self as schema},
};
use crate::http::operation::{
    Access::{AnyOf, AnySet},
    Operation,
    Shape::{Empty, Json},
};

/// A row of an operation that reads.
macro_rules! read {
    ($id:literal, $path:literal, $summary:literal, $access:expr, $query:expr, $answer:expr, $refusals:expr, $handler:expr) => {
        Operation {
            id: $id,
            method: Method::GET,
            path: concat!("/api/v2/", $path),
            summary: $summary,
            access: $access,
            query: $query,
            body: None,
            prepare: None,
            success: (200, Json($answer)),
            refusals: $refusals,
            audit: None,
            handler: $handler,
            at_once: None,
        }
    };
}

/// A row of an operation that changes something: as [`read`], with the method, the schema of the body, the answer with
/// its status, and what the audit log calls it.
macro_rules! write {
    ($id:literal, $method:ident $path:literal, $summary:literal, $access:expr, $body:expr, $success:expr, $refusals:expr,
     $audit:literal, $handler:expr) => {
        Operation {
            id: $id,
            method: Method::$method,
            path: concat!("/api/v2/", $path),
            summary: $summary,
            access: $access,
            query: &[],
            body: $body,
            prepare: None,
            success: $success,
            refusals: $refusals,
            audit: Some($audit),
            handler: $handler,
            at_once: None,
        }
    };
}

/// All of them.
pub fn operations() -> Vec<Operation> {
    let mut rows = of_users();
    rows.extend(of_roles());
    rows.extend(of_permissions());
    rows.extend(of_connections());
    rows
}

#[rustfmt::skip]
fn of_users() -> Vec<Operation> {
    vec![
        read!("get_users", "users", "List users, or look for some",
            AnyOf(&[Scope::ReadUsers]), users::LIST_QUERY, schema::user_pages, &[], users::list),
        write!("post_users", POST "users", "Create a user",
            AnyOf(&[Scope::CreateUsers]), Some(schema::user_create), (201, Json(schema::user)), &[409],
            "Create a User", users::create),
        read!("get_users-by-email", "users-by-email", "List the users with one email",
            AnyOf(&[Scope::ReadUsers]), users::BY_EMAIL_QUERY, schema::user_list, &[], users::list_by_email),
        read!("get_users_by_id", "users/{id}", "Get a user",
            AnyOf(&[Scope::ReadUsers]), users::GET_QUERY, schema::user, &[404], users::get),
        write!("patch_users_by_id", PATCH "users/{id}", "Change a user; meta data are merged at the first level",
            AnyOf(&[Scope::UpdateUsers, Scope::UpdateUsersAppMetadata]), Some(schema::user_update),
            (200, Json(schema::user)), &[404, 409], "Update a User", users::update),
        write!("delete_users_by_id", DELETE "users/{id}", "Delete a user with all that it holds",
            AnyOf(&[Scope::DeleteUsers]), None, (204, Empty), &[], "Delete a User", users::delete),
    ]
}

#[rustfmt::skip]
fn of_roles() -> Vec<Operation> {
    vec![
        read!("get_user_roles", "users/{id}/roles", "List the roles of a user",
            AnySet(&[&[Scope::ReadUsers, Scope::ReadRoles], &[Scope::ReadRoleMembers]]), OFFSET, schema::role_pages, &[404],
            user_roles::list),
        write!("post_user_roles", POST "users/{id}/roles", "Give a user roles: all of them or none",
            AnySet(&[&[Scope::UpdateUsers, Scope::ReadRoles], &[Scope::CreateRoleMembers]]), Some(schema::roles), (204, Empty),
            &[404], "Assign roles to a user", user_roles::assign),
        write!("delete_user_roles", DELETE "users/{id}/roles", "Take roles from a user",
            AnyOf(&[Scope::UpdateUsers, Scope::DeleteRoleMembers]), Some(schema::roles), (204, Empty), &[404],
            "Remove roles from a user", user_roles::remove),
        read!("get_role_user", "roles/{id}/users", "List the users that have a role, in the order in which they got it",
            AnySet(&[&[Scope::ReadUsers, Scope::ReadRoles], &[Scope::ReadRoleMembers]]), user_roles::MEMBERS_QUERY,
            schema::member_pages, &[404], user_roles::members),
        write!("post_role_users", POST "roles/{id}/users", "Give a role to users: to all of them or to none",
            AnyOf(&[Scope::UpdateRoles, Scope::CreateRoleMembers]), Some(schema::users), (200, Json(schema::nothing)), &[404],
            "Assign users to a role", user_roles::assign_to_users),
        read!("get_user_effective_roles", "users/{id}/effective-roles", "List the roles that a user has in effect",
            AnyOf(&[Scope::ReadUserEffectiveRoles]), user_effective::ROLES_QUERY, schema::effective_roles, &[404],
            user_effective::roles),
    ]
}

#[rustfmt::skip]
fn of_permissions() -> Vec<Operation> {
    vec![
        read!("get_permissions", "users/{id}/permissions", "List the permissions of a user, its own and those of its roles",
            AnyOf(&[Scope::ReadUsers]), OFFSET, schema::permission_pages, &[404], user_permissions::list),
        write!("post_permissions", POST "users/{id}/permissions", "Give a user permissions: all of them or none",
            AnyOf(&[Scope::UpdateUsers]), Some(schema::permissions), (201, Json(schema::nothing)), &[404],
            "Assign permissions to a user", user_permissions::assign),
        write!("delete_permissions", DELETE "users/{id}/permissions", "Take permissions from a user",
            AnyOf(&[Scope::UpdateUsers]), Some(schema::permissions), (204, Empty), &[404],
            "Remove permissions from a user", user_permissions::remove),
        read!("get_user_effective_permissions", "users/{id}/effective-permissions",
            "List the permissions of one API that a user has, directly or by roles",
            AnyOf(&[Scope::ReadUserEffectivePermissions]), user_effective::PERMISSIONS_QUERY, schema::effective_permissions,
            &[404], user_effective::permissions),
        read!("get_user_permission_source_roles", "users/{id}/effective-permissions/sources/effective-roles",
            "List the roles that give a user one permission",
            AnyOf(&[Scope::ReadUserPermissionSourceRoles]), user_effective::SOURCES_QUERY, schema::effective_roles, &[404],
            user_effective::permission_roles),
    ]
}

#[rustfmt::skip]
fn of_connections() -> Vec<Operation> {
    vec![
        read!("get_connections", "connections", "List the connections",
            AnyOf(&[Scope::ReadConnections]), connections::LIST_QUERY, schema::connection_pages, &[], connections::list),
        write!("post_connections", POST "connections", "Create a connection: a database of users with passwords",
            AnyOf(&[Scope::CreateConnections]), Some(schema::connection_create), (201, Json(schema::connection)), &[409],
            "Create a connection", connections::create),
        read!("get_connections_by_id", "connections/{id}", "Get a connection",
            AnyOf(&[Scope::ReadConnections]), connections::GET_QUERY, schema::connection, &[404], connections::get),
        write!("patch_connections_by_id", PATCH "connections/{id}", "Change a connection; each setting is replaced as a whole",
            AnyOf(&[Scope::UpdateConnections]), Some(schema::connection_update), (200, Json(schema::connection)), &[404],
            "Update a connection", connections::update),
        write!("delete_connections_by_id", DELETE "connections/{id}", "Delete a connection with all of its users",
            AnyOf(&[Scope::DeleteConnections]), None, (202, Json(schema::connection_deleted)), &[204],
            "Delete a connection", connections::delete),
        read!("get_connection_clients", "connections/{id}/clients", "List the applications of a connection",
            AnyOf(&[Scope::ReadConnections]), connection_clients::LIST_QUERY, schema::connection_clients, &[404],
            connection_clients::list),
        write!("patch_clients", PATCH "connections/{id}/clients", "Let applications use a connection, or not",
            AnyOf(&[Scope::UpdateConnections]), Some(schema::connection_clients_update), (204, Empty), &[404],
            "Update enabled clients for a connection", connection_clients::update),
    ]
}
