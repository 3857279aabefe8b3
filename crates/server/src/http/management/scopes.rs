//! One permission of a resource server at a time.

use http::StatusCode;
use keyward_core::{Problem, model::permission::Permission, snapshot::ApiEntry};
use serde_json::{Map, Value};

use super::{parse_value, parse_wanted, precondition, reference};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
    },
    service::permission::{self, PermissionFields},
};

/// A permission by itself: with its id, which a rename does not change. The version is that of the whole API.
fn shown(status: StatusCode, entry: &ApiEntry, permission: &Permission) -> Answer {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), permission.id.clone().into());
    fields.insert("value".to_owned(), permission.value.as_str().into());
    if let Some(description) = &permission.description {
        fields.insert("description".to_owned(), description.clone().into());
    }
    Answer::json(status, &fields).with_version(entry.api.revision)
}

/// Adds a permission.
pub fn add(request: Request) -> Handled {
    Box::pin(async move {
        let wanted = parse_wanted(&request.body, "").map_err(Problem::Invalid)?;
        let api = reference(&request.segments[0]);
        let (entry, made) =
            permission::add(&request.call, &api, wanted, precondition(&request.incoming.headers)).await?;
        Ok(shown(StatusCode::CREATED, &entry, &made))
    })
}

/// Changes or renames a permission.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let value = request.body.get("value").and_then(Value::as_str);
        let value = value.map(|text| parse_value(text, "value".to_owned())).transpose().map_err(Problem::Invalid)?;
        let description = request.body.get("description").map(|text| text.as_str().map(str::to_owned));
        let fields = PermissionFields { value, description };
        let (api, values) = (reference(&request.segments[0]), reference(&request.segments[1]));
        let seen = precondition(&request.incoming.headers);
        let (entry, changed) = permission::update(&request.call, &api, values, fields, seen).await?;
        Ok(shown(StatusCode::OK, &entry, &changed))
    })
}

/// Deletes a permission.
pub fn remove(request: Request) -> Handled {
    Box::pin(async move {
        let (api, values) = (reference(&request.segments[0]), reference(&request.segments[1]));
        let entry = permission::remove(&request.call, &api, values, precondition(&request.incoming.headers)).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT).with_version(entry.api.revision))
    })
}
