//! Administrators: who may use this console, and as what. Owners say so.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::administrator::{Administrator, AdministratorRole},
    problem::Missing,
    secret::Secret,
};

use super::{
    form,
    page::{Frame, redirect, show, time},
    problem,
    table::{OWN, answer_at, form_at, page_at},
};
use crate::{
    app::Call,
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::administrator,
};

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at(
            "console_administrator_new",
            "/settings/administrators/new",
            ("Ask who is to be an administrator", OWN),
            &[],
            new,
        ),
        answer_at("console_administrator_create", "/settings/administrators", ("Create an administrator", OWN), create),
        page_at("console_administrator", "/settings/administrators/{id}", ("Show an administrator", OWN), &[], edit),
        form_at(
            "console_administrator_save",
            "/settings/administrators/{id}",
            ("Change the role of an administrator", OWN),
            save,
        ),
        answer_at(
            "console_administrator_link",
            "/settings/administrators/{id}/link",
            ("Make a sign-in link", OWN),
            link,
        ),
        page_at(
            "console_administrator_removal",
            "/settings/administrators/{id}/delete",
            ("Show what a removal takes away", OWN),
            &[],
            confirm,
        ),
        form_at(
            "console_administrator_delete",
            "/settings/administrators/{id}/delete",
            ("Remove an administrator", OWN),
            delete,
        ),
    ]
}

/// A role to choose, and what it may do.
pub(super) struct Choice {
    pub(super) role: &'static str,
    pub(super) text: &'static str,
}

/// The roles, least first.
fn choices() -> Vec<Choice> {
    let text = |role| match role {
        AdministratorRole::Viewer => "Sees everything but secrets.",
        AdministratorRole::Editor => "Also changes APIs, roles, users, applications and keys.",
        AdministratorRole::Owner => "Also invites administrators, makes root keys, and changes the workspace.",
    };
    AdministratorRole::ALL.map(|role| Choice { role: role.as_str(), text: text(role) }).into()
}

/// An administrator in a list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) created: String,
    pub(super) is_self: bool,
}

impl Row {
    fn new(who: &Administrator, call: &Call) -> Self {
        let own = call.session.as_ref().map(|signed_in| signed_in.administrator.number);
        Self {
            id: who.id.clone(),
            name: who.display_name().to_owned(),
            role: who.role.as_str(),
            created: time(who.created_at, "date"),
            is_self: own == Some(who.number),
        }
    }
}

/// All administrators, as the settings list them.
pub(super) async fn list(call: &Call) -> Result<Vec<Row>, Problem> {
    Ok(administrator::list(call).await?.iter().map(|who| Row::new(who, call)).collect())
}

#[derive(Template)]
#[template(path = "administrator_new.html")]
struct New {
    frame: Frame,
    email: String,
    role: String,
    choices: Vec<Choice>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "administrator_link.html")]
struct Shown {
    frame: Frame,
    name: String,
    link: String,
    is_new: bool,
}

#[derive(Template)]
#[template(path = "administrator_edit.html")]
struct Edited {
    frame: Frame,
    who: Row,
    role: String,
    choices: Vec<Choice>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "administrator_delete.html")]
struct Sure {
    frame: Frame,
    who: Row,
    error: Option<String>,
}

/// Asks who is to be one.
pub(super) fn new(request: Request) -> Handled {
    Box::pin(async move {
        let role = AdministratorRole::Viewer.as_str().to_owned();
        show_new(&request.call, (StatusCode::OK, String::new(), role), None)
    })
}

fn show_new(
    call: &Call,
    (status, email, role): (StatusCode, String, String),
    error: Option<String>,
) -> Result<Answer, Problem> {
    let frame = Frame::new(call, "settings", "Invite an administrator");
    show(status, &New { frame, email, role, choices: choices(), error })
}

fn role(text: &str) -> Result<AdministratorRole, String> {
    AdministratorRole::parse(text).ok_or_else(|| "Choose one of the roles.".to_owned())
}

/// Makes an administrator, and shows the link by which it signs in.
pub(super) fn create(request: Request) -> Handled {
    Box::pin(async move {
        let text = |name| form::text(&request.body, name).to_owned();
        let (email, typed) = (text("email"), text("role"));
        let (status, text) = match role(&typed) {
            Ok(role) => match administrator::invite(&request.call, &email, role).await {
                Ok((made, link)) => return show_link(&request.call, &made, &link, true),
                Err(problem) => problem::at_form(problem)?,
            },
            Err(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        };
        show_new(&request.call, (status, email, typed), Some(text))
    })
}

fn show_link(call: &Call, who: &Administrator, link: &Secret, is_new: bool) -> Result<Answer, Problem> {
    let page = Shown {
        frame: Frame::new(call, "settings", "A link to sign in"),
        name: who.display_name().to_owned(),
        link: format!("{}sign-in/{}", call.app.public_url, link.expose_text().unwrap_or_default()),
        is_new,
    };
    show(StatusCode::OK, &page)
}

/// The administrator that the path names.
async fn find(request: &Request) -> Result<Administrator, Problem> {
    let all = administrator::list(&request.call).await?;
    all.into_iter().find(|who| who.id == request.segments[0]).ok_or(Problem::NotFound(Missing::Administrator))
}

/// Shows an administrator.
pub(super) fn edit(request: Request) -> Handled {
    Box::pin(async move {
        let who = find(&request).await?;
        show_edited(&request.call, &who, (StatusCode::OK, who.role.as_str()), None)
    })
}

fn show_edited(
    call: &Call,
    who: &Administrator,
    (status, role): (StatusCode, &str),
    error: Option<String>,
) -> Result<Answer, Problem> {
    let frame = Frame::new(call, "settings", who.display_name());
    show(status, &Edited { frame, who: Row::new(who, call), role: role.to_owned(), choices: choices(), error })
}

/// Changes the role, unless somebody else did since the form was shown.
pub(super) fn save(request: Request) -> Handled {
    Box::pin(async move {
        let who = find(&request).await?;
        let typed = form::text(&request.body, "role");
        let chosen = role(typed).and_then(|chosen| Ok((chosen, role(form::text(&request.body, "seen_role"))?)));
        let (status, text) = match chosen {
            Ok((chosen, seen)) => {
                match administrator::set_role(&request.call, who.id.clone(), chosen, Some(seen)).await {
                    Ok(()) => return Ok(redirect(&format!("/settings?changed={}#administrators", who.id))),
                    Err(Problem::Stale { .. }) => {
                        let now = find(&request).await?.role.as_str();
                        let text = format!("Somebody else chose the role {now} meanwhile. Nothing was saved.");
                        (StatusCode::CONFLICT, text)
                    }
                    Err(problem) => problem::at_form(problem)?,
                }
            }
            Err(text) => (StatusCode::UNPROCESSABLE_ENTITY, text),
        };
        show_edited(&request.call, &find(&request).await?, (status, typed), Some(text))
    })
}

/// Makes another link by which an administrator signs in once, and shows it.
pub(super) fn link(request: Request) -> Handled {
    Box::pin(async move {
        let (who, link) = administrator::link_for(&request.call, request.segments[0].clone()).await?;
        show_link(&request.call, &who, &link, false)
    })
}

fn show_sure(call: &Call, who: &Administrator, status: StatusCode, error: Option<String>) -> Result<Answer, Problem> {
    let frame = Frame::new(call, "settings", format!("Remove {}", who.display_name()));
    show(status, &Sure { frame, who: Row::new(who, call), error })
}

/// Shows what a removal takes away.
pub(super) fn confirm(request: Request) -> Handled {
    Box::pin(async move { show_sure(&request.call, &find(&request).await?, StatusCode::OK, None) })
}

/// Removes an administrator. One that is gone is shown so.
pub(super) fn delete(request: Request) -> Handled {
    Box::pin(async move {
        let id = request.segments[0].clone();
        let to = format!("/settings?removed={}#administrators", super::page::segment(&id));
        let Ok(who) = find(&request).await else { return Ok(redirect(&to)) };
        match administrator::delete(&request.call, id).await {
            Ok(()) => Ok(redirect(&to)),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                show_sure(&request.call, &who, status, Some(text))
            }
        }
    })
}
