//! What a deletion would take away (ours). A root key can't see users or applications: of those it gets the counts.

use keyward_core::{
    Problem,
    model::{
        permission::PermissionNumber,
        permission_usage::{PermissionHistory, User},
    },
    snapshot::ApiEntry,
};
use serde_json::{Map, Value, json};

use super::{envelope, fields::Fields, render};
use crate::{
    http::{
        answer::Answer,
        operation::{Handled, Request},
    },
    service::{
        impact::{
            Concerned, Held, HoldingKey, Part, Role,
            permission::{self as impact, Key},
            role::{self as role_impact, Given, Outcome},
        },
        role, slug,
    },
};

/// Shows what the deletion of a permission would take away, or lists the roles or the keys that it concerns.
pub fn of_permission(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let number = slug::get(&request.call, body.required("permission")).await?.number;
        match body.text("holders") {
            None => whole(&request, number).await,
            Some("roles") => {
                Ok(page(&request, &impact::roles(&request.call, &request.view, number, place(body))?, |one| role(one)))
            }
            Some(_) => {
                let found = impact::keys(&request.call, &request.view, number, place(body)).await?;
                Ok(page(&request, &found, key))
            }
        }
    })
}

async fn whole(request: &Request, number: PermissionNumber) -> Result<Answer, Problem> {
    let found = impact::preview(&request.call, &request.view, number).await?;
    let body = json!({
        "permission": render::permission(&found.permission),
        "roles": concerned(&found.roles, &["count"], Some(|one| role(one))),
        "users": concerned(&found.users, &["count", "direct", "byRoles"], None),
        "applications": concerned(&found.clients, &["count"], None),
        "keys": concerned(&found.keys, &["count", "direct", "byRoles", "keeps", "loses"], Some(key)),
        "consents": { "count": found.consents },
        "lastUsed": last_used(&found.history),
    });
    Ok(envelope::data(request, body))
}

/// When a permission was last used, and by whom; null if it never was.
fn last_used(history: &PermissionHistory) -> Value {
    let Some((at, user)) = &history.last else { return Value::Null };
    let (kind, id) = match user {
        User::Key(id) => ("key", id),
        User::Client(id) => ("application", id),
    };
    json!({ "at": at.0, "by": {"kind": kind, "id": id} })
}

/// Shows what the deletion of a role would take away, or lists the keys that it concerns.
pub fn of_role(request: Request) -> Handled {
    Box::pin(async move {
        let body = Fields::of(&request.body);
        let number = role::get(&request.call, body.required("role")).await?.number;
        let show = |one: &role_impact::Key| bare_key(&one.who, one.api.as_deref());
        if body.get("holders").is_some() {
            let found = role_impact::keys(&request.call, &request.view, number, place(body)).await?;
            return Ok(page(&request, &found, show));
        }
        let found = role_impact::preview(&request.call, &request.view, number).await?;
        let body = json!({
            "role": role(&found.role),
            "users": concerned(&found.users, &["count"], None),
            "keys": concerned(&found.keys, &["count"], Some(show)),
            "permissions": found.permissions.iter().map(given).collect::<Vec<_>>(),
        });
        Ok(envelope::data(&request, body))
    })
}

/// Behind which number the list goes on, and how many are wanted.
fn place(body: Fields<'_>) -> (i64, usize) {
    let after = body.text("cursor").and_then(|text| text.parse().ok()).unwrap_or(0);
    (after, body.integer("limit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(100))
}

fn page<T>(request: &Request, part: &Part<T>, show: impl Fn(&T) -> Value) -> Answer {
    envelope::page(request, part.items.iter().map(show).collect(), part.next.map(|number| number.to_string()))
}

/// Counts, those of these names, and the first of a list if they can be shown.
fn concerned<T>(part: &Concerned<T>, names: &[&str], show: Option<fn(&T) -> Value>) -> Value {
    let known = [
        ("count", part.counts.all),
        ("direct", part.counts.direct),
        ("byRoles", part.counts.by_roles),
        ("keeps", part.keeps),
        ("loses", part.loses()),
    ];
    let counts = known.iter().filter(|(name, _)| names.contains(name));
    let mut shown: Map<String, Value> = counts.map(|(name, count)| ((*name).to_owned(), (*count).into())).collect();
    if let Some(show) = show {
        shown.insert("first".to_owned(), part.first.iter().map(show).collect());
    }
    Value::Object(shown)
}

fn role(role: &Role) -> Value {
    json!({ "id": role.key_id(), "name": role.name })
}

fn bare_key(who: &HoldingKey, api: Option<&ApiEntry>) -> Value {
    let mut shown = json!({ "keyId": who.id, "start": who.start });
    if let Some(name) = &who.name {
        shown["name"] = name.clone().into();
    }
    if let Some(entry) = api {
        shown["apiId"] = entry.api.key_id().into();
    }
    shown
}

fn key(key: &Key) -> Value {
    let Held { who, direct, roles, .. } = &key.held;
    let mut shown = bare_key(who, key.api.as_deref());
    shown["direct"] = (*direct).into();
    shown["roles"] = roles.iter().map(|one| role(one)).collect();
    shown["keeps"] = key.kept_by.is_some().into();
    if let Some(other) = &key.kept_by {
        shown["keptBy"] = render::permission(other);
    }
    shown
}

fn given(given: &Given) -> Value {
    let outcome = |Outcome { keeps, loses }: Outcome| json!({ "keeps": keeps, "loses": loses });
    let permission = render::permission(&given.permission);
    json!({ "permission": permission, "users": outcome(given.users), "keys": outcome(given.keys) })
}
