//! Which applications may use a connection.

use http::StatusCode;
use keyward_core::Problem;
use serde_json::{Value, json};

use super::{
    paging::Page,
    user_pages::{FROM, TAKE},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, Request},
    },
    service::{connection, connection_client},
};

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[FROM, TAKE];

/// Lists the applications that may use a connection.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, query, segments, .. } = request;
        let connection = connection::get(&call, &segments[0]).await?;
        let enabled = connection_client::of(&call, &connection).await?;
        let clients = connection_client::known(&view.snapshot, &enabled).into_iter();
        // So that neither the list of all applications nor another connection's takes it for one of its own.
        let name = format!("clients of {}", connection.id);
        let page = Page::checkpoint_of(&query, ("clients", &name), clients, |client| client.number.0)?;
        Ok(Answer::json(StatusCode::OK, &page.answer(|client| json!({ "client_id": client.id }))))
    })
}

/// Lets applications use a connection or not.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, body, segments, .. } = request;
        let wanted = |one: &Value| Some((one.get("client_id")?.as_str()?.to_owned(), one.get("status")?.as_bool()?));
        let wanted: Option<Vec<_>> = body.as_array().and_then(|list| list.iter().map(wanted).collect());
        let wanted = wanted.ok_or_else(|| Problem::internal("a checked body is no list of applications"))?;
        let id = segments.into_iter().next().unwrap_or_default();
        connection_client::set(&call, id, wanted).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}
