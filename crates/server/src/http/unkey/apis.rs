//! APIs, as far as keys are concerned.

use serde_json::{Value, json};

use super::{envelope, fields::Fields, render};
use crate::{
    http::operation::{Handled, Request},
    service::{
        key::{self, Listing},
        key_api::{self, ApiChange},
    },
};

/// Makes an API: a resource server on the other side.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let id = key_api::create(&request.call, Fields::of(&request.body).required("name")).await?;
        Ok(envelope::data(&request, json!({ "apiId": id })))
    })
}

/// Shows an API.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let entry = key_api::get(&request.call, &Fields::of(&request.body).required("apiId"))?;
        Ok(envelope::data(&request, json!({ "id": entry.api.key_id(), "name": entry.api.display_name() })))
    })
}

/// Changes how an API's keys are made and from where they may be used (ours).
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let change = ApiChange {
            name: body.owned("name"),
            ip_allow_list: body.get("ipAllowList").map(|_| body.texts("ipAllowList")),
            delete_protection: body.get("deleteProtection").and_then(Value::as_bool),
            default_prefix: body.clearable("defaultPrefix", |text| text.as_str().map(str::to_owned)),
            default_bytes: body.clearable("defaultBytes", |_| body.integer("defaultBytes")),
        };
        key_api::update(&request.call, body.required("apiId"), change).await?;
        Ok(envelope::data(&request, json!({})))
    })
}

/// Deletes an API: its keys are refused from the answer on.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        key_api::delete(&request.call, Fields::of(&request.body).required("apiId")).await?;
        Ok(envelope::data(&request, json!({})))
    })
}

/// Lists an API's keys, in the order of their ids.
pub fn list_keys(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let (from, limit) = body.page(100);
        let listing = Listing {
            api: body.required("apiId"),
            from,
            limit,
            external_id: body.owned("externalId"),
            decrypt: body.flag("decrypt", false),
        };
        let (keys, next) = key::list(&request.call, listing).await?;
        let view = request.call.app.view();
        let items = keys.iter().map(|data| render::key(&view.snapshot, data)).collect();
        Ok(envelope::page(&request, items, next))
    })
}
