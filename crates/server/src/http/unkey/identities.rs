//! Identities.

use serde_json::{Value, json};

use super::{envelope, fields::Fields, render};
use crate::{
    http::operation::{Handled, Request},
    service::identity::{self, WantedIdentity},
};

/// Makes an identity.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let wanted = WantedIdentity {
            external_id: body.required("externalId"),
            meta: body.object("meta"),
            limits: body.limits("ratelimits").unwrap_or_default(),
        };
        let id = identity::create(&request.call, wanted).await?;
        Ok(envelope::data(&request, json!({ "identityId": id })))
    })
}

/// Shows an identity.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let found = identity::get(&request.call, Fields::of(&request.body).required("identity")).await?;
        Ok(envelope::data(&request, render::identity(&found)))
    })
}

/// Lists the identities, in the order of their ids.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let search = body.text("search").map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let (list, next) = identity::list(&request.call, search, body.page(100)).await?;
        let items: Vec<Value> = list.iter().map(render::identity).collect();
        Ok(envelope::page(&request, items, next))
    })
}

/// Changes an identity.
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let (meta, limits) = (body.object("meta"), body.limits("ratelimits"));
        let found = identity::update(&request.call, body.required("identity"), meta, limits).await?;
        Ok(envelope::data(&request, render::identity(&found)))
    })
}

/// Deletes an identity; its keys go on without it.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        identity::delete(&request.call, Fields::of(&request.body).required("identity")).await?;
        Ok(envelope::bare(&request))
    })
}
