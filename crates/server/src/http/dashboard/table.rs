//! The rows of the console.

use http::Method;
use keyward_core::model::administrator::AdministratorRole;

use super::{
    account, administrators, api_deletion, api_settings, apis, assets, client, client_grants, clients, credentials,
    key_apis, key_form, key_grants, key_settings, key_trial, keys, log, permission_deletion, permission_edit,
    permissions, quickstart, role_holders, role_permissions, role_settings, roles, root_keys, settings, sign_in,
    token_trial, user_password, user_permissions, user_roles, user_settings, users,
};
use crate::http::operation::{
    Access, Handler, Operation, Parameter, ParameterKind,
    Shape::{Empty, Text},
};

/// A page.
pub(super) fn page_at(
    id: &'static str,
    path: &'static str,
    (summary, access): (&'static str, Access),
    query: &'static [Parameter],
    handler: Handler,
) -> Operation {
    Operation {
        id,
        method: Method::GET,
        path,
        summary,
        access,
        query,
        body: None,
        prepare: None,
        success: (200, Text("text/html; charset=utf-8")),
        refusals: &[],
        audit: None,
        handler,
        at_once: None,
    }
}

/// A form: what was sent is done, and then a page is shown.
pub(super) fn form_at(
    id: &'static str,
    path: &'static str,
    (audit, access): (&'static str, Access),
    handler: Handler,
) -> Operation {
    Operation {
        id,
        method: Method::POST,
        path,
        summary: audit,
        access,
        query: &[],
        body: None,
        prepare: None,
        success: (303, Empty),
        refusals: &[],
        audit: Some(audit),
        handler,
        at_once: None,
    }
}

/// A word in the query string of a page.
pub(super) const fn word(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Text(300), description }
}

/// The parameter that says which page of a list.
pub(super) const PAGE: Parameter =
    Parameter { name: "page", kind: ParameterKind::Integer(0, 1_000_000), description: "Which page" };

/// A form that is answered by a page: one that shows a secret once, or what came of a question.
pub(super) fn answer_at(
    id: &'static str,
    path: &'static str,
    (what, access): (&'static str, Access),
    handler: Handler,
) -> Operation {
    Operation { success: (200, Text("text/html; charset=utf-8")), ..form_at(id, path, (what, access), handler) }
}

/// What every administrator may do.
pub(super) const VIEW: Access = Access::Administrator(AdministratorRole::Viewer);
/// What takes an editor.
pub(super) const EDIT: Access = Access::Administrator(AdministratorRole::Editor);

/// What takes an owner.
pub(super) const OWN: Access = Access::Administrator(AdministratorRole::Owner);

/// The rows.
pub fn operations() -> Vec<Operation> {
    let all = [
        sign_in::rows(),
        assets::rows(),
        apis::rows(),
        permissions::rows(),
        permission_edit::rows(),
        permission_deletion::rows(),
        roles::rows(),
        role_permissions::rows(),
        role_holders::rows(),
        role_settings::rows(),
        users::rows(),
        user_permissions::rows(),
        user_roles::rows(),
        user_settings::rows(),
        user_password::rows(),
        clients::rows(),
        client::rows(),
        credentials::rows(),
        client_grants::rows(),
        api_settings::rows(),
        api_deletion::rows(),
        quickstart::rows(),
        key_form::rows(),
        keys::rows(),
        key_settings::rows(),
        key_grants::rows(),
        key_trial::rows(),
        token_trial::rows(),
        key_apis::rows(),
        root_keys::rows(),
        log::rows(),
        settings::rows(),
        administrators::rows(),
        account::rows(),
    ];
    all.into_iter().flatten().collect()
}
