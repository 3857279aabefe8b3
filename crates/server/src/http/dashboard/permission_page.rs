//! What the pages of permissions show.

use askama::Template;
use keyward_core::model::permission::Permission;

use super::{
    apis::Head,
    edited::Edited,
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
    pub(super) new: New,
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
        let description = permission.description.clone().unwrap_or_default();
        Self { id: permission.id.clone(), value: permission.value.to_string(), description, used }
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

/// What was typed of one that is not there yet, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct New {
    pub(super) value: String,
    pub(super) description: String,
    pub(super) error: String,
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
pub(super) struct Page {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) id: String,
    pub(super) form: Edited,
}
