//! Who has a role: users, and keys.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{role::Role, user::User},
};
use serde_json::Value;

use super::{
    form::{self, query},
    keys,
    page::{Frame, redirect, segment, show},
    problem,
    roles::{Head, find},
    table::{EDIT, VIEW, form_at, page_at, word},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{
        impact::{HoldingUser, role as impact},
        user, user_roles,
    },
};

/// How many of them a page has.
const PER_PAGE: usize = 100;
/// Behind which number a list goes on.
const AFTER: Parameter =
    Parameter { name: "after", kind: ParameterKind::Integer(0, i64::MAX), description: "Behind which number to go on" };

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    const USERS: &[Parameter] = &[
        AFTER,
        word("added", "The id of the user that got it"),
        word("removed", "The id of the user from which it was taken"),
    ];
    vec![
        page_at("console_role_users", "/roles/{id}/users", ("List who has a role", VIEW), USERS, users),
        form_at("console_role_assign", "/roles/{id}/users", ("Assign users to a role", EDIT), assign),
        form_at("console_role_take", "/roles/{id}/users/remove", ("Remove roles from a user", EDIT), remove),
        page_at("console_role_keys", "/roles/{id}/keys", ("List the keys with a role", VIEW), &[AFTER], keys),
    ]
}

#[derive(Template)]
#[template(path = "role_users.html")]
struct Users {
    frame: Frame,
    role: Head,
    rows: Vec<UserRow>,
    is_first: bool,
    next: Option<i64>,
    typed: String,
    error: Option<String>,
    notice: Option<Notice>,
}

struct UserRow {
    id: String,
    path: String,
    title: String,
    name: String,
}

struct Notice {
    id: String,
    title: String,
    is_gone: bool,
}

#[derive(Template)]
#[template(path = "role_keys.html")]
struct Keys {
    frame: Frame,
    role: Head,
    rows: Vec<KeyRow>,
    is_first: bool,
    next: Option<i64>,
}

struct KeyRow {
    id: String,
    name: String,
    start: String,
    api: String,
    /// Where it is shown.
    path: String,
}

fn after(request: &Request) -> i64 {
    request.query.get("after").and_then(Value::as_i64).unwrap_or(0)
}

/// Lists the users that have a role.
fn users(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        show_users(&request, role, (StatusCode::OK, String::new(), None)).await
    })
}

async fn show_users(
    request: &Request,
    role: &Role,
    (status, typed, error): (StatusCode, String, Option<String>),
) -> Result<Answer, Problem> {
    let from = after(request);
    let part = impact::users(&request.call, &request.view, role.number, (from, PER_PAGE)).await?;
    let row = |HoldingUser { id, name, email }: HoldingUser| UserRow {
        path: segment(&id),
        title: if email.is_empty() { id.clone() } else { email },
        id,
        name,
    };
    let page = Users {
        frame: Frame::new(&request.call, "roles", format!("Users with {}", role.name)),
        role: Head::read(request, role, "/users").await?.0,
        rows: part.items.into_iter().map(row).collect(),
        is_first: from == 0,
        next: part.next,
        typed,
        error,
        notice: notice(request, role).await?,
    };
    show(status, &page)
}

/// What was just done, as far as it is so: the address of a page proves nothing.
async fn notice(request: &Request, role: &Role) -> Result<Option<Notice>, Problem> {
    let (added, removed) = (query(request, "added"), query(request, "removed"));
    let is_gone = added.is_empty();
    let id = if is_gone { removed } else { added };
    if id.is_empty() {
        return Ok(None);
    }
    let Some((user, has)) = has(request, role, id).await? else { return Ok(None) };
    Ok((has != is_gone).then_some(Notice { id: user.id.clone(), title: super::users::title(&user), is_gone }))
}

/// The user with this id, and whether it has the role.
async fn has(request: &Request, role: &Role, id: &str) -> Result<Option<(User, bool)>, Problem> {
    let found = match user::get(&request.call, vec![id.to_owned()]).await {
        Err(Problem::NotFound(_)) => return Ok(None),
        found => found?,
    };
    let given = user::given(&request.call, vec![id.to_owned()]).await?;
    let has = given.role_numbers().contains(&role.number);
    Ok(Some((found, has)))
}

/// The id of the user that somebody typed the id or the e-mail address of.
async fn meant(request: &Request, typed: &str) -> Result<Result<String, String>, Problem> {
    if typed.is_empty() {
        return Ok(Err("Type an e-mail address or a user's id.".to_owned()));
    }
    match user::get(&request.call, vec![typed.to_owned()]).await {
        Ok(user) => return Ok(Ok(user.id)),
        Err(Problem::NotFound(_)) => {}
        Err(problem) => return Err(problem),
    }
    let found = user::find_by_email(&request.call, typed.to_lowercase()).await?;
    Ok(match found.as_slice() {
        [user] => Ok(user.id.clone()),
        [] => Err("No user has this e-mail address or id.".to_owned()),
        several => {
            let ids: Vec<&str> = several.iter().map(|user| user.id.as_str()).collect();
            Err(format!("Several users have this address. Type the id of the one you mean: {}.", ids.join(", ")))
        }
    })
}

/// Gives a role to a user.
fn assign(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        let typed = form::text(&request.body, "user").to_owned();
        let (status, text) = match meant(&request, &typed).await? {
            Ok(user) => {
                let done = user_roles::assign_to_users(&request.call, role.management_id(), vec![user.clone()]).await;
                match done {
                    Ok(()) => return Ok(to_list(role, "added", &user)),
                    Err(problem) => problem::at_form(problem)?,
                }
            }
            Err(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        };
        show_users(&request, role, (status, typed, Some(text))).await
    })
}

fn to_list(role: &Role, what: &str, user: &str) -> Answer {
    redirect(&format!("/roles/{}/users?{what}={}", role.management_id(), segment(user)))
}

/// Takes a role from a user. One that has it no longer is shown so.
fn remove(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        let user = form::text(&request.body, "user").to_owned();
        user_roles::remove(&request.call, vec![user.clone()], vec![role.management_id()]).await?;
        Ok(to_list(role, "removed", &user))
    })
}

/// Lists the keys that have a role.
fn keys(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        let from = after(&request);
        let part = impact::keys(&request.call, &request.view, role.number, (from, PER_PAGE)).await?;
        let row = |key: impact::Key| KeyRow {
            api: key.api.as_ref().map(|entry| entry.api.display_name().to_owned()).unwrap_or_default(),
            path: key.api.as_ref().map(|entry| keys::place(entry, &key.who.id)).unwrap_or_default(),
            id: key.who.id,
            name: key.who.name.unwrap_or_else(|| "Unnamed key".to_owned()),
            start: key.who.start,
        };
        let page = Keys {
            frame: Frame::new(&request.call, "roles", format!("Keys with {}", role.name)),
            role: Head::read(&request, role, "/keys").await?.0,
            rows: part.items.into_iter().map(row).collect(),
            is_first: from == 0,
            next: part.next,
        };
        show(StatusCode::OK, &page)
    })
}
