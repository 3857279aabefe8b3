//! What the pages of permissions show.

use askama::Template;
use keyward_core::model::permission::Permission;
use serde_json::Value;

use super::{
    apis::Head,
    difference::{self, Line},
    form,
    page::{Frame, Pager},
    usage_plot::Used,
};

/// The list.
#[derive(Template)]
#[template(path = "permissions.html")]
pub(super) struct List {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) notice: Option<Notice>,
    pub(super) typed: Typed,
    pub(super) error: Option<String>,
    pub(super) q: String,
    pub(super) sort: String,
    pub(super) sort_link: String,
    pub(super) unused: String,
    pub(super) rows: Vec<Row>,
    pub(super) pager: Pager,
    pub(super) deleted: Vec<Deleted>,
    pub(super) has_more_deleted: bool,
}

/// A permission in the list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) value: String,
    pub(super) description: String,
    pub(super) used: Used,
}

impl Row {
    pub(super) fn new(permission: &Permission, used: Used) -> Self {
        let Typed { value, description } = Typed::now(permission);
        Self { id: permission.id.clone(), value, description, used }
    }
}

/// One that was deleted.
pub(super) struct Deleted {
    pub(super) id: String,
    pub(super) value: String,
    pub(super) description: String,
    pub(super) deleted_at: String,
}

/// What was just done.
pub(super) struct Notice {
    pub(super) id: String,
    pub(super) value: String,
    pub(super) text: &'static str,
    pub(super) can_undo: bool,
}

/// What stands in the fields of a permission's form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Typed {
    pub(super) value: String,
    pub(super) description: String,
}

impl Typed {
    /// What was typed.
    pub(super) fn of(body: &Value) -> Self {
        let text = |name| form::text(body, name).to_owned();
        Self { value: text("value"), description: text("description") }
    }

    /// What the form showed before it was typed over.
    pub(super) fn seen(body: &Value) -> Self {
        let text = |name| form::text(body, name).to_owned();
        Self { value: text("seen_value"), description: text("seen_description") }
    }

    /// What it is now.
    pub(super) fn now(permission: &Permission) -> Self {
        let description = permission.description.as_deref().unwrap_or_default().trim().to_owned();
        Self { value: permission.value.to_string(), description }
    }
}

/// Many at once.
#[derive(Template)]
#[template(path = "permissions_paste.html")]
pub(super) struct Paste {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) lines: String,
    pub(super) errors: Vec<String>,
}

/// One to change.
#[derive(Template)]
#[template(path = "permission_edit.html")]
pub(super) struct Edited {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) id: String,
    pub(super) now: Typed,
    pub(super) typed: Typed,
    pub(super) is_stale: bool,
    pub(super) theirs: Vec<Line>,
    pub(super) yours: Vec<Line>,
    pub(super) error: Option<String>,
}

/// How one form differs from another.
pub(super) fn difference(before: &Typed, after: &Typed) -> Vec<Line> {
    difference::difference(&[
        ("permission", &before.value, &after.value),
        ("description", &before.description, &after.description),
    ])
}
