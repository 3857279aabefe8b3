//! Applications: the list, and a new one.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::client::{CLIENT_CREDENTIALS, Client, DESCRIPTION_MAX, NAME_MAX},
    secret::Secret,
};
use serde_json::{Map, json};

use super::{
    form::{self, query},
    page::{Frame, Pager, show},
    problem,
    table::{EDIT, VIEW, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request, Shape},
    },
    service::client::{self, ClientFields},
};

/// How many applications a page has.
pub(super) const PER_PAGE: usize = 50;

const LIST_QUERY: &[Parameter] = &[
    Parameter { name: "q", kind: ParameterKind::Text(200), description: "A part of the name or the client id" },
    Parameter { name: "page", kind: ParameterKind::Integer(0, 1_000_000), description: "Which page" },
    Parameter { name: "deleted", kind: ParameterKind::Text(200), description: "The application that was deleted" },
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_clients", "/applications", ("List applications", VIEW), LIST_QUERY, list),
        page_at("console_client_new", "/applications/new", ("Ask what a new application is to be", EDIT), &[], new),
        with_page(form_at("console_client_create", "/applications", ("Create a client", EDIT), create)),
    ]
}

/// A form that is answered by a page at once: what it shows can't be shown again.
pub(super) fn with_page(row: Operation) -> Operation {
    Operation { success: (200, Shape::Text("text/html; charset=utf-8")), ..row }
}

#[derive(Template)]
#[template(path = "applications.html")]
struct List {
    frame: Frame,
    q: String,
    rows: Vec<Row>,
    pager: Pager,
    deleted: Option<String>,
}

/// An application in a list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) grants: usize,
    pub(super) is_global: bool,
    pub(super) is_own: bool,
}

/// A secret, shown this once.
#[derive(Template)]
#[template(path = "application_secret.html")]
struct Shown {
    frame: Frame,
    id: String,
    name: String,
    secret: String,
    is_new: bool,
    /// Whether it sends the secret in a header only.
    in_header: bool,
}

#[derive(Template)]
#[template(path = "application_new.html")]
struct New {
    frame: Frame,
    name: String,
    description: String,
    error: Option<(&'static str, String)>,
}

impl New {
    /// What is wrong with a field, or with the whole.
    fn error(&self, name: &str) -> Option<&str> {
        self.error.as_ref().filter(|(known, _)| *known == name).map(|(_, text)| text.as_str())
    }
}

/// What people have said that an application is for.
pub(super) fn description(client: &Client) -> &str {
    client.settings.other.get("description").and_then(|text| text.as_str()).unwrap_or_default()
}

/// The applications that a search finds, by name; the one that stands for all of them comes last.
pub(super) fn found(request: &Request, q: &str) -> Vec<Row> {
    let (snapshot, part) = (&request.view.snapshot, q.to_lowercase());
    let mut grants = std::collections::HashMap::new();
    for grant in snapshot.client_grants(request.call.workspace) {
        *grants.entry(grant.client).or_insert(0) += 1;
    }
    let fits = |client: &Client| client.name.to_lowercase().contains(&part) || client.id.to_lowercase() == part;
    let all = snapshot.clients(request.call.workspace).filter(|client| part.is_empty() || fits(client));
    let row = |client: &Client| Row {
        id: client.id.clone(),
        name: client.name.clone(),
        description: description(client).to_owned(),
        grants: grants.get(&Some(client.number)).copied().unwrap_or(0),
        is_global: client.settings.global,
        is_own: client.settings.is_first_party,
    };
    let mut rows: Vec<Row> = all.map(|client| row(client)).collect();
    rows.sort_by_cached_key(|row| (row.is_global, row.name.to_lowercase(), row.id.clone()));
    rows
}

fn list(request: Request) -> Handled {
    Box::pin(async move {
        let q = query(&request, "q").trim().to_owned();
        let rows = found(&request, &q);
        let pager = Pager::new("/applications", &request.query, rows.len(), PER_PAGE);
        let rows = pager.cut(rows);
        let gone = query(&request, "deleted");
        // The address of a page proves nothing: only an id that nobody has is said to be deleted.
        let is_gone = !gone.is_empty()
            && gone.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && request.view.snapshot.client(request.call.workspace, gone).is_none();
        let deleted = is_gone.then(|| gone.to_owned());
        let frame = Frame::new(&request.call, "applications", "Applications");
        show(StatusCode::OK, &List { frame, q, rows, pager, deleted })
    })
}

fn new(request: Request) -> Handled {
    Box::pin(async move { show_new(&request, StatusCode::OK, None) })
}

fn show_new(request: &Request, status: StatusCode, error: Option<(&'static str, String)>) -> Result<Answer, Problem> {
    let frame = Frame::new(&request.call, "applications", "New application");
    let text = |name| form::text(&request.body, name).to_owned();
    show(status, &New { frame, name: text("name"), description: text("description"), error })
}

/// Why an application can't be called so.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > NAME_MAX || name.contains(['<', '>']) {
        return Err(format!("Give it a name of at most {NAME_MAX} characters, without < and >."));
    }
    Ok(())
}

/// Why an application can't be described so.
pub(super) fn check_description(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if length > DESCRIPTION_MAX {
        return Err(format!("This has {length} characters, and a description has {DESCRIPTION_MAX} at most."));
    }
    Ok(())
}

/// Makes an application that asks for tokens for itself, and shows its secret.
fn create(request: Request) -> Handled {
    Box::pin(async move {
        let (name, description) = (form::text(&request.body, "name"), form::text(&request.body, "description"));
        let checked = check_name(name).map_err(|text| ("name", text));
        let checked = checked.and_then(|()| check_description(description).map_err(|text| ("description", text)));
        if let Err(error) = checked {
            return show_new(&request, StatusCode::UNPROCESSABLE_ENTITY, Some(error));
        }
        let mut settings = Map::new();
        settings.insert("app_type".to_owned(), json!("non_interactive"));
        settings.insert("grant_types".to_owned(), json!([CLIENT_CREDENTIALS]));
        if !description.is_empty() {
            settings.insert("description".to_owned(), json!(description));
        }
        let fields = ClientFields { name: Some(name.to_owned()), settings, ..ClientFields::default() };
        match client::create(&request.call, fields).await {
            Ok((client, secret)) => show_secret(&request, &client, secret.as_ref(), true),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                show_new(&request, status, Some(("", text)))
            }
        }
    })
}

/// Shows a secret, this once.
pub(super) fn show_secret(
    request: &Request,
    client: &Client,
    secret: Option<&Secret>,
    is_new: bool,
) -> Result<Answer, Problem> {
    let secret = secret.and_then(Secret::expose_text).ok_or_else(|| Problem::internal("no secret was made"))?;
    let method = client.settings.token_endpoint_auth_method;
    let page = Shown {
        frame: Frame::new(&request.call, "applications", client.name.clone()),
        id: client.id.clone(),
        name: client.name.clone(),
        secret: secret.to_owned(),
        is_new,
        in_header: method == Some(keyward_core::model::client::ClientAuthentication::ClientSecretBasic),
    };
    show(StatusCode::OK, &page)
}
