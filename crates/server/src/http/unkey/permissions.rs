//! Permissions of the workspace.

use keyward_core::model::{permission::Permission, system_api::SystemApi};
use serde_json::{Value, json};

use super::{envelope, fields::Fields, render};
use crate::{
    http::operation::{Handled, Request},
    service::slug::{self, PermissionChange, WantedPermission},
};

/// Makes a permission that belongs to no API in particular.
pub fn create(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let wanted = WantedPermission {
            name: body.owned("name"),
            slug: body.required("slug"),
            description: body.owned("description"),
        };
        let id = slug::create(&request.call, wanted).await?;
        Ok(envelope::data(&request, json!({ "permissionId": id })))
    })
}

/// Shows a permission of any API.
pub fn get(request: Request) -> Handled {
    Box::pin(async move {
        let found = slug::get(&request.call, Fields::of(&request.body).required("permission")).await?;
        Ok(envelope::data(&request, render::permission(&found)))
    })
}

/// Lists the permissions of all APIs, in the order of their ids.
pub fn list(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let (from, limit) = body.page(100);
        let search = body.text("search").map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty());
        let snapshot = &request.view.snapshot;
        let shown = |permission: &Permission| {
            let api = snapshot.api_numbered(permission.api);
            api.is_some_and(|entry| entry.api.system.is_none_or(SystemApi::is_open))
        };
        let fits = |permission: &Permission| {
            let Some(search) = &search else { return true };
            let texts = [
                permission.id.as_str(),
                slug::name(permission),
                permission.value.as_str(),
                permission.description.as_deref().unwrap_or_default(),
            ];
            texts.iter().any(|text| text.to_lowercase().contains(search))
        };
        let all = snapshot.permissions().map(|permission| &**permission);
        let found = all.filter(|permission| permission.id >= from && shown(permission) && fits(permission));
        let (page, next) = first(found, limit, |permission| &permission.id);
        Ok(envelope::page(&request, page.into_iter().map(render::permission).collect(), next))
    })
}

/// The first `limit` things in the order of their ids, and the id of the next one.
pub(super) fn first<'t, T: 't>(
    things: impl Iterator<Item = &'t T>,
    limit: i64,
    id: fn(&T) -> &str,
) -> (Vec<&'t T>, Option<String>) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut page: Vec<&T> = things.collect();
    page.sort_unstable_by(|a, b| id(a).cmp(id(b)));
    let next = page.get(limit).map(|thing| id(thing).to_owned());
    page.truncate(limit);
    (page, next)
}

/// Changes a permission; whoever holds it keeps it (ours).
pub fn update(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let wanted = PermissionChange {
            name: body.owned("name"),
            slug: body.owned("slug"),
            description: body.clearable("description", |text: &Value| text.as_str().map(str::to_owned)),
        };
        let found = slug::update(&request.call, body.required("permission"), wanted).await?;
        Ok(envelope::data(&request, render::permission(&found)))
    })
}

/// Deletes a permission: whoever holds it holds nothing once this is answered.
pub fn delete(request: Request) -> Handled {
    Box::pin(async move {
        slug::delete(&request.call, Fields::of(&request.body).required("permission")).await?;
        Ok(envelope::data(&request, json!({})))
    })
}

/// Undoes the deletion of a permission (ours).
pub fn restore(request: Request) -> Handled {
    Box::pin(async move {
        let found = slug::restore(&request.call, Fields::of(&request.body).required("permission")).await?;
        Ok(envelope::data(&request, render::permission(&found)))
    })
}
