//! Which permissions users have.

use http::StatusCode;
use keyward_core::held::{Held, with_sources};
use serde_json::{Map, Value, json};

use super::{paging, users::user_reference};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
    },
    service::{
        user,
        user_permissions::{self, Pair},
        user_roles::role_id,
    },
};

/// A permission as users' lists show it, without the reasons for which it is held.
pub(super) fn render(held: &Held<'_>) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("permission_name".to_owned(), held.permission.value.as_str().into());
    fields.insert("description".to_owned(), held.permission.description.clone().unwrap_or_default().into());
    fields.insert("resource_server_name".to_owned(), held.api.api.name.clone().unwrap_or_default().into());
    fields.insert("resource_server_identifier".to_owned(), held.api.api.identifier.clone().into());
    fields
}

/// The reasons: directly, and each role that gives it.
fn sources(held: &Held<'_>) -> Value {
    let direct = held.direct.then(|| json!({ "source_id": "", "source_name": "", "source_type": "DIRECT" }));
    let roles = held
        .roles
        .iter()
        .map(|role| json!({ "source_id": role_id(role), "source_name": role.name, "source_type": "ROLE" }));
    direct.into_iter().chain(roles).collect()
}

/// The pairs in a checked body.
fn pairs(body: &Value) -> Vec<Pair> {
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let list = body.get("permissions").and_then(Value::as_array);
    let pair = |entry: &Value| (text(entry, "resource_server_identifier"), text(entry, "permission_name"));
    list.into_iter().flatten().map(pair).collect()
}

/// Lists the permissions of a user, its own and those of its roles.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let given = user::given(&request.call, user_reference(&request.segments[0])).await?;
        let all = with_sources(&request.view.snapshot, &given.role_numbers(), &given.permission_numbers());
        let shown = all.iter().map(|held| {
            let mut fields = render(held);
            fields.insert("sources".to_owned(), sources(held));
            Value::Object(fields)
        });
        let shown: Vec<Value> = shown.collect();
        Ok(Answer::json(StatusCode::OK, &paging::page(&request.query, "permissions", &shown, Value::clone)))
    })
}

/// Gives a user permissions.
pub fn assign(request: Request) -> Handled {
    Box::pin(async move {
        let reference = user_reference(&request.segments[0]);
        user_permissions::assign(&request.call, reference, pairs(&request.body)).await?;
        Ok(Answer::json(StatusCode::CREATED, &json!({})))
    })
}

/// Takes permissions from a user.
pub fn remove(request: Request) -> Handled {
    Box::pin(async move {
        let reference = user_reference(&request.segments[0]);
        user_permissions::remove(&request.call, reference, pairs(&request.body)).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}
