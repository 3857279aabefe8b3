//! What a key holds: permissions and roles, given and taken.

use keyward_core::model::{permission::Permission, role::Role};
use serde_json::Value;

use super::{envelope, fields::Fields, render};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
    },
    service::key,
};

fn permissions(request: &Request, held: &[Permission]) -> Answer {
    envelope::data(request, held.iter().map(render::permission).collect())
}

fn roles(request: &Request, held: &[Role]) -> Answer {
    let view = request.call.app.view();
    envelope::data(request, held.iter().map(|role| render::role(&view.snapshot, role)).collect::<Value>())
}

/// Unpacks which key, and what of this name.
fn named(request: &Request, member: &str) -> (String, Vec<String>) {
    let body = Fields::of(&request.body);
    (body.required("keyId"), body.texts(member))
}

/// Gives a key permissions.
pub fn add_permissions(request: Request) -> Handled {
    Box::pin(async move {
        let (key, slugs) = named(&request, "permissions");
        Ok(permissions(&request, &key::add_permissions(&request.call, key, slugs).await?))
    })
}

/// Takes permissions from a key.
pub fn remove_permissions(request: Request) -> Handled {
    Box::pin(async move {
        let (key, slugs) = named(&request, "permissions");
        Ok(permissions(&request, &key::remove_permissions(&request.call, key, slugs).await?))
    })
}

/// Gives a key exactly these permissions.
pub fn set_permissions(request: Request) -> Handled {
    Box::pin(async move {
        let (key, slugs) = named(&request, "permissions");
        Ok(permissions(&request, &key::set_permissions(&request.call, key, slugs).await?))
    })
}

/// Gives a key roles.
pub fn add_roles(request: Request) -> Handled {
    Box::pin(async move {
        let (key, names) = named(&request, "roles");
        Ok(roles(&request, &key::add_roles(&request.call, key, names).await?))
    })
}

/// Takes roles from a key.
pub fn remove_roles(request: Request) -> Handled {
    Box::pin(async move {
        let (key, names) = named(&request, "roles");
        Ok(roles(&request, &key::remove_roles(&request.call, key, names).await?))
    })
}

/// Gives a key exactly these roles.
pub fn set_roles(request: Request) -> Handled {
    Box::pin(async move {
        let (key, names) = named(&request, "roles");
        Ok(roles(&request, &key::set_roles(&request.call, key, names).await?))
    })
}
