//! What users have let applications do (contract: user consents).

use http::StatusCode;
use keyward_core::{
    Problem,
    problem::{Invalid, Part},
};
use serde_json::{Value, json};

use super::paging;
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
        query,
    },
    service::consent::{self, Wanted},
};

const USER_ID: Parameter =
    Parameter { name: "user_id", kind: ParameterKind::Text(1024), description: "Only those of this user" };

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    paging::PAGE,
    paging::per_page("How many stand on a page"),
    paging::INCLUDE_TOTALS,
    USER_ID,
    Parameter { name: "client_id", kind: ParameterKind::Text(64), description: "Only those of this application" },
    Parameter {
        name: "audience",
        kind: ParameterKind::Text(600),
        description: "Only those on the API with this identifier",
    },
];

/// The parameters of the deletion of many.
pub const DELETE_QUERY: &[Parameter] = &[Parameter {
    name: "user_id",
    kind: ParameterKind::Text(1024),
    description: "Whose are to be deleted; has to be there",
}];

/// Lists consents, oldest first.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, query, .. } = request;
        let (start, limit) = paging::span_within_reach(&query)?;
        let text = |name: &str| query::text(&query, name).map(str::to_owned);
        let wanted = Wanted { user_id: text("user_id"), client_id: text("client_id"), audience: text("audience") };
        let totals = query::boolean(&query, "include_totals", false);
        let (shown, total) = consent::list(&call, wanted, (start, limit), totals).await?;
        let shown: Vec<Value> = shown.into_iter().map(Value::Object).collect();
        let body = match total {
            Some(total) => json!({ "start": start, "limit": limit, "total": total, "grants": shown }),
            None => Value::Array(shown),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

/// Deletes a consent.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        consent::delete(&request.call, request.segments[0].replace('\0', "")).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

/// Deletes all consents of a user. Nobody's in particular would be everybody's, so it has to be said whose.
pub fn delete_of_user(request: Request) -> Handled {
    Box::pin(async move {
        let user_id = query::text(&request.query, "user_id").filter(|id| !id.is_empty());
        let missing = || Problem::Invalid(Invalid::whole(Part::Query, "Missing required property: user_id"));
        consent::delete_of_user(&request.call, user_id.ok_or_else(missing)?.to_owned()).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}
