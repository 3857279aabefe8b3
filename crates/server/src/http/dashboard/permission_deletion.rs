//! The deletion of a permission: who loses it, before; and its undo, after.

use std::hash::{DefaultHasher, Hash, Hasher};

use askama::Template;
use http::StatusCode;
use keyward_core::{Problem, model::permission::PermissionNumber, problem::Missing};

use super::{
    apis::{Head, find},
    form, keys,
    page::{Frame, segment, show},
    permissions::{named, to_list},
    table::{EDIT, VIEW, form_at, page_at},
    usage_plot::{Used, used},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{
        impact::{
            Held, HoldingUser, Role,
            permission::{self as impact, Grantee, Impact, Key},
        },
        slug,
    },
};

/// How many holders a page lists.
const PER_PAGE: usize = 100;

const LIST_QUERY: &[Parameter] = &[Parameter {
    name: "after",
    kind: ParameterKind::Integer(-1, i64::MAX),
    description: "The number behind which the list goes on",
}];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    const DELETE: &str = "/apis/{id}/permissions/{permission}/delete";
    vec![
        page_at("console_permission_deletion", DELETE, ("Show what a deletion takes away", EDIT), &[], confirm),
        form_at("console_permission_delete", DELETE, ("Delete a permission of a resource server", EDIT), delete),
        form_at(
            "console_permission_restore",
            "/apis/{id}/permissions/{permission}/restore",
            ("Undo the deletion of a permission", EDIT),
            restore,
        ),
        page_at(
            "console_permission_holders",
            "/apis/{id}/permissions/{permission}/holders/{kind}",
            ("List who holds a permission", VIEW),
            LIST_QUERY,
            holders,
        ),
    ]
}

/// Somebody who holds the permission.
struct Line {
    /// Its name, or what is shown in place of one.
    name: String,
    /// What tells it from others of that name.
    id: String,
    /// Where it is shown; empty if it has no page.
    path: String,
    /// Why it holds it.
    how: String,
    /// Whether it goes on without it.
    keeps: bool,
}

/// Those of one kind.
struct Kind {
    word: &'static str,
    title: &'static str,
    icon: &'static str,
    count: i64,
    loses: i64,
    note: String,
    first: Vec<Line>,
}

impl Kind {
    /// Whether there are more than are shown.
    fn is_longer(&self) -> bool {
        usize::try_from(self.count).is_ok_and(|count| count > self.first.len())
    }
}

#[derive(Template)]
#[template(path = "permission_delete.html")]
struct Sure {
    frame: Frame,
    api: Head,
    id: String,
    value: String,
    kinds: Vec<Kind>,
    keys_keep: i64,
    consents: i64,
    used: Used,
    seen: String,
    has_changed: bool,
}

#[derive(Template)]
#[template(path = "permission_holders.html")]
struct Holders {
    frame: Frame,
    api: Head,
    value: String,
    title: &'static str,
    lines: Vec<Line>,
    next: Option<String>,
}

fn by_roles(direct: bool, roles: &[std::sync::Arc<Role>]) -> String {
    let names: Vec<&str> = roles.iter().map(|role| role.name.as_str()).collect();
    match (direct, names.is_empty()) {
        (true, true) => "directly".to_owned(),
        (true, false) => format!("directly, and by {}", names.join(", ")),
        (false, _) => format!("by {}", names.join(", ")),
    }
}

fn role(role: &Role) -> Line {
    let id = role.management_id();
    Line { name: role.name.clone(), path: format!("/roles/{id}"), id, how: String::new(), keeps: false }
}

fn user(held: &Held<HoldingUser>) -> Line {
    let who = &held.who;
    let name = [&who.email, &who.name, &who.id].into_iter().find(|text| !text.is_empty());
    let how = by_roles(held.direct, &held.roles);
    let path = format!("/users/{}", segment(&who.id));
    Line { name: name.cloned().unwrap_or_default(), id: who.id.clone(), path, how, keeps: false }
}

fn application(grantee: &Grantee) -> Line {
    let (name, id, path) = match &grantee.client {
        Some(client) => (client.name.clone(), client.id.clone(), format!("/applications/{}", client.id)),
        None => (
            "Third-party applications without a grant of their own".to_owned(),
            String::new(),
            "/applications".to_owned(),
        ),
    };
    Line { name, id, path, how: "by its grant".to_owned(), keeps: false }
}

fn key(key: &Key) -> Line {
    let who = &key.held.who;
    let start = format!("{}…", who.start);
    let mut how = by_roles(key.held.direct, &key.held.roles);
    if key.kept_by.is_some() {
        how.push_str("; goes on to verify by another permission of this name");
    }
    Line {
        name: who.name.clone().unwrap_or(start.clone()),
        id: if who.name.is_some() { format!("{start} {}", who.id) } else { who.id.clone() },
        path: key.api.as_ref().map(|entry| keys::place(entry, &who.id)).unwrap_or_default(),
        how,
        keeps: key.kept_by.is_some(),
    }
}

fn kinds(impact: &Impact) -> Vec<Kind> {
    let direct = |count: i64, all: i64| if all > 0 { format!("{count} of them directly") } else { String::new() };
    let kind =
        |word, title, icon| Kind { word, title, icon, count: 0, loses: 0, note: String::new(), first: Vec::new() };
    let (roles, users, clients, keys) = (&impact.roles, &impact.users, &impact.clients, &impact.keys);
    vec![
        Kind {
            count: roles.counts.all,
            loses: roles.loses(),
            first: roles.first.iter().map(|one| role(one)).collect(),
            ..kind("roles", "Roles", "role")
        },
        Kind {
            count: users.counts.all,
            loses: users.loses(),
            note: direct(users.counts.direct, users.counts.all),
            first: users.first.iter().map(user).collect(),
            ..kind("users", "Users", "users")
        },
        Kind {
            count: clients.counts.all,
            loses: clients.loses(),
            first: clients.first.iter().map(application).collect(),
            ..kind("applications", "Applications", "app")
        },
        Kind {
            count: keys.counts.all,
            loses: keys.loses(),
            note: direct(keys.counts.direct, keys.counts.all),
            first: keys.first.iter().map(key).collect(),
            ..kind("keys", "API keys", "key")
        },
    ]
}

/// What was shown, in short: if it is another one by now, somebody would lose what nobody has seen. All are counted, and
/// those that are named are told from others.
fn fingerprint(impact: &Impact) -> String {
    let mut named = DefaultHasher::new();
    for line in kinds(impact).iter().flat_map(|kind| &kind.first) {
        (&line.id, &line.how, line.keeps).hash(&mut named);
    }
    let counts = [&impact.roles.counts, &impact.users.counts, &impact.clients.counts, &impact.keys.counts];
    let counts: Vec<String> =
        counts.iter().map(|counts| format!("{}-{}-{}", counts.all, counts.direct, counts.by_roles)).collect();
    format!("{}.{}.{}.{:x}", counts.join("."), impact.keys.keeps, impact.consents, named.finish())
}

async fn show_impact(request: &Request, impact: &Impact, status: StatusCode) -> Result<Answer, Problem> {
    let page = Sure {
        frame: Frame::new(&request.call, "apis", format!("Delete {}", impact.permission.value)),
        api: Head::new(&impact.api, "permissions"),
        id: impact.permission.id.clone(),
        value: impact.permission.value.to_string(),
        kinds: kinds(impact),
        keys_keep: impact.keys.keeps,
        consents: impact.consents,
        used: used(request, impact.permission.value.as_str(), Some(&impact.history)).await?,
        seen: fingerprint(impact),
        has_changed: status == StatusCode::CONFLICT,
    };
    show(status, &page)
}

/// Shows what a deletion takes away.
fn confirm(request: Request) -> Handled {
    Box::pin(async move {
        let number = named(find(&request)?, &request)?.number;
        let impact = impact::preview(&request.call, &request.view, number).await?;
        show_impact(&request, &impact, StatusCode::OK).await
    })
}

/// Deletes a permission, if those who lose it are those that were shown. One that is deleted already is shown so.
fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let id = request.segments[1].clone();
        let Ok(permission) = named(entry, &request) else { return Ok(to_list(entry, "deleted", &segment(&id))) };
        let impact = impact::preview(&request.call, &request.view, permission.number).await?;
        if form::text(&request.body, "seen") != fingerprint(&impact) {
            return show_impact(&request, &impact, StatusCode::CONFLICT).await;
        }
        slug::delete(&request.call, permission.id.clone()).await?;
        Ok(to_list(entry, "deleted", &segment(&id)))
    })
}

/// Undoes the deletion of a permission.
fn restore(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        if let Ok(permission) = named(entry, &request) {
            return Ok(to_list(entry, "restored", &permission.id));
        }
        let restored = slug::restore(&request.call, request.segments[1].clone()).await?;
        Ok(to_list(entry, "restored", &restored.id))
    })
}

/// Lists who holds a permission.
fn holders(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let permission = named(entry, &request)?;
        let kind = request.segments[2].as_str();
        let (title, lines, next) = listed(&request, permission.number, kind).await?;
        let path = format!("/apis/{}/permissions/{}/holders/{kind}", entry.api.id, permission.id);
        let page = Holders {
            frame: Frame::new(&request.call, "apis", format!("{title} with {}", permission.value)),
            api: Head::new(entry, "permissions"),
            value: permission.value.to_string(),
            title,
            lines,
            next: next.map(|after| format!("{path}?after={after}")),
        };
        show(StatusCode::OK, &page)
    })
}

async fn listed(
    request: &Request,
    number: PermissionNumber,
    kind: &str,
) -> Result<(&'static str, Vec<Line>, Option<i64>), Problem> {
    let (call, view) = (&request.call, &request.view);
    let after = request.query.get("after").and_then(serde_json::Value::as_i64).unwrap_or(-1);
    let page = (after, PER_PAGE);
    match kind {
        "roles" => {
            let part = impact::roles(call, view, number, page)?;
            Ok(("Roles", part.items.iter().map(|one| role(one)).collect(), part.next))
        }
        "applications" => {
            let part = impact::clients(call, view, number, page)?;
            Ok(("Applications", part.items.iter().map(application).collect(), part.next))
        }
        "users" => {
            let part = impact::users(call, view, number, page).await?;
            Ok(("Users", part.items.iter().map(user).collect(), part.next))
        }
        "keys" => {
            let part = impact::keys(call, view, number, page).await?;
            Ok(("API keys", part.items.iter().map(key).collect(), part.next))
        }
        _ => Err(Problem::NotFound(Missing::Route)),
    }
}
