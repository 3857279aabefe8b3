//! What the pages of keys show.

use std::collections::BTreeMap;

use askama::Template;
use keyward_core::{
    model::{
        key::{Key, KnownKey},
        permission::{Permission, PermissionNumber},
        role::RoleNumber,
    },
    refill::{Interval, Refill},
    snapshot::{ApiEntry, Snapshot},
    time::Timestamp,
    verify::Held,
};

use super::{
    apis::Head,
    page::{Frame, segment, thousands, time},
};
use crate::service::{
    key::{KeyData, MadeKey},
    role,
};

/// How long before its end a key is said to end soon, in milliseconds.
const SOON: i64 = 7 * 24 * 60 * 60 * 1000;

/// The list.
#[derive(Template)]
#[template(path = "keys.html")]
pub(super) struct List {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) deleted: Option<String>,
    pub(super) owner: String,
    pub(super) rows: Vec<Row>,
    pub(super) total: String,
    pub(super) first: Option<String>,
    pub(super) next: Option<String>,
}

/// A key in the list.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) start: String,
    pub(super) owner: String,
    pub(super) permissions: usize,
    pub(super) state: State,
    pub(super) expires: String,
    pub(super) last_used: String,
}

/// Whether a key works, in a word.
pub(super) struct State {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
}

/// Whether this key works now.
pub(super) fn state(key: &Key, now: Timestamp) -> State {
    let ends_before = |moment: i64| key.expires_at.is_some_and(|end| end.0 < moment);
    let (class, word) = if !key.enabled {
        ("", "disabled")
    } else if ends_before(now.0) {
        ("badge-danger", "expired")
    } else if key.migration.is_some() {
        ("badge-info", "taken over, not used yet")
    } else if ends_before(now.0 + SOON) {
        ("badge-warn", "expires soon")
    } else {
        ("badge-ok", "active")
    };
    State { class, word }
}

/// What people call a key.
pub(super) fn name(key: &Key) -> String {
    key.name.clone().unwrap_or_else(|| "Unnamed key".to_owned())
}

/// How a key's text begins.
pub(super) fn start(key: &Key) -> String {
    if key.start.is_empty() { "unknown".to_owned() } else { format!("{}…", key.start) }
}

fn moment(at: Option<Timestamp>, format: &str, none: &str) -> String {
    at.filter(|at| at.0 > 0).map_or_else(|| format!(r#"<span class="muted">{none}</span>"#), |at| time(at, format))
}

impl Row {
    pub(super) fn new(snapshot: &Snapshot, data: &KeyData, now: Timestamp) -> Self {
        let key = &data.key;
        let known = KnownKey::of(key.clone(), snapshot.revision());
        Self {
            id: key.id.clone(),
            name: name(key),
            start: start(key),
            owner: data.identity.as_ref().map(|owner| owner.external_id.clone()).unwrap_or_default(),
            permissions: Held::of(snapshot, &known).permissions.len(),
            state: state(key, now),
            expires: moment(key.expires_at, "date", "never"),
            last_used: moment(key.last_used_at, "relative", "never"),
        }
    }
}

/// A permission or a role to choose.
pub(super) struct Choice {
    pub(super) id: String,
    pub(super) value: String,
    pub(super) description: String,
    /// Where it comes from, if not from the API itself.
    pub(super) from: &'static str,
    pub(super) is_chosen: bool,
}

/// Whether something is wanted.
type Test<'t, T> = &'t dyn Fn(&T) -> bool;

/// What there is to choose from, and how much more.
#[derive(Default)]
pub(super) struct Choices {
    pub(super) list: Vec<Choice>,
    pub(super) more: usize,
}

impl Choices {
    /// The permissions that a key of an API may hold: its own and the catalogue's. Those that are chosen come first.
    pub(super) fn permissions(
        snapshot: &Snapshot,
        entry: &ApiEntry,
        limit: usize,
        (is_chosen, fits): (Test<'_, Permission>, Test<'_, Permission>),
    ) -> Self {
        let catalogue = snapshot.catalogue(entry.api.workspace).and_then(|number| snapshot.api_numbered(number));
        let shared = catalogue.map(|entry| entry.permissions.as_slice()).unwrap_or_default();
        let own = entry.permissions.iter().map(|permission| (permission, ""));
        let all = own.chain(shared.iter().map(|permission| (permission, "catalogue")));
        let list =
            all.filter(|(permission, _)| is_chosen(permission) || fits(permission)).map(|(permission, from)| Choice {
                id: permission.id.clone(),
                value: permission.value.to_string(),
                description: permission.description.clone().unwrap_or_default(),
                from,
                is_chosen: is_chosen(permission),
            });
        Self::cut(list.collect(), limit)
    }

    /// The roles of the workspace.
    pub(super) fn roles(
        snapshot: &Snapshot,
        entry: &ApiEntry,
        limit: usize,
        (is_chosen, fits): (Test<'_, str>, Test<'_, RoleNumber>),
    ) -> Self {
        let list = snapshot.roles(entry.api.workspace).filter(|role| fits(&role.number)).map(|role| Choice {
            id: role.key_id(),
            value: role.name.clone(),
            description: role.description.clone().unwrap_or_default(),
            from: "",
            is_chosen: is_chosen(&role.key_id()),
        });
        let mut list: Vec<Choice> = list.collect();
        list.sort_by_cached_key(|role| role.value.to_lowercase());
        Self::cut(list, limit)
    }

    fn cut(mut list: Vec<Choice>, limit: usize) -> Self {
        list.sort_by_key(|choice| !choice.is_chosen);
        let more = list.len().saturating_sub(limit);
        list.truncate(limit);
        Self { list, more }
    }
}

/// A new key.
#[derive(Template)]
#[template(path = "key_new.html")]
pub(super) struct New {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) typed: super::key_form::Typed,
    pub(super) permissions: Choices,
    pub(super) roles: Choices,
    pub(super) errors: super::key_form::Errors,
}

/// A key that was made: the one page that shows its text.
#[derive(Template)]
#[template(path = "key_made.html")]
pub(super) struct Made {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) id: String,
    pub(super) text: String,
    pub(super) curl: String,
    /// What became of the key in whose place it is.
    pub(super) previous: Option<Previous>,
}

/// A key in whose place another one is.
pub(super) struct Previous {
    pub(super) id: String,
    pub(super) name: String,
    /// Until when it works, as HTML; none if it does no longer.
    pub(super) until: Option<String>,
}

/// The command that verifies a key.
pub(super) fn curl(public_url: &str, made: &MadeKey) -> String {
    format!(
        "curl '{public_url}v2/keys.verifyKey' \\\n  -H \"Authorization: Bearer $ROOT_KEY\" \\\n  \
         -H 'Content-Type: application/json' \\\n  -d '{{\"key\":\"{}\"}}'",
        made.text
    )
}

/// One key.
#[derive(Template)]
#[template(path = "key.html")]
pub(super) struct Shown {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) start: String,
    pub(super) owner: String,
    /// The same, as a part of an address.
    pub(super) owner_link: String,
    pub(super) state: State,
    pub(super) is_enabled: bool,
    pub(super) created: String,
    pub(super) updated: String,
    pub(super) last_used: String,
    pub(super) expires: String,
    pub(super) credits: String,
    /// When there are more, and how many; empty for never.
    pub(super) refill: String,
    pub(super) limits: Vec<String>,
    pub(super) permissions: Vec<Given>,
    pub(super) by_roles: Vec<ByRoles>,
    pub(super) roles: Vec<Given>,
    pub(super) q: String,
    pub(super) to_give: Choices,
    pub(super) roles_to_give: Choices,
    pub(super) error: Option<String>,
}

/// What a key holds directly.
pub(super) struct Given {
    pub(super) id: String,
    pub(super) value: String,
}

/// A permission that roles give to a key.
pub(super) struct ByRoles {
    pub(super) value: String,
    pub(super) roles: String,
}

fn refilled(refill: Refill) -> String {
    let to = thousands(refill.amount);
    match refill.interval {
        Interval::Daily => format!("to {to} every day at midnight, in UTC"),
        Interval::Monthly { day } => format!("to {to} every month on day {day} at midnight, in UTC"),
    }
}

/// How many choices a key's page has at once.
const CHOICES: usize = 100;

impl Shown {
    pub(super) fn new(
        (frame, api): (Frame, Head),
        snapshot: &Snapshot,
        entry: &ApiEntry,
        data: &KeyData,
        (now, q, error): (Timestamp, &str, Option<String>),
    ) -> Self {
        let key = &data.key;
        let catalogue = snapshot.catalogue(key.workspace);
        let is_for_key = |permission: &Permission| permission.api == key.api || Some(permission.api) == catalogue;
        let holds = |number: PermissionNumber| key.permissions.binary_search(&number).is_ok();
        let part = q.to_lowercase();
        let fits = |permission: &Permission| {
            let text = permission.description.as_deref().unwrap_or_default().to_lowercase();
            !holds(permission.number)
                && (permission.value.as_str().to_lowercase().contains(&part) || text.contains(&part))
        };
        let direct = key.permissions.iter().filter_map(|number| snapshot.permission(*number));
        let roles = || key.roles.iter().filter_map(|number| snapshot.role(*number));
        let owner = data.identity.as_ref().map(|owner| owner.external_id.clone()).unwrap_or_default();
        let mut by_roles: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for found in roles() {
            for permission in role::permissions(snapshot, found).into_iter().filter(|one| is_for_key(one)) {
                by_roles.entry(permission.value.to_string()).or_default().push(&found.name);
            }
        }
        Self {
            frame,
            api,
            id: key.id.clone(),
            name: name(key),
            start: start(key),
            owner_link: segment(&owner),
            owner,
            state: state(key, now),
            is_enabled: key.enabled,
            created: time(key.created_at, "datetime"),
            updated: moment(key.updated_at, "datetime", "never"),
            last_used: moment(key.last_used_at, "relative", "never"),
            expires: moment(key.expires_at, "datetime", "never"),
            credits: data.credits.as_ref().map(|credits| thousands(credits.remaining)).unwrap_or_default(),
            refill: data.credits.as_ref().and_then(|credits| credits.refill).map(refilled).unwrap_or_default(),
            limits: key
                .limits
                .iter()
                .map(|limit| format!("{}: {} in {} ms", limit.name, thousands(limit.limit), thousands(limit.duration)))
                .collect(),
            permissions: direct.map(|one| Given { id: one.id.clone(), value: one.value.to_string() }).collect(),
            by_roles: by_roles.into_iter().map(|(value, roles)| ByRoles { value, roles: roles.join(", ") }).collect(),
            roles: roles().map(|one| Given { id: one.key_id(), value: one.name.clone() }).collect(),
            q: q.to_owned(),
            to_give: Choices::permissions(snapshot, entry, CHOICES, (&|_| false, &fits)),
            roles_to_give: Choices::roles(
                snapshot,
                entry,
                CHOICES,
                (&|_| false, &|number| !key.roles.contains(number)),
            ),
            error,
        }
    }
}

/// Whether another key is to take the place of this one.
#[derive(Template)]
#[template(path = "key_reroll.html")]
pub(super) struct Reroll {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) start: String,
    pub(super) periods: &'static [(i64, &'static str)],
}

/// Whether it is really to be deleted.
#[derive(Template)]
#[template(path = "key_delete.html")]
pub(super) struct Sure {
    pub(super) frame: Frame,
    pub(super) api: Head,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) start: String,
    pub(super) owner: String,
    pub(super) permissions: usize,
    pub(super) last_used: String,
}
