//! Connections.

use std::sync::Arc;

use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        client::Client,
        connection::{Connection, STRATEGY},
    },
};
use serde_json::{Map, Value, json};

use super::{
    paging::Page,
    user_pages::{FROM, INCLUDE_TOTALS, PAGE, PER_PAGE, TAKE},
    users::date,
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
        query,
    },
    service::{connection, connection_client},
};

/// The fields that `fields` may name.
const FIELDS: &[&str] = &[
    "id",
    "name",
    "strategy",
    "display_name",
    "options",
    "enabled_clients",
    "realms",
    "is_domain_connection",
    "show_as_button",
    "metadata",
];

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    PAGE,
    PER_PAGE,
    INCLUDE_TOTALS,
    FROM,
    TAKE,
    Parameter {
        name: "strategy",
        kind: ParameterKind::Repeated(64),
        description: "Only connections with one of these strategies",
    },
    Parameter { name: "name", kind: ParameterKind::Text(128), description: "Only the connection with this name" },
    query::fields(FIELDS),
    query::INCLUDE_FIELDS,
];

/// The parameters of a single connection.
pub const GET_QUERY: &[Parameter] = &[query::fields(FIELDS), query::INCLUDE_FIELDS];

/// A connection as the wire shows it.
fn render(connection: &Connection, enabled: &[&Arc<Client>]) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), connection.id.clone().into());
    fields.insert("name".to_owned(), connection.name.clone().into());
    fields.insert("strategy".to_owned(), STRATEGY.into());
    let enabled: Vec<&str> = enabled.iter().map(|client| client.id.as_str()).collect();
    fields.insert("enabled_clients".to_owned(), enabled.into());
    fields.extend(connection.settings.clone());
    fields
}

/// Lists the connections.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let query = &request.query;
        let strategies = query.get("strategy").and_then(Value::as_array);
        let mut all = connection::list(&request.call).await?;
        all.retain(|connection| query::text(query, "name").is_none_or(|name| connection.name == name));
        all.retain(|_| strategies.is_none_or(|list| list.iter().any(|strategy| strategy == STRATEGY)));
        let enabled = connection_client::all(&request.call).await?;
        let page = Page::of(query, "connections", all.iter(), |connection| connection.number.0)?;
        let body = page.answer(|connection| {
            let own = enabled.get(&connection.number).map(Vec::as_slice).unwrap_or_default();
            let mut fields = render(connection, &connection_client::known(&request.view.snapshot, own));
            query::select_fields(query, &mut fields);
            Value::Object(fields)
        });
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

/// Shows a connection.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let connection = connection::get(&request.call, &request.segments[0]).await?;
        let enabled = connection_client::of(&request.call, &connection).await?;
        let mut fields = render(&connection, &connection_client::known(&request.view.snapshot, &enabled));
        query::select_fields(&request.query, &mut fields);
        Ok(Answer::json(StatusCode::OK, &fields))
    })
}

/// Creates a connection.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, body, .. } = request;
        let Value::Object(mut settings) = body else {
            return Err(Problem::internal("a checked body is not an object"));
        };
        settings.remove("strategy");
        let Some(Value::String(name)) = settings.remove("name") else {
            return Err(Problem::internal("a checked body has no name"));
        };
        let connection = connection::create(&call, name, settings).await?;
        Ok(Answer::json(StatusCode::CREATED, &render(&connection, &[])))
    })
}

/// Deletes a connection. One that does not exist is deleted already.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, segments, .. } = request;
        let was_there = connection::delete(&call, segments[0].replace('\0', "")).await?;
        if !was_there {
            return Ok(Answer::empty(StatusCode::NO_CONTENT));
        }
        Ok(Answer::json(StatusCode::ACCEPTED, &json!({ "deleted_at": date(call.now) })))
    })
}

/// Changes a connection.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, body, segments, .. } = request;
        let Value::Object(settings) = body else { return Err(Problem::internal("a checked body is not an object")) };
        let id = segments.into_iter().next().unwrap_or_default();
        let connection = connection::update(&call, id, settings).await?;
        let enabled = connection_client::of(&call, &connection).await?;
        let enabled = connection_client::known(&view.snapshot, &enabled);
        Ok(Answer::json(StatusCode::OK, &render(&connection, &enabled)))
    })
}
