//! The end of an API, and what goes with it.

use askama::Template;
use http::StatusCode;
use keyward_core::{Problem, model::system_api::SystemApi, snapshot::ApiEntry};

use super::{
    apis::{Head, find},
    client_page::GrantRow,
    form,
    page::{Frame, redirect, segment, show},
    table::{EDIT, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::{Precondition, api, impact},
};

/// How many of each kind are named.
const NAMED: usize = 10;
const STAYS: &str = "This API belongs to Keyward itself. It can't be deleted.";

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_api_deletion", "/apis/{id}/delete", ("Show what goes with an API", EDIT), &[], confirm),
        form_at("console_api_delete", "/apis/{id}/delete", ("Delete a resource server", EDIT), delete),
    ]
}

#[derive(Template)]
#[template(path = "api_delete.html")]
struct Sure {
    frame: Frame,
    api: Head,
    permissions: Vec<String>,
    roles: Vec<String>,
    role_count: usize,
    applications: Vec<GrantRow>,
    grant_count: usize,
    users: i64,
    keys: i64,
    error: Option<String>,
}

/// The API that the path names, if people may delete it.
fn find_own(request: &Request) -> Result<&ApiEntry, Problem> {
    let entry = find(request)?;
    if entry.api.system.is_some_and(SystemApi::stays) {
        return Err(Problem::System(STAYS));
    }
    Ok(entry)
}

fn confirm(request: Request) -> Handled {
    Box::pin(async move { show_sure(&request, find_own(&request)?, (StatusCode::OK, None)).await })
}

async fn show_sure(
    request: &Request,
    entry: &ApiEntry,
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let found = impact::api::preview(&request.call, &request.view, entry).await?;
    let snapshot = &request.view.snapshot;
    let page = Sure {
        frame: Frame::new(&request.call, "apis", format!("Delete {}", entry.api.display_name())),
        api: Head::new(entry, "settings"),
        permissions: entry.permissions.iter().take(NAMED).map(|permission| permission.value.to_string()).collect(),
        role_count: found.roles.len(),
        roles: found.roles.iter().take(NAMED).map(|role| role.name.clone()).collect(),
        grant_count: found.grants.len(),
        applications: found.grants.iter().filter_map(|grant| GrantRow::new(snapshot, grant)).take(NAMED).collect(),
        users: found.users,
        keys: found.keys,
        error,
    };
    show(status, &page)
}

/// Deletes an API. One that is deleted already is shown so.
fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let entry = match find_own(&request) {
            Err(Problem::NotFound(_)) => return Ok(redirect("/apis")),
            found => found?,
        };
        if form::text(&request.body, "confirm") != entry.api.identifier.trim() {
            let text = "Type the identifier as it stands here.".to_owned();
            return show_sure(&request, entry, (StatusCode::UNPROCESSABLE_ENTITY, Some(text))).await;
        }
        api::delete(&request.call, &vec![entry.api.id.clone()], Precondition::None).await?;
        Ok(redirect(&format!("/apis?deleted={}", segment(&entry.api.identifier))))
    })
}
