//! A page on which one ticks what somebody is to get: permissions of an API, or roles. What is ticked stays ticked while
//! one looks for more.

use std::collections::HashSet;

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        permission::{Permission, PermissionNumber},
        role::{Role, folded},
    },
    snapshot::ApiEntry,
};
use serde_json::Value;

use super::{
    form::{self, query},
    page::{Frame, show},
    table::word,
};
use crate::http::{
    answer::Answer,
    operation::{Parameter, ParameterKind, Request},
};

/// How many of what is found a page shows.
const SHOWN: usize = 300;

/// What a page that picks permissions can be asked for.
pub(super) const PERMISSIONS_QUERY: &[Parameter] = &[
    word("api", "The id of the API whose permissions are shown"),
    word("q", "A part of a value"),
    ticked("permission"),
];
/// What a page that picks roles can be asked for.
pub(super) const ROLES_QUERY: &[Parameter] = &[word("q", "A part of a name"), ticked("role")];

const fn ticked(name: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Repeated(1000), description: "The ids of those that are ticked" }
}

/// For whom it is picked, and where that leads to.
pub(super) struct Place {
    pub(super) section: &'static str,
    pub(super) title: String,
    /// What stands above the title: paths and names.
    pub(super) crumbs: Vec<(String, String)>,
    pub(super) hint: &'static str,
    /// The page itself.
    pub(super) path: String,
    /// The page that one came from.
    pub(super) back: String,
}

#[derive(Template)]
#[template(path = "picker.html")]
struct Picker {
    frame: Frame,
    place: Place,
    field: &'static str,
    noun: &'static str,
    apis: Vec<ApiChoice>,
    q: String,
    choices: Vec<Choice>,
    /// How many were found beyond those that are shown.
    more: usize,
    /// How many of those that were looked through are there already.
    had: usize,
    error: Option<String>,
}

struct ApiChoice {
    id: String,
    name: String,
    is_chosen: bool,
}

struct Choice {
    id: String,
    text: String,
    description: String,
    is_ticked: bool,
}

/// What is asked of the page: in its address, or in the form that it sent.
pub(super) struct Asked {
    api: String,
    q: String,
    /// The ids that are ticked.
    pub(super) ticked: Vec<String>,
}

impl Asked {
    /// What the address says.
    pub(super) fn of_query(request: &Request, field: &str) -> Self {
        let ticked = request.query.get(field).cloned().unwrap_or_default();
        let text = |name| query(request, name).trim().to_owned();
        Self { api: text("api"), q: text("q"), ticked: form::texts(&serde_json::json!({ field: ticked }), field) }
    }

    /// What the form says.
    pub(super) fn of_form(body: &Value, field: &str) -> Self {
        let text = |name| form::text(body, name).to_owned();
        Self { api: text("api"), q: text("q"), ticked: form::texts(body, field) }
    }
}

/// The permissions with these ids, of any API, each with its API; how many of the ids are of none.
pub(super) fn permissions<'r>(request: &'r Request, ids: &[String]) -> (Vec<(&'r Permission, &'r ApiEntry)>, usize) {
    let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
    let (snapshot, workspace) = (&request.view.snapshot, request.call.workspace);
    let found = snapshot.permissions().filter(|permission| wanted.contains(permission.id.as_str()));
    let with_api = |permission: &'r std::sync::Arc<Permission>| {
        let entry = snapshot.api_numbered(permission.api)?;
        (entry.api.workspace == workspace).then_some((&**permission, &**entry))
    };
    let found: Vec<_> = found.filter_map(with_api).collect();
    let missing = wanted.len() - found.len();
    (found, missing)
}

/// Shows permissions to pick from: those of one API, without those that are there already.
pub(super) fn show_permissions(
    request: &Request,
    place: Place,
    (asked, had): (&Asked, &[PermissionNumber]),
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let mut apis: Vec<&ApiEntry> = request.view.snapshot.apis(request.call.workspace).map(|entry| &**entry).collect();
    apis.sort_by_cached_key(|entry| {
        let api = &entry.api;
        (api.system.is_some(), entry.permissions.is_empty(), folded(api.display_name()), api.identifier.clone())
    });
    let chosen = apis.iter().find(|entry| entry.api.id == asked.api).or(apis.first()).copied();
    let part = asked.q.to_lowercase();
    let fits = |permission: &Permission| {
        let described = || permission.description.as_ref().is_some_and(|text| text.to_lowercase().contains(&part));
        part.is_empty() || permission.value.as_str().to_lowercase().contains(&part) || described()
    };
    let all: Vec<&Permission> =
        chosen.iter().flat_map(|entry| &entry.permissions).map(|permission| &**permission).collect();
    let (held, free): (Vec<&Permission>, Vec<&Permission>) =
        all.into_iter().filter(|permission| fits(permission)).partition(|found| had.contains(&found.number));
    let (ticked, _) = permissions(request, &asked.ticked);
    let is_ticked = |permission: &Permission| ticked.iter().any(|(other, _)| other.number == permission.number);
    let choice = |permission: &Permission, api: Option<&ApiEntry>, is_ticked| Choice {
        id: permission.id.clone(),
        text: permission.value.to_string(),
        description: match api {
            Some(entry) => format!("of {}", entry.api.display_name()),
            None => permission.description.clone().unwrap_or_default(),
        },
        is_ticked,
    };
    let elsewhere = |entry: &ApiEntry| chosen.is_none_or(|chosen| chosen.api.number != entry.api.number);
    let mut choices: Vec<Choice> = ticked
        .iter()
        .filter(|(permission, _)| !had.contains(&permission.number))
        .map(|(permission, entry)| choice(permission, Some(*entry).filter(|entry| elsewhere(entry)), true))
        .collect();
    let free: Vec<_> = free.into_iter().filter(|permission| !is_ticked(permission)).collect();
    choices.extend(free.iter().take(SHOWN).map(|permission| choice(permission, None, false)));
    let page = Picker {
        frame: Frame::new(&request.call, place.section, place.title.clone()),
        place,
        field: "permission",
        noun: "permissions",
        apis: apis
            .iter()
            .map(|entry| ApiChoice {
                id: entry.api.id.clone(),
                name: format!("{} ({})", entry.api.display_name(), entry.api.identifier),
                is_chosen: chosen.is_some_and(|chosen| chosen.api.number == entry.api.number),
            })
            .collect(),
        q: asked.q.clone(),
        choices,
        more: free.len().saturating_sub(SHOWN),
        had: held.len(),
        error,
    };
    show(status, &page)
}

/// Shows roles to pick from, without those that are there already.
pub(super) fn show_roles(
    request: &Request,
    place: Place,
    (asked, had): (&Asked, &[keyward_core::model::role::RoleNumber]),
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let (snapshot, workspace) = (&request.view.snapshot, request.call.workspace);
    let part = folded(&asked.q);
    let is_ticked = |role: &Role| asked.ticked.contains(&role.management_id());
    let fits = |role: &Role| folded(&role.name).contains(&part) || is_ticked(role);
    let found = snapshot.roles_by_name(workspace, 0..snapshot.role_count(workspace)).into_iter();
    let (held, mut free): (Vec<_>, Vec<_>) =
        found.filter(|role| fits(role)).partition(|role| had.contains(&role.number));
    free.sort_by_key(|role| !is_ticked(role));
    let shown = SHOWN + free.iter().filter(|role| is_ticked(role)).count();
    let choice = |role: &std::sync::Arc<Role>| Choice {
        id: role.management_id(),
        text: role.name.clone(),
        description: role.description.clone().unwrap_or_default(),
        is_ticked: is_ticked(role),
    };
    let page = Picker {
        frame: Frame::new(&request.call, place.section, place.title.clone()),
        place,
        field: "role",
        noun: "roles",
        apis: Vec::new(),
        q: asked.q.clone(),
        choices: free.iter().take(shown).map(choice).collect(),
        more: free.len().saturating_sub(shown),
        had: held.len(),
        error,
    };
    show(status, &page)
}
