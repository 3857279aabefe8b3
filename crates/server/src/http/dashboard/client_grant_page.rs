//! What the pages of grants show: who may ask for what of an API.

use std::collections::HashSet;

use askama::Template;
use keyward_core::{
    model::{client_grant::ClientGrant, system_api::SystemApi},
    snapshot::{ApiEntry, Snapshot},
};

use super::{
    apis::Head,
    client_page::GrantRow,
    clients::Row,
    edited::{Edited, Fields, list, switch},
    page::{Frame, Pager},
};

/// The grants of an API.
#[derive(Template)]
#[template(path = "grants.html")]
pub(super) struct List {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) notice: Option<String>,
    pub(super) q: String,
    pub(super) rows: Vec<GrantRow>,
    pub(super) total: usize,
    pub(super) pager: Pager,
    /// Whether applications get no tokens of this API for themselves, whatever they are granted.
    pub(super) denies_all: bool,
}

/// Which application is to be granted something.
#[derive(Template)]
#[template(path = "grant_client.html")]
pub(super) struct ChooseClient {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) q: String,
    pub(super) rows: Vec<Row>,
    pub(super) pager: Pager,
}

/// Of which API an application is to be granted something.
#[derive(Template)]
#[template(path = "grant_api.html")]
pub(super) struct ChooseApi {
    pub(super) frame: Frame,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) q: String,
    pub(super) rows: Vec<Head>,
    pub(super) pager: Pager,
}

/// What an application may ask for, to tick.
#[derive(Template)]
#[template(path = "grant_edit.html")]
pub(super) struct Picker {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) form: Edited,
    /// The application, unless it is every one of third parties.
    pub(super) client: Option<String>,
    pub(super) client_name: String,
    /// The grant, unless it is a new one.
    pub(super) grant: Option<String>,
    pub(super) is_for_users: bool,
    pub(super) choices: Vec<Choice>,
    /// Whether all permissions may be granted, now and later.
    pub(super) can_all: bool,
    /// Whether one came from the application's page.
    pub(super) from_client: bool,
}

impl Picker {
    /// Where one came from.
    fn back(&self) -> String {
        match self.client.as_ref().filter(|_| self.from_client) {
            Some(client) => format!("/applications/{client}"),
            None => format!("/apis/{}/applications", self.api.id),
        }
    }
}

/// Whether a grant is really to be removed.
#[derive(Template)]
#[template(path = "grant_delete.html")]
pub(super) struct Sure {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) row: GrantRow,
    pub(super) from_client: bool,
}

/// A permission to tick.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) description: String,
    /// Whether the API defines it. What was granted before there was such a permission waits for it.
    pub(super) is_defined: bool,
}

/// What can be ticked: what the API defines, and what the grant has that waits to be defined.
pub(super) fn choices(entry: &ApiEntry, grant: Option<&ClientGrant>) -> Vec<Choice> {
    let defined = entry.permissions.iter().map(|permission| Choice {
        value: permission.value.to_string(),
        description: permission.description.clone().unwrap_or_default(),
        is_defined: true,
    });
    let waiting = grant.into_iter().flat_map(ClientGrant::scopes).filter(|scope| scope.permission.is_none());
    let waiting =
        waiting.map(|scope| Choice { value: scope.value.clone(), description: String::new(), is_defined: false });
    defined.chain(waiting).collect()
}

/// What the form of a grant shows.
pub(super) fn fields(snapshot: &Snapshot, grant: Option<&ClientGrant>) -> Fields {
    let covers_all = grant.is_some_and(ClientGrant::covers_all);
    let name = |scope: &keyward_core::model::client_grant::GrantedScope| match scope.permission {
        None => Some(scope.value.clone()),
        Some(number) => snapshot.permission(number).map(|permission| permission.value.to_string()),
    };
    let scopes = grant.filter(|_| !covers_all).into_iter().flat_map(ClientGrant::scopes);
    let names: Vec<String> = scopes.filter_map(name).collect();
    Fields::new([
        switch("all", "all permissions", covers_all),
        list("permissions", "permissions", names.iter().map(String::as_str)),
    ])
}

/// Checks what was ticked.
pub(super) fn check(form: &mut Edited, choices: &[Choice], can_all: bool) {
    if form.typed.is_on("all") && !can_all {
        form.refuse("permissions", "Of this API, each permission has to be ticked.");
    }
    let known: HashSet<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
    let ticked = form.typed.get("permissions").to_owned();
    if let Some(gone) = ticked.lines().find(|value| !known.contains(value)) {
        form.refuse(
            "permissions",
            format!("There is no permission {gone} here any more. Somebody has deleted or renamed it."),
        );
    }
}

/// Whether a grant may cover whatever the API defines, now and later.
pub(super) fn can_all(entry: &ApiEntry) -> bool {
    entry.api.system != Some(SystemApi::Management)
}
