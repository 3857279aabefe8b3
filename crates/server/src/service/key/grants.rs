//! What a key holds: permissions and roles, given and taken.

use keyward_core::{
    Problem,
    grants::Action,
    model::{
        api::Api,
        key::Key,
        permission::{Permission, PermissionNumber},
        role::Role,
    },
    problem::Missing,
};
use keyward_store::{Change, Error};
use serde_json::{Value, json};

use super::{
    change::{note_roles, only, removed_permissions, write},
    find_roles, locate, numbers_of,
};
use crate::{
    app::Call,
    service::{repeatable, role, slug},
};

/// How a key's list becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Add,
    Remove,
    Set,
}

/// The numbers of a list after a change.
fn outcome<N: Ord + Copy>(how: How, before: &[N], named: &[N]) -> Vec<N> {
    let mut after: Vec<N> = match how {
        How::Add => before.iter().chain(named).copied().collect(),
        How::Remove => only(before, named),
        How::Set => named.to_vec(),
    };
    after.sort_unstable();
    after.dedup();
    after
}

/// Gives a key permissions; slugs that nobody has are made.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Insufficient`].
pub async fn add_permissions(call: &Call, key: String, slugs: Vec<String>) -> Result<Vec<Permission>, Problem> {
    permissions(call, key, slugs, How::Add).await
}

/// Takes permissions from a key. All of them must be there.
///
/// # Errors
/// As [`add_permissions`].
pub async fn remove_permissions(call: &Call, key: String, slugs: Vec<String>) -> Result<Vec<Permission>, Problem> {
    permissions(call, key, slugs, How::Remove).await
}

/// Gives a key exactly these permissions.
///
/// # Errors
/// As [`add_permissions`].
pub async fn set_permissions(call: &Call, key: String, slugs: Vec<String>) -> Result<Vec<Permission>, Problem> {
    permissions(call, key, slugs, How::Set).await
}

async fn permissions(call: &Call, id: String, slugs: Vec<String>, how: How) -> Result<Vec<Permission>, Problem> {
    let work = call.clone();
    let after: Vec<i64> = repeatable::change(call, move |change| {
        Box::pin(async move {
            let (api, before) = locate(change.tx(), &work, &id, Missing::Key { specified: true }).await?;
            let needed: &[Action] = match how {
                How::Add => &[Action::AddPermissionToKey],
                How::Remove => &[Action::RemovePermissionFromKey],
                How::Set => &[Action::AddPermissionToKey, Action::RemovePermissionFromKey],
            };
            require(&work, &api, &before, needed)?;
            let (named, created) = named(change, &work, &api, slugs, how).await?;
            let numbers: Vec<PermissionNumber> = sorted(named.iter().map(|permission| permission.number));
            let mut after = before.clone();
            after.permissions = outcome(how, &before.permissions, &numbers);
            let held = after.permissions.iter().map(|number| number.0).collect();
            if !write(change, (&before, &after), work.now).await? {
                return Ok((held, None));
            }
            let added = only(&after.permissions, &before.permissions);
            let new = named.iter().filter(|permission| added.contains(&permission.number));
            let mut entry = json!({ "id": before.id, "addedPermissions": new.map(slug::describe).collect::<Vec<_>>() });
            role::note_created(&mut entry, created);
            let gone = removed_permissions(&work, &before.permissions, &after.permissions);
            let draft = work.audit(Value::Null, json!({ "id": before.id, "removedPermissions": gone }), entry);
            Ok((held, Some(draft)))
        })
    })
    .await?;
    let view = call.app.view();
    let held = after.iter().filter_map(|number| view.snapshot.permission(PermissionNumber(*number)));
    Ok(held.map(|permission| Permission::clone(permission)).collect())
}

fn sorted<N: Ord>(numbers: impl Iterator<Item = N>) -> Vec<N> {
    let mut numbers: Vec<N> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The permissions that are named, and those that were made on the way.
async fn named(
    change: &mut Change<'_>,
    call: &Call,
    api: &Api,
    slugs: Vec<String>,
    how: How,
) -> Result<(Vec<Permission>, Vec<Value>), Error> {
    if how != How::Remove {
        let resolved = role::resolve_or_create(change, call, Some(api), slugs).await?;
        return Ok((resolved.permissions, resolved.created));
    }
    let mut found = Vec::with_capacity(slugs.len());
    for slug in slugs {
        let permission = slug::assignable(change.tx(), call, Some(api), &slug).await?;
        found.push(permission.ok_or(Problem::NotFound(Missing::Slug(slug)))?);
    }
    Ok((found, Vec::new()))
}

/// Refuses a caller who may neither do everything with the key, nor change it and do what else is needed.
fn require(call: &Call, api: &Api, key: &Key, needed: &[Action]) -> Result<(), Problem> {
    if call.may_on_key_by_urn(Action::UpdateKey, api, &key.id) {
        return Ok(());
    }
    call.require_on(Action::UpdateKey, &api.key_id())?;
    needed.iter().try_for_each(|action| call.require(*action))
}

/// Gives a key roles.
///
/// # Errors
/// [`Problem::NotFound`] for the key or a role; [`Problem::Insufficient`].
pub async fn add_roles(call: &Call, key: String, names: Vec<String>) -> Result<Vec<Role>, Problem> {
    roles(call, key, names, How::Add).await
}

/// Takes roles from a key.
///
/// # Errors
/// As [`add_roles`].
pub async fn remove_roles(call: &Call, key: String, names: Vec<String>) -> Result<Vec<Role>, Problem> {
    roles(call, key, names, How::Remove).await
}

/// Gives a key exactly these roles.
///
/// # Errors
/// As [`add_roles`].
pub async fn set_roles(call: &Call, key: String, names: Vec<String>) -> Result<Vec<Role>, Problem> {
    roles(call, key, names, How::Set).await
}

async fn roles(call: &Call, id: String, names: Vec<String>, how: How) -> Result<Vec<Role>, Problem> {
    let work = call.clone();
    let after: Vec<i64> = repeatable::change(call, move |change| {
        Box::pin(async move {
            let (api, before) = locate(change.tx(), &work, &id, Missing::Key { specified: true }).await?;
            let needed: &[Action] = if how == How::Add { &[Action::AddRoleToKey] } else { &[] };
            require(&work, &api, &before, needed)?;
            let named = numbers_of(&find_roles(change.tx(), &work, &names).await?);
            let mut after = before.clone();
            after.roles = outcome(how, &before.roles, &named);
            // Whoever may only change a key may take roles away, and not give any.
            let gives = !only(&after.roles, &before.roles).is_empty();
            if gives && !work.may_on_key_by_urn(Action::UpdateKey, &api, &before.id) {
                work.require(Action::AddRoleToKey)?;
            }
            let held = after.roles.iter().map(|number| number.0).collect();
            if !write(change, (&before, &after), work.now).await? {
                return Ok((held, None));
            }
            let (mut gone, mut new) = (json!({ "id": before.id }), json!({ "id": before.id }));
            note_roles(change, &work, (&mut gone, &mut new), (&before.roles, &after.roles)).await?;
            Ok((held, Some(work.audit(Value::Null, gone, new))))
        })
    })
    .await?;
    let view = call.app.view();
    let held = after.iter().filter_map(|number| view.snapshot.role(keyward_core::model::role::RoleNumber(*number)));
    Ok(held.map(|role| Role::clone(role)).collect())
}
