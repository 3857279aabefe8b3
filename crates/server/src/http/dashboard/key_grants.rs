//! What a key holds: permissions and roles, given and taken.

use http::StatusCode;
use keyward_core::{Problem, snapshot::ApiEntry};

use super::{
    form,
    key_form::refused_permissions,
    keys::{keyed, named, place, show_key},
    page::redirect,
    problem,
    table::{EDIT, form_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::key::{self, KeyData},
};

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        form_at(
            "console_key_permissions_add",
            "/apis/{id}/keys/{key}/permissions",
            ("authorization.connect_permission_and_key", EDIT),
            add_permissions,
        ),
        form_at(
            "console_key_permission_remove",
            "/apis/{id}/keys/{key}/permissions/{permission}/remove",
            ("authorization.disconnect_permission_and_key", EDIT),
            remove_permission,
        ),
        form_at(
            "console_key_roles_add",
            "/apis/{id}/keys/{key}/roles",
            ("authorization.connect_role_and_key", EDIT),
            add_roles,
        ),
        form_at(
            "console_key_role_remove",
            "/apis/{id}/keys/{key}/roles/{role}/remove",
            ("authorization.disconnect_role_and_key", EDIT),
            remove_role,
        ),
    ]
}

/// The key's page with what became of a change: what was refused is said there.
fn told(request: &Request, entry: &ApiEntry, data: &KeyData, result: Result<(), Problem>) -> Result<Answer, Problem> {
    match result {
        Ok(()) => Ok(redirect(&place(entry, &data.key.id))),
        Err(problem) => {
            let (status, text) = problem::at_form(problem)?;
            show_key(request, entry, data, (status, Some(text)))
        }
    }
}

fn refused(request: &Request, entry: &ApiEntry, data: &KeyData, text: impl Into<String>) -> Result<Answer, Problem> {
    show_key(request, entry, data, (StatusCode::UNPROCESSABLE_ENTITY, Some(text.into())))
}

/// Gives a key permissions.
pub(super) fn add_permissions(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let chosen = form::texts(&request.body, "permission");
        if chosen.is_empty() {
            return refused(&request, entry, &data, "Choose at least one permission.");
        }
        if let Some(text) = refused_permissions(&request, entry, &chosen) {
            return refused(&request, entry, &data, text);
        }
        let added = key::add_permissions(&request.call, data.key.id.clone(), chosen).await;
        told(&request, entry, &data, added.map(drop))
    })
}

/// Takes a permission from a key. One that it does not hold is taken already.
pub(super) fn remove_permission(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let id = &request.segments[2];
        let held = data.key.permissions.iter().filter_map(|number| request.view.snapshot.permission(*number));
        if !held.into_iter().any(|permission| permission.id == *id) {
            return Ok(redirect(&place(entry, &data.key.id)));
        }
        let removed = key::remove_permissions(&request.call, data.key.id.clone(), vec![id.clone()]).await;
        told(&request, entry, &data, removed.map(drop))
    })
}

/// Gives a key roles.
pub(super) fn add_roles(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let chosen = form::texts(&request.body, "role");
        if chosen.is_empty() {
            return refused(&request, entry, &data, "Choose at least one role.");
        }
        let added = key::add_roles(&request.call, data.key.id.clone(), chosen).await;
        told(&request, entry, &data, added.map(drop))
    })
}

/// Takes a role from a key. One that it does not have is taken already.
pub(super) fn remove_role(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let data = named(&request, entry).await?;
        let id = &request.segments[2];
        let has = data.key.roles.iter().filter_map(|number| request.view.snapshot.role(*number));
        if !has.into_iter().any(|role| role.key_id() == *id) {
            return Ok(redirect(&place(entry, &data.key.id)));
        }
        let removed = key::remove_roles(&request.call, data.key.id.clone(), vec![id.clone()]).await;
        told(&request, entry, &data, removed.map(drop))
    })
}
