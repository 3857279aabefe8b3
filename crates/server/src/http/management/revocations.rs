//! The feed of revocations (ours).

use http::{Method, StatusCode, header};
use keyward_core::{access::ManagementScope as Scope, model::Revision};

use super::reference;
use crate::{
    http::{
        answer::Answer,
        operation::{Access::AnyOf, Handled, Operation, Parameter, ParameterKind, Request, Shape::Text},
        query,
    },
    service::revocation,
};

/// The media type of a signed token (RFC 7519 §10.3.1).
const JWT: &str = "application/jwt";

const QUERY: &[Parameter] = &[Parameter {
    name: "since",
    kind: ParameterKind::Integer(0, i64::MAX),
    description: "The `revision` of the last answer; 0 or nothing to begin",
}];

/// The row.
///
/// It takes a token although what it says is no secret of the tokens' holders: the names of permissions tell what an API
/// is for, and each answer costs a signature. An API gets a token that may read nothing but this.
pub fn operations() -> Vec<Operation> {
    vec![Operation {
        id: "get_resource-servers_revocations",
        method: Method::GET,
        path: "/api/v2/resource-servers/{id}/revocations",
        summary: "What an API must refuse in tokens that were issued before it was taken away, as a signed token",
        access: AnyOf(&[Scope::ReadRevocations, Scope::ReadResourceServers]),
        query: QUERY,
        body: None,
        prepare: None,
        success: (200, Text(JWT)),
        refusals: &[404],
        audit: None,
        handler: feed,
        at_once: None,
    }]
}

/// Answers with the feed of an API.
pub fn feed(request: Request) -> Handled {
    Box::pin(async move {
        let since = Revision(query::integer(&request.query, "since", 0));
        let feed = revocation::feed(&request.call, &request.view, &reference(&request.segments[0]), since).await?;
        let answer = Answer::bytes(StatusCode::OK, JWT, feed.into());
        Ok(answer.with(header::CACHE_CONTROL, "no-store"))
    })
}
