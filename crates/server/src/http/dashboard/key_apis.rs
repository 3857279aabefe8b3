//! All APIs that have keys, and where a key is.

use askama::Template;
use http::StatusCode;
use keyward_core::Problem;

use super::{
    form,
    keys::place,
    page::{Frame, Pager, redirect, show, thousands},
    problem,
    table::{VIEW, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{key, misplaced},
};

/// How many APIs a page has.
const PER_PAGE: usize = 50;

/// What the list can be asked for.
const LIST_QUERY: &[Parameter] =
    &[Parameter { name: "page", kind: ParameterKind::Integer(0, 1_000_000), description: "Which page" }];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let find = form_at("console_key_find", "/keys", ("Find a key", VIEW), find);
    vec![
        page_at("console_key_apis", "/keys", ("List APIs with keys", VIEW), LIST_QUERY, list),
        // Nothing is changed. It is sent in a body because what is typed may be a key.
        Operation { audit: None, ..find },
    ]
}

#[derive(Template)]
#[template(path = "key_apis.html")]
struct List {
    frame: Frame,
    rows: Vec<Row>,
    total: String,
    pager: Pager,
    typed: String,
    error: Option<String>,
}

struct Row {
    id: String,
    name: String,
    identifier: String,
    keys: String,
}

/// Lists the APIs that have keys, by name.
pub(super) fn list(request: Request) -> Handled {
    Box::pin(async move { show_list(&request, (StatusCode::OK, String::new(), None)).await })
}

async fn show_list(
    request: &Request,
    (status, typed, error): (StatusCode, String, Option<String>),
) -> Result<Answer, Problem> {
    let counts = key::counts(&request.call).await?;
    let apis = request.view.snapshot.apis(request.call.workspace);
    let mut found: Vec<_> = apis.filter_map(|entry| Some((entry, *counts.get(&entry.api.number)?))).collect();
    found.sort_by_cached_key(|(entry, _)| (entry.api.display_name().to_lowercase(), entry.api.identifier.clone()));
    let total = thousands(found.iter().map(|(_, keys)| keys).sum::<i64>());
    let pager = Pager::new("/keys", &request.query, found.len(), PER_PAGE);
    let rows = pager.cut(found).into_iter().map(|(entry, keys)| Row {
        id: entry.api.id.clone(),
        name: entry.api.display_name().to_owned(),
        identifier: entry.api.identifier.clone(),
        keys: thousands(keys),
    });
    let rows = rows.collect();
    show(status, &List { frame: Frame::new(&request.call, "keys", "API keys"), rows, total, pager, typed, error })
}

/// Leads to the key with this id or this text.
pub(super) fn find(request: Request) -> Handled {
    Box::pin(async move {
        let typed = form::text(&request.body, "secret").to_owned();
        let is_text = misplaced::is_credential(&request.call.app, request.call.workspace, &typed);
        let found = match (typed.is_empty(), is_text) {
            (true, _) => {
                let text = Some("Type the id of a key, or paste the key itself.".to_owned());
                return show_list(&request, (StatusCode::UNPROCESSABLE_ENTITY, typed, text)).await;
            }
            (_, true) => key::whoami(&request.call, typed.clone()).await,
            _ => key::get(&request.call, typed.clone(), false).await,
        };
        match found {
            Ok(data) => {
                let entry = request.view.snapshot.api_numbered(data.key.api);
                let entry = entry.ok_or_else(|| Problem::internal("a key was read whose API is not there"))?;
                Ok(redirect(&place(entry, &data.key.id)))
            }
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                // A key is not shown again.
                let typed = if typed.starts_with("key_") && !is_text { typed } else { String::new() };
                show_list(&request, (status, typed, Some(text))).await
            }
        }
    })
}
