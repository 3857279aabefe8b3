//! The operations on roles and on what they give.

use http::Method;
use keyward_core::access::ManagementScope as Scope;

use super::{role_permissions, roles, roles_schema as schema};
use crate::http::operation::{
    Access::AnyOf,
    Operation,
    Shape::{Empty, Json},
};

/// All of them.
pub fn operations() -> Vec<Operation> {
    let mut rows = of_roles();
    rows.extend(of_permissions());
    rows
}

fn of_roles() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_roles",
            method: Method::GET,
            path: "/api/v2/roles",
            summary: "List roles",
            access: AnyOf(&[Scope::ReadRoles]),
            query: roles::LIST_QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::role_list)),
            refusals: &[],
            audit: None,
            handler: roles::list,
            at_once: None,
        },
        Operation {
            id: "post_roles",
            method: Method::POST,
            path: "/api/v2/roles",
            summary: "Create a role",
            access: AnyOf(&[Scope::CreateRoles]),
            query: &[],
            body: Some(schema::role_create),
            prepare: None,
            success: (200, Json(schema::role)),
            refusals: &[409],
            audit: Some("Create a role"),
            handler: roles::create,
            at_once: None,
        },
        Operation {
            id: "get_roles_by_id",
            method: Method::GET,
            path: "/api/v2/roles/{id}",
            summary: "Get a role",
            access: AnyOf(&[Scope::ReadRoles]),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(schema::role)),
            refusals: &[404],
            audit: None,
            handler: roles::get,
            at_once: None,
        },
        Operation {
            id: "patch_roles_by_id",
            method: Method::PATCH,
            path: "/api/v2/roles/{id}",
            summary: "Change what a role is called; whoever has it keeps it",
            access: AnyOf(&[Scope::UpdateRoles]),
            query: &[],
            body: Some(schema::role_update),
            prepare: None,
            success: (200, Json(schema::role)),
            refusals: &[404, 409],
            audit: Some("Update a role"),
            handler: roles::update,
            at_once: None,
        },
        Operation {
            id: "delete_roles_by_id",
            method: Method::DELETE,
            path: "/api/v2/roles/{id}",
            summary: "Delete a role; whoever has it loses what it gave once this is answered",
            access: AnyOf(&[Scope::DeleteRoles]),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(schema::nothing)),
            refusals: &[404],
            audit: Some("Delete a role"),
            handler: roles::delete,
            at_once: None,
        },
    ]
}

fn of_permissions() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_roles_permissions",
            method: Method::GET,
            path: "/api/v2/roles/{id}/permissions",
            summary: "List what a role gives",
            access: AnyOf(&[Scope::ReadRoles]),
            query: role_permissions::LIST_QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::role_permission_list)),
            refusals: &[404],
            audit: None,
            handler: role_permissions::list,
            at_once: None,
        },
        Operation {
            id: "post_roles_permissions",
            method: Method::POST,
            path: "/api/v2/roles/{id}/permissions",
            summary: "Give a role permissions, all of them or none",
            access: AnyOf(&[Scope::UpdateRoles]),
            query: &[],
            body: Some(schema::role_permissions),
            prepare: None,
            success: (201, Json(schema::nothing)),
            refusals: &[404],
            audit: Some("Associate permissions with a role"),
            handler: role_permissions::add,
            at_once: None,
        },
        Operation {
            id: "delete_roles_permissions",
            method: Method::DELETE,
            path: "/api/v2/roles/{id}/permissions",
            summary: "Take permissions from a role; whoever has it loses them once this is answered",
            access: AnyOf(&[Scope::UpdateRoles]),
            query: &[],
            body: Some(schema::role_permissions),
            prepare: None,
            success: (204, Empty),
            refusals: &[404],
            audit: Some("Remove permissions from a role"),
            handler: role_permissions::remove,
            at_once: None,
        },
    ]
}
