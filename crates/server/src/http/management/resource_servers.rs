//! Resource servers: APIs.

use std::collections::HashMap;

use http::{StatusCode, header};
use keyward_core::{
    Problem,
    access::ManagementScope,
    model::permission::{Permission, Wanted},
    problem::{Invalid, Part},
    secret::Secret,
    snapshot::ApiEntry,
};
use serde_json::{Map, Value, json};

use super::{
    paging::{self, Page},
    parse_wanted, precondition, reference,
};
use crate::{
    http::{
        answer::{Answer, JSON, bytes, etag},
        operation::{Handled, Parameter, ParameterKind, Request},
        query,
    },
    service::api::{self, ApiFields},
};

/// The fields that `fields` may name.
const FIELDS: &[&str] = &[
    "id",
    "name",
    "identifier",
    "scopes",
    "signing_alg",
    "signing_secret",
    "allow_offline_access",
    "allow_online_access",
    "allow_online_access_with_ephemeral_sessions",
    "skip_consent_for_verifiable_first_party_clients",
    "token_lifetime",
    "token_lifetime_for_web",
    "enforce_policies",
    "token_dialect",
    "token_encryption",
    "consent_policy",
    "authorization_details",
    "proof_of_possession",
    "subject_type_authorization",
    "authorization_policy",
    "client_id",
    "is_system",
];

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    Parameter {
        name: "identifiers",
        kind: ParameterKind::Repeated(10),
        description: "Only the APIs with these identifiers",
    },
    paging::PAGE,
    paging::per_page("APIs on a page"),
    paging::INCLUDE_TOTALS,
    paging::FROM,
    paging::TAKE,
    query::fields(FIELDS),
    query::INCLUDE_FIELDS,
];

/// The parameters of a single API.
pub const GET_QUERY: &[Parameter] = &[query::fields(FIELDS), query::INCLUDE_FIELDS];

/// `"scopes": {}` empties the list as `[]` does: the original's documentation promises it.
pub fn empty_object_is_empty_list(body: &mut Value) {
    if let Some(scopes) = body.get_mut("scopes").filter(|scopes| scopes.as_object().is_some_and(Map::is_empty)) {
        *scopes = json!([]);
    }
}

/// A permission as a resource server's list shows it.
fn render_scope(permission: &Permission) -> Value {
    let mut scope = Map::new();
    scope.insert("value".to_owned(), permission.value.as_str().into());
    if let Some(description) = &permission.description {
        scope.insert("description".to_owned(), description.clone().into());
    }
    Value::Object(scope)
}

/// An API as the wire shows it.
fn render(entry: &ApiEntry, with_secret: bool) -> Map<String, Value> {
    let mut fields = entry.api.describe();
    // A key with an id is shown by that (contract: fields).
    if let Some(key) = fields.get_mut("token_encryption").and_then(|whole| whole.get_mut("encryption_key"))
        && let Some(key) = key.as_object_mut()
        && key.contains_key("kid")
    {
        key.remove("thumbprint_sha256");
    }
    if entry.api.settings.scopes_set {
        let scopes = entry.permissions.iter().map(|permission| render_scope(permission)).collect();
        fields.insert("scopes".to_owned(), Value::Array(scopes));
    }
    if with_secret && let Some(secret) = entry.api.signing_secret.as_ref().and_then(Secret::expose_text) {
        fields.insert("signing_secret".to_owned(), secret.into());
    }
    fields
}

/// Lists the APIs.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let snapshot = &request.view.snapshot;
        let query = &request.query;
        let wanted: Option<Vec<&str>> = query
            .get("identifiers")
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).collect());
        let all = snapshot.apis(request.call.workspace);
        let all = all.filter(|entry| wanted.as_ref().is_none_or(|w| w.contains(&entry.api.identifier.as_str())));
        let mut shows_secrets = false;
        let mut show = |entry: &ApiEntry| {
            let mut fields = render(entry, true);
            query::select_fields(query, &mut fields);
            shows_secrets |= fields.contains_key("signing_secret");
            Value::Object(fields)
        };
        let page = Page::of(query, "resource_servers", all, |entry| entry.api.number.0)?;
        let body = page.answer(|entry| show(entry));
        Ok(Answer { shows_secrets, ..Answer::json(StatusCode::OK, &body) })
    })
}

/// Shows an API, unless the caller has seen this version of it (`If-None-Match`, RFC 9110 §13.1.2).
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let reference = reference(&request.segments[0]);
        let entry = api::find(&request.view.snapshot, request.call.workspace, &reference)?;
        let seen = request.incoming.headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
        let version = etag(entry.api.revision);
        if seen.is_some_and(|seen| {
            seen.trim() == "*" || seen.split(',').any(|tag| tag.trim().trim_start_matches("W/") == version)
        }) {
            return Ok(Answer::empty(StatusCode::NOT_MODIFIED).with_version(entry.api.revision));
        }
        let render = || {
            let mut fields = render(entry, true);
            query::select_fields(&request.query, &mut fields);
            (bytes(&fields), fields.contains_key("signing_secret"))
        };
        let (body, shows_secrets) =
            if request.query.is_empty() { request.rendered.body(entry, render) } else { render() };
        let answer = Answer::bytes(StatusCode::OK, JSON, body).with_version(entry.api.revision);
        Ok(Answer { shows_secrets, ..answer })
    })
}

/// Creates an API.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, body, .. } = request;
        let (identifier, fields) = parse(body)?;
        let entry = api::create(&call, identifier.unwrap_or_default(), fields).await?;
        Ok(shown(StatusCode::CREATED, &entry, call.scopes.contains(ManagementScope::ReadResourceServers)))
    })
}

/// Changes an API.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, body, incoming, segments, .. } = request;
        let (_, fields) = parse(body)?;
        let entry = api::update(&call, &reference(&segments[0]), fields, precondition(&incoming.headers)).await?;
        Ok(shown(StatusCode::OK, &entry, call.scopes.contains(ManagementScope::ReadResourceServers)))
    })
}

/// Deletes an API.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let reference = reference(&request.segments[0]);
        api::delete(&request.call, &reference, precondition(&request.incoming.headers)).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

fn shown(status: StatusCode, entry: &ApiEntry, with_secret: bool) -> Answer {
    Answer::json(status, &render(entry, with_secret)).with_version(entry.api.revision)
}

/// Takes a body apart, whose form was checked: the identifier, and the rest.
fn parse(body: Value) -> Result<(Option<String>, ApiFields), Problem> {
    let Value::Object(mut body) = body else { return Err(Problem::internal("a checked body is not an object")) };
    let mut text = |name: &str| match body.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (identifier, name) = (text("identifier"), text("name"));
    let signing_secret = text("signing_secret").map(Secret::from);
    let permissions = match body.remove("scopes") {
        Some(Value::Array(list)) => Some(parse_list(&list).map_err(Problem::Invalid)?),
        _ => None,
    };
    Ok((identifier, ApiFields { name, settings: body, signing_secret, permissions }))
}

/// A list of permissions in which no value stands twice.
fn parse_list(list: &[Value]) -> Result<Vec<Wanted>, Invalid> {
    let mut wanted = Vec::with_capacity(list.len());
    let mut places: HashMap<&str, usize> = HashMap::with_capacity(list.len());
    for (index, entry) in list.iter().enumerate() {
        wanted.push(parse_wanted(entry, &format!("scopes[{index}]"))?);
        let value = entry.get("value").and_then(Value::as_str).unwrap_or_default();
        if let Some(first) = places.insert(value, index) {
            let detail = format!("Array items are not unique (indexes {first} and {index})");
            return Err(Invalid::property(Part::Body, "scopes", detail));
        }
    }
    Ok(wanted)
}
