//! Settings of an API, and its end.

use askama::Template;
use http::StatusCode;
use keyward_core::{
    Problem,
    model::{
        api::{Api, NAME_MAX, SigningAlgorithm, TOKEN_LIFETIME_MAX, TokenDialect},
        system_api::SystemApi,
    },
    snapshot::ApiEntry,
};
use serde_json::{Map, Value};

use super::{
    apis::{Head, algorithms, find},
    edited::{Edited, Fields, one_line, switch, text},
    form::query,
    page::{Frame, redirect, show},
    problem,
    table::{EDIT, VIEW, form_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Parameter, ParameterKind, Request},
    },
    service::{
        Precondition,
        api::{self, ApiFields, SYSTEM_CHANGEABLE},
    },
};

const QUERY: &[Parameter] =
    &[Parameter { name: "saved", kind: ParameterKind::Text(40), description: "The version that was saved" }];

/// The settings that are on or off.
const SWITCHES: [&str; 3] =
    ["enforce_policies", "allow_offline_access", "skip_consent_for_verifiable_first_party_clients"];
/// Those that are a number of seconds.
const LIFETIMES: [&str; 2] = ["token_lifetime", "token_lifetime_for_web"];

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_api_settings", "/apis/{id}/settings", ("Show the settings of an API", VIEW), QUERY, get),
        form_at("console_api_settings_save", "/apis/{id}/settings", ("Update a resource server", EDIT), save),
    ]
}

#[derive(Template)]
#[template(path = "api_settings.html")]
struct Page {
    frame: Frame,
    api: Head,
    form: Edited,
    algorithms: Vec<&'static str>,
    dialects: &'static [Dialect],
    /// The fields that can be changed.
    open: Vec<&'static str>,
    stays: bool,
    is_saved: bool,
}

impl Page {
    /// What stands in a field that can't be changed.
    fn locked(&self, name: &str) -> &'static str {
        if self.open.contains(&name) { "" } else { " disabled" }
    }

    /// What says of a field that something is wrong with it.
    fn invalid(&self, name: &str) -> String {
        self.form
            .error(name)
            .map_or_else(String::new, |_| format!(r#" aria-invalid="true" aria-describedby="{name}-error""#))
    }
}

/// A shape of tokens.
struct Dialect {
    value: &'static str,
    name: &'static str,
}

const DIALECTS: [Dialect; 4] = [
    Dialect { value: "access_token", name: "Auth0's, without a list of permissions" },
    Dialect { value: "access_token_authz", name: "Auth0's, with a list of permissions" },
    Dialect { value: "rfc9068_profile", name: "RFC 9068, without a list of permissions" },
    Dialect { value: "rfc9068_profile_authz", name: "RFC 9068, with a list of permissions" },
];

const fn word(dialect: TokenDialect) -> &'static str {
    match dialect {
        TokenDialect::AccessToken => DIALECTS[0].value,
        TokenDialect::AccessTokenAuthz => DIALECTS[1].value,
        TokenDialect::Rfc9068Profile => DIALECTS[2].value,
        TokenDialect::Rfc9068ProfileAuthz => DIALECTS[3].value,
    }
}

/// What the form shows.
fn fields(api: &Api) -> Fields {
    let settings = &api.settings;
    let dialect = word(settings.token_dialect.unwrap_or(TokenDialect::AccessToken));
    let [enforced, offline, unasked] = SWITCHES;
    let [lifetime, for_web] = LIFETIMES;
    Fields::new([
        one_line("name", "name", api.name.as_deref().unwrap_or_default()),
        switch(enforced, "enforce roles", settings.enforce_policies == Some(true)),
        text("token_dialect", "format of tokens", dialect),
        text("signing_alg", "signed with", settings.signing_alg.as_str()),
        text(lifetime, "token lifetime", &settings.token_lifetime.to_string()),
        text(for_web, "lifetime for browsers", &settings.token_lifetime_for_web.to_string()),
        switch(offline, "offline access", settings.allow_offline_access),
        switch(unasked, "skip consent", settings.skip_consent_for_verifiable_first_party_clients),
    ])
}

/// The fields that can be changed: of a system API, a few.
fn open(api: &Api) -> Vec<&'static str> {
    let form = fields(api);
    let all = form.iter().map(|(name, _)| name);
    all.filter(|name| api.system.is_none() || SYSTEM_CHANGEABLE.contains(name)).collect()
}

fn get(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        show_form(&request, entry, (StatusCode::OK, Edited::of(fields(&entry.api))))
    })
}

fn show_form(request: &Request, entry: &ApiEntry, (status, form): (StatusCode, Edited)) -> Result<Answer, Problem> {
    let page = Page {
        frame: Frame::new(&request.call, "apis", format!("Settings of {}", entry.api.display_name())),
        api: Head::new(entry, "settings"),
        form,
        algorithms: algorithms(),
        dialects: &DIALECTS,
        open: open(&entry.api),
        stays: entry.api.system.is_some_and(SystemApi::stays),
        is_saved: query(request, "saved") == entry.api.revision.0.to_string(),
    };
    show(status, &page)
}

fn save(request: Request) -> Handled {
    Box::pin(async move {
        let entry = find(&request)?;
        let now = fields(&entry.api);
        let mut form = Edited::sent(&request.body, now.clone());
        let open = open(&entry.api);
        for (name, text) in now.iter().filter(|(name, _)| !open.contains(name)) {
            // A browser does not send what can't be changed.
            form.typed.set(name, text);
        }
        let done =
            |entry: &ApiEntry| redirect(&format!("/apis/{}/settings?saved={}", entry.api.id, entry.api.revision.0));
        if form.is_unchanged() {
            return Ok(done(entry));
        }
        if form.is_stale() {
            return show_form(&request, entry, (StatusCode::CONFLICT, form));
        }
        check(&mut form);
        let mut status = StatusCode::UNPROCESSABLE_ENTITY;
        if !form.is_refused() {
            // What was compared is what is changed: the version says so under the lock.
            let revision = entry.api.revision.0;
            let seen = Precondition::Versions(vec![revision], revision.to_string());
            match api::update(&request.call, &vec![entry.api.id.clone()], changes(&form), seen).await {
                Ok(entry) => return Ok(done(&entry)),
                Err(problem) => {
                    let (found, text) = problem::at_form(problem)?;
                    status = found;
                    form.refuse("", text);
                }
            }
        }
        show_form(&request, entry, (status, form))
    })
}

fn check(form: &mut Edited) {
    let typed = form.typed.clone();
    let name = typed.get("name");
    let is_long = name.chars().count() > NAME_MAX || name.contains(['<', '>']);
    if form.differs("name") && (name.is_empty() || is_long) {
        form.refuse("name", format!("Give it a name of at most {NAME_MAX} characters, without < and >."));
    }
    if !DIALECTS.iter().any(|dialect| dialect.value == typed.get("token_dialect")) {
        form.refuse("token_dialect", "Choose one of these.");
    }
    if !SigningAlgorithm::ALL.iter().any(|algorithm| algorithm.as_str() == typed.get("signing_alg")) {
        form.refuse("signing_alg", "Choose one of these.");
    }
    for name in LIFETIMES {
        if seconds(&typed, name).is_none_or(|seconds| seconds > TOKEN_LIFETIME_MAX) {
            form.refuse(name, format!("Type a number of seconds, {TOKEN_LIFETIME_MAX} (30 days) at most."));
        }
    }
    let (whole, web) = (seconds(&typed, LIFETIMES[0]), seconds(&typed, LIFETIMES[1]));
    if form.differs(LIFETIMES[1]) && whole.zip(web).is_some_and(|(whole, web)| web > whole) {
        form.refuse(LIFETIMES[1], "It can't be longer than that of the other tokens.");
    }
}

fn seconds(typed: &Fields, name: &str) -> Option<u32> {
    typed.get(name).parse().ok()
}

/// What differs, as the use case wants it.
fn changes(form: &Edited) -> ApiFields {
    let mut settings = Map::new();
    for (name, text) in form.typed.iter().filter(|(name, _)| *name != "name" && form.differs(name)) {
        let value = if SWITCHES.contains(&name) {
            Value::Bool(!text.is_empty())
        } else if LIFETIMES.contains(&name) {
            seconds(&form.typed, name).into()
        } else {
            text.into()
        };
        settings.insert(name.to_owned(), value);
    }
    let name = form.differs("name").then(|| form.typed.get("name").to_owned());
    ApiFields { name, settings, ..ApiFields::default() }
}
