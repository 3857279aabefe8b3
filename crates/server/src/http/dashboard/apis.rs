//! APIs: the list, and a new one.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        api::{Api, SigningAlgorithm},
        system_api::SystemApi,
    },
    snapshot::ApiEntry,
};
use serde_json::{Map, json};

use super::{
    form,
    page::{Frame, Pager, redirect, show},
    problem,
    table::{EDIT, VIEW, form_at, page_at},
};
use crate::{
    http::operation::{Handled, Operation, Parameter, ParameterKind, Request},
    service::api::{self, ApiFields},
};

/// How many APIs a page has.
const PER_PAGE: usize = 50;

/// What the list can be asked for.
pub(super) const LIST_QUERY: &[Parameter] = &[
    Parameter { name: "q", kind: ParameterKind::Text(200), description: "A part of the name or the identifier" },
    Parameter { name: "page", kind: ParameterKind::Integer(0, 1_000_000), description: "Which page" },
    Parameter {
        name: "deleted",
        kind: ParameterKind::Text(600),
        description: "The identifier of the API that was deleted",
    },
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_apis", "/apis", ("List APIs", VIEW), LIST_QUERY, list),
        page_at("console_api_new", "/apis/new", ("Ask what a new API is to be", EDIT), &[], new),
        form_at("console_api_create", "/apis", ("Create a resource server", EDIT), create),
    ]
}

#[derive(Template)]
#[template(path = "apis.html")]
struct List {
    frame: Frame,
    q: String,
    rows: Vec<Row>,
    pager: Pager,
    deleted: Option<String>,
}

struct Row {
    id: String,
    name: String,
    identifier: String,
    permissions: usize,
    algorithm: &'static str,
    is_system: bool,
}

#[derive(Template)]
#[template(path = "api_new.html")]
struct New {
    frame: Frame,
    name: String,
    identifier: String,
    algorithm: String,
    algorithms: Vec<&'static str>,
    error: Option<String>,
}

/// What every page of an API shows of it.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) identifier: String,
    pub(super) algorithm: &'static str,
    pub(super) is_system: bool,
    /// Whether its permissions can be changed.
    pub(super) can_change: bool,
    pub(super) permissions: usize,
    /// Whether keys can be made for it.
    pub(super) has_keys: bool,
    /// The path of the tab that is shown.
    pub(super) tab: &'static str,
}

/// A tab of an API's pages.
pub(super) struct Tab {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) count: Option<usize>,
}

impl Head {
    pub(super) fn new(entry: &ApiEntry, tab: &'static str) -> Self {
        Self {
            id: entry.api.id.clone(),
            name: entry.api.display_name().to_owned(),
            identifier: entry.api.identifier.clone(),
            algorithm: entry.api.settings.signing_alg.as_str(),
            is_system: entry.api.system.is_some(),
            can_change: entry.api.system.is_none_or(SystemApi::is_open),
            permissions: entry.permissions.len(),
            has_keys: entry.api.has_keys(),
            tab,
        }
    }

    /// The tabs there are.
    pub(super) fn tabs(&self) -> Vec<Tab> {
        let mut tabs = vec![
            Tab { path: "quickstart", name: "Quickstart", count: None },
            Tab { path: "settings", name: "Settings", count: None },
            Tab { path: "permissions", name: "Permissions", count: Some(self.permissions) },
            Tab { path: "applications", name: "Applications", count: None },
        ];
        if self.has_keys {
            tabs.push(Tab { path: "keys", name: "Keys", count: None });
        }
        tabs.push(Tab { path: "test", name: "Test", count: None });
        tabs
    }
}

/// The API that the path names by its id.
pub(super) fn find(request: &Request) -> Result<&ApiEntry, Problem> {
    let id = request.segments.first().cloned().unwrap_or_default();
    Ok(api::find(&request.view.snapshot, request.call.workspace, &vec![id])?)
}

fn row(entry: &ApiEntry) -> Row {
    Row {
        id: entry.api.id.clone(),
        name: entry.api.display_name().to_owned(),
        identifier: entry.api.identifier.clone(),
        permissions: entry.permissions.len(),
        algorithm: entry.api.settings.signing_alg.as_str(),
        is_system: entry.api.system.is_some(),
    }
}

/// Lists APIs: an organisation's own ones first, by name.
pub(super) fn list(request: Request) -> Handled {
    Box::pin(async move {
        let text = |name: &str| request.query.get(name).and_then(|value| value.as_str()).unwrap_or_default();
        let q = text("q").trim().to_owned();
        let part = q.to_lowercase();
        let fits = |api: &Api| {
            api.display_name().to_lowercase().contains(&part) || api.identifier.to_lowercase().contains(&part)
        };
        let mut rows: Vec<Row> = request
            .view
            .snapshot
            .apis(request.call.workspace)
            .filter(|entry| part.is_empty() || fits(&entry.api))
            .map(|entry| row(entry))
            .collect();
        rows.sort_by_cached_key(|row| (row.is_system, row.name.to_lowercase(), row.identifier.clone()));
        let pager = Pager::new("/apis", &request.query, rows.len(), PER_PAGE);
        let rows = pager.cut(rows);
        let frame = Frame::new(&request.call, "apis", "APIs");
        let there = |identifier: &String| request.view.snapshot.api(request.call.workspace, identifier).is_some();
        let deleted = Some(text("deleted").to_owned()).filter(|gone| !gone.is_empty() && !there(gone));
        show(StatusCode::OK, &List { frame, q, rows, pager, deleted })
    })
}

/// The algorithms that tokens can be signed with.
pub(super) fn algorithms() -> Vec<&'static str> {
    SigningAlgorithm::ALL.map(SigningAlgorithm::as_str).to_vec()
}

/// Asks what a new API is to be.
pub(super) fn new(request: Request) -> Handled {
    Box::pin(async move {
        let page = New {
            frame: Frame::new(&request.call, "apis", "New API"),
            name: String::new(),
            identifier: String::new(),
            algorithm: SigningAlgorithm::RS256.as_str().to_owned(),
            algorithms: algorithms(),
            error: None,
        };
        show(StatusCode::OK, &page)
    })
}

/// Makes an API.
pub(super) fn create(request: Request) -> Handled {
    Box::pin(async move {
        let text = |name| form::text(&request.body, name).to_owned();
        let (name, identifier, algorithm) = (text("name"), text("identifier"), text("algorithm"));
        let mut settings = Map::new();
        settings.insert("signing_alg".to_owned(), json!(algorithm));
        let fields = ApiFields { name: Some(name.clone()), settings, ..ApiFields::default() };
        let checked = check(&name, &identifier, &algorithm);
        let (status, text) = match checked {
            Ok(()) => match api::create(&request.call, identifier.clone(), fields).await {
                Ok(entry) => return Ok(redirect(&format!("/apis/{}/permissions", entry.api.id))),
                Err(problem) => problem::at_form(problem)?,
            },
            Err(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        };
        let frame = Frame::new(&request.call, "apis", "New API");
        show(status, &New { frame, name, identifier, algorithm, algorithms: algorithms(), error: Some(text) })
    })
}

fn check(name: &str, identifier: &str, algorithm: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > 200 || name.contains(['<', '>']) {
        return Err("Give it a name of at most 200 characters, without < and >.".to_owned());
    }
    if identifier.is_empty() || identifier.chars().count() > 600 {
        return Err("Give it an identifier of at most 600 characters, such as https://api.example.com/.".to_owned());
    }
    if !algorithms().contains(&algorithm) {
        return Err("Choose one of the signing algorithms.".to_owned());
    }
    Ok(())
}
