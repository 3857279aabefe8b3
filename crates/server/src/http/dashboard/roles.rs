//! Roles: the list, a new one, and those that were deleted.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::role::{DESCRIPTION_MAX, INDEXED_NAME_MAX, Role, folded},
    time::Timestamp,
};

use super::{
    form::{self, query},
    page::{Frame, Pager, redirect, show, thousands, time},
    problem,
    table::{EDIT, PAGE, VIEW, form_at, page_at, word},
};
use crate::{
    http::operation::{Handled, Operation, Parameter, Request},
    service::role::{self, Holders, change},
};

/// How many roles a page has.
const PER_PAGE: usize = 50;
/// How many deleted ones are listed.
const DELETED: usize = 100;

/// What the list can be asked for.
const LIST_QUERY: &[Parameter] = &[
    word("q", "A part of the name or the description"),
    PAGE,
    word("deleted", "The id of the role that was deleted"),
    word("restored", "The id of the role that was restored"),
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_roles", "/roles", ("List roles", VIEW), LIST_QUERY, list),
        page_at("console_role_new", "/roles/new", ("Ask what a new role is to be", EDIT), &[], new),
        form_at("console_role_create", "/roles", ("Create a role", EDIT), create),
        form_at("console_role_restore", "/roles/{id}/restore", ("Undo the deletion of a role", EDIT), restore),
    ]
}

#[derive(Template)]
#[template(path = "roles.html")]
struct List {
    frame: Frame,
    q: String,
    /// How many there are, whatever was searched for.
    count: usize,
    rows: Vec<Row>,
    pager: Pager,
    notice: Option<Notice>,
    deleted: Vec<Deleted>,
    has_more_deleted: bool,
}

struct Row {
    id: String,
    name: String,
    description: String,
    permissions: String,
    users: String,
    keys: String,
}

struct Deleted {
    id: String,
    name: String,
    description: String,
    deleted_at: String,
}

struct Notice {
    id: String,
    name: String,
    text: &'static str,
    can_undo: bool,
}

#[derive(Template)]
#[template(path = "role_new.html")]
struct New {
    frame: Frame,
    name: String,
    description: String,
    error: Option<String>,
}

/// Why a role can't be called so, if it can't.
pub(super) fn refused(name: &str, description: &str) -> Option<String> {
    if name.is_empty() {
        return Some("Give the role a name, such as editor.".to_owned());
    }
    if name.chars().count() > INDEXED_NAME_MAX {
        return Some(format!("A name has {INDEXED_NAME_MAX} characters at most."));
    }
    let long = description.chars().count() > DESCRIPTION_MAX;
    long.then(|| format!("A description has {DESCRIPTION_MAX} characters at most."))
}

/// What every page of a role shows of it.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) permissions: String,
    pub(super) users: String,
    pub(super) keys: String,
    /// The path of the tab that is shown, below the role's.
    tab: &'static str,
}

/// A tab of a role's or a user's pages.
pub(super) struct Tab {
    pub(super) path: String,
    pub(super) name: &'static str,
    pub(super) count: Option<String>,
    pub(super) is_shown: bool,
}

impl Head {
    /// Reads what the head of a role's pages shows.
    pub(super) async fn read(request: &Request, role: &Role, tab: &'static str) -> Result<(Self, Holders), Problem> {
        let holders = role::holders(&request.call, vec![role.number]).await?;
        let holders = holders.first().copied().ok_or_else(|| Problem::internal("a role was not counted"))?;
        let head = Self {
            id: role.management_id(),
            name: role.name.clone(),
            description: role.description.clone().unwrap_or_default(),
            permissions: thousands(role::permissions(&request.view.snapshot, role).len()),
            users: thousands(holders.users),
            keys: thousands(holders.keys),
            tab,
        };
        Ok((head, holders))
    }

    /// The tabs there are.
    pub(super) fn tabs(&self) -> Vec<Tab> {
        let all = [
            ("", "Permissions", Some(&self.permissions)),
            ("/users", "Users", Some(&self.users)),
            ("/keys", "Keys", Some(&self.keys)),
            ("/settings", "Settings", None),
        ];
        let tab = |(path, name, count): (&str, &'static str, Option<&String>)| Tab {
            path: format!("/roles/{}{path}", self.id),
            name,
            count: count.cloned(),
            is_shown: path == self.tab,
        };
        all.into_iter().map(tab).collect()
    }
}

/// The role that the path names by its id.
pub(super) fn find(request: &Request) -> Result<&Arc<Role>, Problem> {
    let id = request.segments.first().map(String::as_str).unwrap_or_default();
    change::find(&request.view.snapshot, request.call.workspace, id)
}

/// Lists roles, in the order of their names.
fn list(request: Request) -> Handled {
    Box::pin(async move {
        let (snapshot, workspace) = (&request.view.snapshot, request.call.workspace);
        let q = query(&request, "q").trim().to_owned();
        let part = folded(&q);
        let fits = |role: &Arc<Role>| {
            let described = || role.description.as_ref().is_some_and(|text| folded(text).contains(&part));
            part.is_empty() || folded(&role.name).contains(&part) || described()
        };
        let count = snapshot.role_count(workspace);
        let found: Vec<_> = snapshot.roles_by_name(workspace, 0..count).into_iter().filter(fits).collect();
        let pager = Pager::new("/roles", &request.query, found.len(), PER_PAGE);
        let found = pager.cut(found);
        let holders = role::holders(&request.call, found.iter().map(|role| role.number).collect()).await?;
        let row = |(role, holders): (&Arc<Role>, &Holders)| Row {
            id: role.management_id(),
            name: role.name.clone(),
            description: role.description.clone().unwrap_or_default(),
            permissions: thousands(role::permissions(snapshot, role).len()),
            users: thousands(holders.users),
            keys: thousands(holders.keys),
        };
        let rows = found.iter().zip(&holders).map(row).collect();
        let limit = i64::try_from(DELETED).unwrap_or(i64::MAX).saturating_add(1);
        let mut deleted = role::deleted(&request.call, limit).await?;
        let has_more_deleted = deleted.len() > DELETED;
        deleted.truncate(DELETED);
        let notice = notice(&request, &deleted);
        let frame = Frame::new(&request.call, "roles", "Roles");
        let deleted = deleted.into_iter().map(one_deleted).collect();
        show(StatusCode::OK, &List { frame, q, count, rows, pager, notice, deleted, has_more_deleted })
    })
}

fn one_deleted((role, at): (Role, Timestamp)) -> Deleted {
    Deleted {
        id: role.management_id(),
        description: role.description.unwrap_or_default(),
        name: role.name,
        deleted_at: time(at, "relative"),
    }
}

/// What was just done, as far as it is so: the address of a page proves nothing.
fn notice(request: &Request, deleted: &[(Role, Timestamp)]) -> Option<Notice> {
    let said =
        |role: &Role, text, can_undo| Notice { id: role.management_id(), name: role.name.clone(), text, can_undo };
    let gone = deleted.iter().find(|(role, _)| role.management_id() == query(request, "deleted"));
    if let Some((role, _)) = gone {
        return Some(said(role, "is deleted. Whoever had it has lost what it gave.", true));
    }
    let id = query(request, "restored");
    let role = change::find(&request.view.snapshot, request.call.workspace, id).ok()?;
    Some(said(role, "is there, and whoever had it before has it.", false))
}

/// Asks what a new role is to be.
fn new(request: Request) -> Handled {
    Box::pin(async move {
        let frame = Frame::new(&request.call, "roles", "New role");
        show(StatusCode::OK, &New { frame, name: String::new(), description: String::new(), error: None })
    })
}

/// Makes a role.
fn create(request: Request) -> Handled {
    Box::pin(async move {
        let text = |name| form::text(&request.body, name).to_owned();
        let (name, description) = (text("name"), text("description"));
        let (status, text) = match refused(&name, &description) {
            Some(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
            None => match change::create(&request.call, name.clone(), Some(description.clone())).await {
                Ok(role) => return Ok(redirect(&format!("/roles/{}", role.management_id()))),
                Err(problem) => problem::at_form(problem)?,
            },
        };
        let frame = Frame::new(&request.call, "roles", "New role");
        show(status, &New { frame, name, description, error: Some(text) })
    })
}

/// Undoes the deletion of a role. One that is there is there already.
fn restore(request: Request) -> Handled {
    Box::pin(async move {
        let restored = match find(&request) {
            Ok(role) => role.management_id(),
            Err(problem) => {
                let own = request.segments.first().and_then(|id| id.strip_prefix("rol_")).ok_or(problem)?;
                role::restore(&request.call, format!("role_{own}")).await?.management_id()
            }
        };
        Ok(redirect(&format!("/roles?restored={restored}")))
    })
}
