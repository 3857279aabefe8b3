//! Roles.

use std::sync::Arc;

use http::StatusCode;
use keyward_core::model::role::{INDEXED_NAME_MAX, Role, folded};
use serde_json::{Map, Value, json};

use super::paging::{self, Page};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
        query,
    },
    service::role::change::{self, RoleFields},
};

/// The one kind of roles that there is: those that belong to no organization.
pub const TENANT: &str = "tenant";

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    Parameter {
        name: "name_filter",
        kind: ParameterKind::Text(INDEXED_NAME_MAX as u64),
        description: "Only the roles whose name has this text in it, however it is spelt",
    },
    Parameter {
        name: "type",
        kind: ParameterKind::Text(128),
        description: "Only the roles of this type; all of them are of the type tenant",
    },
    Parameter {
        name: "owner_id",
        kind: ParameterKind::Text(128),
        description: "Only the roles that this organization owns; it owns none",
    },
    paging::PAGE,
    paging::per_page("Roles on a page"),
    paging::INCLUDE_TOTALS,
    // Ours: pages don't reach all of them, and the original, which has no more than they reach, has no other way.
    paging::FROM,
    paging::TAKE,
];

/// A role as the wire shows it. One that has no description shows an empty one.
fn render(role: &Role) -> Value {
    let description = role.description.as_deref().unwrap_or_default();
    json!({ "id": role.management_id(), "name": role.name, "description": description })
}

/// Lists the roles, in the order of their names.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let query = &request.query;
        let part = query::text(query, "name_filter").map(folded);
        let any = query::text(query, "type").is_none_or(|kind| kind == TENANT) && !query.contains_key("owner_id");
        let (snapshot, workspace) = (&request.view.snapshot, request.call.workspace);
        let count = if any { snapshot.role_count(workspace) } else { 0 };
        let by_name = |places| snapshot.roles_by_name(workspace, places);
        let page = match part {
            // What is not filtered costs as much as the page, wherever that is.
            None if !paging::is_checkpoint(query) => Page::of_known(query, "roles", count, by_name)?,
            part => {
                let fits = |role: &Arc<Role>| part.as_ref().is_none_or(|part| folded(&role.name).contains(part));
                Page::of(query, "roles", by_name(0..count).into_iter().filter(fits), |role| role.name.clone())?
            }
        };
        Ok(Answer::json(StatusCode::OK, &page.answer(|role| render(&role))))
    })
}

/// Shows a role.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let role = change::find(&request.view.snapshot, request.call.workspace, &request.segments[0])?;
        Ok(Answer::json(StatusCode::OK, &render(role)))
    })
}

/// Makes a role. The answer has a description only if one was sent; every later one has it.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let RoleFields { name, description, .. } = fields(&request.body);
        let sent = description.is_some();
        let role = change::create(&request.call, name.unwrap_or_default(), description).await?;
        let mut shown = render(&role);
        if let Some(shown) = shown.as_object_mut().filter(|_| !sent) {
            shown.remove("description");
        }
        Ok(Answer::json(StatusCode::OK, &shown))
    })
}

/// Changes what a role is called.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let role = change::update(&request.call, request.segments[0].clone(), fields(&request.body)).await?;
        Ok(Answer::json(StatusCode::OK, &render(&role)))
    })
}

/// Deletes a role.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        change::delete(&request.call, request.segments[0].clone()).await?;
        Ok(Answer::json(StatusCode::OK, &Map::new()))
    })
}

/// Takes a body apart, whose form was checked.
fn fields(body: &Value) -> RoleFields {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    RoleFields { name: text("name"), description: text("description"), seen: None }
}
