//! What users have in effect, and why.

use std::sync::Arc;

use http::StatusCode;
use keyward_core::{
    Problem,
    held::{named, with_sources},
    model::role::Role,
    problem::Missing,
    snapshot::ApiEntry,
};
use serde_json::{Map, Value, json};

use super::{
    paging::Page,
    user_pages::{FROM, TAKE, required},
    user_permissions, user_roles,
    users::user_reference,
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
    },
    service::user,
};

const IDENTIFIER: Parameter = Parameter {
    name: "resource_server_identifier",
    kind: ParameterKind::Text(600),
    description: "The identifier of the API; required",
};

/// The parameters of the permissions.
pub const PERMISSIONS_QUERY: &[Parameter] = &[IDENTIFIER, FROM, TAKE];
/// The parameters of the roles.
pub const ROLES_QUERY: &[Parameter] = &[FROM, TAKE];
/// The parameters of the roles that give a permission.
pub const SOURCES_QUERY: &[Parameter] = &[
    IDENTIFIER,
    Parameter {
        name: "permission_name",
        kind: ParameterKind::Text(280),
        description: "The value of the permission; required",
    },
    FROM,
    TAKE,
];

/// The API that the query names.
fn api(request: &Request) -> Result<&Arc<ApiEntry>, Problem> {
    let identifier = required(&request.query, "resource_server_identifier")?;
    let found = request.view.snapshot.api(request.call.workspace, identifier);
    found.filter(|entry| entry.api.identifier == identifier).ok_or(Problem::NotFound(Missing::Api))
}

/// Roles in an answer that can be gone on from. A user has them directly: there are no groups.
fn answer<'r>(query: &Map<String, Value>, roles: impl IntoIterator<Item = &'r Arc<Role>>) -> Result<Answer, Problem> {
    let page = Page::checkpoint(query, "roles", roles.into_iter(), |role| role.name.clone())?;
    let body = page.answer(|role| {
        let mut fields = user_roles::render(role);
        fields.insert("sources".to_owned(), json!(["direct"]));
        Value::Object(fields)
    });
    Ok(Answer::json(StatusCode::OK, &body))
}

/// Lists the permissions of one API that a user has, directly or by roles.
pub fn permissions(request: Request) -> Handled {
    Box::pin(async move {
        let number = api(&request)?.api.number;
        let given = user::given(&request.call, user_reference(&request.segments[0])).await?;
        let all = with_sources(&request.view.snapshot, &given.role_numbers(), &given.permission_numbers());
        let held = all.iter().filter(|held| held.permission.api == number);
        let page = Page::checkpoint(&request.query, "permissions", held, |held| held.permission.value.to_string())?;
        let body = page.answer(|held| {
            let mut fields = user_permissions::render(held);
            let reasons = [(held.direct, "direct"), (!held.roles.is_empty(), "roles")];
            let reasons: Vec<&str> = reasons.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect();
            fields.insert("sources".to_owned(), json!(reasons));
            Value::Object(fields)
        });
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

/// Lists the roles that give a user one permission.
pub fn permission_roles(request: Request) -> Handled {
    Box::pin(async move {
        let entry = api(&request)?;
        let value = required(&request.query, "permission_name")?;
        let Some(permission) = entry.permission(value) else {
            let missing = Missing::Permission(entry.api.identifier.clone(), value.to_owned());
            return Err(Problem::NotFound(missing));
        };
        let given = user::given(&request.call, user_reference(&request.segments[0])).await?;
        let roles = named(&request.view.snapshot, &given.role_numbers());
        let giving = roles.into_iter().filter(|role| role.permissions.contains(&permission.number));
        answer(&request.query, giving)
    })
}

/// Lists the roles that a user has in effect.
pub fn roles(request: Request) -> Handled {
    Box::pin(async move {
        let given = user::given(&request.call, user_reference(&request.segments[0])).await?;
        answer(&request.query, named(&request.view.snapshot, &given.role_numbers()))
    })
}
