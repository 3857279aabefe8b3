//! A new key: what is typed, and what is wrong with it.

use http::StatusCode;
use keyward_core::{
    Problem,
    model::key::{NAME_MAX, OWNER_MAX, PERMISSIONS_MAX, PREFIX_MAX, ROLES_MAX, fits, is_owner, is_prefix},
    snapshot::ApiEntry,
};
use serde_json::Value;

use super::{
    apis::Head,
    form,
    key_page::{Choices, New},
    keys::{keyed, show_made},
    page::{Frame, show},
    problem,
    table::{EDIT, answer_at, page_at},
};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Operation, Request},
    },
    service::{
        key::{self, WantedCredits, WantedKey},
        misplaced,
    },
};

/// How many permissions and how many roles there are to choose from. The others can be given on the key's page, where
/// they can be looked for.
const CHOICES: usize = 300;

/// What is said of a key or a secret that was typed as something that everybody may see.
pub(super) const SECRET: &str = "This is a key or a secret, and everybody could see it here. Type something else.";

/// The rows.
pub(super) fn rows() -> Vec<Operation> {
    vec![
        page_at("console_key_new", "/apis/{id}/keys/new", ("Ask what a new key is to be", EDIT), &[], new),
        answer_at("console_key_create", "/apis/{id}/keys", ("key.create", EDIT), create),
    ]
}

/// What stands in the fields of a new key.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) prefix: String,
    pub(super) owner: String,
    pub(super) expires: String,
    pub(super) credits: String,
    pub(super) is_enabled: bool,
    pub(super) permissions: Vec<String>,
    pub(super) roles: Vec<String>,
}

impl Typed {
    fn of(body: &Value) -> Self {
        let text = |name| form::text(body, name).to_owned();
        Self {
            name: text("name"),
            prefix: text("prefix"),
            owner: text("owner"),
            expires: text("expires"),
            credits: text("credits"),
            is_enabled: body.get("enabled").is_some(),
            permissions: form::texts(body, "permission"),
            roles: form::texts(body, "role"),
        }
    }
}

/// What is wrong, field by field.
#[derive(Debug, Default)]
pub(super) struct Errors(Vec<(&'static str, String)>);

impl Errors {
    /// What is wrong with this field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }

    /// Whether nothing is wrong.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what is wrong with a field.
    pub(super) fn add(&mut self, field: &'static str, text: impl Into<String>) {
        self.0.push((field, text.into()));
    }
}

/// Asks what a new key is to be.
pub(super) fn new(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let prefix = entry.api.key_settings.default_prefix.clone().unwrap_or_default();
        let typed = Typed { is_enabled: true, prefix, ..Typed::default() };
        show_form(&request, entry, (StatusCode::OK, typed, Errors::default()))
    })
}

fn show_form(
    request: &Request,
    entry: &ApiEntry,
    (status, typed, errors): (StatusCode, Typed, Errors),
) -> Result<Answer, Problem> {
    let snapshot = &request.view.snapshot;
    let is_chosen = |id: &str| typed.permissions.iter().any(|chosen| chosen == id);
    let has_role = |id: &str| typed.roles.iter().any(|chosen| chosen == id);
    let page = New {
        frame: Frame::new(&request.call, "apis", "New key"),
        api: Head::new(entry, "keys"),
        permissions: Choices::permissions(snapshot, entry, CHOICES, (&|one| is_chosen(&one.id), &|_| true)),
        roles: Choices::roles(snapshot, entry, CHOICES, (&has_role, &|_| true)),
        typed,
        errors,
    };
    show(status, &page)
}

/// Makes a key, and shows its text.
pub(super) fn create(request: Request) -> Handled {
    Box::pin(async move {
        let entry = keyed(&request)?;
        let typed = Typed::of(&request.body);
        let mut errors = Errors::default();
        let wanted = wanted(&request, entry, &typed, &mut errors);
        if !errors.is_empty() {
            return show_form(&request, entry, (StatusCode::UNPROCESSABLE_ENTITY, typed, errors));
        }
        match key::create(&request.call, wanted).await {
            Ok(made) => show_made(&request, entry, &made, None),
            Err(problem) => {
                let (status, text) = problem::at_form(problem)?;
                errors.add("whole", text);
                show_form(&request, entry, (status, typed, errors))
            }
        }
    })
}

/// Why a key can't be called so, if it can't.
pub(super) fn check_name(request: &Request, name: &str) -> Result<(), String> {
    if !name.is_empty() && !fits(name, NAME_MAX) {
        return Err(format!("A name has at most {NAME_MAX} characters."));
    }
    refuse_secret(request, name)
}

/// Why nobody can own a key by this id, if nobody can.
pub(super) fn check_owner(request: &Request, owner: &str) -> Result<(), String> {
    if !owner.is_empty() && !is_owner(owner) {
        return Err(format!("An owner's id has at most {OWNER_MAX} letters, digits, dots, hyphens and underscores."));
    }
    refuse_secret(request, owner)
}

fn refuse_secret(request: &Request, text: &str) -> Result<(), String> {
    let is_secret = misplaced::has_credential(&request.call.app, request.call.workspace, text);
    if is_secret { Err(SECRET.to_owned()) } else { Ok(()) }
}

/// What the key is to be, if all of it can be taken.
fn wanted(request: &Request, entry: &ApiEntry, typed: &Typed, errors: &mut Errors) -> WantedKey {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    if !typed.prefix.is_empty() && !is_prefix(&typed.prefix) {
        errors.add("prefix", format!("A prefix has at most {PREFIX_MAX} letters, digits and underscores."));
    }
    for (field, checked) in [("name", check_name(request, &typed.name)), ("owner", check_owner(request, &typed.owner))]
    {
        if let Err(text) = checked {
            errors.add(field, text);
        }
    }
    let expires_at = form::last_day(&request.body, "expires", request.call.now);
    let expires_at = expires_at.unwrap_or_else(|text| {
        errors.add("expires", text);
        None
    });
    let remaining = some(&typed.credits).map(|text| text.parse::<i64>().ok().filter(|number| *number >= 0));
    if remaining == Some(None) {
        errors.add("credits", "Type a whole number, or leave it empty for any number of uses.");
    }
    if let Some(text) = refused_permissions(request, entry, &typed.permissions) {
        errors.add("permissions", text);
    }
    if typed.roles.len() as u64 > ROLES_MAX {
        errors.add("roles", format!("Choose at most {ROLES_MAX} roles."));
    }
    WantedKey {
        api: entry.api.key_id(),
        prefix: some(&typed.prefix),
        name: some(&typed.name),
        external_id: some(&typed.owner),
        roles: typed.roles.clone(),
        permissions: typed.permissions.clone(),
        expires_at,
        credits: remaining.flatten().map(|remaining| WantedCredits { remaining: Some(remaining), refill: None }),
        enabled: typed.is_enabled,
        ..WantedKey::default()
    }
}

/// What is wrong with permissions that were chosen by their ids for a key of this API.
pub(super) fn refused_permissions(request: &Request, entry: &ApiEntry, chosen: &[String]) -> Option<String> {
    if chosen.len() as u64 > PERMISSIONS_MAX {
        return Some(format!("Choose at most {PERMISSIONS_MAX} permissions."));
    }
    let snapshot = &request.view.snapshot;
    let catalogue = snapshot.catalogue(entry.api.workspace).and_then(|number| snapshot.api_numbered(number));
    let known = |id: &String| {
        let mut all = entry.permissions.iter().chain(catalogue.iter().flat_map(|entry| entry.permissions.iter()));
        all.any(|permission| permission.id == *id)
    };
    let is_known = chosen.iter().all(known);
    (!is_known).then(|| "Somebody deleted a permission that you chose meanwhile. Choose again.".to_owned())
}
