//! The operations of the keys' API.

use http::Method;
use keyward_core::grants::Action as A;
use serde_json::Value;

use super::{
    analytics, apis, identities, impact, key_grants, keys, permissions, ratelimit, roles,
    schema::{
        analytics as analytics_schema, apis as api, identities as identity, impact as impact_schema,
        key_grants as grant, keys as key, permissions as permission, ratelimit as limit, verify as verify_schema,
    },
    verify,
};
use crate::http::attempt::AtOnce;
use crate::http::operation::{
    Access, Guard, Handler,
    Masking::{Absent, AfterLookup, First, FirstOn},
    Operation,
    Shape::Json,
};

/// What the audit log calls a change.
type Event = Option<&'static str>;
/// The schemas of the body and of the answer.
type Forms = (fn() -> Value, fn() -> Value);

/// A guard: what is always needed, what may be needed, and what a root key without it sees.
const fn needs(needs: &'static [A], may_need: &'static [A], masking: crate::http::operation::Masking) -> Guard {
    Guard { needs, may_need, masking }
}

/// One row. The path is the operation's name below `/v2/`.
macro_rules! row {
    ($id:literal, $summary:literal, $guard:expr, $forms:expr, $refusals:expr, $event:expr, $handler:expr) => {{
        let (body, answer): Forms = $forms;
        let event: Event = $event;
        let handler: Handler = $handler;
        Operation {
            id: $id,
            method: Method::POST,
            path: concat!("/v2/", $id),
            summary: $summary,
            access: Access::RootKey($guard),
            query: &[],
            body: Some(body),
            prepare: None,
            success: (200, Json(answer)),
            refusals: $refusals,
            audit: event,
            handler,
            at_once: None,
        }
    }};
}

/// All of them.
pub fn operations() -> Vec<Operation> {
    let mut rows = of_permissions();
    rows.extend(of_keys());
    rows.extend(of_key_grants());
    rows.extend(of_the_others());
    rows
}

#[rustfmt::skip]
fn of_permissions() -> Vec<Operation> {
    vec![
        row!("permissions.createPermission", "Make a permission",
            needs(&[A::CreatePermission], &[], First), (permission::create_permission, permission::create_permission_answer),
            &[409], Some("permission.create"), permissions::create),
        row!("permissions.getPermission", "Show a permission",
            needs(&[A::ReadPermission], &[], First), (permission::get_permission, permission::get_permission_answer),
            &[404], None, permissions::get),
        row!("permissions.listPermissions", "List the permissions",
            needs(&[A::ReadPermission], &[], First), (permission::list_permissions, permission::list_permissions_answer),
            &[], None, permissions::list),
        row!("permissions.updatePermission", "Change or rename a permission; whoever holds it keeps it",
            needs(&[A::UpdatePermission], &[], First), (permission::update_permission, permission::update_permission_answer),
            &[404, 409], Some("permission.update"), permissions::update),
        row!("permissions.deletePermission", "Delete a permission; whoever holds it holds nothing once this is answered",
            needs(&[A::DeletePermission], &[], First), (permission::delete_permission, permission::delete_permission_answer),
            &[404], Some("permission.delete"), permissions::delete),
        row!("permissions.restorePermission", "Undo the deletion of a permission; whoever held it holds it again",
            needs(&[A::CreatePermission, A::AddPermissionToRole, A::AddPermissionToKey], &[], First),
            (permission::restore_permission, permission::restore_permission_answer),
            &[404, 409], Some("permission.restore"), permissions::restore),
        row!("permissions.getImpact", "What the deletion of a permission would take away",
            needs(&[A::ReadPermission, A::ReadRole, A::ReadKey], &[], First),
            (impact_schema::get_impact, impact_schema::get_impact_answer), &[404], None, impact::of_permission),
        row!("permissions.createRole", "Make a role",
            needs(&[A::CreateRole], &[A::AddPermissionToRole, A::CreatePermission], First),
            (permission::create_role, permission::create_role_answer), &[409], Some("role.create"), roles::create),
        row!("permissions.getRole", "Show a role",
            needs(&[A::ReadRole], &[], First), (permission::get_role, permission::get_role_answer),
            &[404], None, roles::get),
        row!("permissions.listRoles", "List the roles",
            needs(&[A::ReadRole], &[], First), (permission::list_roles, permission::list_roles_answer),
            &[], None, roles::list),
        row!("permissions.deleteRole", "Delete a role; whoever has it loses what it gave once this is answered",
            needs(&[A::DeleteRole], &[], First), (permission::delete_role, permission::delete_role_answer),
            &[404], Some("role.delete"), roles::delete),
        row!("permissions.restoreRole", "Undo the deletion of a role; whoever had it has it again",
            needs(&[A::CreateRole, A::AddRoleToKey], &[], First), (permission::restore_role, permission::restore_role_answer),
            &[404, 409], Some("role.restore"), roles::restore),
        row!("permissions.getRoleImpact", "What the deletion of a role would take away",
            needs(&[A::ReadPermission, A::ReadRole, A::ReadKey], &[], First),
            (impact_schema::get_role_impact, impact_schema::get_role_impact_answer), &[404], None, impact::of_role),
        row!("permissions.setRolePermissions", "Give a role exactly these permissions",
            needs(&[A::AddPermissionToRole, A::RemovePermissionFromRole], &[A::CreatePermission], First),
            (permission::set_role_permissions, permission::set_role_permissions_answer),
            &[404], Some("role.update"), roles::set_permissions),
    ]
}

#[rustfmt::skip]
fn of_keys() -> Vec<Operation> {
    let mut verify = row!("keys.verifyKey", "Whether a key may do what it is used for",
        needs(&[A::VerifyKey], &[], Absent), (verify_schema::verify_key, verify_schema::verify_key_answer),
        &[412], None, verify::verify);
    verify.at_once = Some(AtOnce::Key(verify::at_once));
    vec![
        row!("keys.createKey", "Make a key",
            needs(&[A::CreateKey], &[A::EncryptKey, A::AddPermissionToKey, A::AddRoleToKey, A::CreatePermission], Absent),
            (key::create_key, key::create_key_answer), &[404, 412], Some("key.create"), keys::create),
        row!("keys.getKey", "Show a key",
            needs(&[A::ReadKey], &[A::DecryptKey], AfterLookup), (key::get_key, key::get_key_answer),
            &[404, 412], None, keys::get),
        row!("keys.whoami", "Show the key with this text",
            needs(&[A::ReadKey], &[], Absent), (key::whoami, key::whoami_answer), &[404], None, keys::whoami),
        verify,
        row!("keys.updateKey", "Change a key",
            needs(&[A::UpdateKey], &[A::AddPermissionToKey, A::AddRoleToKey, A::CreatePermission], AfterLookup),
            (key::update_key, key::update_key_answer), &[404], Some("key.update"), keys::update),
        row!("keys.updateCredits", "Change how often a key may be used",
            needs(&[A::UpdateKey], &[], AfterLookup), (key::update_credits, key::update_credits_answer),
            &[404], Some("key.update"), keys::update_credits),
        row!("keys.deleteKey", "Delete a key; it is refused once this is answered",
            needs(&[A::DeleteKey], &[], AfterLookup), (key::delete_key, key::delete_key_answer),
            &[404], Some("key.delete"), keys::delete),
        row!("keys.rerollKey", "Make a key anew",
            needs(&[A::CreateKey], &[A::EncryptKey], AfterLookup), (key::reroll_key, key::reroll_key_answer),
            &[404, 412], Some("key.reroll"), keys::reroll),
        row!("keys.migrateKeys", "Take over keys that were made elsewhere",
            needs(&[A::CreateKey], &[A::AddPermissionToKey, A::AddRoleToKey, A::CreatePermission, A::CreateRole], FirstOn("apiId")),
            (key::migrate_keys, key::migrate_keys_answer), &[404], Some("key.migrate"), keys::migrate),
    ]
}

#[rustfmt::skip]
fn of_key_grants() -> Vec<Operation> {
    vec![
        row!("keys.addPermissions", "Give a key permissions",
            needs(&[A::UpdateKey, A::AddPermissionToKey], &[A::CreatePermission], AfterLookup),
            (grant::add_permissions, grant::add_permissions_answer),
            &[404], Some("authorization.connect_permission_and_key"), key_grants::add_permissions),
        row!("keys.removePermissions", "Take permissions from a key",
            needs(&[A::UpdateKey, A::RemovePermissionFromKey], &[], AfterLookup),
            (grant::remove_permissions, grant::remove_permissions_answer),
            &[404], Some("authorization.disconnect_permission_and_key"), key_grants::remove_permissions),
        row!("keys.setPermissions", "Give a key exactly these permissions",
            needs(&[A::UpdateKey, A::AddPermissionToKey, A::RemovePermissionFromKey], &[A::CreatePermission], AfterLookup),
            (grant::set_permissions, grant::set_permissions_answer),
            &[404], Some("authorization.set_permissions_of_key"), key_grants::set_permissions),
        row!("keys.addRoles", "Give a key roles",
            needs(&[A::UpdateKey, A::AddRoleToKey], &[], AfterLookup), (grant::add_roles, grant::add_roles_answer),
            &[404], Some("authorization.connect_role_and_key"), key_grants::add_roles),
        row!("keys.removeRoles", "Take roles from a key",
            needs(&[A::UpdateKey], &[], AfterLookup), (grant::remove_roles, grant::remove_roles_answer),
            &[404], Some("authorization.disconnect_role_and_key"), key_grants::remove_roles),
        row!("keys.setRoles", "Give a key exactly these roles",
            needs(&[A::UpdateKey], &[A::AddRoleToKey], AfterLookup), (grant::set_roles, grant::set_roles_answer),
            &[404], Some("authorization.set_roles_of_key"), key_grants::set_roles),
    ]
}

#[rustfmt::skip]
fn of_the_others() -> Vec<Operation> {
    vec![
        row!("apis.createApi", "Make an API", needs(&[A::CreateApi], &[], First),
            (api::create_api, api::create_api_answer), &[], Some("api.create"), apis::create),
        row!("apis.getApi", "Show an API", needs(&[A::ReadApi], &[], FirstOn("apiId")),
            (api::get_api, api::get_api_answer), &[404], None, apis::get),
        row!("apis.updateApi", "Change how an API's keys are made and used", needs(&[A::UpdateApi], &[], FirstOn("apiId")),
            (api::update_api, api::update_api_answer), &[404], Some("api.update"), apis::update),
        row!("apis.deleteApi", "Delete an API; its keys are refused once this is answered",
            needs(&[A::DeleteApi], &[], FirstOn("apiId")), (api::delete_api, api::delete_api_answer),
            &[404, 412], Some("api.delete"), apis::delete),
        row!("apis.listKeys", "List an API's keys", needs(&[A::ReadKey, A::ReadApi], &[A::DecryptKey], Absent),
            (api::list_keys, api::list_keys_answer), &[404, 412], None, apis::list_keys),
        row!("identities.createIdentity", "Make an identity", needs(&[A::CreateIdentity], &[], First),
            (identity::create_identity, identity::create_identity_answer), &[409], Some("identity.create"), identities::create),
        row!("identities.getIdentity", "Show an identity", needs(&[A::ReadIdentity], &[], AfterLookup),
            (identity::get_identity, identity::get_identity_answer), &[404], None, identities::get),
        row!("identities.listIdentities", "List the identities", needs(&[A::ReadIdentity], &[], AfterLookup),
            (identity::list_identities, identity::list_identities_answer), &[], None, identities::list),
        row!("identities.updateIdentity", "Change an identity", needs(&[A::UpdateIdentity], &[], First),
            (identity::update_identity, identity::update_identity_answer), &[404], Some("identity.update"), identities::update),
        row!("identities.deleteIdentity", "Delete an identity; its keys go on without it", needs(&[A::DeleteIdentity], &[], First),
            (identity::delete_identity, identity::delete_identity_answer), &[404], Some("identity.delete"), identities::delete),
        row!("ratelimit.limit", "Count one use", needs(&[A::Limit], &[A::CreateNamespace], AfterLookup),
            (limit::limit, limit::limit_answer), &[404], None, ratelimit::limit),
        row!("ratelimit.multiLimit", "Count several uses, or none of them", needs(&[A::Limit], &[A::CreateNamespace], AfterLookup),
            (limit::multi_limit, limit::multi_limit_answer), &[404], None, ratelimit::multi_limit),
        row!("ratelimit.setOverride", "Set another limit for an identifier", needs(&[A::SetOverride], &[], AfterLookup),
            (limit::set_override, limit::set_override_answer), &[404], Some("ratelimit.set_override"), ratelimit::set_override),
        row!("ratelimit.getOverride", "Show the override that counts for an identifier", needs(&[A::ReadOverride], &[], Absent),
            (limit::get_override, limit::get_override_answer), &[404], None, ratelimit::get_override),
        row!("ratelimit.deleteOverride", "Take an override away", needs(&[A::DeleteOverride], &[], AfterLookup),
            (limit::delete_override, limit::delete_override_answer), &[404], Some("ratelimit.delete_override"), ratelimit::delete_override),
        row!("ratelimit.listOverrides", "List a namespace's overrides", needs(&[A::ReadOverride], &[], AfterLookup),
            (limit::list_overrides, limit::list_overrides_answer), &[404], None, ratelimit::list_overrides),
        row!("analytics.getVerifications", "Carry out a query over verifications", needs(&[A::ReadAnalytics], &[], AfterLookup),
            (analytics_schema::get_verifications, analytics_schema::get_verifications_answer),
            &[422], None, analytics::get_verifications),
        Operation {
            id: "liveness",
            method: Method::GET,
            path: "/v2/liveness",
            summary: "Whether the program runs",
            access: Access::Public("supervisors have no root key"),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(analytics_schema::liveness_answer)),
            refusals: &[],
            audit: None,
            handler: analytics::liveness,
            at_once: None,
        },
    ]
}
