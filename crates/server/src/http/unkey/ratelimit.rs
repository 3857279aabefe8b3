//! The standalone limiter.

use keyward_core::model::{limit::Override, log::Origin};
use serde_json::{Value, json};

use super::{envelope, fields::Fields};
use crate::{
    http::{
        incoming::{kept, origin},
        operation::{Handled, Request},
        table::OPERATIONS,
    },
    service::limit::{self, Counted, Outcome},
};

fn counted(value: &Value) -> Counted {
    let fields = Fields::of(value);
    Counted {
        namespace: fields.required("namespace"),
        identifier: fields.required("identifier"),
        limit: fields.integer("limit").unwrap_or(0),
        duration: fields.integer("duration").unwrap_or(0),
        cost: fields.integer("cost").unwrap_or(1),
    }
}

fn outcome(outcome: &Outcome) -> Value {
    let reading = &outcome.reading;
    let mut shown = json!({ "limit": outcome.limit, "remaining": reading.remaining, "reset": reading.reset });
    if let Some(id) = &outcome.override_id {
        shown["overrideId"] = id.clone().into();
    }
    shown
}

/// What the audit log says of a request that makes a namespace.
fn origin_of(request: &Request) -> Origin {
    let row = OPERATIONS.iter().find(|row| row.path == request.incoming.uri.path());
    let known = row.map(|row| origin(row, &request.incoming)).unwrap_or_default();
    Origin { body: kept(&request.body, request.body.to_string().len()), ..known }
}

/// Counts one use.
pub fn limit(request: Request) -> Handled {
    Box::pin(async move {
        let (passed, outcomes) =
            limit::count(&request.call, vec![counted(&request.body)], || origin_of(&request)).await?;
        let mut shown = outcomes.first().map(outcome).unwrap_or_default();
        shown["success"] = passed.into();
        Ok(envelope::data(&request, shown))
    })
}

/// Counts several uses, or none of them.
pub fn multi_limit(request: Request) -> Handled {
    Box::pin(async move {
        let uses: Vec<Counted> =
            request.body.as_array().map(Vec::as_slice).unwrap_or_default().iter().map(counted).collect();
        let (passed, outcomes) = limit::count(&request.call, uses.clone(), || origin_of(&request)).await?;
        let limits = uses.iter().zip(&outcomes).map(|(one, found)| {
            let mut shown = outcome(found);
            shown["namespace"] = one.namespace.clone().into();
            shown["identifier"] = one.identifier.clone().into();
            shown["passed"] = found.reading.allowed.into();
            shown
        });
        Ok(envelope::data(&request, json!({ "passed": passed, "limits": limits.collect::<Vec<_>>() })))
    })
}

fn over(over: &Override) -> Value {
    json!({
        "overrideId": over.id, "identifier": over.identifier, "limit": over.limit, "duration": over.duration,
    })
}

/// Sets another limit for an identifier.
pub fn set_override(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let (limit, duration) = (body.integer("limit").unwrap_or(0), body.integer("duration").unwrap_or(0));
        let values = (body.required("identifier"), limit, duration);
        let id = limit::set_override(&request.call, body.required("namespace"), values).await?;
        Ok(envelope::data(&request, json!({ "overrideId": id })))
    })
}

/// Shows the override that counts for an identifier.
pub fn get_override(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let found = limit::get_override(&request.call, &body.required("namespace"), &body.required("identifier"))?;
        Ok(envelope::data(&request, over(&found)))
    })
}

/// Takes an override away.
pub fn delete_override(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        limit::delete_override(&request.call, body.required("namespace"), body.required("identifier")).await?;
        Ok(envelope::data(&request, json!({})))
    })
}

/// Lists a namespace's overrides, in the order of their ids.
pub fn list_overrides(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let (from, limit) = body.page(50);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (page, next) = limit::list_overrides(&request.call, &body.required("namespace"), (&from, limit))?;
        Ok(envelope::page(&request, page.iter().map(over).collect(), next))
    })
}
