//! Another password for a user.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::user::{PASSWORD_MIN, User},
    secret::Secret,
};
use serde_json::{Map, Value};

use super::{
    page::{Frame, redirect, segment, show},
    problem,
    table::{EDIT, form_at, page_at},
    users::{find, title},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::user::{self, UserChange},
};

const PATH: &str = "/users/{id}/password";

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_user_password", PATH, ("Ask for a user's new password", EDIT), &[], ask),
        form_at("console_user_password_set", PATH, ("Update a User", EDIT), set),
    ]
}

#[derive(Template)]
#[template(path = "user_password.html")]
struct Page {
    frame: Frame,
    path: String,
    title: String,
    least: usize,
    error: Option<String>,
}

fn show_page(request: &Request, user: &User, (status, error): (StatusCode, Option<String>)) -> Result<Answer, Problem> {
    let page = Page {
        frame: Frame::new(&request.call, "users", format!("New password of {}", title(user))),
        path: segment(&user.id),
        title: title(user),
        least: PASSWORD_MIN,
        error,
    };
    show(status, &page)
}

/// Asks for it.
fn ask(request: Request) -> Handled {
    Box::pin(async move { show_page(&request, &find(&request).await?, (StatusCode::OK, None)) })
}

/// Sets it.
fn set(request: Request) -> Handled {
    Box::pin(async move {
        let user = find(&request).await?;
        // White space around a password is a part of it.
        let password = request.body.get("password").and_then(Value::as_str).unwrap_or_default().to_owned();
        let wanted =
            UserChange { connection: None, password: Some(Secret::from(password)), fields: Map::new(), seen: None };
        match user::update(&request.call, vec![user.id.clone()], wanted).await {
            Ok(_) => Ok(redirect(&format!("/users/{}/settings", segment(&user.id)))),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                show_page(&request, &user, (status, Some(text)))
            }
        }
    })
}
