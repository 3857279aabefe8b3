//! Roles: permissions under one name.

pub mod change;
pub mod grants;

use std::collections::BTreeMap;

use keyward_core::{
    Problem,
    grants::Action,
    model::{
        permission::{Permission, PermissionNumber},
        role::{Role, RoleNumber, folded},
    },
    problem::{Conflict, Missing},
    snapshot::Snapshot,
    time::Timestamp,
};
use keyward_store::{
    Change, Error, Tx,
    catalogue::role,
    keys::{holder::Holding, impact},
    ledger::user_holdings,
};
use serde_json::{Value, json};

use super::{
    repeatable,
    slug::{self, UNDO, WantedPermission},
};
use crate::{app::Call, ids};

/// The length of a role's id, without its prefix (contract: identifier formats).
const ID_LENGTH: usize = 16;

/// What the keys' API says when a role would be above the limit.
const TOO_MANY: &str = "The role would have more permissions than the configuration allows.";

/// What somebody wants a role to be.
#[derive(Debug, Clone)]
pub struct WantedRole {
    /// Unique, however it is spelt.
    pub name: String,
    /// For people.
    pub description: Option<String>,
    /// What it gives: slugs or ids.
    pub permissions: Vec<String>,
}

/// What an entry of the audit log says of a role.
fn describe(role: &Role) -> Value {
    let mut seen = json!({ "id": role.key_id(), "name": role.name });
    if let Some(text) = &role.description {
        seen["description"] = text.clone().into();
    }
    seen
}

/// The permissions of a role that are not deleted, in the order of their slugs.
pub fn permissions<'s>(snapshot: &'s Snapshot, role: &Role) -> Vec<&'s Permission> {
    let mut list: Vec<&Permission> =
        role.permissions.iter().filter_map(|number| snapshot.permission(*number)).map(|found| &**found).collect();
    list.sort_by(|a, b| a.value.cmp(&b.value));
    list
}

/// The role with this id or name. An id is never ambiguous, so it comes first.
pub(crate) async fn find(tx: &mut Tx<'_>, call: &Call, text: &str) -> Result<Option<Role>, Error> {
    if let Some(id) = text.strip_prefix("role_")
        && let Some(role) = role::find(tx, call.workspace, id).await?
    {
        return Ok(Some(role));
    }
    role::find_by_name(tx, call.workspace, text).await
}

/// Slugs without those that stand there twice, however they are spelt; the first spelling stays. In the order of slugs.
pub(crate) fn distinct(slugs: Vec<String>) -> Vec<String> {
    let mut known = BTreeMap::new();
    for slug in slugs {
        known.entry(folded(&slug)).or_insert(slug);
    }
    known.into_values().collect()
}

/// The permissions that these slugs or ids name, for the keys of `own` or for a role. Slugs that nobody has become
/// permissions of the catalogue API, if the caller may make some.
pub(crate) async fn resolve_or_create(
    change: &mut Change<'_>,
    call: &Call,
    own: Option<&keyward_core::model::api::Api>,
    slugs: Vec<String>,
) -> Result<Resolved, Error> {
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for slug in distinct(slugs) {
        match slug::assignable(change.tx(), call, own, &slug).await? {
            Some(permission) => found.push(permission),
            None => unknown.push(WantedPermission { name: None, slug, description: None }),
        }
    }
    if let Some(first) = unknown.first() {
        // The console names permissions by their ids. One that is not there was deleted meanwhile, and is no slug.
        if call.session.is_some() {
            return Err(Problem::NotFound(Missing::Slug(first.slug.clone())).into());
        }
        call.require(Action::CreatePermission)?;
    }
    let made = slug::insert(change, call, unknown).await?;
    let mut numbers: Vec<PermissionNumber> = found.iter().chain(&made).map(|permission| permission.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let created: Vec<Value> = made.iter().map(slug::describe).collect();
    found.extend(made);
    Ok(Resolved { numbers, permissions: found, created })
}

/// Permissions that a request named.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Their numbers, in ascending order.
    pub(crate) numbers: Vec<PermissionNumber>,
    /// The permissions.
    pub(crate) permissions: Vec<Permission>,
    /// Those that were made on the way, for the audit log.
    pub(crate) created: Vec<Value>,
}

/// Makes a role and returns its id.
///
/// # Errors
/// [`Problem::Conflict`] when the name is taken, however it is spelt; [`Problem::Insufficient`] when the caller may not
/// hand out permissions, or not make those that are not there.
pub async fn create(call: &Call, wanted: WantedRole) -> Result<String, Problem> {
    if !wanted.permissions.is_empty() {
        call.require(Action::AddPermissionToRole)?;
    }
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            refuse_taken(change, &work, &wanted.name, None).await?;
            let resolved = resolve_or_create(change, &work, None, wanted.permissions).await?;
            if !fits(&work, 0, resolved.numbers.len()) {
                return Err(Problem::Limit(TOO_MANY).into());
            }
            let (names, numbers) = ((wanted.name, wanted.description), resolved.numbers);
            let role = insert(change, &work, names, numbers).await?;
            let mut after = describe(&role);
            after["permissions"] = resolved.permissions.iter().map(slug::describe).collect();
            note_created(&mut after, resolved.created);
            let id = role.key_id();
            Ok((id.clone(), work.audit(json!({ "roleId": id }), Value::Null, after)))
        })
    })
    .await
}

/// The role with this name or id, and whether it was made on the way: a role of this name that gives nothing yet, if
/// the caller may make one.
pub(crate) async fn find_or_create(change: &mut Change<'_>, call: &Call, name: &str) -> Result<(Role, bool), Error> {
    if let Some(found) = find(change.tx(), call, name).await? {
        return Ok((found, false));
    }
    call.require(Action::CreateRole)?;
    Ok((insert(change, call, (name.to_owned(), None), Vec::new()).await?, true))
}

/// Stores a new role, whose name nobody has.
async fn insert(
    change: &mut Change<'_>,
    call: &Call,
    (name, description): (String, Option<String>),
    permissions: Vec<PermissionNumber>,
) -> Result<Role, Error> {
    let role = Role {
        number: role::next_number(change).await?,
        workspace: call.workspace,
        id: ids::alphanumeric(call.app.entropy.as_ref(), ID_LENGTH),
        name,
        description: description.filter(|text| !text.is_empty()),
        permissions,
        created_at: call.now,
    };
    role::insert(change, &role).await?;
    Ok(role)
}

/// Refuses a name that another role has, however it is spelt; `own` is the role that is to have it.
async fn refuse_taken(change: &mut Change<'_>, call: &Call, name: &str, own: Option<RoleNumber>) -> Result<(), Error> {
    match role::find_by_name(change.tx(), call.workspace, name).await? {
        Some(other) if Some(other.number) != own => Err(Problem::Conflict(Conflict::RoleName(name.to_owned())).into()),
        _ => Ok(()),
    }
}

/// Whether a role that gives `before` permissions may give `after`. Whoever is above a limit that came later may still
/// go down.
fn fits(call: &Call, before: usize, after: usize) -> bool {
    let limit = call.app.limits.permissions_per_role;
    limit == 0 || after <= limit || after <= before
}

/// Says in an entry which permissions were made on the way.
pub(crate) fn note_created(after: &mut Value, created: Vec<Value>) {
    if !created.is_empty() {
        after["createdPermissions"] = created.into();
    }
}

/// The role with this id or name.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn get(call: &Call, text: String) -> Result<Role, Problem> {
    let work = call.clone();
    let found = call.app.store.read(move |tx| Box::pin(async move { find(tx, &work, &text).await }));
    found.await?.ok_or(Problem::NotFound(Missing::Role))
}

/// Deletes a role: whoever has it loses what it gave once this is answered. Who had it stays written down.
///
/// # Errors
/// [`Problem::NotFound`].
pub async fn delete(call: &Call, text: String) -> Result<(), Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let found = find(change.tx(), &work, &text).await?;
            let role = found.ok_or(Problem::NotFound(Missing::Role))?;
            let mut before = describe(&role);
            before["heldBy"] = held_by(change, &role).await?;
            role::tombstone(change, &role, work.now).await?;
            Ok(((), work.audit(json!({}), before, Value::Null)))
        })
    })
    .await
}

async fn held_by(change: &mut Change<'_>, role: &Role) -> Result<Value, Error> {
    let holding = Holding::Role(role.number);
    let mut held_by = json!({ "keys": slug::keys(change, holding).await? });
    slug::note_users(change, holding, &mut held_by).await?;
    Ok(held_by)
}

/// Undoes the deletion of a role: the same one, for the same ones.
///
/// # Errors
/// [`Problem::NotFound`] when nothing of this id or name was deleted in the last 30 days; [`Problem::Conflict`] when
/// there is another one with its name by now.
pub async fn restore(call: &Call, text: String) -> Result<Role, Problem> {
    let work = call.clone();
    let restored = repeatable::change(call, move |change| {
        Box::pin(async move {
            let since = Timestamp(work.now.0 - UNDO);
            let id = text.strip_prefix("role_").unwrap_or_default();
            let found = role::find_deleted(change.tx(), work.workspace, (id, &text), since).await?;
            let role = found.ok_or(Problem::NotFound(Missing::Role))?;
            refuse_taken(change, &work, &role.name, None).await?;
            role::revive(change, &role).await?;
            let mut after = describe(&role);
            after["heldBy"] = held_by(change, &role).await?;
            let id = role.key_id();
            Ok((id, work.audit(describe(&role), Value::Null, after)))
        })
    });
    get(call, restored.await?).await
}

/// The last roles whose deletion can still be undone, and when each was deleted.
///
/// # Errors
/// Why the store can't be read.
pub async fn deleted(call: &Call, limit: i64) -> Result<Vec<(Role, Timestamp)>, Problem> {
    let (workspace, since) = (call.workspace, Timestamp(call.now.0 - UNDO));
    let read = call
        .app
        .store
        .read_briefly(move |tx| Box::pin(async move { role::deleted(tx, workspace, since, limit).await }));
    Ok(read.await?)
}

/// How many have a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holders {
    /// Users.
    pub users: i64,
    /// Keys.
    pub keys: i64,
}

/// How many have each of these roles.
///
/// # Errors
/// Why the store can't be read.
pub async fn holders(call: &Call, roles: Vec<RoleNumber>) -> Result<Vec<Holders>, Problem> {
    let read = call.app.store.read(move |tx| {
        Box::pin(async move {
            let mut found = Vec::with_capacity(roles.len());
            for role in roles {
                let users = user_holdings::count(tx, Holding::Role(role)).await?;
                found.push(Holders { users, keys: impact::count_having(tx, role).await? });
            }
            Ok(found)
        })
    });
    Ok(read.await?)
}

/// Gives a role exactly these permissions. What is deleted and not named is not given again by an undo.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Insufficient`] when slugs are new and the caller may not make permissions.
pub async fn set_permissions(call: &Call, id: String, slugs: Vec<String>) -> Result<Role, Problem> {
    let work = call.clone();
    let changed = repeatable::change(call, move |change| {
        Box::pin(async move {
            let suffix = id.strip_prefix("role_").ok_or(Problem::NotFound(Missing::Role))?;
            let found = role::find(change.tx(), work.workspace, suffix).await?;
            let before = found.ok_or(Problem::NotFound(Missing::Role))?;
            let resolved = resolve_or_create(change, &work, None, slugs).await?;
            let only = |one: &[PermissionNumber], other: &[PermissionNumber]| -> Vec<PermissionNumber> {
                one.iter().filter(|number| other.binary_search(number).is_err()).copied().collect()
            };
            let added = only(&resolved.numbers, &before.permissions);
            let removed = only(&before.permissions, &resolved.numbers);
            if added.is_empty() && removed.is_empty() {
                return Ok((before.key_id(), None));
            }
            let had = role::held(change.tx(), before.number).await?.iter().filter(|held| !held.deleted).count();
            if !fits(&work, had, resolved.numbers.len()) {
                return Err(Problem::Limit(TOO_MANY).into());
            }
            role::set_permissions(change, before.number, &added, &removed).await?;
            let snapshot = &work.app.view().snapshot;
            let gone: Vec<Value> =
                removed.iter().filter_map(|number| snapshot.permission(*number)).map(|p| slug::describe(p)).collect();
            let new = resolved.permissions.iter().filter(|permission| added.contains(&permission.number));
            let mut after = json!({ "id": before.key_id(), "added": new.map(slug::describe).collect::<Vec<_>>() });
            note_created(&mut after, resolved.created);
            let draft = work.audit(Value::Null, json!({ "id": before.key_id(), "removed": gone }), after);
            Ok((before.key_id(), Some(draft)))
        })
    });
    get(call, changed.await?).await
}
