//! What is set for the workspace, and what this program is.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        system_api::SystemApi,
        workspace::{AUDIENCE_MAX, FRIENDLY_NAME_MAX, ResourceParameterProfile, Workspace},
    },
};
use serde_json::{Map, Value};

use super::{
    administrators::{self, Row},
    edited::{Edited, Fields, one_line, switch},
    page::{Frame, redirect, show},
    problem,
    table::{OWN, VIEW, form_at, page_at},
};
use crate::{
    app::View,
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{Precondition, workspace},
};

/// How many APIs are proposed as the default one.
const PROPOSED: usize = 200;

const fn word(name: &'static str, description: &'static str) -> Parameter {
    Parameter { name, kind: ParameterKind::Text(64), description }
}

/// What was done before.
const QUERY: &[Parameter] = &[
    word("saved", "The version of the settings that was saved"),
    word("changed", "The id of the administrator whose role was changed"),
    word("removed", "The id of the administrator that was removed"),
];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_settings", "/settings", ("Show what is set", VIEW), QUERY, ask),
        form_at("console_settings_save", "/settings", ("Update tenant settings", OWN), save),
    ]
}

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    frame: Frame,
    form: Edited,
    apis: Vec<String>,
    notice: Option<String>,
    administrators: Vec<Row>,
    version: &'static str,
    issuer: String,
}

/// What the form shows. Whether a request may name its API by `resource` is on or off.
fn fields(workspace: &Workspace) -> Fields {
    let settings = &workspace.settings;
    let is_taken = settings.resource_parameter_profile == ResourceParameterProfile::Compatibility;
    Fields::new([
        one_line("friendly_name", "name", settings.friendly_name()),
        one_line("default_audience", "default API", &settings.default_audience),
        switch("resource", "resource for audience", is_taken),
    ])
}

/// What differs, as the use case wants it.
fn changes(form: &Edited) -> Map<String, Value> {
    let typed = form.typed.iter().filter(|(name, _)| form.differs(name));
    let field = |(name, text): (&'static str, &str)| match name {
        "resource" => ("resource_parameter_profile", if text.is_empty() { "audience" } else { "compatibility" }.into()),
        name => (name, text.into()),
    };
    typed.map(field).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The identifiers of APIs that a request may be for.
fn proposed(view: &View, request: &Request) -> Vec<String> {
    let own =
        view.snapshot.apis(request.call.workspace).filter(|entry| entry.api.system.is_none_or(SystemApi::is_open));
    own.map(|entry| entry.api.identifier.clone()).take(PROPOSED).collect()
}

async fn show_settings(
    request: &Request,
    (status, form): (StatusCode, Edited),
    notice: Option<String>,
) -> Result<Answer, Problem> {
    let page = Page {
        frame: Frame::new(&request.call, "settings", "Settings"),
        form,
        apis: proposed(&request.view, request),
        notice,
        administrators: administrators::list(&request.call).await?,
        version: env!("CARGO_PKG_VERSION"),
        issuer: request.call.app.public_url.clone(),
    };
    show(status, &page)
}

/// What was done before, as far as it is so now.
async fn notice(request: &Request) -> Result<Option<String>, Problem> {
    let text = |name: &str| request.query.get(name).and_then(Value::as_str);
    if let Some(saved) = text("saved") {
        let revision = workspace::find(&request.view.snapshot, &request.call)?.revision.0;
        return Ok((saved == revision.to_string()).then(|| "The settings are saved.".to_owned()));
    }
    let (changed, removed) = (text("changed"), text("removed"));
    let all = administrators::list(&request.call).await?;
    if let Some(who) = all.iter().find(|who| Some(who.id.as_str()) == changed) {
        return Ok(Some(format!("{} is {} now.", who.name, who.role)));
    }
    let is_gone = removed.is_some_and(|id| id.starts_with("adm_") && all.iter().all(|who| who.id != id));
    Ok(is_gone.then(|| "The administrator is removed.".to_owned()))
}

/// Shows what is set.
pub(super) fn ask(request: Request) -> Handled {
    Box::pin(async move {
        let form = Edited::of(fields(workspace::find(&request.view.snapshot, &request.call)?));
        show_settings(&request, (StatusCode::OK, form), notice(&request).await?).await
    })
}

/// Says what can't be taken, field by field.
fn check(form: &mut Edited, request: &Request) {
    if form.typed.get("friendly_name").chars().count() > FRIENDLY_NAME_MAX {
        form.refuse("friendly_name", format!("A name has {FRIENDLY_NAME_MAX} characters at most."));
    }
    let audience = form.typed.get("default_audience");
    let mut apis = request.view.snapshot.apis(request.call.workspace);
    // One that was set before its API was made, or is there no more, may stay.
    let is_known = audience.is_empty()
        || !form.differs("default_audience")
        || (audience.chars().count() <= AUDIENCE_MAX && apis.any(|entry| entry.api.identifier == audience));
    if !is_known {
        form.refuse("default_audience", "No API has this identifier. Choose one of the list, or none.");
    }
}

/// Changes what is set, unless somebody else did since the form was shown.
pub(super) fn save(request: Request) -> Handled {
    Box::pin(async move {
        let workspace = workspace::find(&request.view.snapshot, &request.call)?;
        let mut form = Edited::sent(&request.body, fields(workspace));
        if form.is_unchanged() {
            return Ok(redirect(&format!("/settings?saved={}", workspace.revision.0)));
        }
        if form.is_stale() {
            return show_settings(&request, (StatusCode::CONFLICT, form), None).await;
        }
        check(&mut form, &request);
        if form.is_refused() {
            return show_settings(&request, (StatusCode::UNPROCESSABLE_ENTITY, form), None).await;
        }
        // What was compared is what is changed: the version says so under the lock.
        let revision = workspace.revision.0;
        let precondition = Precondition::Versions(vec![revision], format!("\"{revision}\""));
        match workspace::update(&request.call, changes(&form), precondition).await {
            Ok(after) => Ok(redirect(&format!("/settings?saved={}", after.revision.0))),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                form.refuse("", text);
                show_settings(&request, (status, form), None).await
            }
        }
    })
}
