//! What applications may ask for of an API: the list, and one grant.

use std::sync::Arc;

use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        api::ClientPolicy,
        client::Client,
        client_grant::{ClientGrant, SubjectType},
    },
    problem::Missing,
    snapshot::ApiEntry,
};
use serde_json::{Map, Value};

use super::{
    apis::{Head, find},
    client,
    client_grant_page::{ChooseApi, ChooseClient, List, Picker, Sure, can_all, check, choices, fields},
    client_page::GrantRow,
    clients::{self, PER_PAGE},
    edited::Edited,
    form::{self, query},
    page::{Frame, Pager, redirect, segment, show},
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
        client_grant::{self, GrantFields, NewGrant},
    },
};

const fn word(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Text(200), description }
}

const PAGE: Parameter =
    Parameter { name: "page", kind: ParameterKind::Integer(0, 1_000_000), description: "Which page" };
const Q: Parameter = word("q", "A part of the name");
const FROM: Parameter = word("from", "Whether one came from the application's page");
const LIST_QUERY: &[Parameter] =
    &[Q, PAGE, word("saved", "The grant that was saved"), word("removed", "The application that lost its grant")];
const NEW_QUERY: &[Parameter] = &[Q, PAGE, FROM, word("client", "The application")];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let (all, one, end) =
        ("/apis/{id}/applications", "/apis/{id}/applications/{grant}", "/apis/{id}/applications/{grant}/delete");
    let ask = ("Ask what an application may ask for", EDIT);
    vec![
        page_at("console_grants", all, ("List what applications may ask for", VIEW), LIST_QUERY, list),
        page_at("console_grant_new", "/apis/{id}/applications/new", ask, NEW_QUERY, new),
        page_at("console_client_grant_new", "/applications/{id}/grants/new", ask, &[Q, PAGE], choose_api),
        form_at("console_grant_create", all, ("Create client grant", EDIT), create),
        page_at("console_grant", one, ("Show what an application may ask for, to change it", EDIT), &[FROM], edit),
        form_at("console_grant_save", one, ("Update client grant", EDIT), save),
        page_at("console_grant_deletion", end, ("Show what the removal of a grant ends", EDIT), &[FROM], confirm),
        form_at("console_grant_delete", end, ("Delete client grant", EDIT), delete),
    ]
}

/// Of this API, the grant that the path names.
fn named<'r>(request: &'r Request, entry: &ApiEntry) -> Result<&'r ClientGrant, Problem> {
    let id = request.segments.get(1).map(String::as_str).unwrap_or_default();
    let grant = client_grant::find(&request.view.snapshot, &request.call, id)?;
    if grant.api == entry.api.number { Ok(grant) } else { Err(Problem::NotFound(Missing::ClientGrant)) }
}

fn frame(request: &Request, entry: &ApiEntry) -> Frame {
    Frame::new(&request.call, "apis", format!("Applications of {}", entry.api.display_name()))
}

fn list(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let (snapshot, q) = (&request.view.snapshot, query(&request, "q").trim().to_owned());
        let own = snapshot.client_grants(request.call.workspace).filter(|grant| grant.api == entry.api.number);
        let mut rows: Vec<GrantRow> = own.filter_map(|grant| GrantRow::new(snapshot, grant)).collect();
        let total = rows.len();
        let part = q.to_lowercase();
        rows.retain(|row| part.is_empty() || row.client_name.to_lowercase().contains(&part));
        rows.sort_by_cached_key(|row| (row.client_name.to_lowercase(), row.is_for_users, row.id.clone()));
        let path = format!("/apis/{}/applications", entry.api.id);
        let pager = Pager::new(&path, &request.query, rows.len(), PER_PAGE);
        let page = List {
            frame: frame(&request, entry),
            api: Head::new(entry, "applications"),
            notice: notice(&request, entry),
            q,
            rows: pager.cut(rows),
            total,
            pager,
            denies_all: entry.api.settings.subject_type_authorization.client.policy == ClientPolicy::DenyAll,
        };
        show(StatusCode::OK, &page)
    })
}

/// What was just done, as far as it is so.
fn notice(request: &Request, entry: &ApiEntry) -> Option<String> {
    let snapshot = &request.view.snapshot;
    let saved = snapshot.client_grant(request.call.workspace, query(request, "saved"));
    if let Some(grant) = saved.filter(|grant| grant.api == entry.api.number) {
        return GrantRow::new(snapshot, grant).map(|row| format!("What {} may ask for is saved.", row.client_name));
    }
    let client = snapshot.client(request.call.workspace, query(request, "removed"))?;
    let has = |kind| snapshot.client_grant_of(Some(client.number), entry.api.number, kind).is_some();
    let is_gone = !has(SubjectType::Client) && !has(SubjectType::User);
    is_gone.then(|| format!("{} may ask for nothing of this API any more.", client.name))
}

fn new(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        if let Some(client) = request.view.snapshot.client(request.call.workspace, query(&request, "client")) {
            let form = Edited::of(fields(&request.view.snapshot, None));
            let from_client = query(&request, "from") == "application";
            return show_picker(&request, entry, (StatusCode::OK, form, from_client), (Some(client), None));
        }
        let q = query(&request, "q").trim().to_owned();
        let rows: Vec<_> = clients::found(&request, &q).into_iter().filter(|row| !row.is_global).collect();
        let path = format!("/apis/{}/applications/new", entry.api.id);
        let pager = Pager::new(&path, &request.query, rows.len(), PER_PAGE);
        let (frame, api) = (frame(&request, entry), Head::new(entry, "applications"));
        show(StatusCode::OK, &ChooseClient { frame, api, q, rows: pager.cut(rows), pager })
    })
}

fn choose_api(request: Request) -> Handled {
    Box::pin(async move {
        let client = client::find(&request)?;
        let q = query(&request, "q").trim().to_owned();
        let part = q.to_lowercase();
        let fits = |entry: &&Arc<ApiEntry>| {
            let api = &entry.api;
            api.display_name().to_lowercase().contains(&part) || api.identifier.to_lowercase().contains(&part)
        };
        let all = request.view.snapshot.apis(request.call.workspace).filter(fits);
        let mut rows: Vec<Head> = all.map(|entry| Head::new(entry, "applications")).collect();
        rows.sort_by_cached_key(|row| (row.is_system, row.name.to_lowercase(), row.identifier.clone()));
        let path = format!("/applications/{}/grants/new", client.id);
        let pager = Pager::new(&path, &request.query, rows.len(), PER_PAGE);
        let page = ChooseApi {
            frame: Frame::new(&request.call, "applications", client.name.clone()),
            id: client.id.clone(),
            name: client.name.clone(),
            q,
            rows: pager.cut(rows),
            pager,
        };
        show(StatusCode::OK, &page)
    })
}

fn show_picker(
    request: &Request,
    entry: &ApiEntry,
    (status, form, from_client): (StatusCode, Edited, bool),
    (client, grant): (Option<&Arc<Client>>, Option<&ClientGrant>),
) -> Result<Answer, Problem> {
    let for_users = |grant: &ClientGrant| grant.subject_type == SubjectType::User;
    let page = Picker {
        frame: frame(request, entry),
        api: Head::new(entry, "applications"),
        form,
        client: client.map(|client| client.id.clone()),
        client_name: client.map_or_else(|| "every third-party application".to_owned(), |client| client.name.clone()),
        is_for_users: grant.map_or(form::text(&request.body, "subject") == "user", for_users),
        grant: grant.map(|grant| grant.id.clone()),
        choices: choices(entry, grant),
        can_all: can_all(entry),
        from_client,
    };
    show(status, &page)
}

/// What was ticked. All means all: what is ticked besides says nothing.
fn sent(request: &Request, grant: Option<&ClientGrant>) -> Edited {
    let mut form = Edited::sent(&request.body, fields(&request.view.snapshot, grant));
    if form.typed.is_on("all") {
        form.typed.set("permissions", "");
    }
    form
}

/// What differs, as the use case wants it.
fn changes(form: &Edited) -> GrantFields {
    let mut settings = Map::new();
    let all = form.typed.is_on("all");
    if form.differs("all") {
        settings.insert("allow_all_scopes".to_owned(), if all { Value::Bool(true) } else { Value::Null });
    }
    let list = || form.typed.get("permissions").lines().map(str::to_owned).collect();
    GrantFields { scope: (!all).then(|| Some(list())), settings }
}

/// Where one goes afterwards: back to where one came from.
fn back(request: &Request, entry: &ApiEntry, (what, id): (&str, &str), client: Option<&str>) -> Answer {
    match client.filter(|_| form::text(&request.body, "from") == "application") {
        Some(client) => redirect(&format!("/applications/{client}")),
        None => redirect(&format!("/apis/{}/applications?{what}={}", entry.api.id, segment(id))),
    }
}

fn create(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let snapshot = &request.view.snapshot;
        let client = crate::service::client::find(snapshot, &request.call, form::text(&request.body, "client"))?;
        let mut form = sent(&request, None);
        check(&mut form, &choices(entry, None), can_all(entry));
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if !form.is_refused() {
            let for_users = form::text(&request.body, "subject") == SubjectType::User.as_str();
            let new = NewGrant {
                client_id: Some(client.id.clone()),
                audience: entry.api.identifier.clone(),
                subject_type: if for_users { SubjectType::User } else { SubjectType::Client },
            };
            match client_grant::create(&request.call, new, changes(&form)).await {
                Ok(grant) => return Ok(back(&request, entry, ("saved", &grant.id), Some(&client.id))),
                Err(problem) => {
                    let (found, text) = problem::at_form(problem)?;
                    status = found;
                    form.refuse("", text);
                }
            }
        }
        let from_client = form::text(&request.body, "from") == "application";
        show_picker(&request, entry, (status, form, from_client), (Some(client), None))
    })
}

fn client_of<'r>(request: &'r Request, grant: &ClientGrant) -> Option<&'r Arc<Client>> {
    grant.client.and_then(|number| request.view.snapshot.client_numbered(number))
}

fn edit(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let grant = named(&request, entry)?;
        let form = Edited::of(fields(&request.view.snapshot, Some(grant)));
        let from_client = query(&request, "from") == "application";
        show_picker(&request, entry, (StatusCode::OK, form, from_client), (client_of(&request, grant), Some(grant)))
    })
}

/// Changes a grant, unless somebody else did since the form was shown.
fn save(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let grant = named(&request, entry)?;
        let client = client_of(&request, grant);
        let done = || back(&request, entry, ("saved", &grant.id), client.map(|client| client.id.as_str()));
        let mut form = sent(&request, Some(grant));
        if form.is_unchanged() {
            return Ok(done());
        }
        let mut status = StatusCode::CONFLICT;
        if !form.is_stale() {
            check(&mut form, &choices(entry, Some(grant)), can_all(entry));
            status = StatusCode::UNPROCESSABLE_ENTITY;
        }
        if !form.is_stale() && !form.is_refused() {
            // What was compared is what is changed: the version says so under the lock.
            let seen = Precondition::Versions(vec![grant.revision.0], grant.revision.0.to_string());
            match client_grant::update(&request.call, grant.id.clone(), changes(&form), seen).await {
                Ok(_) => return Ok(done()),
                Err(problem) => {
                    let (found, text) = problem::at_form(problem)?;
                    status = found;
                    form.refuse("", text);
                }
            }
        }
        let from_client = form::text(&request.body, "from") == "application";
        show_picker(&request, entry, (status, form, from_client), (client, Some(grant)))
    })
}

fn confirm(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let grant = named(&request, entry)?;
        let row = GrantRow::new(&request.view.snapshot, grant).ok_or(Problem::NotFound(Missing::ClientGrant))?;
        let from_client = query(&request, "from") == "application";
        let (frame, api) = (frame(&request, entry), Head::new(entry, "applications"));
        show(StatusCode::OK, &Sure { frame, api, row, from_client })
    })
}

/// Removes a grant. One that is removed already is shown so.
fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let Ok(grant) = named(&request, entry) else {
            return Ok(redirect(&format!("/apis/{}/applications", entry.api.id)));
        };
        let client = client_of(&request, grant).map(|client| client.id.as_str());
        client_grant::delete(&request.call, grant.id.clone()).await?;
        Ok(back(&request, entry, ("removed", client.unwrap_or_default()), client))
    })
}
