//! The OpenAPI document, made from the operation table.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    operation::{Access, Operation, Shape},
    problem, query,
    table::OPERATIONS,
};

/// The document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for row in OPERATIONS.iter() {
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        path[row.method.as_str().to_ascii_lowercase()] = operation(row);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Keyward",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Who may do what on your APIs. The Management API speaks Auth0's words.",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": problem::schema()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
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
        Access::Public(_) => json!([]),
        Access::AnyOf(scopes) => {
            operation["x-accepted-scopes"] = scopes.iter().map(|scope| scope.value()).collect();
            json!([{ "token": [] }])
        }
    };
    if let Some(schema) = row.body {
        operation["requestBody"] = json!({ "required": true, "content": {"application/json": {"schema": schema()}} });
    }
    operation
}

/// The statuses an operation may answer besides its success.
pub fn refusals(row: &Operation) -> BTreeSet<u16> {
    let mut statuses: BTreeSet<u16> = row.refusals.iter().copied().collect();
    statuses.extend([400, 500, 503]);
    if matches!(row.access, Access::AnyOf(_)) {
        statuses.extend([401, 403]);
    }
    if row.body.is_some() {
        statuses.extend([408, 413, 415]);
    }
    statuses
}

fn responses(row: &Operation) -> Value {
    let (status, shape) = row.success;
    let mut success = json!({ "description": "Done" });
    match shape {
        Shape::Empty => {}
        Shape::Json(schema) => success["content"] = json!({ "application/json": {"schema": schema()} }),
        Shape::Text(media_type) => success["content"] = json!({ media_type: {"schema": {"type": "string"}} }),
    }
    let mut responses = Map::new();
    responses.insert(status.to_string(), success);
    for status in refusals(row) {
        let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
        let mut response = json!({ "description": reason.unwrap_or_default() });
        if status != 304 {
            let schema = json!({ "$ref": "#/components/schemas/Problem" });
            response["content"] = json!({ "application/json": {"schema": schema} });
        }
        responses.insert(status.to_string(), response);
    }
    Value::Object(responses)
}
