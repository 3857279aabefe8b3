//! What a role is called; and its deletion.

use std::hash::{DefaultHasher, Hash, Hasher};

use askama::Template;
use http::StatusCode;
use keyward_core::{Problem, model::role::Role};

use super::{
    edited::{Edited, Fields, one_line, text},
    form, keys,
    page::{Frame, redirect, show, thousands},
    problem,
    roles::{Head, find, refused},
    table::{EDIT, VIEW, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::{
        impact::{
            self, HoldingUser,
            role::{Given, Key},
        },
        role::{
            Holders,
            change::{self, RoleFields},
        },
    },
};

/// From how many holders on the name of a role has to be typed before it is deleted.
const MANY: i64 = 10;
/// How many of its permissions the page of a deletion shows.
const SHOWN: usize = 200;

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_role_settings", "/roles/{id}/settings", ("Show a role", VIEW), &[], edit),
        form_at("console_role_save", "/roles/{id}/settings", ("Update a role", EDIT), save),
        page_at(
            "console_role_deletion",
            "/roles/{id}/delete",
            ("Show what the deletion of a role takes away", EDIT),
            &[],
            confirm,
        ),
        form_at("console_role_delete", "/roles/{id}/delete", ("Delete a role", EDIT), delete),
    ]
}

#[derive(Template)]
#[template(path = "role_settings.html")]
struct Page {
    frame: Frame,
    role: Head,
    key_id: String,
    form: Edited,
}

#[derive(Template)]
#[template(path = "role_delete.html")]
struct Sure {
    frame: Frame,
    role: Head,
    must_type: bool,
    /// How many had the role when this was shown.
    seen: String,
    has_changed: bool,
    typed: String,
    error: Option<String>,
    permissions: Vec<Gone>,
    /// How many permissions are not shown.
    more: usize,
    users: Vec<Named>,
    keys: Vec<Named>,
}

/// A permission that a role gives, and what becomes of it.
struct Gone {
    value: String,
    api: String,
    users_lose: String,
    users_keep: String,
    keys_lose: String,
    keys_keep: String,
}

/// Somebody who has the role.
struct Named {
    id: String,
    path: String,
    name: String,
}

/// What the form shows, as one sends it.
fn fields(role: &Role) -> Fields {
    let description = role.description.as_deref().unwrap_or_default();
    Fields::new([
        one_line("name", "name", &role.name),
        text("description", "description", &description.replace("\r\n", "\n")),
    ])
}

/// Shows what a role is called, to change it.
fn edit(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        show_form(&request, role, (StatusCode::OK, Edited::of(fields(role)))).await
    })
}

async fn show_form(request: &Request, role: &Role, (status, form): (StatusCode, Edited)) -> Result<Answer, Problem> {
    let page = Page {
        frame: Frame::new(&request.call, "roles", role.name.clone()),
        role: Head::read(request, role, "/settings").await?.0,
        key_id: role.key_id(),
        form,
    };
    show(status, &page)
}

/// Changes what a role is called, unless somebody else did since the form was shown.
fn save(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        let mut form = Edited::sent(&request.body, fields(role));
        let done = || Ok(redirect(&format!("/roles/{}/settings", role.management_id())));
        if form.is_unchanged() {
            return done();
        }
        if form.is_stale() {
            return show_form(&request, role, (StatusCode::CONFLICT, form)).await;
        }
        let (status, text) = match refused(form.typed.get("name"), form.typed.get("description")) {
            Some(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
            None => match update(&request, role, &form).await {
                Ok(_) => return done(),
                Err(Problem::Stale { .. }) => {
                    let view = request.call.app.view();
                    let role = change::find(&view.snapshot, request.call.workspace, &role.management_id())?.clone();
                    drop(view);
                    let form = Edited::overtaken(&request.body, fields(&role));
                    return show_form(&request, &role, (StatusCode::CONFLICT, form)).await;
                }
                Err(problem) => problem::at_form(problem)?,
            },
        };
        form.refuse("name", text);
        show_form(&request, role, (status, form)).await
    })
}

/// Writes what was typed over what was compared with it, and over nothing else. What was not typed over stays as it is
/// spelt.
async fn update(request: &Request, role: &Role, form: &Edited) -> Result<Role, Problem> {
    let typed = |name| form.differs(name).then(|| form.typed.get(name).to_owned());
    let fields = RoleFields {
        name: typed("name"),
        description: typed("description"),
        seen: Some((role.name.clone(), role.description.clone())),
    };
    change::update(&request.call, role.management_id(), fields).await
}

/// Shows what the deletion of a role takes away.
fn confirm(request: Request) -> Handled {
    Box::pin(async move {
        let role = find(&request)?;
        show_sure(&request, role, (StatusCode::OK, String::new(), None)).await
    })
}

fn must_type(holders: Holders) -> bool {
    holders.users + holders.keys >= MANY
}

/// What was shown, in short, as the form of a deletion carries it: how many have the role, who of them was named, and
/// what it gives to how many.
fn seen(holders: Holders, found: &impact::role::Impact) -> String {
    let mut shown = DefaultHasher::new();
    for given in &found.permissions {
        (given.permission.number, given.users.loses, given.keys.loses).hash(&mut shown);
    }
    for named in found.users.first.iter().map(user).chain(found.keys.first.iter().map(key)) {
        named.id.hash(&mut shown);
    }
    format!("{} users, {} keys, {:x}", holders.users, holders.keys, shown.finish())
}

async fn show_sure(
    request: &Request,
    role: &Role,
    (status, typed, error): (StatusCode, String, Option<String>),
) -> Result<Answer, Problem> {
    let found = impact::role::preview(&request.call, &request.view, role.number).await?;
    let (head, holders) = Head::read(request, role, "/settings").await?;
    let page = Sure {
        frame: Frame::new(&request.call, "roles", format!("Delete {}", role.name)),
        role: head,
        must_type: must_type(holders),
        seen: seen(holders, &found),
        has_changed: status == StatusCode::CONFLICT,
        typed,
        error,
        more: found.permissions.len().saturating_sub(SHOWN),
        permissions: found.permissions.iter().take(SHOWN).map(gone).collect(),
        users: found.users.first.iter().map(user).collect(),
        keys: found.keys.first.iter().map(key).collect(),
    };
    show(status, &page)
}

fn gone(given: &Given) -> Gone {
    Gone {
        value: given.permission.value.to_string(),
        api: given.api.api.display_name().to_owned(),
        users_lose: thousands(given.users.loses),
        users_keep: thousands(given.users.keeps),
        keys_lose: thousands(given.keys.loses),
        keys_keep: thousands(given.keys.keeps),
    }
}

fn user(user: &HoldingUser) -> Named {
    let name = [&user.email, &user.name, &user.id].into_iter().find(|text| !text.is_empty());
    let path = format!("/users/{}", super::page::segment(&user.id));
    Named { id: user.id.clone(), path, name: name.cloned().unwrap_or_default() }
}

fn key(key: &Key) -> Named {
    let name = key.who.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| format!("{}…", key.who.start));
    let path = key.api.as_ref().map(|entry| keys::place(entry, &key.who.id)).unwrap_or_default();
    Named { id: key.who.id.clone(), path, name }
}

/// Deletes a role. One that is deleted already is shown so.
fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let id = request.segments.first().cloned().unwrap_or_default();
        if let Ok(role) = find(&request) {
            let (_, holders) = Head::read(&request, role, "").await?;
            let typed = form::text(&request.body, "confirm").to_owned();
            let found = impact::role::preview(&request.call, &request.view, role.number).await?;
            if form::text(&request.body, "seen") != seen(holders, &found) {
                return show_sure(&request, role, (StatusCode::CONFLICT, typed, None)).await;
            }
            if must_type(holders) && typed != role.name.trim() {
                let text = Some("This is not the role's name. Nothing was deleted.".to_owned());
                return show_sure(&request, role, (StatusCode::UNPROCESSABLE_ENTITY, typed, text)).await;
            }
            change::delete(&request.call, id.clone()).await?;
        }
        Ok(redirect(&format!("/roles?deleted={}", super::page::segment(&id))))
    })
}
