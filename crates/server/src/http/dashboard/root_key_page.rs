//! What the pages of root keys show.

use askama::Template;
use keyward_core::{grants::Action, model::root_key::RootKey, time::Timestamp};

use super::{
    key_form::Errors,
    page::{Frame, time},
};

/// How many of a root key's permissions the list shows.
const SHOWN: usize = 4;

/// The list.
#[derive(Template)]
#[template(path = "root_keys.html")]
pub(super) struct List {
    pub(super) frame: Frame,
    pub(super) rows: Vec<Row>,
    pub(super) pager: super::page::Pager,
}

/// A root key in the list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) start: String,
    pub(super) permissions: Vec<String>,
    pub(super) more: usize,
    pub(super) is_expired: bool,
    pub(super) expires: Option<String>,
    pub(super) created: String,
}

impl Row {
    pub(super) fn new(key: &RootKey, now: Timestamp) -> Self {
        let texts = key.grants.texts();
        Self {
            id: key.id.clone(),
            name: name(key),
            start: key.start.clone(),
            permissions: texts.iter().take(SHOWN).cloned().collect(),
            more: texts.len().saturating_sub(SHOWN),
            is_expired: key.expires_at.is_some_and(|end| now > end),
            expires: key.expires_at.map(|end| time(end, "date")),
            created: time(key.created_at, "date"),
        }
    }
}

/// What people call a root key.
pub(super) fn name(key: &RootKey) -> String {
    if key.name.is_empty() { "Unnamed root key".to_owned() } else { key.name.clone() }
}

/// A new root key.
#[derive(Template)]
#[template(path = "root_key_new.html")]
pub(super) struct New {
    pub(super) frame: Frame,
    pub(super) typed: Typed,
    pub(super) kinds: Vec<Kind>,
    pub(super) errors: Errors,
}

/// What was typed.
#[derive(Debug, Default)]
pub(super) struct Typed {
    pub(super) name: String,
    pub(super) permissions: Vec<String>,
    pub(super) lines: String,
    pub(super) expires: String,
}

/// The permissions for one kind of thing.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) actions: Vec<Choice>,
}

/// A permission to choose.
pub(super) struct Choice {
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

/// The permissions there are, kind by kind.
pub(super) fn kinds(chosen: &[String]) -> Vec<Kind> {
    let mut kinds: Vec<(&str, Kind)> = Vec::new();
    for action in Action::ALL {
        let text = action.anywhere();
        let choice = Choice { is_chosen: chosen.contains(&text), text };
        match kinds.iter_mut().find(|(kind, _)| *kind == action.kind()) {
            Some((_, kind)) => kind.actions.push(choice),
            None => kinds.push((action.kind(), Kind { name: heading(action.kind()), actions: vec![choice] })),
        }
    }
    kinds.into_iter().map(|(_, kind)| kind).collect()
}

fn heading(kind: &'static str) -> &'static str {
    match kind {
        "api" => "APIs and keys",
        "rbac" => "Permissions and roles",
        "identity" => "Identities",
        "ratelimit" => "Rate limits",
        other => other,
    }
}

/// A root key that was made: the one page that shows its text.
#[derive(Template)]
#[template(path = "root_key_made.html")]
pub(super) struct Made {
    pub(super) frame: Frame,
    pub(super) text: String,
    pub(super) name: String,
    pub(super) permissions: Vec<String>,
    pub(super) created: String,
    pub(super) expires: Option<String>,
}

/// Whether it is really to be revoked.
#[derive(Template)]
#[template(path = "root_key_revoke.html")]
pub(super) struct Sure {
    pub(super) frame: Frame,
    pub(super) name: String,
    pub(super) start: String,
    pub(super) permissions: Vec<String>,
    pub(super) error: Option<String>,
}
