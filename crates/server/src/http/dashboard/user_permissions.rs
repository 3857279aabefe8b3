//! What a user may do and why: its own permissions, and those of its roles.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    held::{self, Held},
    model::user::User,
};

use super::{
    form::{self, query},
    page::{Frame, Pager, redirect, segment, show},
    picker::{self, Asked, Place},
    problem,
    role_permissions::picked,
    table::{EDIT, PAGE, VIEW, form_at, page_at, word},
    users::{Head, find, find_with_given, title},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, Request},
    },
    service::{
        user::Given,
        user_permissions::{self, Pair},
    },
};

/// How many permissions a page has.
const PER_PAGE: usize = 100;
/// How many of those that were just given or taken an address names.
const SAID: usize = 50;

const LIST_QUERY: &[Parameter] = &[
    word("q", "A part of a value or an API's name"),
    PAGE,
    word("added", "The ids of the permissions that were given"),
    word("removed", "The ids of the permissions that were taken"),
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let ask = ("Show the permissions that a user could have", EDIT);
    vec![
        page_at("console_user", "/users/{id}", ("List what a user may do", VIEW), LIST_QUERY, list),
        page_at("console_user_pick", "/users/{id}/permissions/add", ask, picker::PERMISSIONS_QUERY, pick),
        form_at(
            "console_user_permissions_add",
            "/users/{id}/permissions/add",
            ("Assign permissions to a user", EDIT),
            add,
        ),
        form_at(
            "console_user_permissions_remove",
            "/users/{id}/permissions/remove",
            ("Remove permissions from a user", EDIT),
            remove,
        ),
    ]
}

#[derive(Template)]
#[template(path = "user_permissions.html")]
struct List {
    frame: Frame,
    user: Head,
    q: String,
    rows: Vec<Row>,
    /// Whether something on the page can be taken away here.
    has_direct: bool,
    pager: Pager,
    notice: Option<Notice>,
    error: Option<String>,
}

struct Row {
    id: String,
    value: String,
    description: String,
    api_id: String,
    api: String,
    direct: bool,
    /// The ids and the names of the roles that give it.
    roles: Vec<(String, String)>,
}

struct Notice {
    values: Vec<String>,
    ids: Vec<String>,
    is_gone: bool,
    /// How many of them it has by a role as well.
    by_roles: usize,
}

fn row(held: &Held<'_>) -> Row {
    Row {
        id: held.permission.id.clone(),
        value: held.permission.value.to_string(),
        description: held.permission.description.clone().unwrap_or_default(),
        api_id: held.api.api.id.clone(),
        api: held.api.api.display_name().to_owned(),
        direct: held.direct,
        roles: held.roles.iter().map(|role| (role.management_id(), role.name.clone())).collect(),
    }
}

/// Lists what a user may do, and why.
fn list(request: Request) -> Handled {
    Box::pin(async move {
        let (user, given) = find_with_given(&request).await?;
        show_list(&request, (&user, &given), (StatusCode::OK, None))
    })
}

fn show_list(
    request: &Request,
    (user, given): (&User, &Given),
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let q = query(request, "q").trim().to_owned();
    let part = q.to_lowercase();
    let contains = |text: &str| text.to_lowercase().contains(&part);
    let all = held::with_sources(&request.view.snapshot, &given.role_numbers(), &given.permission_numbers());
    let notice = notice(request, &all);
    let fits = |held: &&Held<'_>| contains(held.permission.value.as_str()) || contains(held.api.api.display_name());
    let found: Vec<&Held<'_>> = all.iter().filter(fits).collect();
    let pager = Pager::new(&format!("/users/{}", segment(&user.id)), &request.query, found.len(), PER_PAGE);
    let rows: Vec<Row> = pager.cut(found).into_iter().map(row).collect();
    let page = List {
        frame: Frame::new(&request.call, "users", title(user)),
        user: Head::new(request, user, given, ""),
        has_direct: rows.iter().any(|row| row.direct),
        q,
        rows,
        pager,
        notice,
        error,
    };
    show(status, &page)
}

/// What was just done, as far as it is so: the address of a page proves nothing.
fn notice(request: &Request, all: &[Held<'_>]) -> Option<Notice> {
    let (added, removed) = (query(request, "added"), query(request, "removed"));
    let is_gone = added.is_empty();
    let ids: Vec<String> = if is_gone { removed } else { added }.split(',').take(SAID).map(str::to_owned).collect();
    let (mut found, _) = picker::permissions(request, &ids);
    let held = |number| all.iter().find(|held| held.permission.number == number);
    found.retain(|(permission, _)| held(permission.number).is_some_and(|held| held.direct) != is_gone);
    let values: Vec<String> = found.iter().map(|(permission, _)| permission.value.to_string()).collect();
    let ids = found.iter().map(|(permission, _)| permission.id.clone()).collect();
    let by_roles = found.iter().filter(|(permission, _)| held(permission.number).is_some()).count();
    (!values.is_empty()).then_some(Notice { values, ids, is_gone, by_roles })
}

/// The list, where it is said what was done unless that is too much for an address.
fn to_list(user: &User, what: &str, ids: &[String]) -> Answer {
    let path = format!("/users/{}", segment(&user.id));
    if ids.len() > SAID {
        return redirect(&path);
    }
    redirect(&format!("{path}?{what}={}", segment(&ids.join(","))))
}

fn place(user: &User) -> Place {
    let back = format!("/users/{}", segment(&user.id));
    Place {
        section: "users",
        title: format!("Give permissions to {}", title(user)),
        crumbs: vec![("/users".to_owned(), "Users".to_owned()), (back.clone(), title(user))],
        hint: "The user has them directly, whatever its roles give. A role is easier to change for several users at once.",
        path: format!("{back}/permissions/add"),
        back,
    }
}

/// Shows the permissions that a user could have.
fn pick(request: Request) -> Handled {
    Box::pin(async move {
        let (user, given) = find_with_given(&request).await?;
        let asked = Asked::of_query(&request, "permission");
        let had = given.permission_numbers();
        picker::show_permissions(&request, place(&user), (&asked, &had), (StatusCode::OK, None))
    })
}

/// Gives a user what is ticked: all of it or nothing.
fn add(request: Request) -> Handled {
    Box::pin(async move {
        let (user, given) = find_with_given(&request).await?;
        let asked = Asked::of_form(&request.body, "permission");
        let (status, text) = match picked(&request, &asked.ticked) {
            Err(refusal) => refusal,
            Ok(wanted) => {
                let pairs: Vec<Pair> = wanted.into_iter().map(|named| (named.identifier, named.value)).collect();
                match user_permissions::assign(&request.call, vec![user.id.clone()], pairs).await {
                    Ok(()) => return Ok(to_list(&user, "added", &asked.ticked)),
                    Err(problem) => problem::at_form(problem)?,
                }
            }
        };
        let had = given.permission_numbers();
        picker::show_permissions(&request, place(&user), (&asked, &had), (status, Some(text)))
    })
}

/// Takes what is ticked from a user. What it does not have directly any more is shown so.
fn remove(request: Request) -> Handled {
    Box::pin(async move {
        let ids = form::texts(&request.body, "permission");
        if ids.is_empty() {
            let (user, given) = find_with_given(&request).await?;
            let text = "Tick what the user is to have no longer.".to_owned();
            return show_list(&request, (&user, &given), (StatusCode::UNPROCESSABLE_ENTITY, Some(text)));
        }
        let user = find(&request).await?;
        let (found, _) = picker::permissions(&request, &ids);
        let pair = |identifier: &str, value: &str| (identifier.to_owned(), value.to_owned());
        let pairs = found.iter().map(|(permission, entry)| pair(&entry.api.identifier, permission.value.as_str()));
        user_permissions::remove(&request.call, vec![user.id.clone()], pairs.collect()).await?;
        let ids: Vec<String> = found.iter().map(|(permission, _)| permission.id.clone()).collect();
        Ok(to_list(&user, "removed", &ids))
    })
}
