//! Public keys of an application.

use askama::Template;
use http::StatusCode;
use keyward_core::{Problem, model::client::Client};

use super::{
    client::find,
    client_page::{Head, KeyRow},
    page::{Frame, redirect, show},
    table::{EDIT, form_at, page_at},
};
use crate::{
    http::operation::{Handled, Operation, Request},
    service::credential,
};

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    let path = "/applications/{id}/keys/{key}/delete";
    vec![
        page_at(
            "console_credential_deletion",
            path,
            ("Show what the deletion of a public key ends", EDIT),
            &[],
            confirm,
        ),
        form_at("console_credential_delete", path, ("Delete a client credential", EDIT), delete),
    ]
}

#[derive(Template)]
#[template(path = "application_key_delete.html")]
struct Sure {
    frame: Frame,
    client: Head,
    key: KeyRow,
}

fn confirm(request: Request) -> Handled {
    Box::pin(async move {
        let client: &Client = find(&request)?;
        let place = (client.id.as_str(), request.segments[1].as_str());
        let key = credential::find(&request.view.snapshot, &request.call, place)?;
        let page = Sure {
            frame: Frame::new(&request.call, "applications", "Delete a public key"),
            client: Head::new(client),
            key: KeyRow::new(client, key, request.call.now),
        };
        show(StatusCode::OK, &page)
    })
}

/// Deletes a key. One that is deleted already is not there any more.
fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let client = find(&request)?;
        let deleted = credential::delete(&request.call, (client.id.clone(), request.segments[1].clone())).await;
        match deleted {
            Err(Problem::Protected(_)) => {
                // Somebody took it into use meanwhile: the page says what to do.
                Ok(redirect(&format!(
                    "/applications/{}/keys/{}/delete",
                    client.id,
                    super::page::segment(&request.segments[1])
                )))
            }
            other => other.map(|()| redirect(&format!("/applications/{}", client.id))),
        }
    })
}
