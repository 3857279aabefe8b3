//! What a deletion would take away (ours).

use http::{Method, StatusCode};
use keyward_core::{
    Problem,
    access::ManagementScope as Scope,
    impact::Counts,
    model::{
        permission::{Permission, PermissionNumber},
        permission_usage::{PermissionHistory, User},
        role::RoleNumber,
    },
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
        operation::{Access::AnySet, Handled, Handler, Operation, Parameter, Request, Shape::Json},
        query,
    },
    service::{
        impact::{
            Concerned, Held, HoldingKey, HoldingUser, Part, Role,
            permission::{self as impact, Grantee, Impact, Key},
            role::{self as role_impact, Given, Outcome},
        },
        log::date,
        permission,
        role::change,
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

/// The same of roles, which no application has.
const SEE_ROLE: &[&[Scope]] = &[&[Scope::ReadRoles, Scope::ReadUsers, Scope::ReadResourceServers]];

/// The parameters of a list.
const PAGE: &[Parameter] = &[FROM, TAKE];

/// The rows.
pub fn operations() -> Vec<Operation> {
    let row = |id, path, summary, answer, handler: Handler| {
        let row = Operation {
            id,
            method: Method::GET,
            path,
            summary,
            access: AnySet(SEE_ALL),
            query: &[],
            body: None,
            prepare: None,
            success: (200, Json(answer)),
            refusals: &[404],
            audit: None,
            handler,
            at_once: None,
        };
        if path.ends_with("{holders}") { Operation { query: PAGE, ..row } } else { row }
    };
    let of_role = |row| Operation { access: AnySet(SEE_ROLE), ..row };
    vec![
        row(
            "get_resource-servers_scopes_impact",
            "/api/v2/resource-servers/{id}/scopes/{value}/impact",
            "What the deletion of a permission would take away: how much, and the first of each kind",
            schema::of_permission,
            of_permission,
        ),
        row(
            "get_resource-servers_scopes_impact_holders",
            "/api/v2/resource-servers/{id}/scopes/{value}/impact/{holders}",
            "List the roles, users, clients or keys that the deletion of a permission concerns",
            schema::of_permission_page,
            page_of_permission,
        ),
        of_role(row(
            "get_roles_impact",
            "/api/v2/roles/{id}/impact",
            "What the deletion of a role would take away: from how many, and of which of its permissions",
            schema::of_role,
            of_role_itself,
        )),
        of_role(row(
            "get_roles_impact_holders",
            "/api/v2/roles/{id}/impact/{holders}",
            "List the users or keys that the deletion of a role concerns",
            schema::of_role_page,
            page_of_role,
        )),
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
            _ => return Err(no_list("roles, users, clients or keys")),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

fn no_list(known: &str) -> Problem {
    Problem::Invalid(Invalid::whole(Place::Path, format!("There is no such list: ask for {known}")))
}

/// The role that the path names.
fn named_role(request: &Request) -> Result<RoleNumber, Problem> {
    Ok(change::find(&request.view.snapshot, request.call.workspace, &request.segments[0])?.number)
}

/// Shows what the deletion of a role would take away.
fn of_role_itself(request: Request) -> Handled {
    Box::pin(async move {
        let found = role_impact::preview(&request.call, &request.view, named_role(&request)?).await?;
        let body = json!({
            "role": role(&found.role),
            "users": concerned(&found.users, &["count"], person),
            "keys": concerned(&found.keys, &["count"], |one| bare_key(&one.who, one.api.as_deref())),
            "permissions": found.permissions.iter().map(given).collect::<Vec<_>>(),
        });
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

/// Lists those of one kind.
fn page_of_role(request: Request) -> Handled {
    Box::pin(async move {
        let (call, view, number) = (&request.call, &request.view, named_role(&request)?);
        let body = match request.segments[1].as_str() {
            "users" => {
                let page = place(&request.query, "impact users")?;
                answer("users", "impact users", role_impact::users(call, view, number, page).await?, person)
            }
            "keys" => {
                let page = place(&request.query, "impact keys")?;
                let found = role_impact::keys(call, view, number, page).await?;
                answer("keys", "impact keys", found, |one| bare_key(&one.who, one.api.as_deref()))
            }
            _ => return Err(no_list("users or keys")),
        };
        Ok(Answer::json(StatusCode::OK, &body))
    })
}

/// What becomes of one permission of a role.
fn given(given: &Given) -> Value {
    let outcome = |Outcome { keeps, loses }: Outcome| json!({ "keeps": keeps, "loses": loses });
    let mut shown = subject(&given.permission, &given.api);
    shown["users"] = outcome(given.users);
    shown["keys"] = outcome(given.keys);
    shown
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
        "last_used": last_used(&impact.history),
    })
}

/// When a permission was last used, and by whom; null if it never was.
fn last_used(history: &PermissionHistory) -> Value {
    let Some((at, user)) = &history.last else { return Value::Null };
    let (kind, id) = match user {
        User::Key(id) => ("key", id),
        User::Client(id) => ("client", id),
    };
    json!({ "at": date(*at), "by": {"kind": kind, "id": id} })
}

/// The permission by itself.
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

fn person(user: &HoldingUser) -> Value {
    let mut shown = json!({ "user_id": user.id });
    for (name, text) in [("name", &user.name), ("email", &user.email)] {
        if !text.is_empty() {
            shown[name] = text.clone().into();
        }
    }
    shown
}

fn user(held: &Held<HoldingUser>) -> Value {
    let mut shown = person(&held.who);
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

fn bare_key(who: &HoldingKey, api: Option<&ApiEntry>) -> Value {
    let mut shown = json!({ "id": who.id, "start": who.start });
    if let Some(name) = &who.name {
        shown["name"] = name.clone().into();
    }
    if let Some(entry) = api {
        shown["resource_server_id"] = entry.api.id.clone().into();
    }
    shown
}

fn key(snapshot: &Snapshot, key: &Key) -> Value {
    let mut shown = bare_key(&key.held.who, key.api.as_deref());
    shown["keeps"] = key.kept_by.is_some().into();
    if let Some(other) = &key.kept_by
        && let Some(entry) = snapshot.api_numbered(other.api)
    {
        shown["kept_by"] = subject(other, entry);
    }
    reasons(&key.held, &mut shown);
    shown
}
