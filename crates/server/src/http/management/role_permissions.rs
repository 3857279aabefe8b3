//! The permissions that a role gives.

use http::StatusCode;
use keyward_core::{model::permission::Permission, snapshot::ApiEntry};
use serde_json::{Map, Value, json};

use super::paging;
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, Request},
    },
    service::role::{
        change,
        grants::{self, NamedPermission},
    },
};

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[paging::PAGE, paging::per_page("Permissions on a page"), paging::INCLUDE_TOTALS];

/// A permission as the lists of what is given show it.
fn render(permission: &Permission, of: &ApiEntry) -> Value {
    json!({
        "permission_name": permission.value.as_str(),
        "description": permission.description.as_deref().unwrap_or_default(),
        "resource_server_name": of.api.name.as_deref().unwrap_or_default(),
        "resource_server_identifier": of.api.identifier,
    })
}

/// Lists what a role gives.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let snapshot = &request.view.snapshot;
        let role = change::find(snapshot, request.call.workspace, &request.segments[0])?;
        let given = grants::list(snapshot, role);
        let page = paging::page(&request.query, "permissions", &given, |(permission, of)| render(permission, of));
        Ok(Answer::json(StatusCode::OK, &page))
    })
}

/// Gives a role permissions.
pub fn add(request: Request) -> Handled {
    Box::pin(async move {
        grants::add(&request.call, request.segments[0].clone(), named(&request.body)).await?;
        Ok(Answer::json(StatusCode::CREATED, &Map::new()))
    })
}

/// Takes permissions from a role.
pub fn remove(request: Request) -> Handled {
    Box::pin(async move {
        grants::remove(&request.call, request.segments[0].clone(), named(&request.body)).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// The permissions that a body names, whose form was checked.
fn named(body: &Value) -> Vec<NamedPermission> {
    let list = body.get("permissions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    list.iter()
        .map(|entry| NamedPermission {
            identifier: text(entry, "resource_server_identifier"),
            value: text(entry, "permission_name"),
        })
        .collect()
}
