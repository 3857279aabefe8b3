//! Roles.

use keyward_core::model::role::Role;
use serde_json::{Value, json};

use super::{envelope, fields::Fields, permissions::first, render};
use crate::{
    http::operation::{Handled, Request},
    service::role::{self, WantedRole},
};

/// Makes a role.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let wanted = WantedRole {
            name: body.required("name"),
            description: body.owned("description"),
            permissions: body.texts("permissions"),
        };
        let id = role::create(&request.call, wanted).await?;
        Ok(envelope::data(&request, json!({ "roleId": id })))
    })
}

/// Shows a role with its permissions.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let found = role::get(&request.call, Fields::of(&request.body).required("role")).await?;
        let shown = render::role(&request.call.app.view().snapshot, &found);
        Ok(envelope::data(&request, shown))
    })
}

/// Lists the roles, in the order of their ids.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let (from, limit) = body.page(100);
        let from = from.strip_prefix("role_").map_or_else(|| from.clone(), str::to_owned);
        let search = body.text("search").map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
        let snapshot = &request.view.snapshot;
        let fits = |role: &Role| {
            let Some(search) = &search else { return true };
            let texts = [role.key_id(), role.name.clone(), role.description.clone().unwrap_or_default()];
            texts.iter().any(|text| text.to_lowercase().contains(search))
        };
        let all = snapshot.roles(request.call.workspace).map(|role| &**role);
        let (page, next) = first(all.filter(|role| role.id >= from && fits(role)), limit, |role: &Role| &role.id);
        let items: Vec<Value> = page.into_iter().map(|found| render::role(snapshot, found)).collect();
        Ok(envelope::page(&request, items, next.map(|id| format!("role_{id}"))))
    })
}

/// Deletes a role: whoever has it loses what it gave once this is answered.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        role::delete(&request.call, Fields::of(&request.body).required("role")).await?;
        Ok(envelope::data(&request, json!({})))
    })
}

/// Undoes the deletion of a role (ours).
pub fn restore(request: Request) -> Handled {
    Box::pin(async move {
        let found = role::restore(&request.call, Fields::of(&request.body).required("role")).await?;
        let shown = render::role(&request.call.app.view().snapshot, &found);
        Ok(envelope::data(&request, shown))
    })
}

/// Gives a role exactly these permissions.
pub fn set_permissions(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let found = role::set_permissions(&request.call, body.required("roleId"), body.texts("permissions")).await?;
        let view = request.call.app.view();
        let list = role::permissions(&view.snapshot, &found).into_iter().map(render::permission).collect();
        Ok(envelope::data(&request, Value::Array(list)))
    })
}
