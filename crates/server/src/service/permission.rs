//! One permission at a time, so that nobody has to send a whole list to change one entry of it.

use std::{collections::HashSet, sync::Arc};

use keyward_core::{
    Problem,
    model::{
        WorkspaceNumber,
        permission::{Difference, Permission, PermissionValue, SPACING, Wanted, place_at_end},
    },
    problem::{Conflict, Missing},
    snapshot::{ApiEntry, Snapshot},
};

use super::{
    Precondition,
    api::{Reference, edit, find},
};
use crate::app::Call;

/// What somebody wants to change about a permission.
#[derive(Debug, Clone, Default)]
pub struct PermissionFields {
    /// Another value: a rename. The permission stays the same one, with everyone who holds it.
    pub value: Option<PermissionValue>,
    /// Another description; the inner `None` takes it away.
    pub description: Option<Option<String>>,
}

/// The permission among `list` that one of the texts names.
fn among<'l>(list: &'l [Arc<Permission>], values: &Reference) -> Option<&'l Arc<Permission>> {
    values.iter().find_map(|value| list.iter().find(|permission| permission.value.as_str() == value))
}

/// The permission that a caller names, and its API.
///
/// # Errors
/// [`Problem::NotFound`].
pub fn locate<'v>(
    snapshot: &'v Snapshot,
    workspace: WorkspaceNumber,
    api: &Reference,
    values: &Reference,
) -> Result<&'v Arc<Permission>, Problem> {
    let entry = find(snapshot, workspace, api)?;
    among(&entry.permissions, values).ok_or_else(|| missing(entry, values))
}

fn refuse_system(entry: &ApiEntry) -> Result<(), Problem> {
    if entry.api.system.is_some_and(|system| !system.is_open()) {
        return Err(Problem::System("The permissions of a system resource server cannot be changed."));
    }
    Ok(())
}

/// Adds a permission at the end of the API's list.
///
/// # Errors
/// As [`add_all`].
pub async fn add(
    call: &Call,
    api: &Reference,
    wanted: Wanted,
    precondition: Precondition,
) -> Result<(ApiEntry, Arc<Permission>), Problem> {
    let value = wanted.value.clone();
    named(add_all(call, api, vec![wanted], precondition).await?, &value)
}

/// Adds permissions at the end of the API's list, in their order: all of them or none.
///
/// # Errors
/// [`Problem::Conflict`] when the API has one of the values already; [`Problem::NotFound`], [`Problem::Stale`],
/// [`Problem::Limit`], [`Problem::System`].
pub async fn add_all(
    call: &Call,
    api: &Reference,
    wanted: Vec<Wanted>,
    precondition: Precondition,
) -> Result<ApiEntry, Problem> {
    let entry = Arc::clone(find(&call.app.view().snapshot, call.workspace, api)?);
    refuse_system(&entry)?;
    edit(call, entry.api.number, precondition, move |api, stored| {
        let known: HashSet<&PermissionValue> = stored.iter().map(|permission| &permission.value).collect();
        if let Some(known) = wanted.iter().find(|one| known.contains(&one.value)) {
            return Err(taken(&api.identifier, &known.value));
        }
        let places = (0..).map(|nth| place_at_end(stored) + nth * SPACING);
        let mut next = api.clone();
        next.settings.scopes_set = true;
        Ok((next, Difference { added: wanted.into_iter().zip(places).collect(), ..Difference::default() }))
    })
    .await
}

/// Changes a permission; with another value it is the same permission under another name.
///
/// # Errors
/// [`Problem::Conflict`] when the API has the new value already; [`Problem::NotFound`], [`Problem::Stale`],
/// [`Problem::System`].
pub async fn update(
    call: &Call,
    api: &Reference,
    values: Reference,
    fields: PermissionFields,
    precondition: Precondition,
) -> Result<(ApiEntry, Arc<Permission>), Problem> {
    let entry = Arc::clone(find(&call.app.view().snapshot, call.workspace, api)?);
    refuse_system(&entry)?;
    let value = match &fields.value {
        Some(value) => value.clone(),
        None => among(&entry.permissions, &values).ok_or_else(|| missing(&entry, &values))?.value.clone(),
    };
    let number = entry.api.number;
    let entry = edit(call, number, precondition, move |api, stored| {
        let Some(permission) = among(stored, &values) else { return Err(missing(&entry, &values)) };
        let mut changed = Permission::clone(permission);
        if let Some(value) = fields.value {
            if stored.iter().any(|other| other.value == value && other.number != changed.number) {
                return Err(taken(&api.identifier, &value));
            }
            changed.value = value;
        }
        if let Some(description) = fields.description {
            changed.description = description;
        }
        let same = changed == **permission;
        let changed = if same { vec![] } else { vec![changed] };
        Ok((api.clone(), Difference { changed, ..Difference::default() }))
    })
    .await?;
    named(entry, &value)
}

/// Deletes a permission: whoever holds it holds nothing once this is answered. One that does not exist is deleted
/// already, unless the caller says that it has seen it.
///
/// # Errors
/// [`Problem::NotFound`] when the API does not exist, [`Problem::Stale`], [`Problem::System`].
pub async fn remove(
    call: &Call,
    api: &Reference,
    values: Reference,
    precondition: Precondition,
) -> Result<ApiEntry, Problem> {
    let entry = Arc::clone(find(&call.app.view().snapshot, call.workspace, api)?);
    refuse_system(&entry)?;
    if precondition == Precondition::None && among(&entry.permissions, &values).is_none() {
        call.app.shown_everywhere().await?;
        return Ok(ApiEntry::clone(&entry));
    }
    let number = entry.api.number;
    edit(call, number, precondition, move |api, stored| {
        let gone = among(stored, &values).cloned().into_iter().collect();
        Ok((api.clone(), Difference { gone, ..Difference::default() }))
    })
    .await
}

fn taken(identifier: &str, value: &PermissionValue) -> Problem {
    Problem::Conflict(Conflict::PermissionValue(identifier.to_owned(), value.to_string()))
}

fn missing(entry: &ApiEntry, values: &Reference) -> Problem {
    let value = values.first().cloned().unwrap_or_default();
    Problem::NotFound(Missing::Permission(entry.api.identifier.clone(), value))
}

fn named(entry: ApiEntry, value: &PermissionValue) -> Result<(ApiEntry, Arc<Permission>), Problem> {
    let permission = entry.permission(value.as_str()).cloned();
    let permission = permission.ok_or_else(|| Problem::internal("a permission just written is not in its list"))?;
    Ok((entry, permission))
}
