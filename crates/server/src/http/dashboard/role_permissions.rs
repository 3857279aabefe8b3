//! What a role gives: the permissions by APIs, those that it is to give, and those that it is to give no longer.

use askama::Template;
use http::StatusCode;
use keyward_core::{Problem, model::role::Role};

use super::{
    form::{self, query},
    page::{Frame, Pager, redirect, show},
    picker::{self, Asked, Place},
    problem,
    roles::{Head, find},
    table::{EDIT, PAGE, VIEW, form_at, page_at, word},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, Request},
    },
    service::role::grants::{self, NamedPermission},
};

/// How many permissions a page has.
const PER_PAGE: usize = 200;
/// How many of those that were just given or taken an address names.
const SAID: usize = 50;

const LIST_QUERY: &[Parameter] = &[
    word("q", "A part of a value, a description or an API's name"),
    PAGE,
    word("added", "The ids of the permissions that were added"),
    word("removed", "The ids of the permissions that were removed"),
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let ask = ("Show the permissions that a role could give", EDIT);
    vec![
        page_at("console_role", "/roles/{id}", ("List what a role gives", VIEW), LIST_QUERY, list),
        page_at("console_role_pick", "/roles/{id}/permissions/add", ask, picker::PERMISSIONS_QUERY, pick),
        form_at(
            "console_role_permissions_add",
            "/roles/{id}/permissions/add",
            ("Associate permissions with a role", EDIT),
            add,
        ),
        form_at(
            "console_role_permissions_remove",
            "/roles/{id}/permissions/remove",
            ("Remove permissions from a role", EDIT),
            remove,
        ),
    ]
}

#[derive(Template)]
#[template(path = "role_permissions.html")]
struct List {
    frame: Frame,
    role: Head,
    q: String,
    groups: Vec<Group>,
    pager: Pager,
    notice: Option<Notice>,
    error: Option<String>,
}

/// The permissions of one API.
struct Group {
    id: String,
    name: String,
    identifier: String,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    value: String,
    description: String,
}

struct Notice {
    values: Vec<String>,
    ids: Vec<String>,
    is_gone: bool,
}

/// Lists what a role gives, API by API.
fn list(request: Request) -> Handled {
    Box::pin(async move { show_list(&request, find(&request)?, (StatusCode::OK, None)).await })
}

async fn show_list(
    request: &Request,
    role: &Role,
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let q = query(request, "q").trim().to_owned();
    let part = q.to_lowercase();
    let contains = |text: &str| text.to_lowercase().contains(&part);
    let mut found = grants::list(&request.view.snapshot, role);
    found.retain(|(permission, entry)| {
        contains(permission.value.as_str())
            || permission.description.as_deref().is_some_and(contains)
            || contains(entry.api.display_name())
    });
    // A stable sort: within an API they stay in the order of their values.
    found.sort_by_cached_key(|(_, entry)| (entry.api.display_name().to_lowercase(), entry.api.identifier.clone()));
    let pager = Pager::new(&format!("/roles/{}", role.management_id()), &request.query, found.len(), PER_PAGE);
    let mut groups: Vec<Group> = Vec::new();
    for (permission, entry) in pager.cut(found) {
        if groups.last().is_none_or(|group| group.id != entry.api.id) {
            groups.push(Group {
                id: entry.api.id.clone(),
                name: entry.api.display_name().to_owned(),
                identifier: entry.api.identifier.clone(),
                rows: Vec::new(),
            });
        }
        let row = Row {
            id: permission.id.clone(),
            value: permission.value.to_string(),
            description: permission.description.clone().unwrap_or_default(),
        };
        groups.last_mut().map(|group| group.rows.push(row)).unwrap_or_default();
    }
    let page = List {
        frame: Frame::new(&request.call, "roles", role.name.clone()),
        role: Head::read(request, role, "").await?.0,
        q,
        groups,
        pager,
        notice: notice(request, role),
        error,
    };
    show(status, &page)
}

/// What was just done, as far as it is so: the address of a page proves nothing.
fn notice(request: &Request, role: &Role) -> Option<Notice> {
    let (added, removed) = (query(request, "added"), query(request, "removed"));
    let is_gone = added.is_empty();
    let ids: Vec<String> = if is_gone { removed } else { added }.split(',').take(SAID).map(str::to_owned).collect();
    let (mut found, _) = picker::permissions(request, &ids);
    found.retain(|(permission, _)| role.permissions.binary_search(&permission.number).is_ok() != is_gone);
    let values: Vec<String> = found.iter().map(|(permission, _)| permission.value.to_string()).collect();
    let ids = found.iter().map(|(permission, _)| permission.id.clone()).collect();
    (!values.is_empty()).then_some(Notice { values, ids, is_gone })
}

/// The list, where it is said what was done unless that is too much for an address.
fn to_list(role: &Role, what: &str, ids: &[String]) -> Answer {
    let path = format!("/roles/{}", role.management_id());
    if ids.len() > SAID {
        return redirect(&path);
    }
    redirect(&format!("{path}?{what}={}", super::page::segment(&ids.join(","))))
}

fn place(role: &Role) -> Place {
    let back = format!("/roles/{}", role.management_id());
    Place {
        section: "roles",
        title: format!("Add permissions to {}", role.name),
        crumbs: vec![("/roles".to_owned(), "Roles".to_owned()), (back.clone(), role.name.clone())],
        hint: "Whoever has the role, user or key, has them from then on.",
        path: format!("{back}/permissions/add"),
        back,
    }
}

/// Shows the permissions that a role could give.
fn pick(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        let asked = Asked::of_query(&request, "permission");
        picker::show_permissions(&request, place(role), (&asked, &role.permissions), (StatusCode::OK, None))
    })
}

/// Gives a role what is ticked: all of it or nothing.
fn add(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        let asked = Asked::of_form(&request.body, "permission");
        let (status, text) = match picked(&request, &asked.ticked) {
            Err(refusal) => refusal,
            Ok(wanted) => match grants::add(&request.call, role.management_id(), wanted).await {
                Ok(()) => return Ok(to_list(role, "added", &asked.ticked)),
                Err(problem) => problem::at_form(problem)?,
            },
        };
        picker::show_permissions(&request, place(role), (&asked, &role.permissions), (status, Some(text)))
    })
}

/// The names of the permissions that were ticked, or what is wrong with them.
pub(super) fn picked(request: &Request, ids: &[String]) -> Result<Vec<NamedPermission>, (StatusCode, String)> {
    if ids.is_empty() {
        return Err((StatusCode::UNPROCESSABLE_ENTITY, "Tick at least one permission.".to_owned()));
    }
    let (found, missing) = picker::permissions(request, ids);
    if missing > 0 {
        let text = "Something that you ticked was deleted meanwhile. Nothing was added. Look again and repeat it.";
        return Err((StatusCode::CONFLICT, text.to_owned()));
    }
    let named =
        |(permission, entry): (&keyward_core::model::permission::Permission, &keyward_core::snapshot::ApiEntry)| {
            NamedPermission { identifier: entry.api.identifier.clone(), value: permission.value.to_string() }
        };
    Ok(found.into_iter().map(named).collect())
}

/// Takes what is ticked from a role. What it does not give any more is shown so.
fn remove(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        let ids = form::texts(&request.body, "permission");
        if ids.is_empty() {
            let text = "Tick what the role is to give no longer.".to_owned();
            return show_list(&request, role, (StatusCode::UNPROCESSABLE_ENTITY, Some(text))).await;
        }
        let (mut found, _) = picker::permissions(&request, &ids);
        found.retain(|(permission, _)| role.permissions.binary_search(&permission.number).is_ok());
        let ids: Vec<String> = found.iter().map(|(permission, _)| permission.id.clone()).collect();
        let unwanted = found.into_iter().map(|(permission, entry)| NamedPermission {
            identifier: entry.api.identifier.clone(),
            value: permission.value.to_string(),
        });
        grants::remove(&request.call, role.management_id(), unwanted.collect()).await?;
        Ok(to_list(role, "removed", &ids))
    })
}
