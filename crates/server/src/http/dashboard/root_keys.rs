//! Root keys: the list, a new one, and the end of one.

use std::sync::Arc;

use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        key::{NAME_MAX, fits},
        root_key::RootKey,
    },
};

use super::{
    form,
    key_form::{Errors, SECRET},
    page::{Frame, Pager, redirect, show, time},
    problem,
    root_key_page::{List, Made, New, Row, Sure, Typed, kinds, name},
    table::{OWN, VIEW, answer_at, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{
        misplaced,
        root_key::{self, WantedRootKey},
    },
};

/// How many root keys a page has.
const PER_PAGE: usize = 50;

/// What the list can be asked for.
const LIST_QUERY: &[Parameter] =
    &[Parameter { name: "page", kind: ParameterKind::Integer(0, 1_000_000), description: "Which page" }];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_root_keys", "/root-keys", ("List root keys", VIEW), LIST_QUERY, list),
        page_at("console_root_key_new", "/root-keys/new", ("Ask what a new root key may do", OWN), &[], new),
        answer_at("console_root_key_create", "/root-keys", ("rootkey.create", OWN), create),
        page_at(
            "console_root_key_revocation",
            "/root-keys/{id}/revoke",
            ("Show what a revocation ends", OWN),
            &[],
            confirm,
        ),
        form_at("console_root_key_revoke", "/root-keys/{id}/revoke", ("rootkey.delete", OWN), revoke),
    ]
}

/// Lists root keys, newest first.
pub(super) fn list(request: Request) -> Handled {
    Box::pin(async move {
        let mut keys: Vec<&Arc<RootKey>> = request.view.snapshot.root_keys().collect();
        keys.sort_by_key(|key| std::cmp::Reverse((key.created_at, key.number)));
        let pager = Pager::new("/root-keys", &request.query, keys.len(), PER_PAGE);
        let rows = pager.cut(keys).into_iter().map(|key| Row::new(key, request.call.now)).collect();
        show(StatusCode::OK, &List { frame: Frame::new(&request.call, "root-keys", "Root keys"), rows, pager })
    })
}

/// Asks what a new root key may do.
pub(super) fn new(request: Request) -> Handled {
    Box::pin(async move { show_form(&request, (StatusCode::OK, Typed::default(), Errors::default())) })
}

fn show_form(request: &Request, (status, typed, errors): (StatusCode, Typed, Errors)) -> Result<Answer, Problem> {
    let frame = Frame::new(&request.call, "root-keys", "New root key");
    show(status, &New { frame, kinds: kinds(&typed.permissions), typed, errors })
}

/// Makes a root key, and shows its text.
pub(super) fn create(request: Request) -> Handled {
    Box::pin(async move {
        let body = &request.body;
        let text = |name| form::text(body, name).to_owned();
        let permissions = form::texts(body, "permission");
        let typed = Typed { name: text("name"), permissions, lines: text("lines"), expires: text("expires") };
        let mut errors = Errors::default();
        if !fits(&typed.name, NAME_MAX) {
            errors.add("name", format!("Give it a name of at most {NAME_MAX} characters, such as what uses it."));
        }
        for (field, text) in [("name", &typed.name), ("lines", &typed.lines)] {
            if misplaced::has_credential(&request.call.app, request.call.workspace, text) {
                errors.add(field, SECRET);
            }
        }
        let expires_at = form::last_day(body, "expires", request.call.now).unwrap_or_else(|text| {
            errors.add("expires", text);
            None
        });
        let lines = typed.lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned);
        let mut wanted: Vec<String> = Vec::new();
        for one in typed.permissions.iter().cloned().chain(lines) {
            if !wanted.contains(&one) {
                wanted.push(one);
            }
        }
        if wanted.is_empty() {
            errors.add("permissions", "Choose at least one permission: a root key without any is good for nothing.");
        }
        if !errors.is_empty() {
            return show_form(&request, (StatusCode::UNPROCESSABLE_ENTITY, typed, errors));
        }
        let wanted = WantedRootKey { name: typed.name.clone(), permissions: wanted, expires_at };
        match root_key::create(&request.call, wanted).await {
            Ok(made) => show_made(&request, &made.key, made.text),
            Err(Problem::Precondition(text)) => {
                errors.add("lines", text);
                show_form(&request, (StatusCode::UNPROCESSABLE_ENTITY, typed, errors))
            }
            Err(problem) => Err(problem),
        }
    })
}

fn show_made(request: &Request, key: &RootKey, text: String) -> Result<Answer, Problem> {
    let page = Made {
        frame: Frame::new(&request.call, "root-keys", "Root key made"),
        text,
        name: name(key),
        permissions: key.grants.texts().to_vec(),
        created: time(key.created_at, "datetime"),
        expires: key.expires_at.map(|end| time(end, "datetime")),
    };
    show(StatusCode::OK, &page)
}

/// The root key that the path names.
fn named(request: &Request) -> Option<&Arc<RootKey>> {
    request.view.snapshot.root_keys().find(|key| key.id == request.segments[0])
}

/// Shows what a revocation ends.
pub(super) fn confirm(request: Request) -> Handled {
    Box::pin(async move {
        match named(&request) {
            Some(key) => show_sure(&request, key, (StatusCode::OK, None)),
            None => Ok(redirect("/root-keys")),
        }
    })
}

fn show_sure(
    request: &Request,
    key: &RootKey,
    (status, error): (StatusCode, Option<String>),
) -> Result<Answer, Problem> {
    let page = Sure {
        frame: Frame::new(&request.call, "root-keys", format!("Revoke {}", name(key))),
        name: name(key),
        start: key.start.clone(),
        permissions: key.grants.texts().to_vec(),
        error,
    };
    show(status, &page)
}

/// Revokes a root key, if its name was typed. One that is revoked already is not in the list.
pub(super) fn revoke(request: Request) -> Handled {
    Box::pin(async move {
        let Some(key) = named(&request) else { return Ok(redirect("/root-keys")) };
        if form::text(&request.body, "confirm") != name(key).trim() {
            let text = format!("Type {} to revoke it.", name(key));
            return show_sure(&request, key, (StatusCode::UNPROCESSABLE_ENTITY, Some(text)));
        }
        match root_key::revoke(&request.call, key.id.clone()).await {
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                show_sure(&request, key, (status, Some(text)))
            }
            Ok(_) => Ok(redirect("/root-keys")),
        }
    })
}
