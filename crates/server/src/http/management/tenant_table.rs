//! The rows of what is set for the tenant.

use http::Method;
use keyward_core::access::ManagementScope as Scope;

use super::{tenant_schema as schema, tenants};
use crate::http::operation::{Access::AnyOf, Operation, Shape::Json};

/// The rows.
pub fn operations() -> Vec<Operation> {
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
