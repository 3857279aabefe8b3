//! The account of whoever is signed in: how it signs in, and where it is signed in.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::administrator::PASSWORD_MIN,
    problem::{Conflict, ConsoleRefusal},
    secret::Secret,
};

use super::{
    form,
    page::{Frame, redirect, show, time},
    problem,
    table::{VIEW, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::{
        administrator,
        session::{self, OwnSession},
    },
};

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_account", "/account", ("Show how one signs in, and where", VIEW), &[], ask),
        form_at("console_account_save", "/account", ("Change how one signs in", VIEW), save),
        form_at("console_account_sessions", "/account/sessions", ("Sign out everywhere else", VIEW), end_elsewhere),
    ]
}

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    frame: Frame,
    email: String,
    has_password: bool,
    least: usize,
    error: Option<Refused>,
    sessions: Vec<Session>,
    has_others: bool,
}

/// What of the form can't be taken: the field's name, and why.
struct Refused {
    field: &'static str,
    text: String,
}

struct Session {
    begun: String,
    seen: String,
    is_this: bool,
}

impl Page {
    /// What stands at this field.
    fn error_at(&self, field: &str) -> Option<&str> {
        self.error.as_ref().filter(|error| error.field == field).map(|error| error.text.as_str())
    }
}

async fn show_account(
    request: &Request,
    (status, email): (StatusCode, String),
    error: Option<Refused>,
) -> Result<Answer, Problem> {
    let sessions = session::list(&request.call).await?;
    let row = |one: &OwnSession| Session {
        begun: time(one.begun_at, "datetime"),
        seen: time(one.seen_at, "relative"),
        is_this: one.is_this,
    };
    let page = Page {
        frame: Frame::new(&request.call, "account", "Your account"),
        email,
        has_password: session::has_password(&request.call).await?,
        least: PASSWORD_MIN,
        error,
        has_others: sessions.len() > 1,
        sessions: sessions.iter().map(row).collect(),
    };
    show(status, &page)
}

/// Shows how one signs in, and where one is signed in.
pub(super) fn ask(request: Request) -> Handled {
    Box::pin(async move {
        let who = request.call.session.as_ref().and_then(|signed_in| signed_in.administrator.email.clone());
        show_account(&request, (StatusCode::OK, who.unwrap_or_default()), None).await
    })
}

/// A password as it was typed: white space belongs to it.
fn password(request: &Request, field: &str) -> String {
    request.body.get(field).and_then(|text| text.as_str()).unwrap_or_default().to_owned()
}

/// The new password, if one was typed.
async fn new_password(request: &Request) -> Result<Result<Option<Secret>, Refused>, Problem> {
    let (new, again) = (password(request, "new_password"), password(request, "repeated_password"));
    let refused = |field, text: &str| Ok(Err(Refused { field, text: text.to_owned() }));
    if new != again {
        return refused("repeated_password", "The two new passwords are not the same. Type both again.");
    }
    if new.is_empty() && !session::has_password(&request.call).await? {
        return refused("new_password", "Choose a password: the link that let you in works only once.");
    }
    Ok(Ok((!new.is_empty()).then(|| Secret::from(new))))
}

/// Changes how one signs in.
pub(super) fn save(request: Request) -> Handled {
    Box::pin(async move {
        let email = form::text(&request.body, "email").to_owned();
        let new = match new_password(&request).await? {
            Ok(new) => new,
            Err(refused) => {
                return show_account(&request, (StatusCode::UNPROCESSABLE_ENTITY, email), Some(refused)).await;
            }
        };
        let present = Secret::from(password(&request, "present_password"));
        let Err(refusal) = administrator::set_credentials(&request.call, &email, present, new).await else {
            return Ok(redirect("/account"));
        };
        let field = match refusal {
            Problem::Console(ConsoleRefusal::Field("password", _)) => "new_password",
            Problem::Console(ConsoleRefusal::Field(field, _)) => field,
            Problem::Conflict(Conflict::Administrator(_)) => "email",
            _ => "present_password",
        };
        let (status, text) = problem::at_form(refusal)?;
        show_account(&request, (status, email), Some(Refused { field, text })).await
    })
}

/// Ends the other sessions.
pub(super) fn end_elsewhere(request: Request) -> Handled {
    Box::pin(async move {
        session::end_elsewhere(&request.call).await?;
        Ok(redirect("/account"))
    })
}
