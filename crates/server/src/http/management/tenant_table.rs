//! The rows of what is set for the tenant, of users' consents, and of the credentials of their devices.

use http::Method;
use keyward_core::access::ManagementScope as Scope;

use super::{device_credentials, grants, tenant_schema as schema, tenants};
use crate::http::operation::{
    Access::AnyOf,
    Operation,
    Shape::{Empty, Json},
};

/// The rows.
pub fn operations() -> Vec<Operation> {
    let mut rows = of_settings();
    rows.extend(of_consents());
    rows.extend(of_device_credentials());
    rows
}

fn of_settings() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_settings",
            method: Method::GET,
            path: "/api/v2/tenants/settings",
            summary: "Get what is set for the tenant",
            access: AnyOf(&[Scope::ReadTenantSettings]),
            query: tenants::QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::settings)),
            refusals: &[],
            audit: None,
            handler: tenants::get,
            at_once: None,
        },
        Operation {
            id: "patch_settings",
            method: Method::PATCH,
            path: "/api/v2/tenants/settings",
            summary: "Change what is set for the tenant; flags are merged by key",
            access: AnyOf(&[Scope::UpdateTenantSettings]),
            query: &[],
            body: Some(schema::settings_update),
            prepare: None,
            success: (200, Json(schema::settings)),
            refusals: &[],
            audit: Some("Update tenant settings"),
            handler: tenants::update,
            at_once: None,
        },
    ]
}

fn of_consents() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_grants",
            method: Method::GET,
            path: "/api/v2/grants",
            summary: "List what users have let applications do",
            access: AnyOf(&[Scope::ReadGrants]),
            query: grants::LIST_QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::consent_list)),
            refusals: &[],
            audit: None,
            handler: grants::list,
            at_once: None,
        },
        Operation {
            id: "delete_grants_by_user_id",
            method: Method::DELETE,
            path: "/api/v2/grants",
            summary: "Delete all that a user has let applications do",
            access: AnyOf(&[Scope::DeleteGrants]),
            query: grants::DELETE_QUERY,
            body: None,
            prepare: None,
            success: (204, Empty),
            refusals: &[],
            audit: Some("Delete the grants of a user"),
            handler: grants::delete_of_user,
            at_once: None,
        },
        Operation {
            id: "delete_grants_by_id",
            method: Method::DELETE,
            path: "/api/v2/grants/{id}",
            summary: "Delete what a user has let an application do on an API",
            access: AnyOf(&[Scope::DeleteGrants]),
            query: &[],
            body: None,
            prepare: None,
            success: (204, Empty),
            refusals: &[],
            audit: Some("Delete a grant"),
            handler: grants::delete,
            at_once: None,
        },
    ]
}

fn of_device_credentials() -> Vec<Operation> {
    vec![
        Operation {
            id: "get_device-credentials",
            method: Method::GET,
            path: "/api/v2/device-credentials",
            summary: "List the credentials of users' devices; nothing makes any yet",
            access: AnyOf(&[Scope::ReadDeviceCredentials]),
            query: device_credentials::LIST_QUERY,
            body: None,
            prepare: None,
            success: (200, Json(schema::device_credential_list)),
            refusals: &[],
            audit: None,
            handler: device_credentials::list,
            at_once: None,
        },
        Operation {
            id: "delete_device-credentials_by_id",
            method: Method::DELETE,
            path: "/api/v2/device-credentials/{id}",
            summary: "Delete a credential of a user's device",
            access: AnyOf(&[Scope::DeleteDeviceCredentials]),
            query: &[],
            body: None,
            prepare: None,
            success: (204, Empty),
            refusals: &[],
            audit: Some("Delete a device credential"),
            handler: device_credentials::delete,
            at_once: None,
        },
    ]
}
