//! Changing a key.

use keyward_core::{
    Problem,
    grants::Action,
    model::{
        identity::IdentityNumber,
        key::{Credits, Key},
        limit::WantedLimit,
        permission::PermissionNumber,
        role::RoleNumber,
    },
    problem::Missing,
    refill::Refill,
    time::Timestamp,
};
use keyward_store::{
    Change, Error,
    keys::{credits, key},
};
use serde_json::{Value, json};

use super::{
    WantedRefill, describe, describe_credits, describe_roles, ensure_identity, find_roles, known_roles, locate,
    named_limits, numbers_of, refill, refused, stored_meta,
};
use crate::{
    app::Call,
    service::{repeatable, role, slug},
};

/// What somebody wants to change about a key. The outer `None` leaves a field as it is, the inner one clears it.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// For people.
    pub name: Option<Option<String>>,
    /// Its owner.
    pub external_id: Option<Option<String>>,
    /// A JSON object.
    pub meta: Option<Option<Value>>,
    /// When it ends.
    pub expires_at: Option<Option<Timestamp>>,
    /// How often it may be used; the inner `None` for any number of times.
    pub credits: Option<Option<CreditsChange>>,
    /// Whether it may be used.
    pub enabled: Option<bool>,
    /// Its limits, all of them.
    pub limits: Option<Vec<WantedLimit>>,
    /// Its roles, all of them.
    pub roles: Option<Vec<String>>,
    /// Its permissions, all of them.
    pub permissions: Option<Vec<String>>,
    /// What it must still be.
    pub seen: Option<SeenKey>,
}

/// What an editor of a key was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenKey {
    name: Option<String>,
    identity: Option<IdentityNumber>,
    expires_at: Option<Timestamp>,
    refill: Option<Refill>,
}

impl SeenKey {
    /// What is shown of this key with these credits.
    pub fn of(key: &Key, credits: Option<&Credits>) -> Self {
        Self {
            name: key.name.clone(),
            identity: key.identity,
            expires_at: key.expires_at,
            refill: credits.and_then(|credits| credits.refill),
        }
    }
}

/// What somebody wants to change about credits.
#[derive(Debug, Clone, Default)]
pub struct CreditsChange {
    /// How much there is; the inner `None` for any number of uses.
    pub remaining: Option<Option<i64>>,
    /// When there is more; the inner `None` for never.
    pub refill: Option<Option<WantedRefill>>,
}

/// Changes a key. It is what it has become for every verification that begins after the answer.
///
/// # Errors
/// [`Problem::NotFound`] for the key or a role; [`Problem::Insufficient`]; [`Problem::Invalid`]; [`Problem::Stale`] when
/// it is not what was seen.
pub async fn update(call: &Call, id: String, wanted: KeyChange) -> Result<(), Problem> {
    let work = call.clone();
    repeatable::change(call, move |change| {
        Box::pin(async move {
            let (api, before) = locate(change.tx(), &work, &id, Missing::Key { specified: false }).await?;
            work.require_on_key(Action::UpdateKey, &api, &before.id)?;
            let may_give = work.may_on_key_by_urn(Action::UpdateKey, &api, &before.id);
            if let Some(seen) = &wanted.seen {
                let stored = credits::find(change.tx(), before.number).await?;
                if *seen != SeenKey::of(&before, stored.as_ref()) {
                    let current = work.app.view().snapshot.revision();
                    return Err(Problem::Stale { sent: "what was shown".to_owned(), current }.into());
                }
            }
            let mut after = before.clone();
            if let Some(name) = wanted.name {
                after.name = name;
            }
            if let Some(meta) = wanted.meta {
                after.meta = stored_meta(meta)?;
            }
            if let Some(expires_at) = wanted.expires_at {
                after.expires_at = expires_at;
            }
            after.enabled = wanted.enabled.unwrap_or(after.enabled);
            if let Some(limits) = wanted.limits {
                after.limits = named_limits(&work, &before.limits, limits)?;
            }
            let mut entry = json!({});
            if let Some(external_id) = wanted.external_id {
                after.identity = match external_id {
                    Some(text) => Some(ensure_identity(change, &work, &text).await?.number),
                    None => None,
                };
            }
            let mut gone = json!({});
            if let Some(names) = wanted.roles {
                let roles = find_roles(change.tx(), &work, &names).await?;
                after.roles = numbers_of(&roles);
                let added = only(&after.roles, &before.roles);
                if !added.is_empty() && !may_give {
                    work.require(Action::AddRoleToKey)?;
                }
                note_roles(change, &work, (&mut gone, &mut entry), (&before.roles, &after.roles)).await?;
            }
            if let Some(slugs) = wanted.permissions {
                let resolved = role::resolve_or_create(change, &work, Some(&api), slugs).await?;
                after.permissions = resolved.numbers;
                let added = only(&after.permissions, &before.permissions);
                if !added.is_empty() && !may_give {
                    work.require(Action::AddPermissionToKey)?;
                }
                let new = resolved.permissions.iter().filter(|permission| added.contains(&permission.number));
                entry["addedPermissions"] = new.map(slug::describe).collect();
                gone["removedPermissions"] = removed_permissions(&work, &before.permissions, &after.permissions);
                role::note_created(&mut entry, resolved.created);
            }
            if let Some(wanted) = wanted.credits {
                let stored = credits::hold(change.tx(), before.number).await?.map(|credits| credits.at(work.now));
                let next = changed_credits(stored.as_ref(), wanted, work.now)?;
                credits::set(change.tx(), before.workspace, before.number, next.as_ref()).await?;
                after.counted = next.is_some();
                gone["credits"] = describe_credits(stored.as_ref());
                entry["credits"] = describe_credits(next.as_ref());
            }
            key::update(change, &before, &after, work.now).await?;
            let (old, new) = (with(describe(&api, &before), gone), with(describe(&api, &after), entry));
            Ok(((), work.audit(json!({}), old, new)))
        })
    })
    .await
}

/// What only the first of two sorted lists has.
pub(super) fn only<N: Ord + Copy>(one: &[N], other: &[N]) -> Vec<N> {
    one.iter().filter(|number| other.binary_search(number).is_err()).copied().collect()
}

/// Two objects as one.
pub(super) fn with(mut whole: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (whole.as_object_mut(), more) {
        fields.extend(more);
    }
    whole
}

/// Notes in an entry which roles were given and taken.
pub(super) async fn note_roles(
    change: &mut Change<'_>,
    call: &Call,
    (gone, new): (&mut Value, &mut Value),
    (before, after): (&[RoleNumber], &[RoleNumber]),
) -> Result<(), Error> {
    let added = known_roles(change.tx(), call, &only(after, before)).await?;
    let removed = known_roles(change.tx(), call, &only(before, after)).await?;
    new["addedRoles"] = describe_roles(&added);
    gone["removedRoles"] = describe_roles(&removed);
    Ok(())
}

/// What an entry of the audit log says of permissions that were taken from a key.
pub(super) fn removed_permissions(call: &Call, before: &[PermissionNumber], after: &[PermissionNumber]) -> Value {
    let view = call.app.view();
    let removed = only(before, after);
    removed.iter().filter_map(|number| view.snapshot.permission(*number)).map(|p| slug::describe(p)).collect()
}

fn changed_credits(
    stored: Option<&Credits>,
    wanted: Option<CreditsChange>,
    now: Timestamp,
) -> Result<Option<Credits>, Problem> {
    let Some(wanted) = wanted else { return Ok(None) };
    let refill = match wanted.refill {
        None => stored.and_then(|credits| credits.refill),
        Some(None) => None,
        Some(Some(wanted)) => {
            if !wanted.monthly && wanted.day.is_some() {
                return Err(refused("`refillDay` must not be provided when the refill interval is `daily`."));
            }
            Some(refill(&wanted)?)
        }
    };
    let remaining = match wanted.remaining {
        None => stored.map(|credits| credits.remaining),
        // Without a number there is nothing to refill either.
        Some(None) => return Ok(None),
        Some(number) => number,
    };
    let Some(remaining) = remaining else {
        if refill.is_some() {
            return Err(refused("`credits.remaining` must be provided when `credits.refill` is set."));
        }
        return Ok(None);
    };
    // A refill that was due before is in `stored`; one that was set now begins now.
    Ok(Some(Credits { remaining, refill, refilled_at: now }))
}

/// A key as it is written, unless nothing about it changed.
pub(super) async fn write(
    change: &mut Change<'_>,
    (before, after): (&Key, &Key),
    now: Timestamp,
) -> Result<bool, Error> {
    if before == after {
        return Ok(false);
    }
    key::update(change, before, after, now).await?;
    Ok(true)
}
