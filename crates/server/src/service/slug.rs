//! Permissions as the keys' API names them: by id, or by a slug of any API.
//!
//! A slug means a permission of the key's own API first, then one of the catalogue API, then the only one in the
//! workspace. An id is never ambiguous.

use std::sync::Arc;

use keyward_core::{
    Problem,
    model::{
        WorkspaceNumber,
        api::{Api, ApiNumber},
        permission::{Permission, PermissionNumber, PermissionValue, SPACING},
        system_api::{CATALOGUE, SystemApi},
    },
    problem::{Conflict, Missing},
    time::Timestamp,
};
use keyward_store::{
    Change, Error, Tx,
    catalogue::{self, slug},
    keys::holder::{self, Holding},
    ledger::user_holdings,
};
use serde_json::{Value, json};

use super::repeatable;
use crate::{app::Call, ids};

/// How long a deletion can be undone, in milliseconds: 30 days.
pub(crate) const UNDO: i64 = 30 * 24 * 60 * 60 * 1000;
/// The most ids of one kind that an entry of the audit log names.
pub(crate) const NAMED: usize = 100;

/// What somebody wants a permission to be.
#[derive(Debug, Clone)]
pub struct WantedPermission {
    /// For people; none for the same as the slug.
    pub name: Option<String>,
    /// What checks ask for.
    pub slug: String,
    /// For people.
    pub description: Option<String>,
}

/// What somebody wants to change about a permission.
#[derive(Debug, Clone, Default)]
pub struct PermissionChange {
    /// Another name.
    pub name: Option<String>,
    /// Another slug: a rename. The permission stays the same one, with everyone who holds it.
    pub slug: Option<String>,
    /// Another description; the inner `None` takes it away.
    pub description: Option<Option<String>>,
}

/// The name that people see.
pub fn name(permission: &Permission) -> &str {
    permission.name.as_deref().unwrap_or_else(|| permission.value.as_str())
}

/// What an entry of the audit log says of a permission.
pub(crate) fn describe(permission: &Permission) -> Value {
    let mut seen = json!({ "id": permission.id, "name": name(permission), "slug": permission.value.as_str() });
    if let Some(text) = &permission.description {
        seen["description"] = text.clone().into();
    }
    seen
}

/// Among permissions with one slug, the one that is meant: of the first of these APIs that has one, or the only one
/// there is. Of several that differ in case only, the one that is spelt exactly so.
pub(crate) fn meant<'p>(
    candidates: &'p [Permission],
    slug: &str,
    first: &[ApiNumber],
) -> Result<Option<&'p Permission>, Problem> {
    let pick = |among: Vec<&'p Permission>| match among.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(*only)),
        several => match several.iter().filter(|p| p.value.as_str() == slug).collect::<Vec<_>>().as_slice() {
            [exact] => Ok(Some(**exact)),
            _ => {
                let ids = several.iter().map(|p| p.id.clone()).collect();
                Err(Problem::Conflict(Conflict::AmbiguousSlug(slug.to_owned(), ids)))
            }
        },
    };
    for api in first {
        let found = pick(candidates.iter().filter(|p| p.api == *api).collect())?;
        if found.is_some() {
            return Ok(found);
        }
    }
    pick(candidates.iter().collect())
}

/// The permission that a caller names by id or slug.
pub(crate) async fn find(
    tx: &mut Tx<'_>,
    workspace: WorkspaceNumber,
    text: &str,
    first: &[ApiNumber],
) -> Result<Option<Permission>, Error> {
    if let Some(permission) = slug::find(tx, workspace, text).await? {
        return Ok(Some(permission));
    }
    let candidates = slug::find_by_slug(tx, workspace, text).await?;
    Ok(meant(&candidates, text, first)?.cloned())
}

/// The workspace's catalogue API, made if there is none yet.
pub(crate) async fn catalogue_api(change: &mut Change<'_>, call: &Call) -> Result<ApiNumber, Error> {
    let (master, entropy) = (call.app.store.master(), call.app.entropy.as_ref());
    if let Some(api) = catalogue::api::find_system(change.tx(), call.workspace, SystemApi::Catalogue, master).await? {
        return Ok(api.number);
    }
    let api = Api {
        number: catalogue::api::next_number(change).await?,
        workspace: call.workspace,
        id: ids::object_id(entropy, call.now),
        identifier: CATALOGUE.to_owned(),
        name: Some(SystemApi::Catalogue.name().to_owned()),
        system: Some(SystemApi::Catalogue),
        settings: SystemApi::Catalogue.settings(),
        key_settings: keyward_core::model::api::KeySettings::default(),
        signing_secret: None,
        revision: change.revision(),
        created_at: call.now,
    };
    catalogue::api::insert(change, &api, (master, entropy)).await?;
    Ok(api.number)
}

/// The number of the catalogue API, if there is one yet.
pub(crate) async fn existing_catalogue(tx: &mut Tx<'_>, call: &Call) -> Result<Option<ApiNumber>, Error> {
    let master = call.app.store.master();
    let api = catalogue::api::find_system(tx, call.workspace, SystemApi::Catalogue, master).await?;
    Ok(api.map(|api| api.number))
}

/// Makes permissions of the catalogue API, whose slugs nobody has there.
pub(crate) async fn insert(
    change: &mut Change<'_>,
    call: &Call,
    wanted: Vec<WantedPermission>,
) -> Result<Vec<Permission>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let api = catalogue_api(change, call).await?;
    let (last, count) = slug::extent(change.tx(), api).await?;
    let limit = call.app.limits.permissions_per_api;
    if limit > 0 && usize::try_from(count).unwrap_or(usize::MAX).saturating_add(wanted.len()) > limit {
        return Err(Problem::Limit("The workspace has as many permissions as the configuration allows.").into());
    }
    let first = catalogue::permission::next_numbers(change, wanted.len()).await?;
    let made = (first.0..).zip(1..).zip(wanted).map(|((number, place), wanted)| Permission {
        number: PermissionNumber(number),
        id: ids::prefixed(call.app.entropy.as_ref(), "perm"),
        api,
        name: wanted.name.filter(|name| *name != wanted.slug),
        value: PermissionValue::stored(wanted.slug),
        description: wanted.description.filter(|text| !text.is_empty()),
        position: last + place * SPACING,
        created_at: call.now,
    });
    let made: Vec<Permission> = made.collect();
    catalogue::permission::insert(change, call.workspace, &made).await?;
    catalogue::api::renew(change, call.workspace, api).await?;
    Ok(made)
}

/// Makes a permission of the catalogue API and returns its id.
///
/// # Errors
/// [`Problem::Conflict`] when the catalogue API has the slug, however it is spelt.
pub async fn create(call: &Call, wanted: WantedPermission) -> Result<String, Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let api = existing_catalogue(change.tx(), &work).await?;
            let same = slug::find_by_slug(change.tx(), work.workspace, &wanted.slug).await?;
            if same.iter().any(|permission| Some(permission.api) == api) {
                return Err(Problem::Conflict(Conflict::Slug(wanted.slug)).into());
            }
            let made = insert(change, &work, vec![wanted]).await?;
            let made = made.into_iter().next().ok_or_else(|| Problem::internal("nothing was made"))?;
            let draft = work.audit(json!({ "permissionId": made.id }), Value::Null, describe(&made));
            Ok((made.id, draft))
        })
    })
    .await
}

/// The permission with this id or slug.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Conflict`] when several have the slug.
pub async fn get(call: &Call, text: String) -> Result<Permission, Problem> {
    let work = call.clone();
    let found = call.app.store.read(move |tx| {
        Box::pin(async move {
            let first: Vec<ApiNumber> = existing_catalogue(tx, &work).await?.into_iter().collect();
            find(tx, work.workspace, &text, &first).await
        })
    });
    found.await?.ok_or(Problem::NotFound(Missing::WorkspacePermission))
}

/// The permission that a change is about, under the lock.
async fn locked(change: &mut Change<'_>, call: &Call, text: &str) -> Result<Permission, Error> {
    let first: Vec<ApiNumber> = existing_catalogue(change.tx(), call).await?.into_iter().collect();
    let found = find(change.tx(), call.workspace, text, &first).await?;
    found.ok_or_else(|| Problem::NotFound(Missing::WorkspacePermission).into())
}

/// Who holds it: how many, and the first of them.
pub(crate) async fn held_by(change: &mut Change<'_>, permission: &Permission) -> Result<Value, Error> {
    let roles = catalogue::role::holding(change.tx(), permission.number).await?;
    let named: Vec<String> = roles.iter().take(NAMED).map(|(id, _)| format!("role_{id}")).collect();
    let holding = Holding::Permission(permission.number);
    let mut held_by = json!({
        "roles": { "count": roles.len(), "ids": named },
        "keys": keys(change, holding).await?,
    });
    note_users(change, holding, &mut held_by).await?;
    let grants = catalogue::client_grant::holding(change.tx(), permission.number).await?;
    if !grants.is_empty() {
        held_by["client_grants"] = json!({ "count": grants.len(), "ids": &grants[..grants.len().min(NAMED)] });
    }
    Ok(held_by)
}

/// Adds which users have something, if any do: how many, and the first of them.
pub(crate) async fn note_users(change: &mut Change<'_>, holding: Holding, held_by: &mut Value) -> Result<(), Error> {
    let count = user_holdings::count(change.tx(), holding).await?;
    if count > 0 {
        let ids = user_holdings::first(change.tx(), holding, NAMED as i64).await?;
        held_by["users"] = json!({ "count": count, "ids": ids });
    }
    Ok(())
}

/// Which keys hold something: how many, and the first of them.
pub(crate) async fn keys(change: &mut Change<'_>, holding: Holding) -> Result<Value, Error> {
    let count = holder::count(change, holding).await?;
    let ids = holder::first(change.tx(), holding, NAMED as i64).await?;
    Ok(json!({ "count": count, "ids": ids }))
}

/// What an entry says of permissions of an API that go together: each with those who hold it, if anybody does.
pub(crate) async fn with_holders(
    change: &mut Change<'_>,
    api: ApiNumber,
    gone: &[Arc<Permission>],
    describe: fn(&Permission) -> Value,
) -> Result<Vec<Value>, Error> {
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let held = holder::held(change, api, gone.iter().map(|permission| permission.number)).await?;
    let mut list = Vec::with_capacity(gone.len());
    for permission in gone {
        let mut seen = describe(permission);
        if held.contains(&permission.number) {
            seen["heldBy"] = held_by(change, permission).await?;
        }
        list.push(seen);
    }
    Ok(list)
}

/// Changes a permission of any API; whoever holds it keeps it.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Conflict`] when its API has the new slug.
pub async fn update(call: &Call, text: String, wanted: PermissionChange) -> Result<Permission, Problem> {
    let work = call.clone();
    let written = repeatable::change(call, move |change| {
        Box::pin(async move {
            let before = locked(change, &work, &text).await?;
            let mut after = before.clone();
            if let Some(slug) = wanted.slug {
                let same = slug::find_by_slug(change.tx(), work.workspace, &slug).await?;
                if same.iter().any(|other| other.api == before.api && other.number != before.number) {
                    return Err(Problem::Conflict(Conflict::Slug(slug)).into());
                }
                // A name that was the slug stays what people know.
                after.name = before.name.clone().or_else(|| Some(before.value.as_str().to_owned()));
                after.value = PermissionValue::stored(slug);
            }
            if let Some(name) = wanted.name {
                after.name = Some(name);
            }
            after.name = after.name.filter(|name| name != after.value.as_str());
            if let Some(description) = wanted.description {
                after.description = description.filter(|text| !text.is_empty());
            }
            if after == before {
                return Ok((before.id, None));
            }
            catalogue::permission::update(change, work.workspace, std::slice::from_ref(&after), work.now).await?;
            catalogue::api::renew(change, work.workspace, after.api).await?;
            let draft = work.audit(describe(&after), describe(&before), describe(&after));
            Ok((after.id, Some(draft)))
        })
    });
    get(call, written.await?).await
}

/// Deletes a permission of any API: whoever holds it holds nothing once this is answered. Its holders stay written down,
/// so that the deletion can be undone.
///
/// # Errors
/// [`Problem::NotFound`]; [`Problem::Conflict`] when several have the slug.
pub async fn delete(call: &Call, text: String) -> Result<(), Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let permission = locked(change, &work, &text).await?;
            let mut before = describe(&permission);
            before["heldBy"] = held_by(change, &permission).await?;
            catalogue::permission::tombstone(change, work.workspace, &[permission.number], work.app.clock.now())
                .await?;
            catalogue::api::renew(change, work.workspace, permission.api).await?;
            Ok(((), work.audit(json!({}), before, Value::Null)))
        })
    })
    .await
}

/// Undoes the deletion of a permission: the same one, held by the same ones.
///
/// # Errors
/// [`Problem::NotFound`] when nothing of this id or slug was deleted in the last 30 days; [`Problem::Conflict`] when its
/// API has another one with its slug by now.
pub async fn restore(call: &Call, text: String) -> Result<Permission, Problem> {
    let work = call.clone();
    let restored = repeatable::change(call, move |change| {
        Box::pin(async move {
            let since = Timestamp(work.now.0 - UNDO);
            let found = slug::find_deleted(change.tx(), work.workspace, &text, since).await?;
            let permission = found.ok_or(Problem::NotFound(Missing::WorkspacePermission))?;
            let same = slug::find_by_slug(change.tx(), work.workspace, permission.value.as_str()).await?;
            let folds = existing_catalogue(change.tx(), &work).await? == Some(permission.api);
            let taken = |other: &Permission| other.api == permission.api && (folds || other.value == permission.value);
            if same.iter().any(taken) {
                return Err(Problem::Conflict(Conflict::Slug(permission.value.to_string())).into());
            }
            slug::revive(change, work.workspace, &permission, work.now).await?;
            catalogue::api::renew(change, work.workspace, permission.api).await?;
            let mut after = describe(&permission);
            after["heldBy"] = held_by(change, &permission).await?;
            let draft = work.audit(describe(&permission), Value::Null, after);
            Ok((permission.id, draft))
        })
    });
    get(call, restored.await?).await
}

/// The last permissions of an API whose deletion can still be undone, and when each was deleted.
///
/// # Errors
/// Why the store can't be read.
pub async fn deleted(call: &Call, api: ApiNumber, limit: i64) -> Result<Vec<(Permission, Timestamp)>, Problem> {
    let (place, since) = ((call.workspace, api), Timestamp(call.now.0 - UNDO));
    let read = call
        .app
        .store
        .read_briefly(move |tx| Box::pin(async move { slug::deleted_of_api(tx, place, since, limit).await }));
    Ok(read.await?)
}

/// The permission with this slug that a key of `own` may hold, or a role if there is none.
pub(crate) async fn assignable(
    tx: &mut Tx<'_>,
    call: &Call,
    own: Option<&Api>,
    text: &str,
) -> Result<Option<Permission>, Error> {
    let catalogue = existing_catalogue(tx, call).await?;
    let first: Vec<ApiNumber> = own.map(|api| api.number).into_iter().chain(catalogue).collect();
    let Some(found) = find(tx, call.workspace, text, &first).await? else { return Ok(None) };
    match own {
        Some(api) if found.api != api.number && Some(found.api) != catalogue => {
            let conflict = Conflict::ForeignSlug(text.to_owned(), found.id, api.key_id());
            Err(Problem::Conflict(conflict).into())
        }
        _ => Ok(Some(found)),
    }
}
