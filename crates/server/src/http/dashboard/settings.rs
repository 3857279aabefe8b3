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
use serde_json::{Map, Value, json};

use super::{
    administrators::{self, Row},
    difference::Line,
    form,
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
    typed: Typed,
    now: Typed,
    apis: Vec<String>,
    notice: Option<String>,
    error: Option<(&'static str, String)>,
    theirs: Vec<Line>,
    yours: Vec<Line>,
    is_stale: bool,
    administrators: Vec<Row>,
    version: &'static str,
    issuer: String,
}

impl Page {
    /// What stands at this field.
    fn error_at(&self, field: &str) -> Option<&str> {
        self.error.as_ref().filter(|(at, _)| *at == field).map(|(_, text)| text.as_str())
    }
}

/// What stands in the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Typed {
    name: String,
    audience: String,
    /// Whether a request may name its API by `resource`.
    resource: bool,
}

impl Typed {
    fn now(workspace: &Workspace) -> Self {
        let settings = &workspace.settings;
        Self {
            name: settings.friendly_name().to_owned(),
            audience: settings.default_audience.clone(),
            resource: settings.resource_parameter_profile == ResourceParameterProfile::Compatibility,
        }
    }

    fn of(body: &Value, prefix: &str) -> Self {
        let text = |name: &str| form::text(body, &format!("{prefix}{name}")).to_owned();
        Self { name: text("friendly_name"), audience: text("default_audience"), resource: !text("resource").is_empty() }
    }

    /// The fields in which it is another one.
    fn changes(&self, now: &Self) -> Map<String, Value> {
        let profile = if self.resource { "compatibility" } else { "audience" };
        let fields = [
            ("friendly_name", self.name != now.name, json!(self.name)),
            ("default_audience", self.audience != now.audience, json!(self.audience)),
            ("resource_parameter_profile", self.resource != now.resource, json!(profile)),
        ];
        fields.into_iter().filter(|(_, differs, _)| *differs).map(|(name, _, value)| (name.to_owned(), value)).collect()
    }

    /// How this form differs from another, line by line.
    fn difference(&self, after: &Self) -> Vec<Line> {
        let resource = |typed: &Self| if typed.resource { "taken" } else { "not taken" }.to_owned();
        let fields = [
            ("name", self.name.clone(), after.name.clone()),
            ("default API", self.audience.clone(), after.audience.clone()),
            ("resource", resource(self), resource(after)),
        ];
        let mut lines = Vec::new();
        for (name, before, after) in fields {
            let line = |text: &str, is_same, is_added| Line { text: format!("{name}: {text}"), is_same, is_added };
            if before == after {
                lines.push(line(&before, true, false));
            } else {
                lines.extend([line(&before, false, false), line(&after, false, true)]);
            }
        }
        lines
    }
}

/// What a page shows besides what is set.
#[derive(Default)]
struct Said {
    notice: Option<String>,
    error: Option<(&'static str, String)>,
    /// What the form showed before it was typed over, if it is another one by now.
    seen: Option<Typed>,
}

/// The identifiers of APIs that a request may be for.
fn proposed(view: &View, request: &Request) -> Vec<String> {
    let own =
        view.snapshot.apis(request.call.workspace).filter(|entry| entry.api.system.is_none_or(SystemApi::is_open));
    own.map(|entry| entry.api.identifier.clone()).take(PROPOSED).collect()
}

async fn show_settings(
    request: &Request,
    status: StatusCode,
    typed: Option<Typed>,
    said: Said,
) -> Result<Answer, Problem> {
    let workspace = workspace::find(&request.view.snapshot, &request.call)?;
    let now = Typed::now(workspace);
    let typed = typed.unwrap_or_else(|| now.clone());
    let page = Page {
        frame: Frame::new(&request.call, "settings", "Settings"),
        apis: proposed(&request.view, request),
        is_stale: said.seen.is_some(),
        theirs: said.seen.as_ref().map(|seen| seen.difference(&now)).unwrap_or_default(),
        yours: said.seen.as_ref().map(|seen| seen.difference(&typed)).unwrap_or_default(),
        notice: said.notice,
        error: said.error,
        administrators: administrators::list(&request.call).await?,
        version: env!("CARGO_PKG_VERSION"),
        issuer: request.call.app.public_url.clone(),
        now,
        typed,
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
        let said = Said { notice: notice(&request).await?, ..Said::default() };
        show_settings(&request, StatusCode::OK, None, said).await
    })
}

/// Why what was typed can't be taken, and at which field.
fn refusal(request: &Request, typed: &Typed, now: &Typed) -> Option<(&'static str, String)> {
    if typed.name.chars().count() > FRIENDLY_NAME_MAX {
        return Some(("friendly_name", format!("A name has {FRIENDLY_NAME_MAX} characters at most.")));
    }
    let mut apis = request.view.snapshot.apis(request.call.workspace);
    // One that was set before its API was made, or is there no more, may stay.
    let is_known = typed.audience.is_empty()
        || typed.audience == now.audience
        || (typed.audience.chars().count() <= AUDIENCE_MAX && apis.any(|entry| entry.api.identifier == typed.audience));
    (!is_known).then(|| ("default_audience", "No API has this identifier. Choose one of the list, or none.".to_owned()))
}

/// Changes what is set, unless somebody else did since the form was shown.
pub(super) fn save(request: Request) -> Handled {
    Box::pin(async move {
        let workspace = workspace::find(&request.view.snapshot, &request.call)?;
        let (typed, seen, now) =
            (Typed::of(&request.body, ""), Typed::of(&request.body, "seen_"), Typed::now(workspace));
        if typed == now {
            return Ok(redirect(&format!("/settings?saved={}", workspace.revision.0)));
        }
        if seen != now {
            let said = Said { seen: Some(seen), ..Said::default() };
            return show_settings(&request, StatusCode::CONFLICT, Some(typed), said).await;
        }
        if let Some(error) = refusal(&request, &typed, &now) {
            let said = Said { error: Some(error), ..Said::default() };
            return show_settings(&request, StatusCode::UNPROCESSABLE_ENTITY, Some(typed), said).await;
        }
        // What was compared is what is changed: the version says so under the lock.
        let revision = workspace.revision.0;
        let precondition = Precondition::Versions(vec![revision], format!("\"{revision}\""));
        match workspace::update(&request.call, typed.changes(&now), precondition).await {
            Ok(after) => Ok(redirect(&format!("/settings?saved={}", after.revision.0))),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                let said = Said { error: Some(("friendly_name", text)), ..Said::default() };
                show_settings(&request, status, Some(typed), said).await
            }
        }
    })
}
