//! Credentials of users' devices (contract: device credentials). Nothing makes any yet, so there are none: what is
//! answered here is true, and clients that look and clean up need no special case.

use http::StatusCode;
use serde_json::Value;

use super::paging::{self, Page};
use crate::http::{
    answer::Answer,
    operation::{Handled, Parameter, ParameterKind, Request},
    query,
};

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    paging::PAGE,
    paging::per_page("How many stand on a page"),
    paging::INCLUDE_TOTALS,
    query::fields(FIELDS),
    query::INCLUDE_FIELDS,
    Parameter { name: "user_id", kind: ParameterKind::Text(1024), description: "Only those of this user" },
    Parameter { name: "client_id", kind: ParameterKind::Text(64), description: "Only those of this application" },
    Parameter { name: "type", kind: ParameterKind::Choice(KINDS), description: "Only those of this kind" },
];

/// The kinds there can be.
const KINDS: &[&str] = &["public_key", "refresh_token", "rotating_refresh_token"];

/// The fields that `fields` may name.
const FIELDS: &[&str] = &["id", "device_name", "device_id", "type", "user_id", "client_id"];

/// Lists the credentials.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let page: Page<Value> = Page::of_known(&request.query, "device_credentials", 0, |_| Vec::new())?;
        Ok(Answer::json(StatusCode::OK, &page.answer(|one| one)))
    })
}

/// Deletes a credential. One that does not exist is deleted already.
pub fn delete(_: Request) -> Handled {
    Box::pin(async move { Ok(Answer::empty(StatusCode::NO_CONTENT)) })
}
