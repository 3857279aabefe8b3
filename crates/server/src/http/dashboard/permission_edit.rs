//! One permission, to change it.

use http::StatusCode;
use keyward_core::{Problem, model::permission::Permission, snapshot::ApiEntry};

use super::{
    apis::{Head, find},
    edited::{Edited, Fields, one_line, text},
    page::{Frame, show},
    permission_page::Page,
    permissions::{named, to_list, wanted},
    problem,
    table::{EDIT, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::{
        Precondition,
        permission::{self, PermissionFields},
    },
};

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at(
            "console_permission",
            "/apis/{id}/permissions/{permission}",
            ("Show a permission to change it", EDIT),
            &[],
            edit,
        ),
        form_at(
            "console_permission_save",
            "/apis/{id}/permissions/{permission}",
            ("Update a permission of a resource server", EDIT),
            save,
        ),
    ]
}

/// What the form shows.
fn fields(permission: &Permission) -> Fields {
    let description = permission.description.as_deref().unwrap_or_default();
    Fields::new([
        text("value", "permission", permission.value.as_str()),
        one_line("description", "description", description),
    ])
}

fn edit(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let permission = named(entry, &request)?;
        show_form(&request, entry, permission, (StatusCode::OK, Edited::of(fields(permission))))
    })
}

fn show_form(
    request: &Request,
    entry: &ApiEntry,
    permission: &Permission,
    (status, form): (StatusCode, Edited),
) -> Result<Answer, Problem> {
    let page = Page {
        frame: Frame::new(&request.call, "apis", permission.value.as_str()),
        api: Head::new(entry, "permissions"),
        id: permission.id.clone(),
        form,
    };
    show(status, &page)
}

/// Changes a permission, unless somebody else did since the form was shown.
fn save(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let permission = named(entry, &request)?;
        let mut form = Edited::sent(&request.body, fields(permission));
        if form.is_unchanged() {
            return Ok(to_list(entry, "saved", &permission.id));
        }
        if form.is_stale() {
            return show_form(&request, entry, permission, (StatusCode::CONFLICT, form));
        }
        let (status, text) = match wanted(form.typed.get("value"), form.typed.get("description")) {
            Ok(wanted) => {
                // What was not typed over stays as it is spelt.
                let value = form.differs("value").then_some(wanted.value);
                let description = form.differs("description").then_some(wanted.description);
                let fields = PermissionFields { value, description };
                // What was compared is what is changed: the version says so under the lock.
                let revision = entry.api.revision.0;
                let seen = Precondition::Versions(vec![revision], format!("\"{revision}\""));
                let (api, values) = (vec![entry.api.id.clone()], vec![permission.value.to_string()]);
                match permission::update(&request.call, &api, values, fields, seen).await {
                    Ok((entry, changed)) => return Ok(to_list(&entry, "saved", &changed.id)),
                    Err(problem) => problem::at_form(problem)?,
                }
            }
            Err(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        };
        form.refuse("", text);
        show_form(&request, entry, permission, (status, form))
    })
}
