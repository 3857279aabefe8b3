//! One application: what it is, its secret, its end.

use std::sync::Arc;

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        client::{Client, OFFERED_GRANTS},
        credential::{AuthenticationMethods, IN_USE_MAX},
    },
};
use serde_json::{Map, Value, json};

use super::{
    client_page::{GrantRow, Head, KEYS, KeyRow, One, SECRET, fields, ways},
    clients::{check_description, check_name, show_secret, with_page},
    edited::Edited,
    form::{self, query},
    page::{Frame, redirect, show},
    problem,
    table::{EDIT, VIEW, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{
        Precondition,
        client::{self, ClientFields},
    },
};

/// How many of what goes with an application are named.
const NAMED: usize = 10;
const STANDS_FOR_ALL: &str = "This one stands for all applications. It can't be changed or deleted, and has no secret.";

const QUERY: &[Parameter] =
    &[Parameter { name: "saved", kind: ParameterKind::Text(40), description: "The version that was saved" }];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_client", "/applications/{id}", ("Show an application", VIEW), QUERY, get),
        form_at("console_client_save", "/applications/{id}", ("Update a client", EDIT), save),
        page_at(
            "console_client_rotation",
            "/applications/{id}/rotate",
            ("Show what another secret ends", EDIT),
            &[],
            ask_rotate,
        ),
        with_page(form_at(
            "console_client_rotate",
            "/applications/{id}/rotate",
            ("Rotate a client secret", EDIT),
            rotate,
        )),
        page_at(
            "console_client_deletion",
            "/applications/{id}/delete",
            ("Show what goes with an application", EDIT),
            &[],
            confirm,
        ),
        form_at("console_client_delete", "/applications/{id}/delete", ("Delete a client", EDIT), delete),
    ]
}

#[derive(Template)]
#[template(path = "application_rotate.html")]
struct Rotation {
    frame: Frame,
    client: Head,
}

#[derive(Template)]
#[template(path = "application_delete.html")]
struct Sure {
    frame: Frame,
    client: Head,
    grants: Vec<GrantRow>,
    grant_count: usize,
    keys: Vec<KeyRow>,
    error: Option<String>,
}

/// The application that the path names.
pub(super) fn find(request: &Request) -> Result<&Arc<Client>, Problem> {
    let id = request.segments.first().map(String::as_str).unwrap_or_default();
    client::find(&request.view.snapshot, &request.call, id)
}

/// The same, if people may change it.
fn find_own(request: &Request) -> Result<&Arc<Client>, Problem> {
    let client = find(request)?;
    if client.settings.global {
        return Err(Problem::System(STANDS_FOR_ALL));
    }
    Ok(client)
}

fn frame(request: &Request, client: &Client) -> Frame {
    Frame::new(&request.call, "applications", client.name.clone())
}

/// What it may ask for, by API.
fn grants(request: &Request, client: &Client) -> Vec<GrantRow> {
    let snapshot = &request.view.snapshot;
    let own = snapshot.client_grants(request.call.workspace).filter(|grant| grant.client == Some(client.number));
    let mut rows: Vec<GrantRow> = own.filter_map(|grant| GrantRow::new(snapshot, grant)).collect();
    rows.sort_by_cached_key(|row| (row.api_name.to_lowercase(), row.is_for_users, row.id.clone()));
    rows
}

fn keys(request: &Request, client: &Client) -> Vec<KeyRow> {
    client.credentials.iter().map(|key| KeyRow::new(client, key, request.call.now)).collect()
}

fn get(request: Request) -> Handled {
    Box::pin(async move {
        let client = find(&request)?;
        show_one(&request, client, (StatusCode::OK, Edited::of(fields(client))))
    })
}

fn show_one(request: &Request, client: &Client, (status, form): (StatusCode, Edited)) -> Result<Answer, Problem> {
    let page = One {
        frame: frame(request, client),
        form,
        client: Head::new(client),
        grants: grants(request, client),
        keys: keys(request, client),
        is_saved: query(request, "saved") == client.revision.0.to_string(),
    };
    show(status, &page)
}

/// Changes an application, unless somebody else did since the form was shown.
fn save(request: Request) -> Handled {
    Box::pin(async move {
        let client = find_own(&request)?;
        let mut form = Edited::sent(&request.body, fields(client));
        if form.typed.get("authentication") != KEYS {
            form.typed.set("keys_in_use", "");
        }
        if form.is_unchanged() {
            return Ok(redirect(&format!("/applications/{}?saved={}", client.id, client.revision.0)));
        }
        if form.is_stale() {
            return show_one(&request, client, (StatusCode::CONFLICT, form));
        }
        check(&mut form, client);
        if form.is_refused() {
            return show_one(&request, client, (StatusCode::UNPROCESSABLE_ENTITY, form));
        }
        // What was compared is what is changed: the version says so under the lock.
        let revision = client.revision.0;
        let seen = Precondition::Versions(vec![revision], revision.to_string());
        match client::update(&request.call, client.id.clone(), changes(&form, client)?, seen).await {
            Ok(after) => Ok(redirect(&format!("/applications/{}?saved={}", after.id, after.revision.0))),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                form.refuse("", text);
                show_one(&request, client, (status, form))
            }
        }
    })
}

fn check(form: &mut Edited, client: &Client) {
    let typed = form.typed.clone();
    if let Err(text) = check_name(typed.get("name")) {
        form.refuse("name", text);
    }
    if let Err(text) = check_description(typed.get("description")) {
        form.refuse("description", text);
    }
    let way = typed.get("authentication");
    if !ways().any(|known| known.value == way) {
        form.refuse("authentication", "Choose how it proves who it is.");
    }
    let used: Vec<&str> = typed.get("keys_in_use").lines().collect();
    let known = used.iter().all(|id| client.credentials.iter().any(|key| key.id == *id));
    if way == KEYS && client.credentials.is_empty() {
        form.refuse("authentication", "It has no public key yet. The Management API registers one.");
    } else if way == KEYS && (!known || used.is_empty() || used.len() > IN_USE_MAX) {
        form.refuse(
            "keys_in_use",
            format!("Choose one of its keys, or {IN_USE_MAX} while it changes from one to another."),
        );
    }
    if typed.get("grant_types").lines().any(|grant| !OFFERED_GRANTS.contains(&grant)) {
        form.refuse("grant_types", "Choose among these.");
    }
}

/// What differs, as the use case wants it.
fn changes(form: &Edited, client: &Client) -> Result<ClientFields, Problem> {
    let typed = &form.typed;
    let mut settings: Map<String, Value> = Map::new();
    if form.differs("description") {
        let text = Some(typed.get("description")).filter(|text| !text.is_empty());
        settings.insert("description".to_owned(), text.into());
    }
    if form.differs("authentication") || form.differs("keys_in_use") {
        let (method, methods) = match typed.get("authentication") {
            KEYS => {
                let methods = AuthenticationMethods::with_keys(typed.get("keys_in_use").lines());
                (Value::Null, serde_json::to_value(methods).map_err(Problem::internal)?)
            }
            SECRET => (Value::Null, Value::Null),
            method => (method.into(), Value::Null),
        };
        settings.insert("token_endpoint_auth_method".to_owned(), method);
        settings.insert("client_authentication_methods".to_owned(), methods);
    }
    if form.differs("grant_types") {
        // What is not offered yet is not in the form, and stays.
        let others = client.settings.grant_types.iter().map(String::as_str);
        let others = others.filter(|grant| !OFFERED_GRANTS.contains(grant));
        let all: Vec<&str> = others.chain(typed.get("grant_types").lines()).collect();
        settings.insert("grant_types".to_owned(), json!(all));
    }
    let name = form.differs("name").then(|| typed.get("name").to_owned());
    Ok(ClientFields { name, settings, ..ClientFields::default() })
}

fn ask_rotate(request: Request) -> Handled {
    Box::pin(async move {
        let client = find_own(&request)?;
        show(StatusCode::OK, &Rotation { frame: frame(&request, client), client: Head::new(client) })
    })
}

fn rotate(request: Request) -> Handled {
    Box::pin(async move {
        let client = find_own(&request)?;
        let (client, secret) = client::rotate_secret(&request.call, client.id.clone()).await?;
        show_secret(&request, &client, Some(&secret), false)
    })
}

fn confirm(request: Request) -> Handled {
    Box::pin(async move { show_sure(&request, find_own(&request)?, (StatusCode::OK, None)) })
}

fn show_sure(
    request: &Request,
    client: &Client,
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let mut grants = grants(request, client);
    let grant_count = grants.len();
    grants.truncate(NAMED);
    let page = Sure {
        frame: frame(request, client),
        client: Head::new(client),
        grants,
        grant_count,
        keys: keys(request, client),
        error,
    };
    show(status, &page)
}

/// Deletes an application. One that is deleted already is shown so.
fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let gone = || redirect(&format!("/applications?deleted={}", super::page::segment(&request.segments[0])));
        let client = match find_own(&request) {
            Err(Problem::NotFound(_)) => return Ok(gone()),
            found => found?,
        };
        if form::text(&request.body, "confirm") != client.name.trim() {
            let text = "Type the name as it stands here.".to_owned();
            return show_sure(&request, client, (StatusCode::UNPROCESSABLE_ENTITY, Some(text)));
        }
        client::delete(&request.call, client.id.clone()).await?;
        Ok(gone())
    })
}
