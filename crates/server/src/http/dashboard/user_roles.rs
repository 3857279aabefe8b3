//! Which roles a user has.

use askama::Template;
use http::StatusCode;
use keyward_core::{held, model::user::User};

use super::{
    form::{self, query},
    page::{Frame, redirect, segment, show, thousands},
    picker::{self, Asked, Place},
    problem,
    table::{EDIT, VIEW, form_at, page_at, word},
    users::{Head, find, find_with_given, title},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, Request},
    },
    service::{
        role::{self, change},
        user_roles,
    },
};

/// How many of those that were just given an address names.
const SAID: usize = 50;

const LIST_QUERY: &[Parameter] =
    &[word("added", "The ids of the roles that were given"), word("removed", "The id of the role that was taken")];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let ask = ("Show the roles that a user could have", EDIT);
    vec![
        page_at("console_user_roles", "/users/{id}/roles", ("List the roles of a user", VIEW), LIST_QUERY, list),
        page_at("console_user_roles_pick", "/users/{id}/roles/add", ask, picker::ROLES_QUERY, pick),
        form_at("console_user_roles_add", "/users/{id}/roles/add", ("Assign roles to a user", EDIT), add),
        form_at("console_user_roles_remove", "/users/{id}/roles/remove", ("Remove roles from a user", EDIT), remove),
    ]
}

#[derive(Template)]
#[template(path = "user_roles.html")]
struct List {
    frame: Frame,
    user: Head,
    rows: Vec<Row>,
    notice: Option<Notice>,
}

struct Row {
    id: String,
    name: String,
    description: String,
    permissions: String,
}

struct Notice {
    names: Vec<String>,
    id: String,
    is_gone: bool,
}

/// Lists the roles of a user, in the order of their names.
fn list(request: Request) -> Handled {
    Box::pin(async move {
        let (user, given) = find_with_given(&request).await?;
        let snapshot = &request.view.snapshot;
        let roles = held::named(snapshot, &given.role_numbers());
        let rows = roles.iter().map(|role| Row {
            id: role.management_id(),
            name: role.name.clone(),
            description: role.description.clone().unwrap_or_default(),
            permissions: thousands(role::permissions(snapshot, role).len()),
        });
        let has = |id: &str| roles.iter().any(|role| role.management_id() == id);
        let page = List {
            frame: Frame::new(&request.call, "users", format!("Roles of {}", title(&user))),
            user: Head::new(&request, &user, &given, "/roles"),
            rows: rows.collect(),
            notice: notice(&request, has),
        };
        show(StatusCode::OK, &page)
    })
}

/// What was just done, as far as it is so: the address of a page proves nothing.
fn notice(request: &Request, has: impl Fn(&str) -> bool) -> Option<Notice> {
    let (added, removed) = (query(request, "added"), query(request, "removed"));
    let is_gone = added.is_empty();
    let ids = if is_gone { removed } else { added }.split(',').take(SAID).filter(|id| has(id) != is_gone);
    let found = |id| change::find(&request.view.snapshot, request.call.workspace, id).ok();
    let roles: Vec<_> = ids.filter_map(found).collect();
    let id = roles.first()?.management_id();
    Some(Notice { names: roles.iter().map(|role| role.name.clone()).collect(), id, is_gone })
}

fn path(user: &User) -> String {
    format!("/users/{}/roles", segment(&user.id))
}

fn place(user: &User) -> Place {
    let whole = format!("/users/{}", segment(&user.id));
    Place {
        section: "users",
        title: format!("Give roles to {}", title(user)),
        crumbs: vec![("/users".to_owned(), "Users".to_owned()), (whole, title(user))],
        hint: "The user has what a role gives as long as it has the role.",
        path: format!("{}/add", path(user)),
        back: path(user),
    }
}

/// Shows the roles that a user could have.
fn pick(request: Request) -> Handled {
    Box::pin(async move {
        let (user, given) = find_with_given(&request).await?;
        let asked = Asked::of_query(&request, "role");
        picker::show_roles(&request, place(&user), (&asked, &given.role_numbers()), (StatusCode::OK, None))
    })
}

/// Gives a user what is ticked: all of it or nothing.
fn add(request: Request) -> Handled {
    Box::pin(async move {
        let (user, given) = find_with_given(&request).await?;
        let asked = Asked::of_form(&request.body, "role");
        let (status, text) = if asked.ticked.is_empty() {
            (StatusCode::UNPROCESSABLE_ENTITY, "Tick at least one role.".to_owned())
        } else {
            match user_roles::assign(&request.call, vec![user.id.clone()], asked.ticked.clone()).await {
                Ok(()) => return Ok(added(&user, &asked.ticked)),
                Err(problem) => problem::at_form(problem)?,
            }
        };
        picker::show_roles(&request, place(&user), (&asked, &given.role_numbers()), (status, Some(text)))
    })
}

/// The list, where it is said what was given unless that is too much for an address.
fn added(user: &User, ids: &[String]) -> Answer {
    if ids.len() > SAID {
        return redirect(&path(user));
    }
    redirect(&format!("{}?added={}", path(user), segment(&ids.join(","))))
}

/// Takes a role from a user. One that it has no longer is shown so.
fn remove(request: Request) -> Handled {
    Box::pin(async move {
        let user = find(&request).await?;
        let id = form::text(&request.body, "role").to_owned();
        user_roles::remove(&request.call, vec![user.id.clone()], vec![id.clone()]).await?;
        Ok(redirect(&format!("{}?removed={}", path(&user), segment(&id))))
    })
}
