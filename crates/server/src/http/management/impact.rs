//! What a deletion would take away (ours).

use http::{Method, StatusCode};
use keyward_core::{
    Problem,
    access::ManagementScope as Scope,
    impact::Counts,
    model::permission::{Permission, PermissionNumber},
    problem::{Invalid, Part as Place},
    snapshot::{ApiEntry, Snapshot},
};
use serde_json::{Map, Value, json};

use super::{
    impact_schema as schema,
    paging::{self, FROM, Page, TAKE},
    reference,
};
use crate::{
    http::{
        answer::Answer,
        operation::{Access::AnySet, Handled, Operation, Parameter, Request, Shape::Json},
        query,
    },
    service::{
        impact::{
            Concerned, Held, HoldingUser, Part, Role,
            permission::{self as impact, Grantee, Impact, Key},
        },
        permission,
    },
};

/// Whoever may see everything that is shown: APIs, roles, users, and what applications are called and may ask for.
const SEE_ALL: &[&[Scope]] = &[
    &[Scope::ReadResourceServers, Scope::ReadRoles, Scope::ReadUsers, Scope::ReadClientGrants, Scope::ReadClients],
    &[
        Scope::ReadResourceServers,
        Scope::ReadRoles,
        Scope::ReadUsers,
        Scope::ReadClientGrants,
        Scope::ReadClientSummary,
    ],
];

/// The parameters of a list.
const PAGE: &[Parameter] = &[FROM, TAKE];

/// The rows.
pub fn operations() -> Vec<Operation> {
    let row = |id, path, summary, query, answer, handler| Operation {
        id,
        method: Method::GET,
        path,
        summary,
        access: AnySet(SEE_ALL),
        query,
        body: None,
        prepare: None,
        success: (200, Json(answer)),
        refusals: &[404],
        audit: None,
        handler,
        at_once: None,
    };
    vec![
        row(
            "get_resource-servers_scopes_impact",
            "/api/v2/resource-servers/{id}/scopes/{value}/impact",
            "What the deletion of a permission would take away: how much, and the first of each kind",
            &[],
            schema::of_permission,
            of_permission,
        ),
        row(
            "get_resource-servers_scopes_impact_holders",
            "/api/v2/resource-servers/{id}/scopes/{value}/impact/{holders}",
            "List the roles, users, clients or keys that the deletion of a permission concerns",
            PAGE,
            schema::of_permission_page,
            page_of_permission,
        ),
    ]
}

/// The permission that the path names.
fn named(request: &Request) -> Result<PermissionNumber, Problem> {
    let (api, values) = (reference(&request.segments[0]), reference(&request.segments[1]));
    let found = permission::locate(&request.view.snapshot, request.call.workspace, &api, &values)?;
    Ok(found.number)
}

/// Shows what the deletion of a permission would take away.
fn of_permission(request: Request) -> Handled {
    Box::pin(async move {
        let found = impact::preview(&request.call, &request.view, named(&request)?).await?;
        Ok(Answer::json(StatusCode::OK, &whole(&request.view.snapshot, &found)))
    })
}

/// Lists those of one kind.
fn page_of_permission(request: Request) -> Handled {
    Box::pin(async move {
        let (call, view, number) = (&request.call, &request.view, named(&request)?);
        let snapshot = &view.snapshot;
        let body = match request.segments[2].as_str() {
            "roles" => {
                let page = place(&request.query, "impact roles")?;
                answer("roles", "impact roles", impact::roles(call, view, number, page)?, |one| role(one))
            }
            "users" => {
                let page = place(&request.query, "impact users")?;
                answer("users", "impact users", impact::users(call, view, number, page).await?, user)
            }
            "clients" => {
                let page = place(&request.query, "impact clients")?;
                let found = impact::clients(call, view, number, page)?;
                answer("clients", "impact clients", found, |one| client(snapshot, one))
            }
            "keys" => {
                let page = place(&request.query, "impact keys")?;
                answer("keys", "impact keys", impact::keys(call, view, number, page).await?, |one| key(snapshot, one))
            }
            other => {
                let detail = format!("There is no list of {other}: ask for roles, users, clients or keys");
                return Err(Problem::Invalid(Invalid::whole(Place::Path, detail)));
            }
        };
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

/// Behind which number the query wants to go on in this list, and how many it wants.
fn place(query: &Map<String, Value>, list: &str) -> Result<(i64, usize), Problem> {
    let after = query::text(query, "from").map(|text| paging::place::<i64>(list, text)).transpose()?;
    let take = usize::try_from(query::integer(query, "take", 50)).unwrap_or(50);
    // Applications are listed from the number 0 on.
    Ok((after.unwrap_or(-1), take))
}

fn answer<T>(plural: &'static str, list: &str, part: Part<T>, show: impl Fn(&T) -> Value) -> Value {
    let next = part.next.map(|number| paging::cursor(list, &number));
    Page::up_to(plural, part.items, next).answer(|one| show(&one))
}

/// All that is said about a permission.
fn whole(snapshot: &Snapshot, impact: &Impact) -> Value {
    json!({
        "permission": subject(&impact.permission, &impact.api),
        "roles": concerned(&impact.roles, &["count"], |one| role(one)),
        "users": concerned(&impact.users, &["count", "direct", "by_roles"], user),
        "clients": concerned(&impact.clients, &["count"], |one| client(snapshot, one)),
        "keys": concerned(&impact.keys, &["count", "direct", "by_roles", "keeps", "loses"], |one| key(snapshot, one)),
        "consents": { "count": impact.consents },
    })
}

/// The permission by itself. What else is known of it is shown here.
fn subject(permission: &Permission, api: &ApiEntry) -> Value {
    let mut shown = json!({
        "id": permission.id, "value": permission.value.as_str(),
        "resource_server_id": api.api.id, "resource_server_identifier": api.api.identifier,
    });
    if let Some(text) = &permission.description {
        shown["description"] = text.clone().into();
    }
    shown
}

/// Counts, those of these names, and the first of a list.
fn concerned<T>(part: &Concerned<T>, names: &[&str], show: impl Fn(&T) -> Value) -> Value {
    let Counts { all, direct, by_roles } = part.counts;
    let known =
        [("count", all), ("direct", direct), ("by_roles", by_roles), ("keeps", part.keeps), ("loses", part.loses())];
    let counts = known.iter().filter(|(name, _)| names.contains(name));
    let mut shown: Map<String, Value> = counts.map(|(name, count)| ((*name).to_owned(), (*count).into())).collect();
    shown.insert("first".to_owned(), part.first.iter().map(show).collect());
    Value::Object(shown)
}

fn role(role: &Role) -> Value {
    json!({ "id": role.management_id(), "name": role.name })
}

/// Why it is held.
fn reasons<T>(held: &Held<T>, shown: &mut Value) {
    shown["direct"] = held.direct.into();
    shown["roles"] = held.roles.iter().map(|one| role(one)).collect();
}

fn user(held: &Held<HoldingUser>) -> Value {
    let mut shown = json!({ "user_id": held.who.id });
    for (name, text) in [("name", &held.who.name), ("email", &held.who.email)] {
        if !text.is_empty() {
            shown[name] = text.clone().into();
        }
    }
    reasons(held, &mut shown);
    shown
}

fn client(snapshot: &Snapshot, grantee: &Grantee) -> Value {
    let mut shown = match &grantee.client {
        Some(client) => json!({ "client_id": client.id, "name": client.name }),
        None => json!({ "default_for": "third_party_clients" }),
    };
    let grants = grantee.grants.iter().map(|grant| {
        let audience = snapshot.api_numbered(grant.api).map(|entry| entry.api.identifier.as_str());
        json!({
            "id": grant.id, "audience": audience.unwrap_or_default(), "subject_type": grant.subject_type.as_str(),
            "allow_all_scopes": grant.covers_all(),
        })
    });
    shown["grants"] = grants.collect();
    shown
}

fn key(snapshot: &Snapshot, key: &Key) -> Value {
    let who = &key.held.who;
    let mut shown = json!({ "id": who.id, "start": who.start, "keeps": key.kept_by.is_some() });
    if let Some(name) = &who.name {
        shown["name"] = name.clone().into();
    }
    if let Some(entry) = &key.api {
        shown["resource_server_id"] = entry.api.id.clone().into();
    }
    if let Some(other) = &key.kept_by
        && let Some(entry) = snapshot.api_numbered(other.api)
    {
        shown["kept_by"] = subject(other, entry);
    }
    reasons(&key.held, &mut shown);
    shown
}
