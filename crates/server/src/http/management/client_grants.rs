//! What applications may ask for of APIs (contract: client grants).

use http::StatusCode;
use keyward_core::{
    Problem,
    model::client_grant::{ClientGrant, SubjectType},
    problem::{Invalid, Part},
};
use serde_json::{Map, Value};

use super::paging::{self, Page};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Parameter, ParameterKind, Request},
    },
    service::{
        Precondition,
        client_grant::{self, GrantFields, NewGrant},
    },
};

/// The parameters of the list.
pub const LIST_QUERY: &[Parameter] = &[
    paging::PAGE,
    paging::per_page("How many stand on a page"),
    paging::INCLUDE_TOTALS,
    paging::FROM,
    paging::TAKE,
    Parameter {
        name: "audience",
        kind: ParameterKind::Text(600),
        description: "Only those of the API with this identifier",
    },
    Parameter { name: "client_id", kind: ParameterKind::Text(64), description: "Only those of this application" },
    Parameter { name: "subject_type", kind: ParameterKind::Text(16), description: "client or user" },
    Parameter {
        name: "allow_any_organization",
        kind: ParameterKind::Boolean,
        description: "Only those that can be used with any organization",
    },
    Parameter { name: "default_for", kind: ParameterKind::Text(64), description: "third_party_clients" },
];

/// Lists the grants.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, view, query, .. } = request;
        let snapshot = &view.snapshot;
        let is = |fields: &Map<String, Value>, name: &str| {
            query.get(name).is_none_or(|wanted| fields.get(name) == Some(wanted))
        };
        let shown = snapshot.client_grants(call.workspace).map(|grant| client_grant::describe(snapshot, grant));
        let wanted = ["audience", "client_id", "subject_type", "allow_any_organization", "default_for"];
        let all = shown.filter(|fields| wanted.iter().all(|name| is(fields, name)));
        let id = |fields: &Map<String, Value>| fields.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let page = Page::of(&query, "client_grants", all, id)?;
        Ok(Answer::json(StatusCode::OK, &page.answer(Value::Object)))
    })
}

/// Shows a grant.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let snapshot = &request.view.snapshot;
        let grant = client_grant::find(snapshot, &request.call, &request.segments[0])?;
        Ok(Answer::json(StatusCode::OK, &client_grant::describe(snapshot, grant)))
    })
}

/// Lets an application ask for tokens of an API.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, body, .. } = request;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        let client_id = text("client_id");
        if client_id.is_some() == body.get("default_for").is_some() {
            let text = "Send one of client_id and default_for";
            return Err(Problem::Invalid(Invalid::whole(Part::Body, text)));
        }
        let subject_type = text("subject_type").and_then(|word| SubjectType::parse(&word));
        let new = NewGrant {
            client_id,
            audience: text("audience").unwrap_or_default(),
            subject_type: subject_type.unwrap_or(SubjectType::Client),
        };
        let grant = client_grant::create(&call, new, parse(&body)).await?;
        Ok(shown(&call, StatusCode::CREATED, &grant))
    })
}

/// Changes what an application may ask for.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let Request { call, body, segments, .. } = request;
        let grant = client_grant::update(&call, segments[0].clone(), parse(&body), Precondition::None).await?;
        Ok(shown(&call, StatusCode::OK, &grant))
    })
}

/// Deletes a grant.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        client_grant::delete(&request.call, request.segments[0].clone()).await?;
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    })
}

fn shown(call: &crate::app::Call, status: StatusCode, grant: &ClientGrant) -> Answer {
    Answer::json(status, &client_grant::describe(&call.app.view().snapshot, grant))
}

/// What a checked body says of a grant besides whose it is.
fn parse(body: &Value) -> GrantFields {
    let list = |list: &Vec<Value>| list.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let scope = body.get("scope").map(|scope| scope.as_array().map(list));
    let kept = ["allow_all_scopes", "organization_usage", "allow_any_organization", "authorization_details_types"];
    let settings = kept.iter().filter_map(|name| Some(((*name).to_owned(), body.get(*name)?.clone())));
    GrantFields { scope, settings: settings.collect() }
}
