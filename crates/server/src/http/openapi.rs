//! The OpenAPI document, made from the operation table.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use keyward_core::{access::ManagementScope, grants::Action};

use super::{
    oauth,
    operation::{Access, Operation, Shape, Surface},
    problem, query,
    table::OPERATIONS,
    unkey,
};

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    // Pages for people are no interface.
    for row in OPERATIONS.iter().filter(|row| row.surface() != Surface::Console) {
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        path[row.method.as_str().to_ascii_lowercase()] = operation(row);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Keyward",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Who may do what on your APIs. Below /api/v2 Auth0's words are spoken, below /v2 Unkey's.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Problem": problem::schema(), "KeyProblem": error_schema(Surface::Keys),
                "OAuthProblem": error_schema(Surface::OAuth),
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "client": {"type": "http", "scheme": "basic"},
                "rootKey": {"type": "http", "scheme": "bearer", "bearerFormat": "root key"},
            },
        },
    })
}

fn operation(row: &Operation) -> Value {
    let segments = row.segments().map(
        |name| json!({ "name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1} }),
    );
    let parameters = row.query.iter().map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "required": false,
            "description": parameter.description, "schema": query::property(parameter),
        })
    });
    let mut operation = json!({
        "operationId": row.id,
        "summary": row.summary,
        "parameters": segments.chain(parameters).collect::<Vec<_>>(),
        "responses": responses(row),
    });
    operation["security"] = match row.access {
        Access::Public(_) | Access::Visitor(_) | Access::Administrator(_) => json!([]),
        Access::Client(_) => json!([{}, { "client": [] }]),
        Access::RootKey(guard) => {
            let texts = |actions: &[Action]| actions.iter().map(|action| action.anywhere()).collect::<Value>();
            operation["x-root-key-permissions"] = texts(guard.needs);
            if !guard.may_need.is_empty() {
                operation["x-root-key-permissions-depending-on-the-request"] = texts(guard.may_need);
            }
            if row.audit.is_some() {
                operation["parameters"] = json!([idempotency_key()]);
            }
            json!([{ "rootKey": [] }])
        }
        Access::AnyOf(scopes) => {
            operation["x-accepted-scopes"] = scopes.iter().map(|scope| scope.value()).collect();
            json!([{ "token": [] }])
        }
        Access::AnySet(sets) => {
            let values = |set: &&[ManagementScope]| set.iter().map(|scope| scope.value()).collect::<Value>();
            operation["x-accepted-sets-of-scopes"] = sets.iter().map(values).collect();
            json!([{ "token": [] }])
        }
    };
    if let Some(schema) = row.body {
        operation["requestBody"] = json!({ "required": true, "content": {"application/json": {"schema": schema()}} });
        if row.surface() == Surface::OAuth {
            operation["requestBody"]["content"]["application/x-www-form-urlencoded"] = json!({ "schema": schema() });
        }
    }
    operation
}

/// The header that makes a request one that can be sent again.
fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "A text of your choice. The same request with the same text gets the first one's answer for a day",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    })
}

/// The schema of a protocol's errors.
pub fn error_schema(surface: Surface) -> Value {
    match surface {
        Surface::Management => problem::schema(),
        Surface::Keys => unkey::schema::shared::error(),
        Surface::OAuth => oauth::problem::schema(),
        // A page.
        Surface::Console => json!(true),
    }
}

/// Whether an answer with this status has a body.
pub fn has_body(status: u16) -> bool {
    !matches!(status, 204 | 304)
}

/// The statuses an operation may answer besides its success.
pub fn refusals(row: &Operation) -> BTreeSet<u16> {
    let mut statuses: BTreeSet<u16> = row.refusals.iter().copied().collect();
    statuses.extend([400, 500, 503]);
    if row.surface() == Surface::Console {
        // To where one signs in, or to what was made; and whatever is wrong with a form.
        statuses.extend([303, 403, 404, 408, 409, 413, 422, 429]);
        return statuses;
    }
    if !matches!(row.access, Access::Public(_) | Access::Client(_)) {
        statuses.extend([401, 403]);
    }
    if row.body.is_some() {
        statuses.extend([408, 413]);
        if row.surface() == Surface::Management {
            statuses.insert(415);
        }
    }
    statuses
}

fn responses(row: &Operation) -> Value {
    let (status, shape) = row.success;
    let mut success = json!({ "description": "Done" });
    match shape {
        Shape::Empty => {}
        Shape::Json(schema) => {
            let mut schema = schema();
            unbound_texts(&mut schema);
            success["content"] = json!({ "application/json": {"schema": schema} });
        }
        // Without a schema: who has one and does not know the media type reads the text as JSON.
        Shape::Text(media_type) => success["content"] = json!({ media_type: {} }),
    }
    let mut responses = Map::new();
    responses.insert(status.to_string(), success);
    for status in refusals(row) {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let mut response = json!({ "description": reason.unwrap_or_default() });
        if has_body(status) {
            let name = match row.surface() {
                Surface::Management => "Problem",
                Surface::Keys => "KeyProblem",
                Surface::OAuth => "OAuthProblem",
                Surface::Console => continue,
            };
            let content = json!({ "schema": {"$ref": format!("#/components/schemas/{name}")} });
            response["content"] = json!({ "application/json": content });
            if row.surface() == Surface::Keys {
                response["content"]["application/problem+json"] = content;
            }
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}

/// An answer holds what either protocol let in, and they differ in how long a name is and what is in it.
fn unbound_texts(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            // Keywords; a property that is called so is an object.
            members
                .retain(|name, it| it.is_object() || !["minLength", "maxLength", "pattern"].contains(&name.as_str()));
            members.values_mut().for_each(unbound_texts);
        }
        Value::Array(items) => items.iter_mut().for_each(unbound_texts),
        _ => {}
    }
}
